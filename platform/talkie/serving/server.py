"""Life of the service: from model names to a Ray Serve application that answers, and back to nothing left running."""

from __future__ import annotations

import errno
import io
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen

from pydantic import SecretStr

from talkie.cluster import start_ray
from talkie.errors import BadConfig, BadInput, NotReady, PortTaken
from talkie.experiments import ModelHandle, resolve_model
from talkie.experiments.deployments import deployed
from talkie.serving.answers import model_label, model_version
from talkie.serving.config import ServeConfig, choose_token, token_digest
from talkie.serving.exchange import VIDEO_PATH, ServedModel
from talkie.systems.tasks import SPEECH_TO_MOTION

APPLICATION = "talkie"

READY_WITHIN_S = 120.0
"""Longest wait for the first /healthz after the replicas report that they are up."""

UPLOAD_WITHIN_S = 120.0
"""Longest time that an upload may take."""


@dataclass(frozen=True)
class Server:
    """A running service. `token` is None where authentication is off. `stop` ends everything that `start` began and may
    be called twice."""

    url: str
    token: SecretStr | None
    models: tuple[ServedModel, ...]
    stop: Callable[[], None]


def start(
    config: ServeConfig, models: Sequence[str], home: Path | None = None, token: SecretStr | None = None
) -> Server:
    """Serve `models` (names, name/version, or folders) until `stop`; returns once /healthz answers.

    `token`: what callers must send; default: from TALKIE_TOKEN, else fresh. What can be known to fail fails before Ray
    starts. Raises PortTaken, UnknownModel, CorruptModel, BadConfig, BadInput, NotReady.
    """
    _check_port_free(config)
    handles = {model_label(handle): handle for handle in (resolve_model(ref, home) for ref in models)}
    if not handles:
        raise BadInput("no model to serve", cure="name at least one")
    served = tuple(_described(handle) for handle in handles.values())
    if config.auth:
        token = token or choose_token()[0]
    elif token is not None:
        raise BadConfig("a token was given and auth is off", cure="drop one of the two")
    running = ExitStack()
    try:
        running.enter_context(start_ray())
        running.enter_context(_serve_running(config))
        running.callback(_delete_application)
        _deploy(config, {label: handle.path for label, handle in handles.items()}, served, token)
        _wait_until_ready(config)
        running.enter_context(deployed(home, handles.values(), config.url))
    except BaseException:
        _stop(running)
        raise
    return Server(config.url, token, served, partial(_stop, running))


def _stop(running: ExitStack) -> None:
    # While Serve's controller ends itself, Ray reports the call that asked for it as failed, and prints that to
    # standard output, where a command's result belongs.
    with redirect_stdout(io.StringIO()):
        running.close()


def serve_forever(
    config: ServeConfig,
    models: Sequence[str],
    home: Path | None = None,
    token: SecretStr | None = None,
    on_ready: Callable[[Server], None] = lambda server: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then stop cleanly. `on_ready` is called once, with the running server."""
    asked = threading.Event()
    server = start(config, models, home, token)
    try:
        # Only now: Ray sets its own handler of SIGTERM while it connects, and until then either signal may simply end
        # the start, which cleans up after itself.
        with _on_signals(asked.set):
            on_ready(server)
            asked.wait()
    finally:
        server.stop()


@contextmanager
def _on_signals(call: Callable[[], None]) -> Iterator[None]:
    def handler(number: int, frame: FrameType | None) -> None:
        call()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _described(handle: ModelHandle) -> ServedModel:
    card = handle.card
    if card.task != SPEECH_TO_MOTION.slug:
        raise BadInput(
            f"its task {card.task} has no endpoint", where=handle.name, cure="serve a speech-to-motion model"
        )
    return ServedModel(
        name=handle.name,
        version=model_version(handle),
        system=handle.system,
        task=card.task,
        title=card.title,
        paper=card.paper,
        licence=card.licence,
        parts=card.parts,
        endpoints=(SPEECH_TO_MOTION.endpoint, VIDEO_PATH),
    )


def _check_port_free(config: ServeConfig) -> None:
    """Raises PortTaken or BadConfig. Between this and the proxy's own bind another process may still slip in; then the
    proxy does not come up and `start` fails later, with Ray's words."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except PermissionError as error:
            raise BadConfig(
                f"port {config.port} needs a privilege that this user lacks", where="port", cure="choose one above 1023"
            ) from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise BadConfig(f"cannot listen on {config.host}: {error.strerror}", where="host") from error
            raise PortTaken(
                "another process listens there", where=f"{config.host}:{config.port}", cure="stop it or choose --port"
            ) from error


@contextmanager
def _serve_running(config: ServeConfig) -> Iterator[None]:
    """Ray Serve with its HTTP proxy on our port. A Serve that ran before is used and left running."""
    from ray import serve
    from ray.serve.schema import LoggingConfig

    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    ran_before = bool(serve.status().proxies)
    serve.start(
        proxy_location="HeadOnly",
        http_options={
            "host": config.host,
            "port": config.port,
            # Bounds what a caller who sends a byte a minute can hold; the ingress times generation by itself.
            "request_timeout_s": config.request_timeout_s + UPLOAD_WITHIN_S,
        },
        logging_config=LoggingConfig(log_level="WARNING", enable_access_log=False),
    )
    try:
        yield
    finally:
        if not ran_before:
            serve.shutdown()


def _deploy(
    config: ServeConfig, folders: dict[str, Path], served: tuple[ServedModel, ...], token: SecretStr | None
) -> None:
    from ray import serve

    from talkie.serving.deployments import application

    digest = token_digest(token.get_secret_value()) if token is not None else None
    try:
        serve.run(
            application(config, folders, served, SPEECH_TO_MOTION.endpoint, digest), name=APPLICATION, route_prefix="/"
        )
    except RuntimeError as error:
        # Serve has retried and given up. What happened is in the status of the deployment: a traceback, cause last.
        deployments = serve.status().applications[APPLICATION].deployments.values()
        causes = [line for d in deployments for line in d.message.strip().splitlines()[-1:]]
        cause = causes[0] if causes else str(error)
        raise NotReady(f"a model did not start: {cause}", cure="see the logs in /tmp/ray/session_latest") from error


def _delete_application() -> None:
    from ray import serve

    serve.delete(APPLICATION)


def _wait_until_ready(config: ServeConfig) -> None:
    """Ask our own address. If something else answers there, or nothing does, say so rather than claim to serve."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{config.url}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    raise NotReady(f"{config.url}/healthz does not answer", cure="see the logs in /tmp/ray/session_latest")
