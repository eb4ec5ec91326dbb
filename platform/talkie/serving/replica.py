"""The model deployment: one loaded model in one worker process, computing beside its event loop. HTTP is app.py's."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from talkie.errors import TalkieError
from talkie.serving.answers import answer
from talkie.serving.controls import MotionControls, VideoControls
from talkie.serving.exchange import Answer, AnswerFormat
from talkie.systems.weights import load_weights

WARM_UP_SECONDS = 0.2


class ModelReplica:
    """Serves one model. `folder`: where its files lie; `label`: name/version; `threads`: CPU threads of torch;
    `ongoing`: computations at a time; `deadline_s`: one that runs longer means that the process hangs."""

    def __init__(self, folder: str, label: str, threads: int, ongoing: int, deadline_s: float):
        import torch

        torch.set_num_threads(threads)
        self._system = load_weights(Path(folder))
        self._label = label
        self._deadline_s = deadline_s
        self._pool = ThreadPoolExecutor(ongoing, thread_name_prefix="generate")
        self._running: dict[int, float] = {}
        self._warm_up()

    def _warm_up(self) -> None:
        """Answer once before anybody waits: the rasteriser compiles, and a model that cannot answer never goes live."""
        silence = np.zeros(int(WARM_UP_SECONDS * 16_000), np.float32)
        answer(self._system, silence, VideoControls(size=128), "mp4", self._label)

    async def answer(self, audio: np.ndarray, controls: MotionControls, kind: AnswerFormat) -> Answer | TalkieError:
        """The answer to (N,) float32 16 kHz speech, computed off the event loop.

        What the caller did wrong comes back as a value: Serve logs a traceback for every exception that leaves a
        replica. A caller who goes away stops the rendering at the next frame.
        """
        gone = threading.Event()
        work = partial(self._compute, audio, controls, kind, gone)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        except TalkieError as error:
            return error
        finally:
            gone.set()

    def _compute(
        self, audio: np.ndarray, controls: MotionControls, kind: AnswerFormat, gone: threading.Event
    ) -> Answer:
        thread = threading.get_ident()
        self._running[thread] = time.monotonic()
        try:
            return answer(self._system, audio, controls, kind, self._label, stop=gone.is_set)
        finally:
            del self._running[thread]

    async def check_health(self) -> None:
        """Called by Serve; raising makes it replace this replica."""
        oldest = min(self._running.values(), default=None)
        if oldest is not None and time.monotonic() - oldest > self._deadline_s:
            raise RuntimeError(f"{self._label}: a generation has run for more than {self._deadline_s:g} s")


def threads_for(replicas: int) -> int:
    """CPU threads of torch for each of `replicas` on this machine."""
    return max(1, len(os.sched_getaffinity(0)) // replicas)
