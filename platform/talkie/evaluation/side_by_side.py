"""One held-out clip as truth, model and baseline in one small film for the bench's page, and a few of its frames as a
picture. What an answer looks like is its task's own (`Task.film`)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from talkie.clip import FPS, Clip
from talkie.evaluation.bench import BenchTable, run_name
from talkie.evaluation.evaluate import baseline_of, held_out
from talkie.experiments.home import Home
from talkie.experiments.registry import load_model, resolve_model
from talkie.media import decode_flac, decode_mp4, encode_mp4
from talkie.systems import TASKS

PANEL_PX, SECONDS = 192, 4.0
STILL_FRAMES, JPEG_QUALITY = 4, 88
MOST_BYTES = 150_000
"""A film of the page, so that a page of sixty systems stays under ten megabytes."""
_CRFS = (23, 27, 31, 35, 39, 43, 47, 51)
"""x264's constant rate factors, tried in turn until a film is small enough."""


def films_of(
    table: BenchTable, data: Path | str, home: Home | Path | str | None = None
) -> dict[tuple[str, str], bytes]:
    """The film of each row's first seed, by system and preset, where it has figures and its answers are pictures."""
    home = home if isinstance(home, Home) else Home.at(home)
    films = {}
    for row in table.systems:
        if row.figures is not None:
            model = home.run(run_name(row.system, row.preset, 0)) / "model"
            film = side_by_side(str(model), data, home)
            if film is not None:
                films[row.system, row.preset] = film
    return films


def side_by_side(model: str, data: Path | str, home: Home) -> bytes | None:
    """An MP4 (H.264, the clip's speech where it has any) of at most MOST_BYTES: truth, the model's answer and the
    baseline's, from left to right, for the first held-out clip. None where answers are no pictures. Errors as of
    `evaluate`."""
    handle = resolve_model(model, home)
    task = TASKS[handle.card.task]
    dataset = held_out(task, data)
    first = dataset.ids("test")[0]
    speaks = "flac" in dataset.entries[first].members
    fields = tuple(dict.fromkeys((*task.needs, *(("flac",) if speaks else ()))))
    clip: Clip = next(iter(dataset.clips(fields, "test")))
    request = task.request_of(clip)
    answers = (
        task.truth_of(clip),
        load_model(handle).generate(request),
        baseline_of(task, dataset).generate(request),
    )
    films = task.film(clip, answers)
    if films is None:
        return None
    sound = decode_flac(clip.fields["flac"]) if "flac" in clip.fields else None
    return small_film(films, sound)


def small_film(films: list[np.ndarray], sound: np.ndarray | None = None, most: int = MOST_BYTES) -> bytes:
    """Films (T, H, W, 3) uint8 at 25 fps beside each other at PANEL_PX, the shortest one's length, in at most `most`
    bytes: quality gives way first, then length."""
    frames = min(round(SECONDS * FPS), *(len(film) for film in films))
    while True:
        rows = [np.concatenate([_panel(film[at]) for film in films], 1) for at in range(frames)]
        heard = None if sound is None else np.asarray(sound[: frames * 640], np.float32)
        for crf in _CRFS:
            data = encode_mp4(rows, FPS, crf=crf, audio=heard)
            if len(data) <= most:
                return data
        if frames == 1:
            return data
        frames = max(1, frames // 2)


def still_of(film: bytes) -> bytes:
    """Frames of a film, evenly spread and below each other, as a JPEG."""
    frames = decode_mp4(film)
    picks = np.linspace(0, len(frames) - 1, min(STILL_FRAMES, len(frames)) + 2).round().astype(int)[1:-1]
    sheet = np.concatenate([frames[at] for at in np.unique(picks)], 0)
    done, data = cv2.imencode(".jpg", sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done
    return data.tobytes()


def _panel(frame: np.ndarray) -> np.ndarray:
    way = cv2.INTER_AREA if frame.shape[0] > PANEL_PX else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(frame), (PANEL_PX, PANEL_PX), interpolation=way)
