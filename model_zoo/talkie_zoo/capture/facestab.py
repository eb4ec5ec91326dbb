"""FaceStab (Bednarik et al., Eurographics 2024, arXiv 2411.15074): the rigid motion that lays the skulls of two meshes
of one person on each other. Its training heads are in facestab_heads.py, what it claims in facestab_claims.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from talkie.clip import Clip
from talkie.errors import BadInput
from talkie.heads import builtin_head
from talkie.heads.rigid import rigid_motion
from talkie.heads.rotations import matrix_to_axis_angle
from talkie.systems.contract import Batch, Card, Example, System, SystemConfig
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Optimiser, Phase, Schedule
from talkie.systems.tasks.capture import CaptureRequest, CaptureResult
from talkie_zoo.blocks.head_model import head_model, shared_head
from talkie_zoo.blocks.rigid import Rigid, rotation_of
from talkie_zoo.capture.facestab_heads import Extremes, drawn_motion, misregistered, motion_of, posed, shell_of

_SCALE_M, _STEP_M = 0.1, 0.01


class FaceStabConfig(SystemConfig):
    """Sizes and schedule. `points`: vertices of the shell that the network sees (0: all); `meshes`: how many of each
    drawn identity are laid on each other in a step, in every order; `batch`: identities of a step."""

    extractor: Literal["mlp", "pointnet"] = "mlp"
    points: int = Field(0, ge=0)
    width: int = Field(512, ge=8)
    code: int = Field(256, ge=4)
    regressor: int = Field(256, ge=4)
    meshes: int = Field(8, ge=2)
    batch: int = Field(8, ge=1)
    active: float = Field(0.2, gt=0, le=1)
    jaw_rad: float = Field(0.4, ge=0)
    neck_rad: float = Field(0.4, ge=0)
    noise_mm: float = Field(0.3, ge=0)
    drift_mm: float = Field(0.3, ge=0)
    learning_rate: float = Field(1e-3, gt=0)
    steps: int = Field(1, ge=1)

    @property
    def extremes(self) -> Extremes:
        return Extremes(self.active, self.jaw_rad, self.neck_rad, self.noise_mm / 1e3, self.drift_mm / 1e3)


class FaceStab(System):
    """Crop -> rigid pre-alignment -> one shared extractor for both meshes -> rotation and translation that remain.

    The project's page draws the parts and names no sizes; layers, the 6D rotation, the loss (mean distance of the
    source's shell under the predicted and the true motion) and the schedule are a reconstruction. Decided here: the
    skull is where upper teeth and ears are, so that the truth is exact; identities are drawn from the head model's
    prior, and the corpus gives recorded expressions for half of the meshes; all ordered pairs of an identity's meshes
    in a step make a batch, in which pairs onto the neutral mesh weigh as much as all others. Random rigid motions of
    the inputs are left out: the pre-alignment takes them away exactly, which is a claim.
    """

    card: ClassVar[Card] = Card(
        slug="facestab",
        title="Learning to Stabilize Faces",
        paper="arXiv 2411.15074, Eurographics 2024",
        task="capture",
        licence="no code published (project page CC BY-NC 4.0)",
        needs=("head.npz",),
        controls=("anchor",),
        summary="Regresses the rigid motion between the skulls of two tracked meshes, whatever their expressions.",
        gaps=(
            "meshes of another topology than the head model's",
            "the sizes of the published network are not known: those of `paper` are ours",
        ),
    )
    Config: ClassVar[type[SystemConfig]] = FaceStabConfig
    presets: ClassVar[Mapping[str, SystemConfig]] = {
        "micro": FaceStabConfig(points=60, width=32, code=16, regressor=16, meshes=3, batch=2, steps=8),
        "tiny": FaceStabConfig(points=500, width=256, code=128, regressor=128, batch=6, steps=1200),
        "paper": FaceStabConfig(batch=16, steps=20_000),
    }
    bar: ClassVar[Bar] = Bar(over_baseline=0.5, metric="skull_error")
    config: FaceStabConfig
    template: Tensor

    def __init__(self, config: SystemConfig):
        super().__init__(config)
        self.head_name = ""

    def prepare(self, clips: Iterable[Clip]) -> None:
        """Takes the head model of the clips. Raises NotADataset without clips, BadInput where clips disagree about it
        or it has no teeth to tell the skull by."""
        self._build(shared_head(clips))

    @property
    def constants(self) -> dict[str, Any]:
        return {"head": self.head_name}

    def restore(self, constants: dict[str, Any]) -> None:
        self._build(constants["head"])

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        return {"head": builtin_head().name}

    def _build(self, head_name: str) -> None:
        c = self.config
        self.head_name, self.head = head_name, head_model(head_name)
        self.shell = torch.as_tensor(shell_of(self.head, c.points))
        self.register_buffer("template", self.head.template[self.shell].clone(), persistent=False)
        self.extractor: nn.Module
        if c.extractor == "mlp":
            self.extractor = nn.Sequential(
                nn.Flatten(-2), *_layers(3 * len(self.shell), c.width, c.width), nn.Linear(c.width, c.code)
            )
        else:
            self.extractor = PointNet(c.width, c.code)
        last = nn.Linear(c.regressor, 9)
        # What it says before it has learnt anything is the pre-alignment: Procrustes.
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.regressor = nn.Sequential(*_layers(2 * c.code, c.regressor, c.regressor), last)

    # --- training -----------------------------------------------------------------------------------------------

    def phases(self) -> tuple[Phase, ...]:
        c = self.config
        adam = Optimiser(c.learning_rate, algorithm="adamw", schedule=Schedule("cosine", final=0.01), clip_norm=1.0)
        return (Phase("pairs", c.steps, {"model": adam}, batch_size=c.batch),)

    def example(self, clip: Clip, draw: Draw) -> Example:
        """The clip's recorded motion (T, E + 6)."""
        return {"id": clip.id, "motion": motion_of(clip.fields["head.npz"])}

    @torch.no_grad()
    def collate(self, examples: Sequence[Example]) -> Batch:
        """For every clip a person of the model's prior in `meshes` motions: shells (B, M, N, 3) and skulls (B, M)."""
        c = self.config
        motion = torch.cat([drawn_motion(e["motion"], c.meshes, c.extremes) for e in examples])
        identity = torch.randn(len(examples), len(self.head.identity_names)).repeat_interleave(c.meshes, 0)
        meshes, skull = posed(self.head, identity, motion)
        parts = {"shell": misregistered(meshes[:, self.shell], c.extremes), "R": skull.R, "t": skull.t}
        return {"ids": [e["id"] for e in examples], **{n: v.unflatten(0, (-1, c.meshes)) for n, v in parts.items()}}

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Half the mean distance, in centimetres, between where the source's shell was laid and where it belongs; once
        over pairs onto the neutral mesh, once over all others."""
        shell, skull = batch["shell"], Rigid(batch["R"], batch["t"])
        source, target = (list(rows) for rows in zip(*permutations(range(shell.shape[1]), 2), strict=True))
        there, here = (Rigid(skull.R[:, rows], skull.t[:, rows]) for rows in (target, source))
        wanted = there.after(here.undone()).move(shell[:, source]).flatten(0, 1)
        moved = shell[:, source].flatten(0, 1)
        found = self.between(moved, shell[:, target].flatten(0, 1)).move(moved)
        off = (found - wanted).norm(dim=-1).mean(-1).unflatten(0, (len(shell), -1))
        neutral = torch.tensor(target) == 0
        return {"to_neutral": 50 * off[:, neutral].mean(), "to_others": 50 * off[:, ~neutral].mean()}

    # --- use ----------------------------------------------------------------------------------------------------

    def between(self, source: Tensor, target: Tensor) -> Rigid:
        """The motion that lays the source's skull on the target's: shells (B, N, 3), metres, in their own frames."""
        with torch.no_grad():
            to_template = Rigid(*rigid_motion(target, self.template.expand_as(target)))
            laid = to_template.move(target)
            to_target = Rigid(*rigid_motion(source, laid))
            near = to_target.move(source)
        seen = (torch.stack([laid, near]) - self.template) / _SCALE_M
        numbers = self.regressor(torch.cat([*self.extractor(seen)], dim=-1))
        turn = rotation_of(numbers[..., :6] + numbers.new_tensor([1.0, 0, 0, 0, 1.0, 0]))
        # About the middle of the shell, so that a small turn is a small motion.
        middle = self.template.mean(0)
        left = Rigid(turn, middle - turn @ middle + _STEP_M * numbers[..., 6:])
        return to_template.undone().after(left.after(to_target))

    @torch.no_grad()
    def generate(self, request: CaptureRequest) -> CaptureResult:
        """Every mesh of `request.meshes` laid on that of frame `controls["anchor"]` (0). Raises BadInput for a request
        without meshes, of another topology, or with an anchor that is not there."""
        meshes = request.meshes
        if meshes is None:
            raise BadInput("facestab stabilises meshes", cure="send `meshes`, a tracked surface of one topology")
        if meshes.shape[1] != len(self.head.template):
            raise BadInput(
                f"meshes of {meshes.shape[1]} vertices; {self.head_name} has {len(self.head.template)}",
                cure="register them to the head model that was trained on",
            )
        anchor = int(request.controls.get("anchor", 0))
        if not 0 <= anchor < len(meshes):
            raise BadInput(f"no frame {anchor} among {len(meshes)}", cure="name a frame of the recording as anchor")
        self.eval()
        whole = torch.as_tensor(meshes, dtype=torch.float32)
        found = self.between(whole[:, self.shell], whole[anchor, self.shell].expand(len(whole), -1, -1))
        return CaptureResult(
            rotation=matrix_to_axis_angle(found.R).numpy(),
            translation=found.t.numpy(),
            vertices=found.move(whole).numpy(),
        )

    def claims(self) -> tuple[Claim, ...]:
        from talkie_zoo.capture.facestab_claims import claims

        return claims(self)


class PointNet(nn.Module):
    """A code of points in any order: layers a point, then the largest answer of each channel (Qi et al., CVPR 2017)."""

    def __init__(self, width: int, code: int):
        super().__init__()
        self.points, self.whole = nn.Sequential(*_layers(3, width // 4, width)), nn.Linear(width, code)

    def forward(self, points: Tensor) -> Tensor:
        return self.whole(self.points(points).amax(-2))


def _layers(*widths: int) -> list[nn.Module]:
    """Linear, LayerNorm and GELU between the widths."""
    made: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        made += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.GELU()]
    return made
