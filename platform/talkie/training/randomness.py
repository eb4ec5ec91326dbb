"""The random state of a step: a pure function of (seed, step, rank), so that no generator's state has to be saved."""

from __future__ import annotations

import random

import numpy as np
import torch


def reseed(seed: int, step: int, rank: int) -> None:
    """Seeds torch (every device), numpy and Python for one step of one worker."""
    words = np.random.SeedSequence([seed, step, rank]).generate_state(4)
    key = int(words[0]) << 32 | int(words[1])
    # torch.manual_seed notes a stack trace for each kind of device that is not there: milliseconds a step.
    torch.default_generator.manual_seed(key)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(key)
    np.random.seed(words[2])
    random.seed(int(words[3]))


def be_deterministic(threads: int) -> None:
    """Sums over other numbers of threads round differently, and some kernels choose their order by chance."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before it is written, and ZeRO's buffers are large: filling them takes seconds a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
