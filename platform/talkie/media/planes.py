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
from talkie.media.x264 import steady_options

_GREY = 128


class PlaneWriter:
    """Encodes planes as they come, so that a long clip's labels take no memory: `write` each in order, then `finish`.

    The stream is `encode_plane`'s. What is never finished leaves nothing behind."""

    def __init__(self, fps: int = FPS) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="talkie-plane-")
        self._path = Path(self._folder.name) / "plane.mp4"
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(str(self._path), "w", options=options)
        quality = {"qp": "0", "preset": "fast", **steady_options()}
        self._stream: Any = self._container.add_stream("libx264", rate=fps, options=quality)
        self._stream.codec_context.thread_count = 1
        self._shape: tuple[int, ...] | None = None
        self.count = 0

    def write(self, plane: np.ndarray) -> None:
        """(H, W) uint8, of one even size. Raises BadInput."""
        if self._shape is None:
            _check(plane)
            self._shape = plane.shape
            self._stream.height, self._stream.width, self._stream.pix_fmt = *plane.shape, "yuv420p"
        if plane.shape != self._shape:
            raise BadInput(f"plane {self.count} is {plane.shape}, the first was {self._shape}")
        self._container.mux(self._stream.encode(_frame(plane, self.count)))
        self.count += 1

    def finish(self) -> bytes:
        """The member's bytes. Raises BadInput where nothing was written."""
        if self.count == 0:
            self.close()
            raise BadInput("no planes to encode")
        self._container.mux(self._stream.encode(None))
        self._container.close()
        data = self._path.read_bytes()
        self._folder.cleanup()
        return data

    def close(self) -> None:
        """Gives up what was written."""
        self._container.close()
        self._folder.cleanup()


def encode_plane(frames: Iterable[np.ndarray], fps: int = FPS) -> bytes:
    """(H, W) uint8 planes of one even size as the luma of an x264 stream with a quantiser of 0 (lossless; H.264,
    profile High 4:4:4 Predictive), in a fast-start MP4. Equal planes give equal bytes. Raises BadInput."""
    writer = PlaneWriter(fps)
    try:
        for plane in frames:
            writer.write(plane)
    except BaseException:
        writer.close()
        raise
    return writer.finish()


def _check(plane: np.ndarray) -> None:
    if plane.ndim != 2 or plane.dtype != np.uint8 or plane.shape[0] % 2 or plane.shape[1] % 2:
        raise BadInput(f"a plane of {plane.dtype} {plane.shape}", cure="give (H, W) uint8 of an even height and width")


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
