"""NeRSemble v1 and v2: heads before 16 calibrated cameras at 73 fps; pictures (v1) or a video by camera (v2)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import PICTURES, files, first_of, folders, trouble_with
from talkie_datasets.text import holes, runs

FPS = 73.0
HELD_OUT = frozenset(("222200040", "220700191", "222200043", "221501007"))
"""Cameras that the paper trains without and measures on."""


@dataclass(frozen=True)
class NeRSemble(Dataset):
    """One record per person, sequence and camera. The release of each person is seen from the place of its
    `camera_params.json`: in `calibration/` it is v2, beside `sequences/` it is v1.

    v1 lays a folder per frame with one picture per camera in it, so that the uri of a record is a glob,
    `<sequence>/frame_*/images-2x/cam_<serial>.png`. Label `camera_use` is train or held_out. The empty room
    (BACKGROUND) is no record but the annotation `background` of the same camera (v2)."""

    slug = "nersemble"
    title = "NeRSemble"
    licence = "agreement"
    terms = "NeRSemble terms of use"
    gate = "access form on the NeRSemble project page"
    yields = "one video (v2) or frame sequence (v1) per person, sequence and camera, with the camera file"
    sentinels = ("[0-9][0-9][0-9]/sequences",)
    languages = ("en",)
    expected = Counts(records=170_631)
    counts_verified = True
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        for person in folders(root):
            if not re.fullmatch(r"\d{3}", person.name):
                continue
            newer = person / "calibration" / "camera_params.json"
            older = person / "camera_params.json"
            cameras = first_of(newer, older)
            if cameras is None:
                yield Skipped(printable(newer), "missing_media", "without it the views are not calibrated")
                continue
            for sequence in folders(person / "sequences"):
                if sequence.name != "BACKGROUND":
                    yield from self._v2(sequence, cameras) if cameras == newer else self._v1(sequence, cameras)

    def _v2(self, sequence: Path, cameras: Path) -> Iterator[Item]:
        room = sequence.parent / "BACKGROUND"
        for path in files(sequence / "images", frozenset((".mp4",))):
            serial = path.stem.removeprefix("cam_")
            extra = {
                "background": first_of(room / f"image_{serial}.jpg", room / "images" / f"image_{serial}.jpg"),
                "colours": first_of(cameras.parent / "color_calibration.json"),
            }
            yield self._view(path, sequence, serial, cameras, "v2", extra)

    def _v1(self, sequence: Path, cameras: Path) -> Iterator[Item]:
        by_camera: dict[str, list[Path]] = defaultdict(list)
        all_frames = []
        for frame in folders(sequence):
            if re.fullmatch(r"frame_\d{5}", frame.name):
                all_frames.append(int(frame.name[-5:]))
                for picture in files(_pictures(frame), PICTURES):
                    by_camera[picture.stem.removeprefix("cam_")].append(picture)
        for serial in sorted(by_camera):
            pictures = by_camera[serial]
            numbers = [int(picture.parent.parent.name[-5:]) for picture in pictures]
            place = pictures[0].parent
            pattern = _every_frame(sequence, place.name, pictures[0].name)
            stretches = runs(numbers)
            if len(stretches) > 1 or len(numbers) < len(all_frames):
                lost = holes(stretches) or f"{len(all_frames) - len(numbers)} at an end"
                yield Skipped(printable(pattern), "missing_frames", f"lacks {lost}")
                continue
            trouble = next((t for picture in pictures if (t := trouble_with(picture)) is not None), None)
            if trouble is not None:
                yield Skipped(printable(pattern), *trouble)
                continue
            corrections = sequence.parents[1] / "annotations" / sequence.name / "color_correction"
            extra = {
                "mattes": _mattes(sequence, pictures[0]),
                "colours": first_of(corrections / f"{serial}.npy"),
            }
            yield self._view(pattern, sequence, serial, cameras, "v1", extra, kind="frames", fps=FPS)

    def _view(
        self, path: Path, sequence: Path, serial: str, cameras: Path, release: str, extra: dict[str, Any], **fields: Any
    ) -> Item:
        person = sequence.parents[1].name
        return self.take(
            path,
            key_from(person, sequence.name, f"cam_{serial}"),
            subject=person,
            group=f"nersemble:{person}/{sequence.name}",
            labels={
                "sequence": sequence.name,
                "camera": serial,
                "camera_use": "held_out" if serial in HELD_OUT else "train",
                "release": release,
            },
            annotations={"cameras": cameras, **extra},
            **fields,
        )


def _pictures(frame: Path) -> Path:
    """Where a v1 frame keeps its pictures; the authors' code names the folder in two ways."""
    return first_of(frame / "images-2x", frame / "images-2x-73fps") or frame / "images-2x"


def _every_frame(sequence: Path, folder: str, name: str) -> Path:
    """The glob of one camera's pictures; what is no pattern in the path itself is escaped."""
    return Path(escape(str(sequence)), "frame_*", folder, name)


def _mattes(sequence: Path, picture: Path) -> Path | None:
    """The glob of a v1 camera's alpha maps, which lie beside its pictures; None where the first frame has none."""
    folder = picture.parent.name.replace("images-2x", "alpha_map")
    there = (picture.parents[1] / folder / picture.name).exists()
    return _every_frame(sequence, folder, picture.name) if there else None
