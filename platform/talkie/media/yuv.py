"""A decoded frame as an upright yuv420p picture of one size, without a way through RGB: what an encoder takes as it is.

Which frame is shown when is `decode`'s business; pictures in RGB are made in `picture`."""

from __future__ import annotations

from typing import Any

import av.error
import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from talkie.errors import UnreadableMedia
from talkie.media.picture import HD_HEIGHT, UNSPECIFIED, Orientation

_BT709 = 1
_FULL_RANGE = 2

_TO_BGR = np.array(
    [
        [1.1644, 2.1124, 0.0, -289.02],
        [1.1644, -0.2132, -0.5329, 76.87],
        [1.1644, 0.0, 1.7927, -248.09],
    ],
    np.float32,
)
"""(y, u, v, 1) of BT.709 in limited range to blue, green, red in [0, 255] (ITU-R BT.709-6, 3.2 to 3.5)."""


class YuvDeveloper:
    """Turns the frames of one stream into yuv420p pictures (`av.VideoFrame`, BT.709, limited range), upright, of
    `size` (width, height). A frame that is one already is handed on untouched. Stands in for `picture.Developer`.

    shorter: pixels that the shorter side is scaled down to; a smaller picture keeps its size. stored: (width, height)
    with square pixels, before `orientation`."""

    def __init__(self, stored: tuple[int, int], orientation: Orientation, shorter: int) -> None:
        scale = min(1.0, shorter / min(stored))
        self._stored = (_even(stored[0] * scale), _even(stored[1] * scale))
        self._orientation = orientation
        self.size = self._stored[::-1] if orientation.transposed else self._stored
        self._scaler = VideoReformatter()

    def picture(self, frame: Any) -> VideoFrame:
        """Raises UnreadableMedia for a pixel format that cannot be turned into yuv420p."""
        # A decoder's picture carries the type that it was coded with, which would force the encoder's hand.
        frame.pict_type = 0
        width, height = self._stored
        matrix = _matrix_of(frame)
        as_it_is = matrix == Colorspace.ITU709 and frame.color_range != _FULL_RANGE and not frame.format.is_rgb
        try:
            picture = self._scaler.reformat(
                frame,
                width=width,
                height=height,
                format="yuv420p",
                src_colorspace=None if as_it_is else matrix,
                dst_colorspace=None if as_it_is else Colorspace.ITU709,
                src_color_range=None,
                dst_color_range=None if as_it_is else ColorRange.MPEG,
                interpolation=Interpolation.BICUBIC,
                threads=1,
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise UnreadableMedia(f"pictures of {frame.format.name} cannot be turned into yuv420p") from error
        return picture if self._orientation == Orientation() else self._upright(picture)

    def _upright(self, picture: VideoFrame) -> VideoFrame:
        turned = [self._orientation.apply(plane[..., None]).ravel() for plane in planes(picture)]
        return VideoFrame.from_ndarray(np.concatenate(turned).reshape(-1, self.size[0]), format="yuv420p")


def planes(picture: VideoFrame) -> list[np.ndarray]:
    """The three planes of a yuv420p picture, (H, W) and twice (H / 2, W / 2) uint8: views of its memory."""
    sizes = [(picture.width, picture.height)] + 2 * [((picture.width + 1) // 2, (picture.height + 1) // 2)]
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, :width]
        for plane, (width, height) in zip(picture.planes, sizes, strict=True)
    ]


def thumbnail(picture: VideoFrame, size: tuple[int, int]) -> np.ndarray:
    """A `YuvDeveloper`'s picture at `size` (width, height): (h, w, 3) uint8 BGR.

    Luma is thinned out to four times the size, then averaged twice by 2x2: 16 samples in each pixel are enough to
    judge a picture by, and forty times as fast as averaging all; chroma, half as large, starts at twice the size."""
    luma, *chroma = planes(picture)
    small = [_thinned(luma, size, 4), *(_thinned(plane, size, 2) for plane in chroma)]
    return np.asarray(cv2.transform(cv2.merge(small), _TO_BGR))


def _thinned(plane: np.ndarray, size: tuple[int, int], factor: int) -> np.ndarray:
    kind = cv2.INTER_NEAREST
    while factor:
        plane = cv2.resize(plane, (factor * size[0], factor * size[1]), interpolation=kind)
        factor, kind = factor // 2, cv2.INTER_AREA
    return plane


def _matrix_of(frame: Any) -> Any:
    """YCbCr coefficients: the frame's own word, else BT.709 from 720 lines on and BT.601 below, as players assume."""
    if frame.colorspace == UNSPECIFIED:
        return Colorspace.ITU709 if frame.height >= HD_HEIGHT else Colorspace.ITU601
    return Colorspace.ITU709 if frame.colorspace == _BT709 else frame.colorspace


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))
