"""Multiface: 13 people's tracked meshes of 7,306 vertices before 40 to 160 cameras, `m--<date>--<time>--<id>--GHS/`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from, printable
from talkie_datasets.files import files, first_of, folders, trouble_with
from talkie_datasets.text import holes, rows, runs

FPS = 30.0


@dataclass(frozen=True)
class Multiface(Dataset):
    """Frames are missing in the release, and frame numbers step by more than one, so time comes from `frame_list.txt`:
    (number - first listed number) / step / 30 s. Each stretch without a hole is a record with `start_s` and `end_s` on
    that clock, which is also the clock of the wav; the holes are told as a skip.

    uri is the folder of meshes, which holds the head pose of every frame (`<frame>_transform.txt`) as well."""

    slug = "multiface"
    title = "Multiface"
    licence = "CC-BY-NC-4.0"
    gate = "open: the authors' repository and its download script"
    yields = "one mesh sequence per expression or sentence and stretch without a hole; cameras, pictures, textures"
    sentinels = ("m--*--GHS",)
    languages = ("en",)
    expected = Counts(identities=13)
    counts_verified = True
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        for person in folders(root):
            match = re.fullmatch(r"m--(\d+)--(\d+)--(\d+)--GHS", person.name)
            if match is None:
                continue
            listed, bad = _frame_list(person / "frame_list.txt")
            yield from bad
            for meshes in folders(person / "tracked_mesh"):
                yield from self._sequence(person, match[3], meshes, listed.get(meshes.name, []))

    def _sequence(self, person: Path, subject: str, meshes: Path, listed: list[int]) -> Iterator[Item]:
        paths = files(meshes, frozenset((".bin",))) or files(meshes, frozenset((".obj",)))
        numbers = sorted(int(path.stem) for path in paths if path.stem.isdigit())
        broken = {int(p.stem): t for p in paths if p.stem.isdigit() and (t := trouble_with(p)) is not None}
        for number, trouble in broken.items():
            yield Skipped(f"{printable(meshes)}:{number:06d}", *trouble)
        numbers = [number for number in numbers if number not in broken]
        clock = sorted(set(listed) | set(numbers))
        if not numbers:
            yield Skipped(printable(meshes), "missing_frames", "holds no mesh")
            return
        step = min((b - a for a, b in pairwise(clock)), default=1)
        stretches = runs(numbers, step)
        lost = sorted(set(listed) - set(numbers))
        if len(stretches) > 1 or lost:
            gaps = holes(stretches, step) or ", ".join(str(n) for n in lost)
            yield Skipped(printable(meshes), "missing_frames", f"lacks {gaps} ({len(lost)} of {len(listed)} listed)")
        for first, last in stretches:
            yield self._stretch(person, subject, meshes, (first - clock[0]) / step, (last - clock[0]) / step, first)

    def _stretch(self, person: Path, subject: str, meshes: Path, first: float, last: float, number: int) -> Item:
        name = meshes.name
        return self.take(
            meshes,
            key_from(person.name, name, f"{number:06d}"),
            kind="vertices",
            subject=subject,
            fps=FPS,
            start_s=first / FPS,
            end_s=(last + 1) / FPS,
            group=f"multiface:{person.name}/{name}",
            text=name.removeprefix("SEN_").replace("_", " ") if name.startswith("SEN_") else None,
            audio_uri=first_of(person / "audio" / f"{name}.wav"),
            labels={"segment": name, "topology": "Multiface"},
            annotations={
                "frame_list": first_of(person / "frame_list.txt"),
                "cameras": first_of(person / "KRT"),
                "mean_vertices": first_of(person / "vert_mean.bin"),
                "views": first_of(person / "images" / name),
                "textures": first_of(person / "unwrapped_uv_1024" / name),
            },
        )


def _frame_list(path: Path) -> tuple[dict[str, list[int]], list[Skipped]]:
    """Frame numbers by segment, and the rows that cannot be read."""
    listed: dict[str, list[int]] = defaultdict(list)
    if not path.is_file():
        return listed, [Skipped(printable(path), "missing_media", "without a frame list, numbers alone give the time")]
    bad = []
    for row, line in rows(path):
        segment, _, number = line.rpartition(" ")
        if segment and number.isdigit():
            listed[segment.strip()].append(int(number))
        else:
            bad.append(Skipped(f"{path}:{row}", "bad_row", f"not <segment> <frame>: {line!r}"))
    return listed, bad
