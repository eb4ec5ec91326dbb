"""The head model that clips are tracked with: its name, and the model of that name."""

from __future__ import annotations

from collections.abc import Iterable

from talkie.clip import Clip
from talkie.errors import BadInput, NotADataset
from talkie.heads import HeadModel, builtin_head


def shared_head(clips: Iterable[Clip]) -> str:
    """The name of the head model that all of the clips are tracked with. Raises NotADataset without clips, BadInput
    where they disagree."""
    names = {clip.fields["head.npz"].model for clip in clips}
    if not names:
        raise NotADataset("no training clip", cure="record or curate clips of the train split")
    if len(names) > 1:
        raise BadInput(f"clips of several head models: {', '.join(sorted(names))}", cure="train on one of them")
    return str(names.pop())


def head_model(name: str) -> HeadModel:
    """The head model that clips name. Raises BadInput for one that this version cannot load."""
    head = builtin_head()
    if name != head.name:
        raise BadInput(f"clips are fitted with the head model {name!r}", cure=f"curate them with {head.name!r}")
    return head
