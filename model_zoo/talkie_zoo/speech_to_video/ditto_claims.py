"""What Ditto's card claims, as measurements on held-out clips: lips that follow, online equal to offline, controls that
stay apart, motion without identity. Nothing was trained on what measures here, the extractor excepted, which tells how
near canonical keypoints are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from talkie.clip import FPS, SAMPLE_RATE, Clip
from talkie.evaluation.protocols.video import tracked
from talkie.heads import landmarks_68
from talkie.systems.measurement import Claim, Measurement
from talkie.systems.streaming import StreamSession
from talkie.systems.tasks.checks import clip_audio
from talkie.systems.tasks.speech_to_video import SpeechToVideoRequest, request_of
from talkie_zoo.blocks.correlation import correlation
from talkie_zoo.blocks.head_model import head_model
from talkie_zoo.blocks.implicit_keypoints import rotation
from talkie_zoo.speech_to_video.ditto_answer import SAID, joined
from talkie_zoo.speech_to_video.ditto_targets import POINTS, aperture, at_rest

if TYPE_CHECKING:
    from talkie_zoo.speech_to_video.ditto import Ditto

FOLLOWED, ASKED = 32, 4
"""Held-out clips of the claims about lips and eyes, and of the others."""
PIECE = 3200
"""Samples of 200 ms."""
YAW = 10.0
OPENNESS = (0.6, 0.8, 1.0)
"""Of the eyes, in `ditto_targets.eyes`' measure: half closed to wide open."""
LONG_S = 8.0
"""Length of the recording whose seams are looked at."""
BRIEF = 16_000
"""Samples of speech where pictures are looked at: a second says as much about them as a clip."""
LIDS = (13, 16)
"""Keypoints of the upper lids."""
YAW_COLUMN = SAID.index("yaw")


def claims(system: Ditto) -> tuple[Claim, ...]:
    """The four points of the card."""
    return (
        Claim("lips", "the opening of the generated lips correlates with the true one's, 0.5 or more on average",
              partial(lips, system), floor=0.5),
        Claim("listening", "on another clip's speech the correlation is at least 0.2 lower",
              partial(listening, system), floor=0.2),
        Claim("online is offline", "sound in pieces of 200 ms gives the motion and the pictures (in [0, 1]) of the "
              "whole recording in the same windows", partial(online_gap, system), ceiling=1e-4),
        Claim("early", "the first frame comes before the sound has ended",
              partial(heard_at_first, system), ceiling=0.99),
        Claim("seams", "the jump where windows meet is at most 1.5 times the median jump inside them",
              partial(seams, system, True), ceiling=1.5),
        Claim("cross-fade", "without the cross-fade it is more than that", partial(seams, system, False), floor=1.5),
        Claim("yaw", "delta_yaw of 10 degrees turns the head by 10 degrees, half a degree aside",
              partial(yaw, system), floor=YAW - 0.5, ceiling=YAW + 0.5),
        Claim("yaw alone", "and leaves every number of the expression where it was, within 1e-6",
              partial(yaw_leaks, system), ceiling=1e-6),
        Claim("yaw seen", "a face tracker sees the pictures turn to the same side, by 5 degrees or more",
              partial(yaw_seen, system), floor=5.0),
        Claim("eyes", "wider eye-open conditions raise the upper lids, every step of them",
              partial(eye_steps, system), floor=0.0),
        Claim("eyes alone", "and change the mean opening of the lips by less than 10 % of its deviation",
              partial(eyes_leak, system), ceiling=0.1),
        Claim("identity-free", "the same sound and noise under another person's keypoints moves alike, correlation 0.9",
              partial(identity_free, system), floor=0.9),
        Claim("identity", "driven by what was made for somebody else, a portrait stays nearer to itself",
              partial(identity_kept, system), ceiling=1.0),
    )  # fmt: skip


# --- lips -----------------------------------------------------------------------------------------------------------


def lips(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Mean Pearson correlation of the lips' opening with the clip's own landmarks."""
    found = [follows(system, clip, clip) for clip in _spread(clips, FOLLOWED)]
    return _measured("aperture correlation", float(np.mean(found)), "r", len(found), "clip")


def listening(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """The same, less that of the answers to the next person's speech."""
    picked = _spread(clips, FOLLOWED)
    own = [follows(system, clip, clip) for clip in picked]
    other = [follows(system, clip, donor) for clip, donor in zip(picked, [*picked[1:], picked[0]], strict=True)]
    said = {"own": f"{np.mean(own):.3f}", "other": f"{np.mean(other):.3f}"}
    return _measured("correlation lost", float(np.mean(own) - np.mean(other)), "r", len(own), "clip", said)


def follows(system: Ditto, clip: Clip, donor: Clip) -> float:
    """Correlation of the opening of a clip's lips with that of its portrait speaking the donor's sound."""
    made = system.tracks(_request(clip, audio=clip_audio(donor)))
    true = torch.as_tensor(np.asarray(clip.fields["landmarks.npy"])[:, list(POINTS)])
    a, b = aperture(torch.as_tensor(made["keypoints"])).numpy(), aperture(true).numpy()
    frames = min(len(a), len(b))
    return correlation(a[:frames], b[:frames])


# --- online ---------------------------------------------------------------------------------------------------------


def online_gap(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """The largest difference of any number of the motion, or any pixel over 255."""
    worst, picked = 0.0, _spread(clips, ASKED)
    for clip in picked:
        whole = system.generate(_request(clip, windows="online"))
        pieces = joined(list(system.stream(StreamSession(_request(clip), _pieces(clip_audio(clip))))))
        for a, b in ((whole.tracks["motion"], pieces.tracks["motion"]), (whole.frames / 255.0, pieces.frames / 255.0)):
            worst = max(worst, float(np.abs(a - b).max()) if len(a) == len(b) else np.inf)
    return _measured("largest difference", worst, "motion or pixel", len(picked), "clip")


def heard_at_first(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Share of the sound that was asked for before the first frame came: the most of any clip."""
    shares, seconds = [], []
    for clip in _spread(clips, ASKED):
        audio, heard = clip_audio(clip), [0]
        next(iter(system.stream(StreamSession(_request(clip), _pieces(audio, heard)))))
        shares.append(heard[0] / len(audio))
        seconds.append(heard[0] / SAMPLE_RATE)
    said = {"seconds heard": f"{max(seconds):.2f}"}
    return _measured("share heard", max(shares), "ratio", len(shares), "clip", said)


def seams(system: Ditto, fade: bool, clips: Sequence[Clip]) -> Measurement:
    """Mean jump of the motion, in deviations of training, after a window's last frame, over the median of all other
    jumps; offline windows over seconds of speech of several clips, joined and repeated."""
    jumps, inside = [], []
    for first in range(0, len(clips), max(1, len(clips) // ASKED)):
        order = [*clips[first:], *clips[:first]]
        audio = np.resize(np.concatenate([clip_audio(clip) for clip in order]), round(LONG_S * SAMPLE_RATE))
        windows = system.windows("offline", fade)
        made = system.motion_of(_request(clips[first], audio=audio), windows)
        step = made.diff(dim=0).norm(dim=1).numpy()
        seam = np.arange(windows.hop + windows.fuse - 1, len(step), windows.hop)
        jumps.append(step[seam])
        inside.append(np.delete(step, seam))
    value = float(np.mean(np.concatenate(jumps)) / np.median(np.concatenate(inside)))
    count = sum(map(len, jumps))
    return _measured("jump at seams over the median", value, "ratio", count, "seam", {"cross-fade": str(fade)})


# --- control --------------------------------------------------------------------------------------------------------


def yaw(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Mean turn of the driving head, degrees."""
    turns = [float(turn[:, YAW_COLUMN].mean()) for turn in _turns(system, clips)]
    return _measured("yaw gained", float(np.mean(turns)), "degree", len(turns), "clip")


def yaw_leaks(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Largest change of an expression's number under the turn."""
    leaks = [float(np.abs(turn[:, len(SAID) :]).max()) for turn in _turns(system, clips)]
    return _measured("expression changed", max(leaks), "half side", len(leaks), "clip")


def _turns(system: Ditto, clips: Sequence[Clip]) -> Iterator[np.ndarray]:
    """What the turn changes in the motion of each clip, (T, 70)."""
    for clip in _spread(clips, ASKED):
        plain, turned = (system.tracks(_request(clip, delta_yaw=angle)) for angle in (0.0, YAW))
        yield turned["motion"] - plain["motion"]


def yaw_seen(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Mean turn of the pictures as MediaPipe sees it, degrees: `nose_between_eyes` moves by a share of what it moves by
    on the person's own head at rest, turned as far as was asked. A picture without a face has not turned. The extractor
    is not asked: it reads a tenth of a turn off true pictures too."""
    turns = []
    for clip in _spread(clips, ASKED):
        track = clip.fields["head.npz"]
        rest = landmarks_68(at_rest(head_model(track.model), track.identity).numpy())
        ends = [rest @ rotation(torch.tensor([0.0, angle, 0.0])).numpy() for angle in (0.0, YAW)]
        expected = float(np.diff(nose_between_eyes(np.stack(ends)))[0])
        asked = [_request(clip, delta_yaw=angle) for angle in (0.0, YAW)]
        seen = [nose_between_eyes(tracked(system.generate(replace(r, audio=r.audio[:BRIEF])).frames)) for r in asked]
        turns.append(YAW * float(np.nan_to_num(seen[1] - seen[0]).mean() / expected))
    return _measured("yaw seen", float(np.mean(turns)), "degree", len(turns), "clip")


def nose_between_eyes(points: np.ndarray) -> np.ndarray:
    """Where the tip of the nose stands from the middle of the eyes' outer corners, to the right, over their distance:
    points (T, 68, 2 or 3) -> (T,)."""
    right, left, nose = points[:, 36, :2], points[:, 45, :2], points[:, 30, :2]
    return (nose - (right + left) / 2)[:, 0] / np.linalg.norm(left - right, axis=1)


def eye_steps(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """The smallest rise of the upper lids, mean over the clips, from one openness to the next, in half sides."""
    levels = [float(np.mean([_lids(made) for made in made_at])) for made_at in zip(*_eyes(system, clips), strict=True)]
    rises = [after - before for before, after in pairwise(levels)]
    said = {"levels": " ".join(f"{level:.5f}" for level in levels)}
    return _measured("smallest rise", min(rises), "half side", len(levels), "openness", said)


def eyes_leak(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """The largest change of the lips' mean opening between two levels, mean over the clips, over its deviation."""
    changes = []
    for made_at in _eyes(system, clips):
        opened = [aperture(torch.as_tensor(made["keypoints"])).numpy() for made in made_at]
        means = [float(track.mean()) for track in opened]
        changes.append((max(means) - min(means)) / max(1e-6, float(np.mean([track.std() for track in opened]))))
    return _measured("opening changed over deviation", float(np.mean(changes)), "ratio", len(changes), "clip")


def _eyes(system: Ditto, clips: Sequence[Clip]) -> Iterator[list[dict[str, np.ndarray]]]:
    for clip in _spread(clips, FOLLOWED):
        # Relative drive would take the level away with the first frame.
        yield [system.tracks(_request(clip, eye_open=level, drive="absolute")) for level in OPENNESS]


def _lids(made: Mapping[str, np.ndarray]) -> float:
    """How high the upper lids stand, mean over time."""
    exp = made["motion"][:, len(SAID) :].reshape(len(made["motion"]), -1, 3)
    return -float(exp[:, list(LIDS), 1].mean())


# --- identity -------------------------------------------------------------------------------------------------------


def identity_free(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Correlation of two portraits' expressions, each less its first frame, under the first one's sound."""
    found = []
    for pair in _exchanged(clips):
        tracks = [system.tracks(request)["motion"] for request in pair]
        found.append(correlation(*((track - track[:1])[:, len(SAID) :].ravel() for track in tracks)))
    return _measured("correlation", float(np.mean(found)), "r", len(found), "pair")


def identity_kept(system: Ditto, clips: Sequence[Clip]) -> Measurement:
    """Distance of what is shown of B, driven by what was made for A's sound, from B's portrait, over that from A's; in
    canonical keypoints, which carry identity, and in mean pixels of the face: the worse of both."""
    distances: dict[str, list[list[float]]] = {"keypoints": [], "pixels": []}
    for own, other in _exchanged(clips):
        shown = system.generate(replace(other, audio=other.audio[:BRIEF]))
        read = [
            system.seen(p, f)
            for p, f in ((other.portrait, shown.frames), *((r.portrait, r.portrait[None]) for r in (other, own)))
        ]
        for place, name in enumerate(distances, 1):
            means = [found[place].mean(0) for found in read]
            distances[name].append([float((means[0] - mean).abs().mean()) for mean in means[1:]])
    ratios = {name: float(np.divide(*np.mean(rows, axis=0))) for name, rows in distances.items()}
    said = {name: f"{ratio:.3f}" for name, ratio in ratios.items()}
    count = len(distances["pixels"])
    return _measured("distance to itself over that to the other", max(ratios.values()), "ratio", count, "pair", said)


def _exchanged(clips: Sequence[Clip]) -> Iterator[tuple[SpeechToVideoRequest, SpeechToVideoRequest]]:
    """A clip's own question, and the same with another person's portrait."""
    people: Mapping[str, Clip] = {clip.record.identity: clip for clip in reversed(clips)}
    picked = list(people.values())[:ASKED] if len(people) > 1 else list(clips[:2])
    for clip, donor in zip(picked, [*picked[1:], picked[0]], strict=True):
        yield _request(clip), _request(clip, portrait=request_of(donor).portrait)


# --- helpers --------------------------------------------------------------------------------------------------------


def _request(
    clip: Clip, audio: np.ndarray | None = None, portrait: np.ndarray | None = None, **controls: Any
) -> SpeechToVideoRequest:
    own = request_of(clip)
    return replace(
        own,
        controls=controls,
        audio=own.audio if audio is None else audio,
        portrait=own.portrait if portrait is None else portrait,
    )


def _pieces(audio: np.ndarray, heard: list[int] | None = None) -> Iterator[np.ndarray]:
    for start in range(0, len(audio), PIECE):
        if heard is not None:
            heard[0] = min(len(audio), start + PIECE)
        yield audio[start : start + PIECE]


def _spread(clips: Sequence[Clip], most: int) -> list[Clip]:
    """At most so many clips, evenly over all."""
    picks = np.linspace(0, len(clips) - 1, min(most, len(clips))).round().astype(int)
    return [clips[i] for i in picks]


def _measured(
    name: str, value: float, unit: str, items: int, item: str, said: Mapping[str, str] | None = None
) -> Measurement:
    protocol = {"rate": f"{FPS} fps", "split": "held-out clips", **(said or {})}
    return Measurement(name=name, value=value, unit=unit, items=items, item=item, protocol=protocol)
