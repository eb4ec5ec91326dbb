"""What FaceStab's card claims, as measurements on heads of held-out people whose skulls are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from talkie.clip import Clip
from talkie.heads.rigid import rigid_motion
from talkie.heads.rotations import axis_angle_to_matrix
from talkie.systems.measurement import Claim, Measurement, at_least, at_most, measured
from talkie.systems.tasks.capture import CaptureRequest, request_of, skull_rows
from talkie_zoo.blocks.correlation import correlation
from talkie_zoo.blocks.rigid import Rigid
from talkie_zoo.capture.facestab_heads import drawn_motion, motion_of, posed

if TYPE_CHECKING:
    from talkie_zoo.capture.facestab import FaceStab

PAIRS = 32
"""Pairs that are drawn of each held-out person."""
_UPPER_LIP, _LOWER_LIP = 13, 14
Stabiliser = Callable[[Tensor, Tensor], Rigid]


def claims(system: FaceStab) -> tuple[Claim, ...]:
    """The claims that a trained system can be held to."""
    upper = torch.isin(system.shell, torch.as_tensor(system.head.regions["upper_face"]))

    def procrustes_upper(source: Tensor, target: Tensor) -> Rigid:
        return Rigid(*rigid_motion(source[:, upper], target[:, upper]))

    def procrustes(source: Tensor, target: Tensor) -> Rigid:
        return Rigid(*rigid_motion(source, target))

    return (
        at_most(0.5, "against Procrustes", "the skull error is at most half of Procrustes' over the whole shell",
                partial(over_rival, system, procrustes)),
        at_most(0.8, "against upper face", "the skull error is at most 0.8 of Procrustes' over the upper face",
                partial(over_rival, system, procrustes_upper)),
        at_most(0.2, "blinks do not leak", "eyes that close alone move the skull by less than 0.2 mm (median)",
                partial(leak, system, ("eyeBlinkLeft", "eyeBlinkRight"), 0.0)),
        at_most(0.2, "the jaw does not leak", "a jaw that opens alone moves the skull by less than 0.2 mm (median)",
                partial(leak, system, (), 0.3)),
        at_most(1e-3, "equivariance", "moving the inputs moves the answer likewise, within 1e-3 mm",
                partial(equivariance, system)),
        at_most(0.3, "swap", "there and back is nowhere, within 0.3 mm (mean)", partial(there_and_back, system)),
        at_most(0.1, "steadiness", "of the way of a skull vertex in a talking clip at most 10 % stays",
                partial(unsteadiness, system)),
        at_least(0.99, "lips are kept", "the opening of the lips correlates above 0.99 with that of the clip itself",
                 partial(lips_kept, system)),
    )  # fmt: skip


@torch.no_grad()
def over_rival(system: FaceStab, rival: Stabiliser, clips: Sequence[Clip]) -> Measurement:
    """Mean skull error over that of a rival, on pairs of drawn and recorded expressions of held-out people."""
    ours, theirs = (np.concatenate([_errors(system, way, clip) for clip in clips]) for way in (_own(system), rival))
    protocol = {"rival mm": f"{1e3 * theirs.mean():.3f}", "ours mm": f"{1e3 * ours.mean():.3f}"}
    return measured(
        "skull error over the rival's", ours.mean() / theirs.mean(), "ratio", len(ours), "pair", clips, protocol
    )


@torch.no_grad()
def leak(system: FaceStab, names: Sequence[str], jaw: float, clips: Sequence[Clip]) -> Measurement:
    """Median motion of the skull, mm, that is found between a neutral face and one that only makes the expressions
    `names` and opens the jaw by `jaw` radians; the true one is none."""
    system.eval()
    motion = torch.zeros(2, len(system.head.expression_names) + 6)
    motion[1, [system.head.expression_names.index(name) for name in names]] = 1.0
    motion[1, -6] = jaw
    found = []
    for clip in clips:
        meshes, _ = posed(system.head, _identity(clip).expand(2, -1), motion)
        rest, moved = meshes[:1], meshes[1:]
        laid = system.between(moved[:, system.shell], rest[:, system.shell])
        skull = rest[:, skull_rows(system.head)]
        found.append(float((laid.move(skull) - skull).norm(dim=-1).mean()))
    return measured(
        "skull motion", 1e3 * float(np.median(found)), "mm", len(found), "person", clips, {"jaw": f"{jaw} rad"}
    )


@torch.no_grad()
def equivariance(system: FaceStab, clips: Sequence[Clip]) -> Measurement:
    """Largest distance, mm, between an answer for inputs that were moved about at random, and the answer for inputs as
    they were, moved likewise."""
    system.double().eval()
    worst = 0.0
    for number, clip in enumerate(clips):
        source, target = (shell.double() for shell in _pairs(system, clip)[:2])
        with torch.random.fork_rng():
            torch.manual_seed(number)
            first, second = (
                Rigid(axis_angle_to_matrix(torch.randn(len(source), 3).double()), torch.randn(len(source), 3).double())
                for _ in range(2)
            )
        moved = system.between(first.move(source), second.move(target))
        still = second.after(system.between(source, target).after(first.undone()))
        at = first.move(source)
        worst = max(worst, float((moved.move(at) - still.move(at)).norm(dim=-1).max()))
    system.float()
    return measured("distance", 1e3 * worst, "mm", PAIRS * len(clips), "pair", clips, {"precision": "float64"})


@torch.no_grad()
def there_and_back(system: FaceStab, clips: Sequence[Clip]) -> Measurement:
    """Mean distance, mm, of the source's shell from itself after its way to the target and the target's way back."""
    off = []
    for clip in clips:
        source, target, *_ = _pairs(system, clip)
        both = system.eval().between(target, source).after(system.between(source, target))
        off.append((both.move(source) - source).norm(dim=-1).mean(-1))
    return measured("distance", 1e3 * float(torch.cat(off).mean()), "mm", PAIRS * len(clips), "pair", clips)


def unsteadiness(system: FaceStab, clips: Sequence[Clip]) -> Measurement:
    """Standard deviation of the skull's vertices over a clip after stabilisation, over that before; mean over clips."""
    rows, kept = skull_rows(system.head), []
    for clip in clips:
        meshes, stable = _stabilised(system, clip)
        after, before = (vertices[:, rows].std(0).mean() for vertices in (stable, meshes))
        kept.append(float(after / before))
    return measured("of the motion left", float(np.mean(kept)), "ratio", len(kept), "clip", clips)


def lips_kept(system: FaceStab, clips: Sequence[Clip]) -> Measurement:
    """Smallest correlation over clips of the height between the inner lips, along the first frame's up, with the
    clip's own in its head frame."""
    found = []
    for clip in clips:
        head, track = system.head, clip.fields["head.npz"]
        _, stable = _stabilised(system, clip)
        lips = head.landmarks(torch.as_tensor(stable))[:, [_UPPER_LIP, _LOWER_LIP]].numpy()
        up = axis_angle_to_matrix(torch.as_tensor(track.rotation[:1], dtype=torch.float32))[0, :, 1].numpy()
        own, _ = posed(head, _identity(clip).expand(len(track), -1), _still(motion_of(track)))
        true = head.landmarks(own)[:, [_UPPER_LIP, _LOWER_LIP], 1].numpy()
        opening = ((lips[:, 0] - lips[:, 1]) @ up, true[:, 0] - true[:, 1])
        found.append(correlation(*opening))
    return measured("correlation", min(found), "r", len(found), "clip", clips)


def _stabilised(system: FaceStab, clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    request = request_of(clip)
    assert request.meshes is not None
    answer = system.generate(CaptureRequest(meshes=request.meshes))
    assert answer.vertices is not None
    return request.meshes, answer.vertices


def _own(system: FaceStab) -> Stabiliser:
    return system.eval().between


def _pairs(system: FaceStab, clip: Clip) -> tuple[Tensor, Tensor, Tensor, Rigid]:
    """Shells of sources and targets (P, N, 3) of a held-out person, the sources' skulls (P, K, 3) and the true motions;
    the same for every system that is asked."""
    motion = motion_of(clip.fields["head.npz"])
    with torch.random.fork_rng():
        torch.manual_seed(int(clip.id[:8], 16))
        both = [drawn_motion(motion, PAIRS + 1, system.config.extremes)[1:] for _ in range(2)]
    meshes, skull = posed(system.head, _identity(clip).expand(2 * PAIRS, -1), torch.cat(both))
    shells, at = meshes[:, system.shell], meshes[:PAIRS, skull_rows(system.head)]
    true = Rigid(skull.R[PAIRS:], skull.t[PAIRS:]).after(Rigid(skull.R[:PAIRS], skull.t[:PAIRS]).undone())
    return shells[:PAIRS], shells[PAIRS:], at, true


def _errors(system: FaceStab, way: Stabiliser, clip: Clip) -> np.ndarray:
    source, target, skull, true = _pairs(system, clip)
    return (way(source, target).move(skull) - true.move(skull)).norm(dim=-1).mean(-1).numpy()


def _still(motion: Tensor) -> Tensor:
    """The same motion without the neck's."""
    return torch.cat([motion[:, :-3], torch.zeros_like(motion[:, -3:])], dim=1)


def _identity(clip: Clip) -> Tensor:
    return torch.as_tensor(clip.fields["head.npz"].identity, dtype=torch.float32)[None]
