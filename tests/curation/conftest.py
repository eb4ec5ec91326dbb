"""One Ray for all curation tests, and tiny videos cut from the real clips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from talkie.cluster import Cluster, start_ray
from talkie.media import encode_mp4, read_audio, read_video


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Cluster]:
    with start_ray(num_cpus=2) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def face_video(clips) -> Callable[..., np.ndarray]:
    """frames(count, first) of a speaking face, (T, 256, 256, 3) uint8."""
    import cv2

    def frames(count: int, first: int = 0, name: str = "weekly_address_a.mp4") -> np.ndarray:
        stream = islice(read_video(clips / name), first, first + count)
        return np.stack([cv2.resize(frame, (256, 256), interpolation=cv2.INTER_AREA) for _, _, frame in stream])

    return frames


@pytest.fixture(scope="session")
def speech(clips) -> np.ndarray:
    """Eight seconds of speech (N,) float32 at 16 kHz."""
    audio = read_audio(clips / "weekly_address_a.mp4")
    assert audio is not None
    return audio


@pytest.fixture(scope="session")
def short_clip(face_video, speech, tmp_path_factory) -> Path:
    """A file of 30 frames with sound."""
    path = tmp_path_factory.mktemp("footage") / "short.mp4"
    path.write_bytes(encode_mp4(face_video(30), audio=speech[: 30 * 640]))
    return path
