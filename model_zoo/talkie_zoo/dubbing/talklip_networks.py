"""What TalkLip trains to speak: sound to features, features to a painted face, and the critic of that face. The expert
that reads it, and how all are trained, is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from talkie.errors import BadConfig
from talkie_zoo.blocks.contrastive_sync import ContrastiveSync
from talkie_zoo.blocks.inpainter import FaceInpainter, QualityCritic
from talkie_zoo.blocks.lip_expert import LipExpert
from talkie_zoo.blocks.paste import cut, part_of, paste
from talkie_zoo.blocks.phone_ctc import PhoneAudio
from talkie_zoo.dubbing.talklip_config import TalkLipConfig

GREY = (0.299, 0.587, 0.114)
"""ITU-R BT.601's luma, which cv2 turns colours into grey with."""


class Dubber(nn.Module):
    """The generator with everything that is trained beside it."""

    def __init__(self, c: TalkLipConfig):
        super().__init__()
        self.audio = PhoneAudio(c.audio_width, c.audio_layers, c.heads, c.feedforward, c.dropout, c.reach, c.groups)
        self.face = FaceInpainter(
            c.face, c.audio_width, c.encoder, c.decoder, c.depth, c.from_reference, c.heard_everywhere
        )
        self.critic = QualityCritic(c.face, c.critic)
        self.sync = ContrastiveSync(c.audio_width, c.expert_width)

    def persuades(self, made: Tensor) -> Tensor:
        """Cross entropy of the critic taking painted faces for true."""
        return F.softplus(-self.critic(made)).mean()

    def judged(self, true: Tensor, made: Tensor) -> Tensor:
        """The critic's own cross entropy."""
        return F.softplus(-self.critic(true)).mean() + F.softplus(self.critic(made)).mean()


def lip_expert(c: TalkLipConfig) -> LipExpert:
    """The reader that a config describes."""
    return _reader(c, c.expert_front, c.expert_width, c.expert_layers, c.expert_decoder_layers, c.expert_centred)


def lip_observer(c: TalkLipConfig) -> LipExpert:
    """A second reader: half as wide again at every stage of its front, which has one less; two thirds as wide behind
    it, with half the layers; and without what differs from the window's mean."""
    front = tuple(3 * width // 2 for width in c.expert_front[:-1])
    width = max(8, 2 * c.expert_width // 3 // 8 * 8)
    return _reader(c, front, width, max(1, c.expert_layers // 2), max(1, c.expert_decoder_layers // 2), False)


def _reader(
    c: TalkLipConfig, front: Sequence[int], width: int, layers: int, decoder_layers: int, centred: bool
) -> LipExpert:
    return LipExpert(
        front,
        c.expert_blocks,
        width,
        layers,
        decoder_layers,
        c.heads,
        c.feedforward,
        c.dropout,
        c.reach,
        c.groups,
        centred,
    )


def grey(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W)."""
    return (pictures * pictures.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)


def mouths_of(frames: Tensor, boxes: Tensor, c: TalkLipConfig) -> Tensor:
    """What the expert sees of grey frames (N, 1, H, W) with face boxes (N, 3): (N, mouth, mouth)."""
    return cut(frames, part_of(boxes, c.mouth_centre, c.mouth_share), c.mouth)[:, 0]


def shown(faces: Tensor, frames: Tensor, boxes: Tensor, c: TalkLipConfig) -> Tensor:
    """The mouths (N, mouth, mouth) that the expert sees once faces (N, 3, S, S) were put back into the grey frames."""
    return mouths_of(paste(frames, grey(faces), boxes), boxes, c)


def load_part(part: nn.Module, path: str, what: str) -> None:
    """Brings a part's tensors from a safetensors file. Raises BadConfig for a file that is none or does not fit."""
    try:
        part.load_state_dict(load_file(Path(path)))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise BadConfig(
            f"{what} cannot be taken from it ({reason:.80})", where=path, cure="name safetensors of this very module"
        ) from error


@torch.no_grad()
def painted(dubber: Dubber, faces: Tensor, references: Tensor, content: Tensor, at_once: int = 64) -> Tensor:
    """Faces (T, 3, S, S) with references (T, 3, S, S), a few in work at a time."""
    parts = [slice(first, first + at_once) for first in range(0, len(faces), at_once)]
    return torch.cat([dubber.face(faces[part], references[part], content[part]) for part in parts])
