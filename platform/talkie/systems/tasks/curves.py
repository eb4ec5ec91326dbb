"""Motion as pictures and tables for people who watch a training: what was generated beside what is true. Nothing is
measured here."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from talkie.systems.tasks.speech_to_motion import MotionResult

SHOWN = {"jaw pitch (rad)": None, "jawOpen": "jawOpen", "mouthFunnel": "mouthFunnel", "mouthPucker": "mouthPucker"}
SIZE = (640, 120)
INK = {"true": (120, 120, 120), "generated": (200, 60, 30)}


def show_curves(truth: MotionResult, result: MotionResult) -> Mapping[str, bytes]:
    """The curves of jaw and lips over time, generated (red) over true (grey), as a PNG to look at and as a CSV."""
    rows = {name: (_curve(truth, key), _curve(result, key)) for name, key in SHOWN.items()}
    return {"curves.png": _picture(rows), "curves.csv": _table(rows)}


def _curve(motion: MotionResult, key: str | None) -> np.ndarray:
    from talkie.heads import ARKIT_NAMES

    return motion.jaw[:, 0] if key is None else motion.expression[:, ARKIT_NAMES.index(key)]


def _table(rows: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    names = [f"{name} {kind}" for name in rows for kind in INK]
    columns = [curve for pair in rows.values() for curve in pair]
    lines = [",".join(["frame", *names])]
    for frame in range(min(len(curve) for curve in columns)):
        lines.append(",".join([str(frame), *(f"{curve[frame]:.5f}" for curve in columns)]))
    return ("\n".join(lines) + "\n").encode()


def _picture(rows: Mapping[str, Sequence[np.ndarray]]) -> bytes:
    from PIL import Image, ImageDraw

    width, height = SIZE
    image = Image.new("RGB", (width, height * len(rows)), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for number, (name, curves) in enumerate(rows.items()):
        low = min(float(curve.min()) for curve in curves)
        span = max(1e-6, max(float(curve.max()) for curve in curves) - low)
        top = number * height
        draw.text((4, top + 2), name, fill=(0, 0, 0))
        for curve, ink in zip(curves, INK.values(), strict=True):
            x = np.linspace(0, width - 1, len(curve))
            y = top + height - 8 - (curve - low) / span * (height - 24)
            draw.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=ink, width=2)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
