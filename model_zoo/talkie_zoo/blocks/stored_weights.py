"""Weights of a published network from a folder of safetensors into a module of ours that has the same names. Models
trained on this platform are stored and loaded by `talkie.systems.weights`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from talkie.errors import BadConfig

FILE = "diffusion_pytorch_model.safetensors"
"""What diffusers calls the weights of one network of a pipeline."""


def load_named(
    module: nn.Module, folder: Path, own: Sequence[str] = (), renamed: Mapping[str, str] | None = None
) -> None:
    """Copies every tensor of `folder` into `module`, those whose names begin with one of `own` excepted: they have no
    counterpart there. `renamed`: parts of names as the file has them -> as the module has them.

    Raises BadConfig for a folder without the file, and for the first names without a counterpart of their shape."""
    path = folder / FILE
    if not path.is_file():
        raise BadConfig("no weights are stored here", where=str(folder), cure=f"name a folder that holds {FILE}")
    theirs = {}
    for name, tensor in load_file(path).items():
        for old, new in (renamed or {}).items():
            name = name.replace(old, new)
        theirs[name] = tensor
    mine = {name: tensor for name, tensor in module.state_dict().items() if not name.startswith(tuple(own))}
    # Linear layers that were 1 x 1 convolutions in some versions have the same numbers.
    fits = {n: t.reshape(mine[n].shape) for n, t in theirs.items() if n in mine and t.numel() == mine[n].numel()}
    wrong = sorted((mine.keys() - fits.keys()) | (theirs.keys() - fits.keys()))
    if wrong:
        raise BadConfig(
            f"{len(wrong)} tensors do not fit, first {', '.join(wrong[:3])}",
            where=str(path),
            cure="use the sizes of the network that was stored",
        )
    module.load_state_dict(fits, strict=False)
