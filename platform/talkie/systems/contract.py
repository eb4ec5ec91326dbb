"""The contract of a system: one published method as a torch module with a card, a config, training phases, named
losses, a typed generate and measurable claims. How systems are trained or found is elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from talkie.clip import Clip
from talkie.errors import NotStreaming
from talkie.systems.inheritance import take_over
from talkie.systems.measurement import Bar, Claim
from talkie.systems.phases import Draw, Moments, Phase
from talkie.systems.streaming import StreamSession

Example = dict[str, Any]
"""One clip as a system sees it: tensors and plain values by name; always with its clip id under "id"."""
Batch = dict[str, Any]
"""Collated examples; always with the clip ids under "ids"."""


class Published(BaseModel):
    """A figure that the authors or others report. `source`: where it stands, and "unverified" where it was not read
    there. It is never compared with a figure of ours unless data and protocol are the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: str
    value: str
    data: str
    source: str


class Card(BaseModel):
    """What a system is and where it comes from.

    `needs`: clip fields read in training; `wants`: fields read where a clip has them; `labels`: those of a clip's
    record without which `prepare` refuses it. `scope`: what one model is
    trained on: a corpus, or one person, whose later takes are then held out instead of other people. `controls`: what
    a request can steer. `parameters`: of the published network, in millions, where they are known. `published`: the
    paper's own figures; `gaps`: what this implementation does not do or was never tried on. `parts`: what stands in
    each pretrained part's place in this run, so that a stand-in is never silent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slug: str
    title: str
    paper: str
    task: str
    licence: str
    needs: tuple[str, ...]
    wants: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    scope: Literal["corpus", "person"] = "corpus"
    streams: bool = False
    controls: tuple[str, ...] = ()
    summary: str = ""
    parameters: float | None = None
    published: tuple[Published, ...] = ()
    gaps: tuple[str, ...] = ()
    parts: dict[str, str] = {}


class SystemConfig(BaseModel):
    """Base of every system's settings: checked whole, unknown names refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class System(nn.Module, ABC):
    """One published method.

    Life: `cls(config)`, then either `prepare(clips)` before training or `restore(constants)` before loading weights;
    both fix every shape that depends on data. A run that begins with a trained model then calls `inherit`. Phase by
    phase: `enter`, and `losses` step by step or one `fit`. Then `generate` and `stream` in use. A system without
    phases needs no training; it is prepared and stored.
    `presets`: "micro" (seconds, for tests of the contract), "tiny" (minutes on two cores) and "paper".
    """

    card: ClassVar[Card]
    Config: ClassVar[type[SystemConfig]]
    presets: ClassVar[Mapping[str, SystemConfig]]
    bar: ClassVar[Bar]

    def __init__(self, config: SystemConfig):
        super().__init__()
        self.config = config
        self.recompute = False

    def describe(self) -> Card:
        """The card of this instance: with `parts` filled in."""
        return self.card

    @abstractmethod
    def prepare(self, clips: Iterable[Clip]) -> None:
        """Takes from the training clips what must be known before the first step (identity table, PCA, scales)."""

    @property
    @abstractmethod
    def constants(self) -> dict[str, Any]:
        """JSON-able result of `prepare` beside the buffers; stored with the weights."""

    @abstractmethod
    def restore(self, constants: dict[str, Any]) -> None:
        """Gives every parameter and buffer its shape, so that a state dict can be loaded."""

    def inherit(self, trained: System) -> None:
        """Takes over what a trained model of this system knows; called after `prepare`, before the first phase. As it
        stands every tensor must have its counterpart; a system whose shapes depend on data says here what of it goes
        on. Raises BadConfig naming what does not fit."""
        take_over(self, trained, self.card.slug)

    @classmethod
    def typical_constants(cls, config: SystemConfig) -> dict[str, Any]:
        """Constants as `prepare` would find them on a corpus like the paper's, so that a preset can be sized on the
        meta device, without a clip and without weights."""
        return {}

    def external(self) -> tuple[str, ...]:
        """Prefixes of state that a path in the config holds already (the base under a LoRA): not stored again."""
        return ()

    # --- training -----------------------------------------------------------------------------------------------

    @abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """Ordered training phases; none for a method that is not trained."""

    def enter(self, phase: str) -> None:
        """Called on every worker before a phase's optimisers are made: copies, freezes, switches parts to eval."""

    def fit(self, phase: str, clips: Iterable[Clip]) -> None:
        """Carries out a phase without optimisers, once for all workers; may change buffers and `constants`."""
        raise NotImplementedError(f"{self.card.slug} has no fitted phase {phase!r}")

    def example(self, clip: Clip, draw: Draw) -> Example:
        """What training keeps of a draw; a function of its arguments and of the weights that the phase began with.
        A whole clip's example is kept from epoch to epoch."""
        raise NotImplementedError(f"{self.card.slug} is not trained by steps")

    def collate(self, examples: Sequence[Example]) -> Batch:
        """Examples as one batch, padded where they differ; torch's random state belongs to the step."""
        raise NotImplementedError(f"{self.card.slug} is not trained by steps")

    def losses(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        """Named scalar losses of one optimiser role, each already weighted: their sum is what is minimised.

        The roles of a step run in order on one batch; a role may leave detached results in it, under names that begin
        with "_", for those after it. `batch["step"]` and `batch["steps"]` tell where in the phase it is.
        """
        raise NotImplementedError(f"{self.card.slug} is not trained by steps")

    def after_step(self, phase: str, step: int, moments: Moments) -> None:
        """Called after every update: moves points, refreshes targets. Shapes stay as they are; what changes must follow
        from weights, buffers and `step` alone, so that every worker does the same."""

    # --- use ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def generate(self, request: Any) -> Any:
        """The task's typed request -> the task's typed result."""

    def stream(self, session: StreamSession) -> Iterator[Any]:
        """Frames out while audio comes in, as the task's results. Raises NotStreaming unless the method can run
        online."""
        raise NotStreaming(
            f"{self.card.slug} hears the whole window before its first frame", cure="send the whole recording instead"
        )

    def claims(self) -> tuple[Claim, ...]:
        """The paper's distinguishing claims as executable measurements on held-out clips."""
        return ()

    def forward(self, batch: Batch, phase: str, role: str) -> dict[str, Tensor]:
        # Engines call forward, so that their hooks (ZeRO gathers parameters in them) run around the losses.
        return self.losses(batch, phase, role)
