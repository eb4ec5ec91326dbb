"""The ingress deployment: runs the HTTP application of app.py in a worker and hands its requests to the models."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import numpy as np
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import ApplicationStatus
from starlette.types import ASGIApp

from talkie.errors import Busy, NotReady, TalkieError, TimedOut
from talkie.serving.app import build_app
from talkie.serving.config import ServeConfig
from talkie.serving.controls import MotionControls
from talkie.serving.exchange import Answer, AnswerFormat, ServedModel

STATUS_AGE_S = 1.0
"""/healthz is open to everybody, so it asks the controller at most this often."""


class Ingress:
    """Authenticates, checks and decodes; hands samples, never files, to the models."""

    def __init__(
        self,
        config: ServeConfig,
        served: Sequence[ServedModel],
        motion_path: str,
        digest: bytes | None,
        handles: Mapping[str, DeploymentHandle],
    ):
        self._config = config
        self._served = served
        self._motion_path = motion_path
        self._digest = digest
        self._handles = handles
        self._ready = (float("-inf"), False)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return build_app(self._config, self._served, self._motion_path, self._ask, self._all_ready, self._digest)

    async def _ask(
        self, label: str, audio: np.ndarray, controls: MotionControls, kind: AnswerFormat
    ) -> Answer | TalkieError:
        pending = self._handles[label].answer.remote(audio, controls, kind)
        try:
            async with asyncio.timeout(self._config.request_timeout_s):
                return await pending
        except BackPressureError as error:
            raise Busy(f"{label} has its queue full", cure="try again later") from error
        except TimeoutError as error:
            pending.cancel()
            raise TimedOut(
                f"no answer within {self._config.request_timeout_s:g} s", cure="send shorter speech or try again later"
            ) from error
        except (DeploymentUnavailableError, RayActorError) as error:
            raise NotReady(f"{label} has just gone down", cure="it is being restarted: try again") from error

    async def _all_ready(self) -> bool:
        asked_at, ready = self._ready
        if time.monotonic() - asked_at > STATUS_AGE_S:
            status = await asyncio.to_thread(serve.status)
            ready = all(a.status == ApplicationStatus.RUNNING for a in status.applications.values())
            self._ready = (time.monotonic(), ready)
        return ready
