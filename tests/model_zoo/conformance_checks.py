"""The contract of a system, line by line, as checks of one class on a few clips. Every failure begins with the part of
the contract that it breaks; which systems are checked is decided in test_conformance.py."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from talkie.clip import Clip
from talkie.errors import BadInput, NotStreaming
from talkie.evaluation.metrics import METRICS
from talkie.evaluation.probes.metrics import PROBE_OF
from talkie.evaluation.probes.probe import STAND_IN
from talkie.shards import Dataset
from talkie.systems import TASKS, Phase, StreamSession, System, load_weights, make_config, save_system
from talkie.systems.sizes import on_meta, parameter_count
from talkie.systems.tasks.checks import clip_audio
from talkie.training import TrainConfig
from talkie.training import estimate as estimating
from talkie.training.estimate import estimate
from talkie.training.handover import Folders
from talkie.training.loading import Corpus, LoadConfig, Loader
from talkie.training.phase_run import PhaseRun
from talkie.training.run import prepare
from talkie.training.trial import Tried, tried
from talkie.training.worker import Worker

PRESETS = {"micro", "tiny", "paper"}
OVERFIT_STEPS, FALLS_TO = 60, 0.7
"""Two clips by heart: the loss must fall to this share of its first value, at a size made for nothing but this test."""
RESUMED_STEPS, KILLED_AFTER, SAVED_EVERY = 4, 3, 2
"""Steps of each phase in the resume check; the run dies after its third, and goes on from the checkpoint after two."""
PIECES = ((3200,), (1000, 4321, 640))
"""Lengths, in turn, of the pieces in which sound is streamed: 200 ms, and whatever comes."""
CLOSE, CLOSE_PIXELS = 1e-4, 2
"""How near streamed answers to differently cut sound must be: floats, and uint8 pixels, which round."""


class Killed(Exception):
    """A run that dies as by a signal: nothing of it is tidied up."""


def members(cls: type[System]) -> tuple[str, ...]:
    return tuple(f for f in cls.card.needs if f != "json")


def loader_of(system: System, data: Dataset, phase: Phase) -> Loader:
    return Loader([Corpus(data)], system, phase, LoadConfig(), seed=0, batch_size=phase.batch_size or 2)


def fitted(cls: type[System], data: Dataset) -> tuple[System, list[Phase]]:
    """The prepared system after its fitted phases, and the phases that train by steps."""
    torch.manual_seed(0)
    system = cls(make_config(cls, "micro", {}))
    system.prepare(data.clips(members(cls), "train"))
    for phase in system.phases():
        if phase.fitted:
            system.enter(phase.name)
            system.fit(phase.name, data.clips(members(cls), phase.sampling.split))
    return system, [phase for phase in system.phases() if not phase.fitted]


def check_labels(cls: type[System], data: Dataset) -> None:
    """Prepared on clips without a label, a system takes them exactly where its card does not ask for that label."""
    for label in ("emotion", "spoof"):
        clips = [_without(clip, label) for clip in data.clips(members(cls), "train")]
        system = cls(make_config(cls, "micro", {}))
        if label in cls.card.labels:
            with pytest.raises(BadInput, match=label):
                system.prepare(clips)
        else:
            system.prepare(clips)


def _without(clip: Clip, label: str) -> Clip:
    labels = {name: value for name, value in clip.record.labels.items() if name != label}
    return replace(clip, record=clip.record.model_copy(update={"labels": labels}))


def check_card(cls: type[System], data: Dataset) -> None:
    card = cls.card
    for name in ("slug", "title", "paper", "licence", "summary"):
        assert getattr(card, name).strip(), f"Card.{name}: it is empty"
    assert card.task in TASKS, f"Card.task: {card.task!r} is none of {sorted(TASKS)}"
    place = cls.__module__.split(".")
    if place[0] == "talkie_zoo":
        assert place[-2] == card.task, f"layout: {cls.__module__} lies outside its task's folder {card.task}"
    assert card.needs, "Card.needs: it names no clip field, so no curation would label anything for it"
    there = set.intersection(*(set(data.entries[i].members) for i in data.ids()))
    missing = set(members(cls)) - there
    assert not missing, f"Card.needs: conformance_clips.py writes no {sorted(missing)}; add their truth there"
    assert set(cls.presets) >= PRESETS, f"presets: {sorted(PRESETS - set(cls.presets))} missing"
    probed = tuple(f"{STAND_IN}_{metric}" for metric in PROBE_OF if card.task in METRICS[metric].tasks)
    metrics = ("", *TASKS[card.task].metrics, *TASKS[card.task].also, *probed)
    assert cls.bar.metric in metrics, f"bar: {cls.bar.metric!r} is no metric of {card.task}: {metrics[1:]}"
    paper = on_meta(cls, "paper")
    count = parameter_count(paper) / 1e6
    assert count > 0 or not paper.phases(), "typical_constants: the paper preset has no parameter"
    if card.parameters is not None:
        off = abs(count / card.parameters - 1)
        assert off <= 0.05, f"presets: paper has {count:.1f} M parameters, the published network {card.parameters:g} M"


def check_claims(cls: type[System], data: Dataset) -> None:
    claims = fitted(cls, data)[0].claims()
    names = [claim.name for claim in claims]
    assert len(names) == len(set(names)), f"claims: two of one name in {names}"
    for claim in claims:
        assert claim.statement.strip(), f"claims: {claim.name} states nothing"
        bounded = claim.floor is not None or claim.ceiling is not None
        assert bounded, f"claims: {claim.name} has neither floor nor ceiling, so it would hold whatever is measured"


def check_losses(cls: type[System], data: Dataset) -> None:
    """Forward and backward of every phase and role."""
    system, phases = fitted(cls, data)
    for phase in phases:
        system.enter(phase.name)
        with loader_of(system.eval(), data, phase) as source:
            batch = {**source.batch(0), "step": 0, "steps": phase.steps}
        system.train()
        for role, optimiser in phase.optimisers.items():
            here = f"phase {phase.name!r}, role {role!r}"
            chosen = {n: p for n, p in system.named_parameters() if optimiser.selects(n)}
            assert chosen, f"Optimiser.trains: {here} trains nothing; its prefixes are {optimiser.trains}"
            for name, parameter in system.named_parameters():
                parameter.requires_grad_(name in chosen)
            system.zero_grad()
            losses = system(batch, phase.name, role)
            assert losses, f"losses: {here} has none"
            for name, loss in losses.items():
                assert loss.shape == (), f"losses: {name} of {here} is no scalar but {tuple(loss.shape)}"
                assert torch.isfinite(loss), f"losses: {name} of {here} is {loss}"
            torch.stack(list(losses.values())).sum().backward()
            moved = any(p.grad is not None and p.grad.abs().sum() > 0 for p in chosen.values())
            assert moved, f"losses: no gradient reaches what {here} trains; is something detached?"


def check_overfits(cls: type[System], data: Dataset) -> None:
    system, phases = fitted(cls, data)
    if not phases:
        pytest.skip("this method is not trained by steps")
    # A phase on other people's clips combines what earlier ones have learned, which here is nothing.
    phase = [p for p in phases if p.sampling.split == "train"][-1]
    role, spec = next(iter(phase.optimisers.items()))
    system.enter(phase.name)
    with loader_of(system.eval(), data, phase) as source:
        batch = source.batch(0)
    chosen = [p for n, p in system.named_parameters() if spec.selects(n)]
    optimiser = torch.optim.Adam(chosen, lr=max(spec.lr, 3e-3), betas=spec.betas)
    totals = []
    for step in range(OVERFIT_STEPS):
        torch.manual_seed(step)
        losses = system.train()({**batch, "step": step, "steps": OVERFIT_STEPS}, phase.name, role)
        total = torch.stack(list(losses.values())).sum()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(float(total.detach()))
    first, last = float(np.mean(totals[:3])), float(np.mean(totals[-5:]))
    assert last < FALLS_TO * first, (
        f"losses: two clips are not learned by heart in {OVERFIT_STEPS} steps of phase {phase.name!r}, role {role!r}: "
        f"{first:.3g} falls to {last:.3g}, asked is {FALLS_TO * first:.3g}"
    )


def check_draws(cls: type[System], data: Dataset) -> None:
    system, phases = fitted(cls, data)
    for phase in phases:
        with loader_of(system.eval(), data, phase) as one, loader_of(system, data, phase) as two:
            first, second = one.batch(3), two.batch(3)
        assert "ids" in first, f"collate: the batch of phase {phase.name!r} has no clip ids under 'ids'"
        assert first.keys() == second.keys(), f"collate: phase {phase.name!r} gives other names each time"
        for name, value in first.items():
            assert alike(value, second[name]), (
                f"example: {name!r} of phase {phase.name!r} differs from draw to equal draw; take chance from draw.rng"
            )


def check_estimate(cls: type[System], data: Dataset, patch: pytest.MonkeyPatch) -> None:
    """What `talkie train --estimate` prints, tried in this process, since a start takes longer than all else."""

    def here(config: TrainConfig, corpora: Sequence[tuple[Dataset, float | None]], folders: Folders) -> list[Tried]:
        return tried(config, [Corpus(dataset, weight) for dataset, weight in corpora], folders.out)

    patch.setattr(estimating, "_tried", here)
    found = estimate(TrainConfig(system=cls.card.slug, preset="micro", batch_size=2, threads=1), [Corpus(data)])
    wanted = [p.name for p in fitted(cls, data)[1]]
    assert [p.phase for p in found.phases] == wanted, f"estimate: phases {found.phases} are not {wanted}"
    for phase in found.phases:
        assert phase.parameters > 0, f"estimate: phase {phase.phase!r} trains nothing"
        assert phase.memory_mb > 0, f"estimate: phase {phase.phase!r} takes no memory"
        assert phase.step_s > 0, f"estimate: phase {phase.phase!r} takes no time"


def check_stored(cls: type[System], data: Dataset, folder: Path) -> None:
    system, _ = fitted(cls, data)
    task = TASKS[cls.card.task]
    save_system(system, folder / "model")
    loaded = load_weights(folder / "model")
    state = loaded.state_dict()
    for name, tensor in system.state_dict().items():
        assert torch.equal(tensor, state[name]), f"restore: {name} is not what was stored"
    assert loaded.constants == system.constants, "constants: restored, they differ from what was stored"
    clip = next(iter(data.clips(tuple({*members(cls), *task.needs}), "test")))
    answers = [made.eval().generate(task.request_of(clip)) for made in (system, loaded, loaded)]
    assert isinstance(answers[0], task.result), f"generate: answers {type(answers[0])}, the task's is {task.result}"
    for field in fields_of(answers[0]) if is_dataclass(answers[0]) else ():
        mine, stored, again = (getattr(answer, field.name) for answer in answers)
        assert finite(mine), f"generate: {field.name} holds values that are not finite"
        assert alike(mine, stored), f"generate: {field.name} of the restored system differs from the original's"
        assert alike(stored, again), f"generate: {field.name} differs when asked twice; take chance from request.seed"


def check_resumes(cls: type[System], data: Dataset, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Every phase dies once and goes on from its checkpoint; the weights are those of an undisturbed run, bit by bit.
    The engine is the real one, in this process, over a group of one worker."""
    whole = cls.phases

    def short(system: System) -> tuple[Phase, ...]:
        return tuple(p if p.fitted else replace(p, steps=RESUMED_STEPS) for p in whole(system))

    patch.setattr(cls, "phases", short)
    phases = fitted(cls, data)[1]
    if not phases:
        pytest.skip("this method is not trained by steps")
    _run(cls, data, folder / "straight")
    carried_on = PhaseRun._after

    def dying(run: PhaseRun, *arguments: Any) -> None:
        carried_on(run, *arguments)
        if run.position.step == KILLED_AFTER and run.phase.name not in died:
            died.append(run.phase.name)
            if run._saver:
                run._saver.wait()
            raise Killed

    died: list[str] = []
    patch.setattr(PhaseRun, "_after", dying)
    for _ in phases:
        with pytest.raises(Killed):
            _run(cls, data, folder / "killed")
    _run(cls, data, folder / "killed")
    one, two = (load_file(folder / name / "model" / "weights.safetensors") for name in ("straight", "killed"))
    apart = [name for name in one if not torch.equal(one[name], two[name])]
    assert not apart, (
        f"resume: {len(apart)} of {len(one)} tensors differ from the undisturbed run's, first {apart[:3]}; is there "
        "state outside parameters, buffers and constants, or chance outside draw.rng and torch's generator?"
    )
    records = [sorted((folder / name / "phases").glob("*.json"))[-1] for name in ("straight", "killed")]
    seen = [json.loads(path.read_text())["samples"] for path in records]
    assert seen[0] == seen[1], "resume: the sequence of clips differs from the undisturbed run's"


def check_streams(cls: type[System], data: Dataset) -> None:
    system, _ = fitted(cls, data)
    system.eval()
    task = TASKS[cls.card.task]
    if not cls.card.streams:
        with pytest.raises(NotStreaming):
            next(iter(system.stream(StreamSession(None, iter(())))))
        return
    clip = next(iter(data.clips(tuple({*members(cls), *task.needs}), "test")))
    request, audio = task.request_of(clip), clip_audio(clip)
    answers = [_streamed(system, request, audio, lengths) for lengths in PIECES]
    parts, heard_at_first = answers[0]
    assert parts, "stream: no frame came out"
    for part in parts:
        assert isinstance(part, task.result), f"stream: yields {type(part)}, the task's result is {task.result}"
    for lengths, (found, _) in zip(PIECES, answers, strict=True):
        frames = sum(len(part) for part in found)
        wanted = clip.record.frames
        assert frames == wanted, f"stream: {frames} frames for the sound of {wanted}, cut into pieces of {lengths}"
    assert heard_at_first < len(audio), "stream: the first frame comes only after the sound has ended"
    for field in fields_of(parts[0]):
        joined = [_joined([getattr(part, field.name) for part in found]) for found, _ in answers]
        if joined[0] is not None and joined[1] is not None:
            tolerance = CLOSE_PIXELS if joined[0].dtype == np.uint8 else CLOSE
            gap = float(np.abs(joined[0].astype(np.float64) - joined[1]).max())
            assert gap <= tolerance, f"stream: {field.name} depends on how the sound is cut, by up to {gap:.3g}"


def _streamed(system: System, request: Any, audio: np.ndarray, lengths: Sequence[int]) -> tuple[list[Any], int]:
    """All parts, and how many samples had been asked for when the first one came."""
    heard = 0

    def pieces() -> Any:
        nonlocal heard
        for length in itertools.cycle(lengths):
            if heard >= len(audio):
                return
            start, heard = heard, heard + length
            yield audio[start:heard]

    parts, first = [], len(audio)
    for part in system.stream(StreamSession(request, pieces())):
        first = first if parts else heard
        parts.append(part)
    return parts, first


def _joined(values: Sequence[Any]) -> np.ndarray | None:
    """The rows of all parts, None where the field holds none."""
    rows = all(isinstance(value, np.ndarray) and value.ndim for value in values)
    return np.concatenate(values) if rows else None


def _run(cls: type[System], data: Dataset, out: Path) -> None:
    """A run of one worker in this process, from where `out` says that it stands."""
    config = TrainConfig(
        system=cls.card.slug,
        preset="micro",
        batch_size=2,
        threads=1,
        checkpoint_every=SAVED_EVERY,
        validate_every=SAVED_EVERY,
        validate_clips=2,
    )
    folders = Folders(out)
    if not folders.prepared.exists():
        out.mkdir(parents=True)
        prepare(config, cls, make_config(cls, "micro", {}), [(data, None)], folders)
    Worker(config, [Corpus(data.address)], folders).run()


def alike(one: Any, other: Any) -> bool:
    """Equal to the last bit, through mappings and sequences."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(value, other[name]) for name, value in one.items())
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    return not isinstance(value, np.ndarray) or value.dtype.kind != "f" or bool(np.isfinite(value).all())
