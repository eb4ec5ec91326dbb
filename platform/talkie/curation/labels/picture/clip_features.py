"""What CLIP sees in the picture, once a second: optional, with a checkpoint that the user gives; nothing is fetched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from talkie.clip import FPS
from talkie.curation.draft import Annotator, Draft, Findings, Toolbox, View, Watcher
from talkie.errors import BadInput, MissingExtra
from talkie.licences import licence_of
from talkie.media import sha256_file

STRIDE = FPS
"""One frame a second, the first of each: what a picture is about changes slowly."""
_SETTINGS = "preprocessor_config.json"


class ClipFeatures(Annotator):
    """clip.npz: frame (M,) int32, every 25th from 0; feature (M, D) float32, the projected and not normalised image
    embedding of the crop in that frame (Radford et al., Learning transferable visual models, 2021).

    path: a folder as transformers writes it, with config.json, *.safetensors and preprocessor_config.json, of a whole
    CLIP or of its vision half; licence: of these weights. Raises MissingExtra without transformers, BadInput where the
    folder lacks a file or a weight."""

    name: ClassVar[str] = "clip"
    fields: ClassVar[tuple[str, ...]] = ("clip.npz",)

    @classmethod
    def made(cls, tools: Toolbox) -> Annotator:
        network = tools.network("clip", cls.name)
        return cls(network.path, network.licence)

    def __init__(self, path: str | Path, licence: str = "unknown") -> None:
        folder = Path(path)
        self._net, self._prepare = _load(folder), _Prepare(folder)
        self._tool = f"clip {folder.name} sha256:{_digest(folder)[:12]}"
        self.licence = licence_of(licence).name

    @property
    def tool(self) -> str:
        return self._tool

    def start(self) -> Watcher:
        return _Seen(self._net, self._prepare)


class _Seen(Watcher):
    def __init__(self, net: Any, prepare: _Prepare) -> None:
        self._net, self._prepare = net, prepare
        self._count = 0
        self._frames: list[int] = []
        self._features: list[np.ndarray] = []

    def see(self, view: View) -> None:
        number, self._count = self._count, self._count + 1
        if number % STRIDE:
            return
        import torch

        with torch.inference_mode():
            found = self._net(pixel_values=torch.from_numpy(self._prepare(view.crop)[None])).image_embeds[0]
        self._frames.append(number)
        self._features.append(found.numpy().astype(np.float32))

    def finish(self, draft: Draft) -> Findings:
        if not self._frames:
            return Findings()
        arrays = {"frame": np.array(self._frames, np.int32), "feature": np.stack(self._features)}
        return Findings(fields={"clip.npz": arrays})


class _Prepare:
    """A crop as the checkpoint was trained on: scaled to its size (bicubic), its middle cut out, normalised. CLIP's own
    processor needs torchvision, which this platform does without."""

    def __init__(self, folder: Path) -> None:
        settings = _json(folder / _SETTINGS)
        try:
            self._edge, self._size = _side(settings["size"]), _side(settings["crop_size"])
            self._mean, self._std = (np.array(settings[n], np.float32) for n in ("image_mean", "image_std"))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"no usable {error}", where=str(folder / _SETTINGS)) from error

    def __call__(self, crop: np.ndarray) -> np.ndarray:
        """(3, size, size) float32 of a square crop (S, S, 3) uint8 RGB."""
        from PIL import Image

        scaled = Image.fromarray(crop).resize((self._edge, self._edge), Image.Resampling.BICUBIC)
        at = (self._edge - self._size) // 2
        pixels = np.asarray(scaled, np.float32)[at : at + self._size, at : at + self._size] / 255
        return np.ascontiguousarray(((pixels - self._mean) / self._std).transpose(2, 0, 1), np.float32)


def _side(value: Any) -> int:
    """224, {"shortest_edge": 224} and {"height": 224, "width": 224} all stand in checkpoints."""
    if isinstance(value, dict):
        value = value["shortest_edge"] if "shortest_edge" in value else value["height"]
    return int(value)


def _load(folder: Path) -> Any:
    try:
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    except ImportError as error:
        raise MissingExtra("CLIP features need transformers", cure="pip install 'talkie[features]'") from error
    settings = _json(folder / "config.json")
    if not sorted(folder.glob("*.safetensors")):
        raise BadInput("holds no *.safetensors", where=str(folder), cure="save the checkpoint with safetensors")
    try:
        # A whole CLIP states the width of the projection for both its halves, beside them.
        config = CLIPVisionConfig.from_pretrained(folder)
        config.projection_dim = settings.get("projection_dim", config.projection_dim)
        load: Any = CLIPVisionModelWithProjection.from_pretrained
        net, found = load(folder, config=config, local_files_only=True, use_safetensors=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput(str(error).splitlines()[0], where=str(folder), cure="give a CLIP checkpoint") from error
    # transformers would make up what is missing.
    missing = sorted(found["missing_keys"]) + sorted(str(k) for k in found.get("mismatched_keys", ()))
    if missing:
        raise BadInput(f"lacks {len(missing)} weights, such as {missing[0]}", where=str(folder))
    return net.eval()


def _json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(
            f"cannot be read: {error}", where=str(path), cure="give a folder saved by transformers"
        ) from error


def _digest(folder: Path) -> str:
    parts = [sha256_file(path) for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(parts).encode()).hexdigest()
