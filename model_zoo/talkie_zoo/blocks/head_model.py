"""The head model that clips are tracked with, by its name."""

from __future__ import annotations

from talkie.errors import BadInput
from talkie.heads import HeadModel, builtin_head


def head_model(name: str) -> HeadModel:
    """The head model that clips name. Raises BadInput for one that this version cannot load."""
    head = builtin_head()
    if name != head.name:
        raise BadInput(f"clips are fitted with the head model {name!r}", cure=f"curate them with {head.name!r}")
    return head
