"""What EMOTE's card claims, as measurements on held-out clips: prior, speech, control, and content beside emotion. The
judges that read the answers were trained apart from the critics; nothing was trained against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.speech.emotion import EMOTIONS, INTENSITIES
from talkie.systems.measurement import Claim, Measurement, measured
from talkie.systems.tasks.speech_to_motion import MotionResult, SpeechToMotionRequest, clip_audio, request_of, truth_of
from talkie_zoo.blocks.motion_vae import STRIDE
from talkie_zoo.blocks.visemes import viseme_labels
from talkie_zoo.speech_to_motion.emote_conditions import EMOTION, INTENSITY, labels_of
from talkie_zoo.speech_to_motion.emote_networks import Talker

if TYPE_CHECKING:
    from talkie_zoo.speech_to_motion.emote import Emote

ASKED = 8
"""Held-out clips whose speech is asked for under every emotion: the first by id."""
NEUTRAL = EMOTIONS.index("neutral")
FELT = tuple(name for name in EMOTIONS if name != "neutral")


def claims(system: Emote) -> tuple[Claim, ...]:
    """The four points of the card; those that judges or the twin measure only where the preset trains them."""
    c = system.config
    found = [
        Claim(
            name="prior",
            statement="the prior restores held-out motion with less than half of the mean face's vertex error",
            measure=partial(restored, system),
            ceiling=0.5,
        ),
        Claim(
            name="prior samples",
            statement="latents drawn from N(0, 1) move with 0.5 to 2 times the acceleration of true motion",
            measure=partial(sampled_acceleration, system),
            floor=0.5,
            ceiling=2.0,
        ),
        Claim(
            name="lips",
            statement="the lip error is at least 15 % below that of each speaker's own mean face",
            measure=partial(against_speaker_mean, system),
            ceiling=0.85,
        ),
        Claim(
            name="listening",
            statement="the lip error is below that of the same system on another clip's speech",
            measure=partial(against_other_speech, system),
            ceiling=1.0,
        ),
        Claim(
            name="intensity",
            statement="the upper face's mean displacement rises from intensity 1 to 2 to 3",
            measure=partial(intensity_order, system),
            floor=1.0,
        ),
        Claim(
            name="disentanglement",
            statement="another emotion changes the upper face more than three times as much as another speaker",
            measure=partial(emotion_against_speaker, system),
            floor=3.0,
        ),
    ]
    return (*found, *(_judged(system) if c.judges else ()))


def _judged(system: Emote) -> list[Claim]:
    found = [
        Claim(
            name="reading",
            statement="the judge reads at least half as many visemes off the answers' lips as off the true lips, so "
            "that there is something to lose",
            measure=partial(reading, system),
            floor=0.5,
        ),
        Claim(
            name="emotion",
            statement="a separate classifier recovers the requested emotion at more than twice chance",
            measure=partial(recovered_emotion, system, system.talker),
            floor=2.0 / len(EMOTIONS),
        ),
        Claim(
            name="content",
            statement="under another emotion the visemes read off the lips lose less than 10 points",
            measure=partial(content_loss, system),
            ceiling=0.1,
        ),
    ]
    if system.config.ablation:
        found.append(
            Claim(
                name="exchange",
                statement="without the exchange losses the recovery of the asked emotion, or the visemes under another "
                "emotion, are at least 5 points worse",
                measure=partial(exchange_gain, system),
                floor=0.05,
            )
        )
    return found


# --- the prior ------------------------------------------------------------------------------------------------------


@torch.no_grad()
def restored(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """RMSE over face vertices of the prior's reconstruction, over that of the mean face of training."""
    own, mean, frames = 0.0, 0.0, 0
    for clip in clips:
        motion = _whole(_coefficients(truth_of(clip)))
        moved = system.face(motion)
        again = system.face(system.face.motion(system.prior(system.face.standardised(motion))[0]))
        own, mean = own + float((again - moved).square().sum()), mean + float(moved.square().sum())
        frames += motion.shape[1]
    return measured("rmse over mean face", (own / mean) ** 0.5, "ratio", frames, "frame", clips)


@torch.no_grad()
def sampled_acceleration(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """Mean second difference of vertices of decoded draws (64 of 8 latents, seed 0) over that of the clips."""
    draws = torch.randn(64, 8, system.config.prior_width, generator=torch.Generator().manual_seed(0))
    made = _acceleration(system.face(system.face.motion(system.prior.decode(draws))))
    true = torch.cat([_acceleration(system.face(_coefficients(truth_of(clip))[None])).flatten() for clip in clips])
    ratio = float(made.mean() / true.mean())
    return measured("acceleration over true", ratio, "ratio", len(draws), "draw", clips)


def _acceleration(moved: Tensor) -> Tensor:
    return (moved[:, 2:] - 2 * moved[:, 1:-1] + moved[:, :-2]).norm(dim=-1).mean(-1)


def _whole(motion: Tensor) -> Tensor:
    """(1, T', 55): as many frames as whole latents have."""
    return motion[None, : len(motion) // STRIDE * STRIDE]


# --- speech ---------------------------------------------------------------------------------------------------------


def against_speaker_mean(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """Lip error (largest squared distance of a lip vertex, mean over frames) over that of the mean of the speaker's
    own held-out frames: a baseline that knows each speaker's truth."""
    truths = [_lips(system, _coefficients(truth_of(clip))) for clip in clips]
    people = [clip.record.identity for clip in clips]
    means = {who: torch.cat([t for t, p in zip(truths, people, strict=True) if p == who]).mean(0) for who in {*people}}
    answers = [_lips(system, _coefficients(system.generate(request_of(clip)))) for clip in clips]
    own = torch.cat([_lip_error(a, t) for a, t in zip(answers, truths, strict=True)]).mean()
    mean = torch.cat([_lip_error(means[p][None], t) for p, t in zip(people, truths, strict=True)]).mean()
    return measured("lve over speaker mean", float(own / mean), "ratio", len(clips), "clip", clips)


def against_other_speech(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """Lip error over that of the answer to the next clip's speech under the clip's own conditions."""
    own: list[Tensor] = []
    other: list[Tensor] = []
    for clip, donor in zip(clips, [*clips[1:], clips[0]], strict=True):
        truth = _lips(system, _coefficients(truth_of(clip)))
        request = request_of(clip)
        for kept, asked in ((own, request), (other, replace(request, audio=clip_audio(donor)))):
            answer = _lips(system, _coefficients(system.generate(asked)))
            frames = min(len(answer), len(truth))
            kept.append(_lip_error(answer[:frames], truth[:frames]))
    ratio = float(torch.cat(own).mean() / torch.cat(other).mean())
    return measured("lve over other speech", ratio, "ratio", len(clips), "clip", clips)


@torch.no_grad()
def _lips(system: Emote, motion: Tensor) -> Tensor:
    return system.face(motion)[:, : system.face.lips]


def _lip_error(guess: Tensor, truth: Tensor) -> Tensor:
    return (guess - truth).square().sum(-1).amax(-1)


# --- control --------------------------------------------------------------------------------------------------------


def intensity_order(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """The smaller of d2 / d1 and d3 / d2, of mean displacements d of the upper face from neutral over the emotions."""
    picked, levels = clips[:ASKED], []
    for level in INTENSITIES:
        asked = [_asked(system, clip, emotion, level) for clip in picked for emotion in FELT]
        levels.append(float(torch.cat([_upper(system, a) for a in asked]).norm(dim=-1).mean()))
    ratio = min(after / before for before, after in pairwise(levels))
    said = {"millimetres": " ".join(f"{1e3 * level:.3f}" for level in levels)}
    return measured("displacement over lower intensity", ratio, "ratio", len(picked), "clip", clips, said)


def emotion_against_speaker(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """Mean change of the upper face between happy and every other emotion (intensity 3, first speaker), over that
    between the first speaker and every other (happy)."""
    feeling, person, picked = [], [], clips[:ASKED]
    first, *others = system.identities
    for clip in picked:
        mine = _upper(system, _asked(system, clip, "happy", 3, first))
        feeling += [_upper(system, _asked(system, clip, e, 3, first)) - mine for e in FELT if e != "happy"]
        person += [_upper(system, _asked(system, clip, "happy", 3, who)) - mine for who in others]
    moved, kept = (float(torch.cat(x).norm(dim=-1).mean()) if x else float("nan") for x in (feeling, person))
    said = {"millimetres": f"{1e3 * moved:.3f} by emotion, {1e3 * kept:.3f} by speaker"}
    return measured("change over speaker's", moved / max(kept, 1e-9), "ratio", len(picked), "clip", clips, said)


def recovered_emotion(system: Emote, talker: Talker, clips: Sequence[Clip]) -> Measurement:
    """Share of requests (every emotion, greatest intensity) whose emotion the judge reads off the answer."""
    right = []
    for clip in clips[:ASKED]:
        for number, emotion in enumerate(EMOTIONS):
            answer = _asked(system, clip, emotion, 1 if number == NEUTRAL else 3, talker=talker)
            right.append(_felt(system, answer) == number)
    true = np.mean([_felt(system, _coefficients(truth_of(clip))) == labels_of(clip)[0] for clip in clips])
    said = {"judge on true motion": f"{true:.3f}"}
    return measured("emotion recovered", float(np.mean(right)), "share", len(right), "answer", clips, said)


# --- content beside emotion -----------------------------------------------------------------------------------------


def reading(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """Share of frames whose viseme the judge reads off the lips under the clip's own conditions, over that of the true
    motion."""
    picked = clips[:ASKED]
    own = float(np.mean([_read(system, _coefficients(system.generate(request_of(clip))), clip) for clip in picked]))
    true = float(np.mean([_read(system, _coefficients(truth_of(clip)), clip) for clip in picked]))
    said = {"own": f"{own:.3f}", "true": f"{true:.3f}"}
    return measured("visemes read over true", own / max(true, 1e-9), "ratio", len(picked), "clip", clips, said)


def content_loss(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """Share of frames whose viseme the judge reads off the lips: own emotion minus the mean of all others."""
    own, swapped = _content(system, system.talker, clips)
    said = {"own": f"{own:.3f}", "swapped": f"{swapped:.3f}"}
    return measured("viseme accuracy lost", own - swapped, "share", len(clips[:ASKED]), "clip", clips, said)


def exchange_gain(system: Emote, clips: Sequence[Clip]) -> Measurement:
    """The greater of two gains over the twin, which went through stage 2 without the perceptual losses: recovered
    emotions, and visemes read off the lips under swapped emotions."""
    ours, twins = (recovered_emotion(system, t, clips).value for t in (system.talker, system.twin))
    lips, twin_lips = (_content(system, t, clips)[1] for t in (system.talker, system.twin))
    said = {
        "emotion": f"{ours:.3f} against {twins:.3f}",
        "visemes": f"{lips:.3f} against {twin_lips:.3f}",
    }
    gain = max(ours - twins, lips - twin_lips)
    return measured("gain by the exchange", gain, "share", len(clips[:ASKED]), "clip", clips, said)


def _content(system: Emote, talker: Talker, clips: Sequence[Clip]) -> tuple[float, float]:
    own: list[float] = []
    swapped: list[float] = []
    for clip in clips[:ASKED]:
        emotion, intensity = labels_of(clip)
        for number, name in enumerate(EMOTIONS):
            level = intensity + 1 if number == emotion else (1 if number == NEUTRAL else 3)
            right = _read(system, _asked(system, clip, name, level, talker=talker), clip)
            (own if number == emotion else swapped).append(right)
    return float(np.mean(own)), float(np.mean(swapped))


@torch.no_grad()
def _read(system: Emote, motion: Tensor, clip: Clip) -> float:
    guess = system.judges.visemes(system.face(motion[None]))[0].argmax(-1)
    return float((guess == viseme_labels(clip.fields["phones.json"], len(motion))).float().mean())


@torch.no_grad()
def _felt(system: Emote, motion: Tensor) -> int:
    return int(system.judges.emotions(system.face.standardised(motion[None]))[0].argmax())


def _asked(
    system: Emote, clip: Clip, emotion: str, intensity: float, who: str | None = None, talker: Talker | None = None
) -> Tensor:
    """(T, 55) the answer to a clip's speech under the given conditions."""
    request = SpeechToMotionRequest(clip_audio(clip), who, controls={EMOTION: emotion, INTENSITY: intensity})
    return _coefficients(system.answer(talker or system.talker, request))


def _coefficients(motion: MotionResult) -> Tensor:
    return torch.as_tensor(np.concatenate([motion.expression, motion.jaw], 1), dtype=torch.float32)


@torch.no_grad()
def _upper(system: Emote, motion: Tensor) -> Tensor:
    return system.face.upper_face(motion)
