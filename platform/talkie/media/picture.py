"""A decoded frame as the picture that a viewer sees: progressive, square pixels, upright, RGB. Which frame is shown
when is `decode`'s business; what a file says of its pictures is read in `probe`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import av.error
import numpy as np
from av.filter import Graph
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from talkie.errors import UnreadableMedia

UNSPECIFIED = 2
HD_HEIGHT = 720


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are turned to be seen: rows and columns exchanged first, then each axis reversed or not."""

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    @property
    def rotation(self) -> int:
        """Degrees counter-clockwise (0, 90, 180, 270) of the turn that is left when a flip along x is taken out."""
        if self.flipped:
            return Orientation(self.transposed, not self.mirrored_x, self.mirrored_y).rotation
        if self.transposed:
            return 90 if self.mirrored_y else 270
        return 180 if self.mirrored_x else 0

    @property
    def flipped(self) -> bool:
        """Whether the picture is a mirror image, which no rotation undoes."""
        return self.transposed == (self.mirrored_x == self.mirrored_y)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) as stored to (H, W, 3) or (W, H, 3) as seen, contiguous."""
        if self.transposed:
            image = image.transpose(1, 0, 2)
        image = image[:: -1 if self.mirrored_y else 1, :: -1 if self.mirrored_x else 1]
        return np.ascontiguousarray(image)


def orientation_of(frame: Any) -> Orientation:
    """The display matrix of a frame, to the nearest quarter turn and flip (ISO/IEC 14496-12, 6.2.2:
    x' = a x + c y, y' = b x + d y with a, b, c, d = m[0], m[1], m[3], m[4])."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Orientation()
    a, b, _, c, d = (int(v) for v in np.frombuffer(bytes(data), np.int32)[:5])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


class Developer:
    """Turns the frames of one stream into pictures of one size: `stored` (width, height) with square pixels, before
    `orientation`. Keeps one scaler for all frames: setting one up costs as much as converting a small frame."""

    def __init__(self, stored: tuple[int, int], orientation: Orientation) -> None:
        self.stored, self.orientation = stored, orientation
        self._scaler = VideoReformatter()

    def picture(self, frame: Any) -> np.ndarray:
        """(H, W, 3) uint8 RGB. A frame of another size (a stream that changes it midway) is scaled."""
        width, height = self.stored
        same = (frame.width, frame.height) == self.stored
        try:
            seen = self._scaler.reformat(
                frame,
                width=width,
                height=height,
                format="rgb24",
                src_colorspace=_matrix_of(frame),
                interpolation=Interpolation.FAST_BILINEAR if same else Interpolation.BICUBIC,
                threads=1,
            ).to_ndarray()
        except (av.error.FFmpegError, ValueError) as error:
            raise UnreadableMedia(f"pictures of {frame.format.name} cannot be turned into RGB") from error
        return self.orientation.apply(seen) if self.orientation != Orientation() else seen


def _matrix_of(frame: Any) -> Any:
    """YCbCr coefficients for frames that do not say theirs: BT.709 from 720 lines on, as players assume (swscale
    would take BT.601); None where the frame says."""
    unsaid = frame.colorspace == UNSPECIFIED and not frame.format.is_rgb
    return Colorspace.ITU709 if unsaid and frame.height >= HD_HEIGHT else None


def deinterlaced(frames: Iterable[Any], stream: Any, field_order: str, *, flagged: bool) -> Iterator[Any]:
    """One progressive frame for each interlaced one, by FFmpeg's bwdif (it looks one frame back and one ahead).

    flagged: only frames that call themselves interlaced are touched; otherwise all are, with `field_order` ("tff" or
    "bff"). Times are kept."""
    graph = Graph()
    source = graph.add_buffer(template=stream)
    parity = "auto" if flagged else field_order
    filtered = graph.add("bwdif", f"mode=send_frame:parity={parity}:deint={'interlaced' if flagged else 'all'}")
    sink = graph.add("buffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    for frame in frames:
        graph.push(frame)
        yield from _pull(graph)
    graph.push(None)
    yield from _pull(graph)


def _pull(graph: Graph) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
