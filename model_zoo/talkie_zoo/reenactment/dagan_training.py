"""The losses of DaGAN's two stages, as functions of networks and pictures; the weights are the published ones. Roles
and phases are in dagan.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from talkie_zoo.blocks.depth_net import DepthNet, EgoMotionNet
from talkie_zoo.blocks.keypoints import crowding, equivariance
from talkie_zoo.blocks.patch_critic import critic_loss, feature_matching, generator_loss
from talkie_zoo.blocks.plane import gaussians
from talkie_zoo.blocks.thin_plate import ThinPlate
from talkie_zoo.blocks.view_synthesis import at_size, depth_of, least_reprojection, photometric, smoothness, synthesised
from talkie_zoo.reenactment.dagan_networks import Reenactor

PERCEPTUAL, ADVERSARIAL, MATCHING, EQUIVARIANCE, CROWDING, SMOOTHNESS = 10.0, 1.0, 10.0, 10.0, 10.0, 1e-3


def depth_losses(depth: DepthNet, ego: EgoMotionNet, triplets: Tensor, least: bool = True) -> dict[str, Tensor]:
    """triplets (B, 3, 3, H, W): a frame between its neighbours. Means over the four sizes of the disparity.

    least: at each pixel the least error counts, of the syntheses and of the neighbours as they are, as published. Else
    all syntheses count: where the least one does, a motion that is wrong for a pair costs it nothing, since the
    neighbours as they are cost less, and one motion for all pairs is learned that suits some of them."""
    before, frame, after = triplets.unbind(1)
    neighbours = (before, after)
    still = torch.cat([photometric(frame, neighbour) for neighbour in neighbours], 1)
    motions = [ego(frame, neighbour) for neighbour in neighbours]
    apart, rough = [], []
    for scale, disparity in enumerate(depth(frame)):
        whole = depth_of(at_size(disparity, *frame.shape[-2:]))
        made = [synthesised(n, whole, *motion) for n, motion in zip(neighbours, motions, strict=True)]
        if least:
            apart.append(least_reprojection(frame, made, still))
        else:
            apart.append(torch.stack([photometric(frame, picture) for picture in made]).mean())
        small = nn.functional.adaptive_avg_pool2d(frame, disparity.shape[-2:])
        rough.append(SMOOTHNESS / 2**scale * smoothness(disparity, small))
    return {"photometric": torch.stack(apart).mean(), "smoothness": torch.stack(rough).mean()}


@dataclass(frozen=True)
class Pair:
    """Two pictures (B, 3, H, W) of one clip, with their disparity (B, 1, H, W)."""

    source: Tensor
    driving: Tensor
    source_depth: Tensor
    driving_depth: Tensor


DepthOf = Callable[[Tensor, ThinPlate], Tensor]
"""The disparity (B, 1, H, W) of driving pictures (B, 3, H, W) that a thin plate has bent."""


@dataclass(frozen=True)
class Made:
    """What the critic judges after the generator, detached: the picture, and where the driving points are."""

    picture: Tensor
    place: Tensor


def generator_losses(
    reenactor: Reenactor, critic: nn.Module, perceptual: nn.Module, depth_of: DepthOf, pair: Pair, pixel: float
) -> tuple[dict[str, Tensor], Made]:
    """Named losses of detector, motion and generator, and what the critic is shown."""
    here = reenactor.points(pair.source, pair.source_depth)
    there = reenactor.points(pair.driving, pair.driving_depth)
    made = reenactor(pair.source, pair.source_depth, here, there).picture
    bent = ThinPlate.draw(len(made), made)
    moved = bent.picture(pair.driving)
    with torch.no_grad():
        moved_depth = depth_of(moved, bent) if reenactor.rgbd else pair.driving_depth
    place, jacobian = equivariance(there, reenactor.points(moved, moved_depth), bent)
    real, _ = critic(with_heat(pair.driving, there.place))
    fake, scores = critic(with_heat(made, there.place))
    losses = {
        "perceptual": PERCEPTUAL * perceptual(pair.driving, made),
        "adversarial": ADVERSARIAL * generator_loss(scores),
        "matching": MATCHING * feature_matching(real, fake),
        "equivariance": EQUIVARIANCE * place,
        "equivariance_jacobian": EQUIVARIANCE * jacobian,
        "crowding": CROWDING * crowding(there.place),
    }
    if pixel:
        losses["pixel"] = pixel * (made - pair.driving).abs().mean()
    return losses, Made(made.detach(), there.place.detach())


def critic_losses(critic: nn.Module, driving: Tensor, made: Made) -> dict[str, Tensor]:
    """The critic's: the driving picture is real, what the generator made of it is not."""
    real, fake = (critic(with_heat(picture, made.place))[1] for picture in (driving, made.picture))
    return {"critic": critic_loss(real, fake)}


def with_heat(pictures: Tensor, place: Tensor) -> Tensor:
    """Pictures and a Gaussian for each point (B, K, 2), which no gradient passes: (B, 3 + K, H, W)."""
    return torch.cat([pictures, gaussians(place.detach(), *pictures.shape[-2:])], 1)
