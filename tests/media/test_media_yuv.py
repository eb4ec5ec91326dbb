"""YUV pictures are the same that the RGB reader shows: upright, in one matrix and range, of an even size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from talkie.media.picture import Developer, Orientation
from talkie.media.yuv import YuvDeveloper, planes, thumbnail

TURNS = [Orientation(t, x, y) for t in (False, True) for x in (False, True) for y in (False, True)]


def smooth(width=96, height=64) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.dstack([60 + x, 200 - 2 * y, 90 + 0.5 * x + y]).astype(np.uint8)


def frame_of(image: np.ndarray, matrix=Colorspace.ITU709, full=False) -> VideoFrame:
    frame = VideoReformatter().reformat(
        VideoFrame.from_ndarray(image, format="rgb24"),
        format="yuv420p",
        dst_colorspace=matrix,
        dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
    )
    frame.colorspace, frame.color_range = matrix, ColorRange.JPEG if full else ColorRange.MPEG
    return frame


def rgb(picture: VideoFrame) -> np.ndarray:
    return VideoReformatter().reformat(picture, format="rgb24", src_colorspace=Colorspace.ITU709).to_ndarray()


@pytest.mark.parametrize("turn", TURNS)
def test_pictures_are_turned_as_the_rgb_reader_turns_them(turn):
    frame = frame_of(smooth())
    picture = YuvDeveloper((96, 64), turn, 64).picture(frame)
    seen = Developer((96, 64), turn).picture(frame)
    assert (picture.height, picture.width) == seen.shape[:2]
    assert np.abs(rgb(picture).astype(int) - seen).max() <= 4


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [Colorspace.ITU709, Colorspace.ITU601])
def test_other_matrices_and_ranges_become_limited_bt709(matrix, full):
    picture = YuvDeveloper((96, 64), Orientation(), 64).picture(frame_of(smooth(), matrix, full))
    # swscale goes by way of 8 bit RGB, which rounds down twice; a wrong matrix would be off by 10 and more.
    assert np.abs(rgb(picture).astype(int) - smooth()).mean() < 4


def test_a_picture_that_fits_is_handed_on_untouched():
    frame = frame_of(smooth())
    before = [plane.copy() for plane in planes(frame)]
    picture = YuvDeveloper((96, 64), Orientation(), 64).picture(frame)
    assert all((a == b).all() for a, b in zip(planes(picture), before, strict=True))


@pytest.mark.parametrize(("stored", "shorter", "size"), [((1280, 720), 256, (456, 256)), ((101, 75), 75, (100, 76))])
def test_sizes_are_even_and_keep_the_aspect(stored, shorter, size):
    assert YuvDeveloper(stored, Orientation(), shorter).size == size


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (120, 80, 200)])
def test_a_thumbnail_has_the_colours_of_the_picture(colour):
    frame = frame_of(np.full((180, 320, 3), colour, np.uint8))
    assert np.abs(thumbnail(frame, (96, 54)).astype(int) - colour[::-1]).max() <= 3


@pytest.mark.parametrize("size", [(160, 90), (456, 256), (1280, 720)])
def test_a_thumbnail_is_the_mean_of_its_area(size):
    image = cv2.resize(smooth(), size)
    small = cv2.resize(image, (96, 54), interpolation=cv2.INTER_AREA)[..., ::-1]
    assert np.abs(thumbnail(frame_of(image), (96, 54)).astype(int) - small).mean() < 2
