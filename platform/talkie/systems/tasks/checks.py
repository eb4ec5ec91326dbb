"""What every request checks of its sound and pictures, and how a clip's members become them."""

from __future__ import annotations

import numpy as np

from talkie.clip import SAMPLES_PER_FRAME, Clip
from talkie.errors import BadInput
from talkie.media import decode_flac, decode_mp4


def check_audio(audio: np.ndarray) -> None:
    """Raises BadInput unless audio is a non-empty vector of finite floats."""
    audio = np.asarray(audio)
    if audio.ndim != 1 or not len(audio):
        raise BadInput(f"audio of shape {audio.shape} is no mono signal", cure="send a non-empty (N,) vector")
    if not np.issubdtype(audio.dtype, np.floating) or not np.isfinite(audio).all():
        raise BadInput("audio holds values that are no finite floats", cure="send float32 samples in [-1, 1]")


def check_picture(picture: np.ndarray, name: str) -> None:
    """Raises BadInput unless `picture` is (H, W, 3) uint8."""
    _check_pixels(picture, name, 3, "(H, W, 3)")


def check_frames(frames: np.ndarray, name: str) -> None:
    """Raises BadInput unless `frames` is (T, H, W, 3) uint8 with at least one frame."""
    _check_pixels(frames, name, 4, "(T, H, W, 3)")


def _check_pixels(pixels: np.ndarray, name: str, dimensions: int, shape: str) -> None:
    pixels = np.asarray(pixels)
    if pixels.ndim != dimensions or pixels.shape[-1] != 3 or not pixels.size:
        raise BadInput(f"{name} of shape {pixels.shape} is not {shape} RGB", cure="send RGB pictures")
    if pixels.dtype != np.uint8:
        raise BadInput(f"{name} of type {pixels.dtype} is not uint8", cure="send values from 0 to 255 as uint8")


def check_finite(array: np.ndarray, name: str, last: tuple[int, ...]) -> None:
    """Raises BadInput unless `array` is (N, *last) of finite floats with at least one row."""
    array = np.asarray(array)
    if array.ndim != len(last) + 1 or array.shape[1:] != last or not len(array):
        wanted = ", ".join(["N", *map(str, last)])
        raise BadInput(f"{name} of shape {array.shape} is not ({wanted})", cure="send one row a frame")
    if not np.isfinite(array).all():
        raise BadInput(f"{name} holds values that are not finite", cure="leave those frames out")


def clip_audio(clip: Clip) -> np.ndarray:
    """The clip's speech, (frames * 640,) float32: trimmed or padded with silence to exactly its frames."""
    audio = np.asarray(decode_flac(clip.fields["flac"]), np.float32)
    samples = clip.record.frames * SAMPLES_PER_FRAME
    return np.pad(audio[:samples], (0, max(0, samples - len(audio))))


def clip_pictures(clip: Clip) -> np.ndarray:
    """The clip's frames, (T, S, S, 3) uint8 RGB."""
    return decode_mp4(clip.fields["mp4"])
