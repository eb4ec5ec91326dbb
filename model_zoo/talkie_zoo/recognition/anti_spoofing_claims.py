"""What the card of the recurrent ensemble claims, as measurements on held-out people and, of ensembles that never saw
them, on held-out cameras. That labels dealt at random teach nothing is a bench: it takes trainings of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.evaluation.metrics.recognition import hter
from talkie.systems.measurement import Claim, Measurement, measured
from talkie.systems.tasks.checks import clip_pictures
from talkie_zoo.blocks.batches import pad
from talkie_zoo.blocks.recurrent import mean_over_steps
from talkie_zoo.recognition.anti_spoofing_decisions import class_of, domain_of
from talkie_zoo.recognition.anti_spoofing_networks import FRAME, GENUINE, MEMBERS, META, SCORERS, FrameSkipper

_BEGINNINGS = 6
BEST = "best on development clips"

if TYPE_CHECKING:
    from talkie_zoo.recognition.anti_spoofing import AntiSpoofing


def claims(system: AntiSpoofing) -> tuple[Claim, ...]:
    """The claims that a trained system can be held to; those about strange domains need `domains` in its config."""
    inside = (
        Claim("held-out people", "the video-level HTER on people never seen is at most 5 %",
              partial(in_domain, system), ceiling=0.05),
        Claim("sequences see replays", "against replays, one frame errs at least as often as the ensemble",
              partial(over_one_frame, system), floor=0.0),
        Claim("frames can be skipped", "every 30th frame costs at most 2 points of HTER against all frames",
              partial(skipping_costs, system), ceiling=0.02),
        Claim("skipping is cheap", "the feature network runs at least 20 times less often than on all frames",
              partial(forwards_saved, system), floor=20.0),
        Claim("no order leaks", "in whatever order and company videos come, their scores stay within 1e-5",
              partial(order_matters, system), ceiling=1e-5),
    )  # fmt: skip
    if not system.domains:
        return inside
    return (
        *inside,
        Claim("strange cameras", "on a camera never seen, the meta-model's HTER is at most that of the member which "
              "errs least on development clips + 1 point",
              partial(meta_over_best, system), ceiling=0.01),
        Claim("strange cameras, one frame", "on a camera never seen, the meta-model's HTER is below one frame's",
              partial(meta_over_frame, system), ceiling=-1e-6),
    )  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What ensembles say of clips: scores (N, K, len(SCORERS)) of the sequences that begin at each of K frames,
    genuine (N,) bool, kinds of attack."""

    scores: np.ndarray
    genuine: np.ndarray
    kinds: list[str]

    def rate(self, system: AntiSpoofing, name: str, who: str, among: np.ndarray | None = None) -> float:
        """The HTER of a scorer at its development threshold, mean over the beginnings."""
        row, rows = SCORERS.index(who), np.ones(len(self.genuine), bool) if among is None else among
        threshold = system.ensemble(name).threshold(who)
        return float(np.mean([hter(of, self.genuine[rows], threshold) for of in self.scores[rows, :, row].T]))


def told(system: AntiSpoofing, name: str, clips: Sequence[Clip], starts: Sequence[int] = (0,)) -> Told:
    """An ensemble asked about clips as they are used: by every `skip`-th frame, beginning at each of `starts`."""
    system.eval()
    scores = []
    with torch.no_grad():
        for clip in clips:
            frames = clip_pictures(clip)
            kept = [FrameSkipper(system.config.skip, start).kept(len(frames)) for start in starts]
            numbers = sorted(set().union(*kept))
            features = system.features(name, system.described(system.pictures(frames, numbers)))
            scores.append(system.video_scores(name, [features[np.searchsorted(numbers, each)] for each in kept]))
    kinds = [clip.record.labels.get("attack", "") for clip in clips]
    return Told(np.stack(scores), np.array([class_of(clip) == GENUINE for clip in clips]), kinds)


def _beginnings(system: AntiSpoofing) -> range:
    """Frames of the first clip, spread evenly, from which rates are taken: of few videos one more error is points of a
    rate, and which frames a video is judged by is chance."""
    return range(0, system.config.skip, max(1, system.config.skip // _BEGINNINGS))


def in_domain(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """HTER of the meta-model over all clips, by the first frame of every `skip`."""
    found = told(system, "all", clips)
    each = {who: f"{found.rate(system, 'all', who):.3f}" for who in SCORERS}
    return measured("HTER", found.rate(system, "all", META), "1", len(clips), "clip", clips, each)


def over_one_frame(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """HTER of one frame less that of the meta-model, on genuine clips and replays."""
    starts = _beginnings(system)
    found = told(system, "all", clips, starts)
    among = found.genuine | np.array([kind == "replay" for kind in found.kinds])
    one, all_ = (found.rate(system, "all", who, among) for who in (FRAME, META))
    said = {"one frame": f"{one:.3f}", "beginnings of a clip": str(len(starts))}
    return measured("HTER, one frame - ensemble", one - all_, "1", int(among.sum()), "clip", clips, said)


def skipping_costs(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """HTER by every `skip`-th frame, mean over where one begins, less that by all: the better of all frames as one
    sequence, and of the mean over those sequences, which are as long as those that were trained on."""
    system.eval()
    skip, threshold = system.config.skip, system.ensemble("all").threshold(META)
    scores = []
    with torch.no_grad():
        for clip in clips:
            frames = clip_pictures(clip)
            features = system.features("all", system.described(system.pictures(frames, range(len(frames)))))
            kept = [features[FrameSkipper(skip, start).kept(len(frames))] for start in range(skip)]
            scores.append(system.video_scores("all", [*kept, features])[:, SCORERS.index(META)])
    genuine = np.array([class_of(clip) == GENUINE for clip in clips])
    apart, joined = np.split(np.stack(scores), [skip], axis=1)
    skipped = float(np.mean([hter(of, genuine, threshold) for of in apart.T]))
    together, whole = hter(apart.mean(1), genuine, threshold), hter(joined[:, 0], genuine, threshold)
    said = {"skipped": f"{skipped:.3f}", "all, apart": f"{together:.3f}", "all, joined": f"{whole:.3f}"}
    return measured("HTER, skipping - all frames", skipped - min(together, whole), "1", len(clips), "clip", clips, said)


def forwards_saved(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """Pictures that went through the feature network with a skip of one frame over those with the system's."""
    from talkie.systems.tasks.recognition import RecognitionRequest

    seen = [0]
    hook = system.networks["all"].register_forward_hook(lambda network, given, made: seen.append(len(given[0])))
    counts = []
    try:
        for skip in (1, system.config.skip):
            seen[:] = [0]
            for clip in clips:
                system.generate(RecognitionRequest(clip_pictures(clip), controls={"skip": skip}))
            counts.append(sum(seen))
    finally:
        hook.remove()
    return measured("forwards, all frames / kept", counts[0] / counts[1], "ratio", len(clips), "clip", clips)


def order_matters(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """Largest change of a video's score between being asked about alone, and in one padded batch with all others in
    another order."""
    system.eval()
    ensemble, features = system.ensembles["all"], []
    with torch.no_grad():
        for clip in clips:
            frames = clip_pictures(clip)
            kept = FrameSkipper(system.config.skip).kept(len(frames))
            features.append(system.features("all", system.described(system.pictures(frames, kept))))
        worst = 0.0
        for order in (range(len(clips)), np.random.default_rng(0).permutation(len(clips))):
            together, lengths = pad([features[k] for k in order])
            for who in (META, *MEMBERS):
                batch = mean_over_steps(ensemble.scores(who, together, lengths), lengths).numpy()
                alone = [system.video_scores("all", [features[k]])[0, SCORERS.index(who)] for k in order]
                worst = max(worst, float(np.abs(batch - alone).max()))
    return measured("change of a score", worst, "1", len(clips), "clip", clips)


def meta_over_best(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """Mean HTER over unseen domains, of the meta-model less that of the member that errs least on development clips.
    The least rate of three on the clips that measure it is no member's: chance alone puts it below each one's own."""
    rates = _strange(system, clips)
    return measured(
        "HTER, meta-model - best member", rates[META] - rates[BEST], "1", len(clips), "clip", clips, _said(rates)
    )


def meta_over_frame(system: AntiSpoofing, clips: Sequence[Clip]) -> Measurement:
    """Mean HTER over unseen domains, of the meta-model less that of one frame."""
    rates = _strange(system, clips)
    return measured(
        "HTER, meta-model - one frame", rates[META] - rates[FRAME], "1", len(clips), "clip", clips, _said(rates)
    )


def _strange(system: AntiSpoofing, clips: Sequence[Clip]) -> dict[str, float]:
    """By scorer, and by the member that does best on development clips, the mean over domains of the HTER of the
    ensemble that has not seen it, each the mean over where one begins."""
    rates: dict[str, list[float]] = {who: [] for who in (*SCORERS, BEST)}
    for number, domain in enumerate(system.domains):
        mine = [clip for clip in clips if domain_of(clip) == domain]
        if len({class_of(clip) for clip in mine}) < 2:
            raise BadInput(f"no genuine clips and attacks of {domain!r}", cure="film more held-out clips of it")
        found = told(system, f"fold{number}", mine, _beginnings(system))
        for who in SCORERS:
            rates[who].append(found.rate(system, f"fold{number}", who))
        rates[BEST].append(rates[system.ensemble(f"fold{number}").best_member()][-1])
    return {who: float(np.mean(values)) for who, values in rates.items()}


def _said(rates: dict[str, float]) -> dict[str, str]:
    return {who: f"{value:.3f}" for who, value in rates.items()}
