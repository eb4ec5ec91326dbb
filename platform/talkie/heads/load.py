"""One name for every head: `load_head` finds out what a path is and calls the loader for it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from talkie.errors import BadInput
from talkie.heads.builtin import builtin_head
from talkie.heads.flame import is_flame, load_flame
from talkie.heads.head_file import is_head, read_head
from talkie.heads.ict import is_ict, load_ict
from talkie.heads.model import HeadModel

BUILTIN = "builtin"
KINDS = "give 'builtin', an ICT-FaceKit folder or npz, a FLAME .pkl or .npz, or an npz written by save_head"


def load_head(spec: str | Path = BUILTIN) -> HeadModel:
    """The head that `spec` names: "builtin", or the path of an ICT-FaceKit folder or npz, of a FLAME .pkl or .npz,
    or of an npz as `save_head` writes it. The last four are kept, so that a second call is free until the file
    changes. Raises BadInput of one line, with the cure."""
    if str(spec) == BUILTIN:
        return builtin_head()
    path = Path(spec).expanduser()
    if not path.exists():
        raise BadInput("no such head", where=str(path), cure=KINDS)
    return _load(path.resolve(), path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: Path, changed_ns: int) -> HeadModel:
    if is_ict(path):
        return load_ict(path)
    if is_flame(path):
        return load_flame(path)
    if is_head(path):
        return read_head(path)
    raise BadInput("not a head model that is known here", where=str(path), cure=KINDS)
