"""Small networks that stand in for published ones: trained once on stage footage, kept by digest, each with a score of
its own on people that it has not seen. Figures measured with them are named after the stage, never as published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from talkie.errors import BadInput
from talkie.evaluation.probes.cache import Say, aloud, obtain
from talkie.evaluation.probes.emotion import Emotion
from talkie.evaluation.probes.lips import Lips
from talkie.evaluation.probes.opening import Opening
from talkie.evaluation.probes.parameters import Parameters
from talkie.evaluation.probes.people import Identity
from talkie.evaluation.probes.perceptual import Perceptual
from talkie.evaluation.probes.probe import Probe, Role
from talkie.evaluation.probes.sync import Sync
from talkie.evaluation.probes.views import View, view_clip, view_frames
from talkie.shards import Dataset, open_dataset

PROBES: Mapping[str, type[Probe]] = MappingProxyType(
    {probe.name: probe for probe in (Parameters, Identity, Emotion, Lips, Opening, Sync, Perceptual)}
)
"""Every probe by name."""


def probe_names() -> tuple[str, ...]:
    """Names of all probes."""
    return tuple(PROBES)


def build_probe(name: str, role: Role = "evaluation", seed: int = 0) -> Probe:
    """The probe of that name, untrained. Raises BadInput."""
    if name not in PROBES:
        raise BadInput(f"no probe {name!r}", cure=f"there are {', '.join(PROBES)}")
    return PROBES[name](role, seed)


def load_probe(
    name: str,
    data: Dataset | Path | str | Sequence[Dataset] | None = None,
    cache: Path | str | None = None,
    *,
    role: Role = "evaluation",
    seed: int = 0,
    steps: int | None = None,
    say: Say = aloud,
) -> Probe:
    """The trained probe. At first use it is trained, which is said with the time it took; then it comes from the cache.

    data: shards to learn from (their train split; val and test are held out), by default a shoot that the stage films
    into the cache. role: a network that a system was trained against ("loss") must not judge it ("evaluation"). cache:
    by default `talkie/probes` in XDG_CACHE_HOME or ~/.cache. Raises BadInput for an unknown name or role, or data that
    lack what it needs; CorruptShard."""
    probe = build_probe(name, role, seed)
    if isinstance(data, (str, Path)):
        data = open_dataset(data)
    given = [data] if isinstance(data, Dataset) else data
    return obtain(probe, given, None if cache is None else Path(cache), steps=steps, say=say)


__all__ = [
    "PROBES",
    "Probe",
    "Role",
    "View",
    "build_probe",
    "load_probe",
    "probe_names",
    "view_clip",
    "view_frames",
]
