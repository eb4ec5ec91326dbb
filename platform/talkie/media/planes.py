"""Label planes (region ids, mattes) as lossless H.264, so that what comes back is what went in, bit for bit.

Pictures, which may lose, are in `encode`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np

from talkie.clip import FPS
from talkie.errors import BadInput
from talkie.media.container import video_stream
from talkie.media.encode import check_whole, open_member

_GREY = 128


def encode_plane(frames: Iterable[np.ndarray], fps: int = FPS) -> bytes:
    """(H, W) uint8 planes of one even size as the luma of an x264 stream with a quantiser of 0 (lossless; H.264,
    profile High 4:4:4 Predictive), in a fast-start MP4. Equal planes give equal bytes. Raises BadInput."""
    with tempfile.TemporaryDirectory(prefix="talkie-plane-") as folder:
        path = Path(folder) / "plane.mp4"
        with av.open(str(path), "w", options={"movflags": "+faststart", "fflags": "+bitexact"}) as container:
            stream: Any = container.add_stream("libx264", rate=fps, options={"qp": "0", "preset": "fast"})
            stream.codec_context.thread_count = 1
            count = _mux(container, stream, frames)
            if count == 0:
                raise BadInput("no planes to encode")
            container.mux(stream.encode(None))
        return path.read_bytes()


def _mux(container: Any, stream: Any, frames: Iterable[np.ndarray]) -> int:
    shape: tuple[int, ...] | None = None
    count = 0
    for plane in frames:
        if shape is None:
            shape = plane.shape
            if plane.ndim != 2 or plane.dtype != np.uint8 or shape[0] % 2 or shape[1] % 2:
                raise BadInput(
                    f"a plane of {plane.dtype} {shape}", cure="give (H, W) uint8 of an even height and width"
                )
            stream.height, stream.width, stream.pix_fmt = *shape, "yuv420p"
        if plane.shape != shape:
            raise BadInput(f"plane {count} is {plane.shape}, the first was {shape}")
        container.mux(stream.encode(_frame(plane, count)))
        count += 1
    return count


def _frame(plane: np.ndarray, number: int) -> Any:
    height, width = plane.shape
    stacked = np.full((height * 3 // 2, width), _GREY, np.uint8)
    stacked[:height] = plane
    frame = av.VideoFrame.from_ndarray(stacked, format="yuv420p")
    frame.pts = number
    return frame


def decode_plane(data: bytes) -> np.ndarray:
    """The planes of a member written by `encode_plane`: (T, H, W) uint8, exactly. Raises UnreadableMedia."""
    with open_member(data, video_stream) as (stream, frames):
        planes = [frame.to_ndarray()[: frame.height] for frame in frames]
        check_whole(len(planes), stream.frames, "frames")
    return np.stack(planes)
