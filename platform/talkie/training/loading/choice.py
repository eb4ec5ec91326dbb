"""Which clips a phase may draw from, decided before its first step: split, licence, members, length, partners. What
is wrong with the data is said here; in which order clips come is decided in order.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from talkie.errors import BadConfig, BadInput, MissingField, NotADataset
from talkie.licences import Licence, licence_of
from talkie.systems import Sampling
from talkie.training.loading.catalogue import Catalogue
from talkie.training.loading.config import LoadConfig
from talkie.training.loading.partners import Partners

_CLASSES = {
    "commercial": lambda licence: licence.commercial is True,
    "derivatives": lambda licence: licence.derivatives is True,
    "attribution": lambda licence: licence.attribution,
    "share-alike": lambda licence: licence.share_alike,
}


@dataclass(frozen=True)
class Choice:
    """rows (K,) of the catalogue that may be drawn, in stored order; `left_out`: how many clips of the split are not,
    by reason; `partners` by the names of the sampling; `weights` (N,) of the loss, by row, or None."""

    rows: np.ndarray
    left_out: Mapping[str, int]
    partners: Mapping[str, Partners]
    weights: np.ndarray | None


def choose(catalogue: Catalogue, sampling: Sampling, needs: tuple[str, ...], config: LoadConfig) -> Choice:
    """Raises NotADataset where no clip is left, MissingField naming the first clip that lacks a field or the score
    that weights it, BadConfig for an unknown licence or attribute and for a rule that gives no clip a partner,
    BadInput where clips follow several conventions."""
    codes, names = catalogue.codes("split")
    rows = np.flatnonzero(codes == (names.index(sampling.split) if sampling.split in names else -2))
    if not len(rows):
        raise _nothing(catalogue, f"no clip of the {sampling.split} split", "add clips of more people")
    left_out: dict[str, int] = {}

    def keep(good: np.ndarray, reason: str) -> None:
        nonlocal rows
        if not good.all():
            left_out[reason] = int((~good).sum())
            rows = rows[good]
        if not len(rows):
            raise _nothing(catalogue, f"no clip is left: {_listed(left_out)}", "relax what leaves them out")

    if config.licences or config.deny_licences:
        keep(_licensed(catalogue, rows, config), "licence")
    _require(catalogue, rows, needs)
    if sampling.frames is not None:
        span = (sampling.frames - 1) * sampling.stride + 1
        keep(catalogue.frames[rows] >= span, f"shorter than the window of {span} frames")
    _check_conventions(catalogue, rows, needs, any_size=sampling.size is not None)
    for name, rule in sampling.partners.items():
        has = Partners(catalogue, rows, rule).count > 0
        if not has.any():
            raise BadConfig(
                f"no clip has a partner {name!r} (same {', '.join(rule.same) or 'anything'}; differs in "
                f"{', '.join(rule.differs) or 'nothing'})",
                where=_where(catalogue),
                cure="add clips that differ as the system asks",
            )
        keep(has, f"no partner {name!r}")
    # A clip that has just been left out may have been the only partner of another.
    partners = {name: Partners(catalogue, rows, rule) for name, rule in sampling.partners.items()}
    while partners and not (good := np.all([p.count > 0 for p in partners.values()], axis=0)).all():
        keep(good, "no partner that has one")
        partners = {name: Partners(catalogue, rows, rule) for name, rule in sampling.partners.items()}
    return Choice(rows, left_out, partners, _weights(catalogue, rows, config.confidence))


def _licensed(catalogue: Catalogue, rows: np.ndarray, config: LoadConfig) -> np.ndarray:
    codes, names = catalogue.codes("licence")
    known = [licence_of(name) for name in names]
    allowed, denied = ([_fits(term, known) for term in terms] for terms in (config.licences, config.deny_licences))
    good = np.any(allowed, axis=0) if allowed else np.ones(len(known), bool)
    bad = np.any(denied, axis=0) if denied else np.zeros(len(known), bool)
    return (good & ~bad)[codes[rows]]


def _fits(term: str, known: list[Licence]) -> list[bool]:
    if term in _CLASSES:
        return [_CLASSES[term](licence) for licence in known]
    try:
        wanted = licence_of(term).name
    except BadInput as error:
        raise BadConfig(error.message, cure=f"{error.cure}, or a class: {', '.join(_CLASSES)}") from error
    return [licence.name == wanted for licence in known]


def _require(catalogue: Catalogue, rows: np.ndarray, needs: tuple[str, ...]) -> None:
    for field in needs:
        has = catalogue.has(field)[rows]
        if not has.all():
            raise MissingField(
                f"clip {catalogue.id(rows[np.argmin(has)])} has no {field}{_others(~has)}",
                where=_where(catalogue),
                cure="curate again with sources that carry it, or leave the clip out",
            )


def _check_conventions(catalogue: Catalogue, rows: np.ndarray, needs: tuple[str, ...], any_size: bool) -> None:
    """Of one clip a shard, as the shards of a corpus are made with the same settings: head model and stored size."""
    asked = {"head model": "head.npz" in needs, "picture size": not any_size and any(f.endswith("mp4") for f in needs)}
    found: dict[str, dict[str, str]] = {"head model": {}, "picture size": {}}
    firsts = rows[np.unique(catalogue.shard[rows], return_index=True)[1]]
    for row in firsts if any(asked.values()) else []:
        record = catalogue.record(row)
        if "head" in record.tools:
            found["head model"].setdefault(record.tools["head"], record.id)
        if record.crop is not None:
            found["picture size"].setdefault(f"{record.crop.size} px", record.id)
    for what, values in found.items():
        if asked[what] and len(values) > 1:
            shown = ", ".join(f"{value} (clip {clip})" for value, clip in sorted(values.items()))
            where = _where(catalogue)
            raise BadInput(f"clips of more than one {what}: {shown}", where=where, cure="train on one of them")


def _weights(catalogue: Catalogue, rows: np.ndarray, score: str | None) -> np.ndarray | None:
    if score is None:
        return None
    values = catalogue.score(score)
    unknown = np.isnan(values[rows])
    if unknown.any():
        raise MissingField(
            f"clip {catalogue.id(rows[np.argmax(unknown)])} has no score {score!r}{_others(unknown)}",
            where=_where(catalogue),
            cure="name a score that every clip has",
        )
    return np.clip(values, 0, 1).astype(np.float32)


def _others(lacking: np.ndarray) -> str:
    return f", nor have {int(lacking.sum()) - 1} others" if lacking.sum() > 1 else ""


def _nothing(catalogue: Catalogue, what: str, cure: str) -> NotADataset:
    return NotADataset(what, where=_where(catalogue), cure=cure)


def _where(catalogue: Catalogue) -> str:
    return ", ".join(dataset.where for dataset in catalogue.datasets)


def _listed(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in left_out.items())
