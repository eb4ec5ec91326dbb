"""The gate before an alias: whether a model has been measured, and whether its data and labels may be used for what it
is to be used for. Licences' terms are in `talkie.licences`; how lineage is found is in trace.py."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from talkie.clip import FIELDS
from talkie.curation.books import Tombstones
from talkie.curation.books.lineage import TOOL_KEYS
from talkie.errors import BadInput, PromotionRefused, UnknownModel
from talkie.experiments import tracking
from talkie.experiments.corpora import Snapshot, find_snapshot, snapshot
from talkie.experiments.heritage import PARENT, PARENT_DATA, UNRECORDED
from talkie.experiments.home import Home
from talkie.experiments.lineage import Corpus, Run
from talkie.experiments.registry import ModelHandle, resolve_model
from talkie.experiments.trace import open_corpus, run_of_model
from talkie.licences import Licence, licence_of

Use = Literal["commercial", "research"]
WITHDRAWN = frozenset(("withdrawn", "revoked", "refused", "denied"))
"""Consents, in any case, under which no clip may be used."""
HELD_OUT = "test"
BENCH_RECORD = "bench.json"
"""The record in a run that holds the bench's row of its model, as docs/bench/zoo.json holds it."""
_TAG_CHARACTERS = 4000


@dataclass(frozen=True)
class Refusal:
    """Why a model may not take an alias. cause: "bench_missing", "taken_down", "consent", "licence", "label_licence" or
    "unknown_data"; message: for people, with counts."""

    cause: str
    message: str


@dataclass(frozen=True)
class Promotion:
    """An alias that was moved: the model, the version that had it before, the measurement that counted, and the
    refusals that were overruled."""

    model: str
    alias: str
    use: Use
    before: int | None
    bench: str | None
    overruled: tuple[Refusal, ...] = ()


def promote(
    ref: str,
    alias: str,
    home: Home | Path | str | None = None,
    *,
    use: Use = "research",
    reason: str | None = None,
    table: Path | None = None,
) -> Promotion:
    """Points `alias` at the version that `ref` names, if nothing speaks against it; other aliases stay where they are.

    reason: overrules every refusal, and is kept with them as tags of the version. table: a zoo.json in which its
    measurement may stand; else its run's records are looked through. Raises PromotionRefused naming each
    refusal, UnknownModel, BadInput for a name that is no alias."""
    home = home if isinstance(home, Home) else Home.at(home)
    handle = resolve_model(ref, home)
    if handle.version is None:
        raise UnknownModel("a folder has no aliases", where=ref, cure="name a registered model")
    _check_alias(alias)
    row = bench_row(home, handle, table)
    refused = refusals(home, handle, use, row)
    if refused and not reason:
        raise PromotionRefused(
            f"may not become {alias!r} for {use} use: " + "; ".join(r.message for r in refused),
            where=str(handle),
            cure="mend what is named, or overrule it with --force --reason 'WHY'",
        )
    api, before = tracking.client(home), tracking.version_of_alias(home, handle.name, alias)
    tags = {"use": use, "bench": row["artifact"] if row else "none"}
    if refused:
        tags |= {"forced": str(reason), "overruled": "; ".join(r.message for r in refused)}
    else:
        # What an earlier promotion had to overrule is no longer so.
        for name in ("forced", "overruled"):
            if f"promotion.{alias}.{name}" in api.get_model_version(handle.name, str(handle.version)).tags:
                api.delete_model_version_tag(handle.name, str(handle.version), f"promotion.{alias}.{name}")
    for name, value in tags.items():
        api.set_model_version_tag(
            handle.name, str(handle.version), f"promotion.{alias}.{name}", value[:_TAG_CHARACTERS]
        )
    api.set_registered_model_alias(handle.name, alias, str(handle.version))
    return Promotion(str(handle), alias, use, before, row["artifact"] if row else None, tuple(refused))


def refusals(home: Home, handle: ModelHandle, use: Use, row: Mapping[str, Any] | None) -> list[Refusal]:
    """Everything that speaks against using a model so, with its measurement `row` (`bench_row`); empty where nothing
    does."""
    found = []
    if row is None:
        cure = f"`talkie evaluate {handle} --data SHARDS` makes one"
        found.append(Refusal("bench_missing", f"no measurement of its weights on held-out people ({cure})"))
    run = run_of_model(home, handle)
    trained = run.read()
    if not trained:
        found.append(Refusal("unknown_data", "what it was trained on is not recorded"))
    if run.tags.get(PARENT) and run.tags.get(PARENT_DATA) == UNRECORDED:
        found.append(Refusal("unknown_data", "what the model that it began with was trained on is not recorded"))
    for corpus in trained:
        found += _of_corpus(home, run, corpus, handle, use)
    return found


def bench_row(home: Home, handle: ModelHandle, table: Path | None = None) -> dict[str, Any] | None:
    """A measurement of just these weights on held-out people; None where there is none. `artifact` names where it lies.

    Looked for, in this order: a row of `table`, a file as docs/bench/zoo.json; the row that `talkie bench` left in the
    run; the report that `talkie evaluate` left there. Raises BadInput for a table that cannot be read."""
    if table is not None:
        for row in _rows_of(table):
            if handle.digest in row.get("digests", ()) and row.get("value") is not None:
                return {**row, "artifact": f"{table}: {row['system']}, {row['preset']}"}
    if handle.run_id is None:
        return None
    for kind in (BENCH_RECORD, "evaluation-"):
        for name, data in sorted(tracking.read_artifacts(home, handle.run_id, like=kind).items()):
            try:
                report = json.loads(data)
            except ValueError:
                continue
            if _measures(report, handle):
                return {**report, "artifact": name}
    return None


def _measures(report: dict[str, Any], handle: ModelHandle) -> bool:
    """Whether a bench's row or an evaluation's report speaks of these weights."""
    benched = handle.digest in report.get("digests", ()) and report.get("value") is not None
    evaluated = report.get("digest") == handle.digest and report.get("split") == HELD_OUT and bool(report.get("rows"))
    return benched or evaluated


def _rows_of(table: Path) -> list[dict[str, Any]]:
    try:
        return list(json.loads(table.read_text())["systems"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("no table of the bench", where=str(table), cure="name a zoo.json of `talkie bench`") from error


def unsuitable(licence: str, use: Use) -> str | None:
    """Why footage under a licence may not train a model for a use, None where it may.

    Commercial use must be allowed in so many words, and so must making something of it. For research everything will do
    but a licence that nobody has stated."""
    try:
        terms = licence_of(licence)
    except BadInput:
        terms = Licence("unknown", None, None)
    if use == "research":
        return "nobody has said under which licence" if terms.name == "unknown" else None
    if terms.commercial is False:
        return "forbids commercial use"
    if terms.commercial is None:
        return "does not say that commercial use is allowed"
    return "forbids derivatives" if terms.derivatives is False else None


def _of_corpus(home: Home, run: Run, corpus: Corpus, handle: ModelHandle, use: Use) -> list[Refusal]:
    kept, dataset = find_snapshot(home, corpus.digest, run.run_id), open_corpus(corpus)
    today = None
    if dataset is not None and (kept is None or dataset.digest != corpus.digest):
        today = snapshot(dataset)
    if kept is None and today is not None and today.digest == corpus.digest:
        kept = today
    if kept is None:
        return [Refusal("unknown_data", f"licences and consents of {corpus.uri} as it was then are not known")]
    trained = kept.of_split()
    found = _gone(corpus, trained, None if dataset is None else frozenset(dataset.entries))
    consents, licences = _terms(trained, today)
    withdrawn = sum(count for consent, count in consents.items() if consent.strip().lower() in WITHDRAWN)
    if withdrawn:
        found.append(Refusal("consent", f"consent to {withdrawn} clips of {corpus.uri} was withdrawn"))
    for licence, count in sorted(licences.items()):
        if why := unsuitable(licence, use):
            found.append(Refusal("licence", f"{count} clips of {corpus.uri} are under {licence!r}, which {why}"))
    return found + _labels(kept, corpus, handle, use)


def _gone(corpus: Corpus, trained: Snapshot, here: frozenset[str] | None) -> list[Refusal]:
    """What of the training clips was taken down, or may have been where no book can say."""
    folder = corpus.folder
    if here is None:
        return [Refusal("unknown_data", f"{corpus.uri} does not answer: what was taken down since is not known")]
    gone = [clip for clip in trained.clips if clip not in here]
    if folder is None:
        why = f"{len(gone)} clips are in {corpus.uri} no more, and a published corpus does not say why"
        return [Refusal("unknown_data", why)] if gone else []
    stones = Tombstones(folder)
    down = sum(stones.has("clip", clip) for clip in gone)
    return [Refusal("taken_down", f"{down} clips of {corpus.uri} were taken down since")] if down else []


def _terms(trained: Snapshot, today: Snapshot | None) -> tuple[Counter[str], Counter[str]]:
    """Consents and licences of the training clips: today's where the clip is still there, else those of then."""
    now: dict[str, tuple[str, str]] = {}
    if today is not None:
        columns = (today.table[name].to_pylist() for name in ("clip", "consent", "licence"))
        now = {clip: (consent, licence) for clip, consent, licence in zip(*columns, strict=True)}
    consents, licences = Counter[str](), Counter[str]()
    for clip, consent, licence in zip(
        *(trained.table[name].to_pylist() for name in ("clip", "consent", "licence")), strict=True
    ):
        consent, licence = now.get(clip, (consent, licence))
        consents[consent] += 1
        licences[licence] += 1
    return consents, licences


def _labels(kept: Snapshot, corpus: Corpus, handle: ModelHandle, use: Use) -> list[Refusal]:
    """Label tools whose licence forbids the use. A field that the system does not read cannot have shaped it; whether
    the other labels did is not known, so they count."""
    found = []
    for row in kept.labels:
        unread = row.label in FIELDS and row.label not in handle.card.needs
        if row.label in TOOL_KEYS or unread or (use == "research" and row.licence == "unknown"):
            continue
        if why := unsuitable(row.licence, use):
            tool = f"{row.tool} {row.version}".strip()
            what = f"{row.label} of {row.clips} clips of {corpus.uri} is by {tool} under {row.licence!r}, which {why}"
            found.append(Refusal("label_licence", what))
    return found


def _check_alias(alias: str) -> None:
    # MLflow keeps "latest" and v1, v2, … for itself.
    if not re.fullmatch(r"(?!v\d+$|latest$)[A-Za-z0-9_-]+", alias):
        raise BadInput(f"{alias!r} is no alias", where="--to", cure="use letters, digits, - and _; not latest or v1")
