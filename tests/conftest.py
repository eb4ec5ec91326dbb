"""Fixtures of the whole suite: where the real clips are, and one torch thread so that tests share two cores."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("DS_ACCELERATOR", "cpu")

pytest_plugins = ["object_stores"]


def _beside(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable) or Path(__file__).resolve().parents[2] / "shared" / name)


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of real clips: TALKIE_CLIPS, else ../shared/clips."""
    folder = _beside("TALKIE_CLIPS", "clips")
    if not (folder / "weekly_address_a.mp4").is_file():
        pytest.skip(f"no real clips in {folder}: set TALKIE_CLIPS")
    return folder


@pytest.fixture(scope="session")
def scanned_head() -> Path:
    """The file of the scanned head model: in TALKIE_HEADS, else ../shared/heads."""
    file = _beside("TALKIE_HEADS", "heads") / "ict_facekit.npz"
    if not file.is_file():
        pytest.skip(f"no scanned head at {file}: set TALKIE_HEADS")
    return file


@pytest.fixture(scope="session", autouse=True)
def _one_torch_thread() -> None:
    import torch

    torch.set_num_threads(1)
