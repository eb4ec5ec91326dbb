"""From a portrait and sound to pictures: conditions, windows of motion, relative drive, rendering. Whole recordings and
live ones go through the same steps, so that they cannot differ. What the networks are is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from talkie.clip import FPS
from talkie.systems.tasks.video import VideoResult
from talkie_zoo.blocks.ddim import ddim, guided
from talkie_zoo.blocks.implicit_keypoints import KEYPOINTS, MOTION, POSE, Pose
from talkie_zoo.blocks.streaming_audio import Hearing
from talkie_zoo.blocks.windowed_sampling import WindowedSampler, Windows
from talkie_zoo.speech_to_video.ditto_conditions import Controls, held
from talkie_zoo.speech_to_video.ditto_source import registered, whole
from talkie_zoo.speech_to_video.ditto_targets import eyes, places

if TYPE_CHECKING:
    from talkie_zoo.speech_to_video.ditto import Ditto

SAID = ("scale", "pitch", "yaw", "roll", "tx", "ty", "tz")
"""Columns of the track "motion" before the 63 of the expression; angles in degrees."""


class Answer:
    """One request being answered. Sound is pushed in, results come out; `finish` brings the rest."""

    def __init__(self, system: Ditto, portrait: np.ndarray, controls: Controls, seed: int, windows: Windows):
        c = system.config
        online = windows.lead > 0
        self.system, self.controls = system, controls
        self.source = registered(portrait) if c.crop else whole(portrait)
        face = torch.from_numpy(self.source.crop(c.out)).permute(2, 0, 1)[None] / 255.0
        self.motion, self.kp = system.renderer.read(face)
        self.look = system.renderer.look(face)
        self.pose = Pose.of(self.motion)
        self.first: Pose | None = None
        self.hearing = Hearing(system.hearing)
        self.steps = c.online_steps if online else c.offline_steps
        rng = torch.Generator().manual_seed(seed)
        self.noise = c.temperature * torch.randn(1, c.window, MOTION, generator=rng)
        self.fresh = c.temperature * torch.randn(self.steps - 1, 1, c.window, MOTION, generator=rng)
        self.frame, self.shown, self._raw = 0, 0, self.motion[:0]
        quiet = system.hearing.chunk(np.zeros(system.hearing.chunk_samples, np.float32))[:1]
        # Online, the expression begins at the source again in every window, so that it cannot drift.
        self.sampler = WindowedSampler(
            windows, self._drawn, system.standard(self.motion)[0], self._conditions(quiet)[0], POSE if online else None
        )
        self.frame = 0

    def push(self, samples: np.ndarray) -> VideoResult | None:
        """What these samples finish, None where that is nothing."""
        return self._shown(self.sampler.push(self._conditions(self.hearing.push(samples))), last=False)

    def drawn(self, samples: np.ndarray, frames: int) -> Tensor:
        """Motion (T, 265) of a whole recording as it is drawn, nothing smoothed, driven or painted."""
        heard = torch.cat([self.hearing.push(samples), self.hearing.finish(frames)])
        return torch.cat([self.sampler.push(self._conditions(heard)), self.sampler.finish()])

    def tracks(self, samples: np.ndarray, frames: int) -> dict[str, np.ndarray]:
        """The tracks of a whole recording, without its pictures."""
        motion = self._smooth(self.system.unstandard(self.drawn(samples, frames)), last=True)
        pose = self._driven(Pose.of(motion))
        return self._told(pose, self._stitched(pose))

    def finish(self, frames: int) -> VideoResult | None:
        """The rest of `frames` frames."""
        rest = self.sampler.push(self._conditions(self.hearing.finish(frames)))
        return self._shown(torch.cat([rest, self.sampler.finish()]), last=True)

    def _conditions(self, sound: Tensor) -> Tensor:
        """Rows (n, C) of the next frames."""
        system, count = self.system, len(sound)
        openness, gaze = system.mean_openness[None], system.mean_gaze[None]
        if self.source.landmarks is not None:
            openness, gaze = eyes(places(self.source.landmarks[None], self.source.box))
        if self.controls.eye_open is not None:
            openness = held(self.controls.eye_open, count, self.frame)
        emotion = self.controls.emotion[None]
        parts = [part.expand(count, -1) for part in (emotion, openness, gaze, self.kp.flatten(1))]
        self.frame += count
        return system.condition_rows(sound, *parts)

    def _drawn(self, conditions: Tensor, start: Tensor) -> Tensor:
        """One window (L, 265) by DDIM with guidance; the noise is that of every window, as in the original."""
        dit, weight = self.system.dit, self.controls.guidance
        tokens, vector = dit.encoded(conditions[None])
        empty = dit.unconditioned(tokens, vector, torch.ones(1, dtype=torch.bool))
        tokens, vector = torch.cat([tokens, empty[0]]), torch.cat([vector, empty[1]])

        def clean(noisy: Tensor, step: Tensor) -> Tensor:
            pair = dit(noisy.expand(2, -1, -1), start.expand(2, -1), step.expand(2), tokens, vector)
            return guided(pair[:1], pair[1:], weight)

        return ddim(self.system.schedule, clean, self.noise, self.steps, self.fresh, self.system.config.eta)[0]

    def _shown(self, drawn: Tensor, last: bool) -> VideoResult | None:
        motion = self._smooth(self.system.unstandard(drawn), last)
        if not len(motion):
            return None
        pose = self._driven(Pose.of(motion))
        return self._painted(pose)

    def _smooth(self, motion: Tensor, last: bool) -> Tensor:
        """The mean of three frames of everything but the expression; a frame waits for the next one."""
        before = self._raw
        rows = torch.cat([before, motion])
        new = range(max(0, len(before) - 1), len(rows) - (0 if last else 1))
        self._raw = rows[-2:]
        out = [rows[max(0, i - 1) : i + 2].mean(0, keepdim=True) for i in new]
        kept = torch.cat([rows[i : i + 1] for i in new]) if len(new) else rows[:0]
        if len(new):
            kept = torch.cat([torch.cat(out)[:, POSE], kept[:, POSE.stop :]], 1)
        return kept

    def _driven(self, made: Pose) -> Pose:
        """The source's pose plus what has been generated since the first frame (relative), only the keypoints that
        follow; then the angles that were asked for."""
        c, here = self.controls, self.pose
        if self.first is None:
            self.first = Pose(made.scale[:1], made.angles[:1], made.t[:1], made.exp[:1])
        base = self.first if c.drive == "relative" else here
        follows = torch.zeros(KEYPOINTS, 1)
        follows[list(c.follows)] = 1
        delta = held(c.delta, len(made.scale), self.shown)
        return Pose(
            here.scale + c.alpha_pose * (made.scale - base.scale),
            here.angles + c.alpha_pose * (made.angles - base.angles) + delta,
            here.t + c.alpha_pose * (made.t - base.t),
            here.exp + c.alpha_exp * follows * (made.exp - base.exp),
        )

    def _painted(self, pose: Pose) -> VideoResult:
        """Frame by frame, so that a picture does not depend on which others came with it."""
        source, stitched, frames = self.pose.keypoints(self.kp), self._stitched(pose), []
        for x in stitched:
            made = self.system.renderer.paint(self.look, source, x[None])[0].permute(1, 2, 0)
            frames.append(self.source.laid((made * 255 + 0.5).clamp(0, 255).to(torch.uint8).numpy()))
        self.shown += len(frames)
        return VideoResult(FPS, np.stack(frames), self._told(pose, stitched))

    def _stitched(self, pose: Pose) -> Tensor:
        source = self.pose.keypoints(self.kp)
        return torch.cat([self.system.renderer.stitching(source, x[None]) for x in pose.keypoints(self.kp)])

    def _told(self, pose: Pose, stitched: Tensor) -> dict[str, np.ndarray]:
        said = torch.cat([pose.scale, pose.angles, pose.t, pose.exp.flatten(1)], 1)
        side = self.source.box[2] / 2
        corner = torch.tensor([*self.source.box[:2], 0.0], dtype=torch.float32)
        pixels = (stitched + torch.tensor([1.0, 1.0, 0.0])) * float(side) + corner
        return {"motion": said.numpy(), "keypoints": pixels.numpy()}


def joined(parts: Sequence[VideoResult | None]) -> VideoResult:
    """Results one after the other."""
    kept = [part for part in parts if part is not None]
    tracks: dict[str, Any] = {name: np.concatenate([p.tracks[name] for p in kept]) for name in kept[0].tracks}
    return VideoResult(kept[0].fps, np.concatenate([p.frames for p in kept]), tracks)
