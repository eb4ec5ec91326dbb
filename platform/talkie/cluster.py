"""The one place that starts Ray or connects to it; what runs on the cluster lives with its owner."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from talkie.errors import BadInput, RunFailed
from talkie.reaper import release, watch_over

ADDRESS_VARIABLE = "TALKIE_RAY_ADDRESS"
"""Environment variable with the address of the cluster to connect to, where no argument names one."""

OBJECT_STORE_BYTES = 300 * 2**20
"""Ray's own default takes 30 % of the memory; our tasks pass paths and small arrays, not footage."""

_LOOK_EVERY = "REPORTER_UPDATE_INTERVAL_MS"
"""Ray's variable for how often a node's agent gathers figures of its processes, in milliseconds."""

_STARTS = 3
"""Ray gives its own processes 30 seconds to begin, which a machine that is busy with other things can exceed."""


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster at hand: its address, its CPUs and GPUs, the id of the node that this process is on, the process
    id of that node's raylet where it is a child of ours, and whether this call started it."""

    address: str
    cpus: int
    gpus: int
    node: str
    raylet: int | None
    started: bool

    def is_alive(self) -> bool:
        """Whether the Ray of this process can still be asked: False once the raylet of a cluster started here is gone,
        which Ray itself notices only after half a minute."""
        import ray

        return ray.is_initialized() and (self.raylet is None or _runs(self.raylet))


@contextmanager
def start_ray(num_cpus: int | None = None, address: str | None = None, *, bare: bool = False) -> Iterator[Cluster]:
    """A Ray cluster for the length of the block: a fresh local one, unless `address` names a running one.

    `num_cpus`: CPUs of a fresh local cluster (default: those this process may use). `address`: as ray.init
    takes it ("auto", "host:port", "ray://host:port"); default is the variable TALKIE_RAY_ADDRESS. Ray's own
    RAY_ADDRESS counts only where the user asks for "auto": a cluster that happens to run on the machine is
    never joined by accident. Inside another block, or where the caller has started Ray, that cluster is
    used. What this call did not start it does not stop. `bare`: a fresh local cluster does without the processes that
    only watch it, which take three seconds of a core to begin: see `_without_onlookers`.

    Raises BadInput where `address` does not answer.
    """
    import ray

    if ray.is_initialized():
        yield _describe(started=False)
        return
    address = address or os.environ.get(ADDRESS_VARIABLE) or "local"
    _quiet_environment()
    _keep_stdout_clean()
    if address != "local":
        _connect(address)
        try:
            yield _describe(started=False)
        finally:
            # This ends our connection, not the cluster.
            ray.shutdown()
        return
    _start_local(num_cpus or len(os.sched_getaffinity(0)), bare)
    try:
        with _left_clean(_raylet()):
            yield _describe(started=True)
    finally:
        ray.shutdown()


@contextmanager
def _left_clean(raylet: int | None) -> Iterator[None]:
    """Whatever ends this process, or the raylet that it has started: nothing of Ray stays behind."""
    if raylet is None:
        yield
        return
    reaper = watch_over(raylet)
    try:
        yield
    finally:
        release(reaper, all_is_well=_runs(raylet))


def _start_local(num_cpus: int, bare: bool) -> None:
    import ray

    _private_token()
    me = psutil.Process()
    before = set(me.children(recursive=True))
    for attempt in range(1, _STARTS + 1):
        try:
            with _own_session(), _without_onlookers() if bare else nullcontext():
                ray.init(
                    address="local",
                    num_cpus=num_cpus,
                    object_store_memory=OBJECT_STORE_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            return
        except Exception as error:  # Ray has no type of its own for this
            ray.shutdown()
            for process in set(me.children(recursive=True)) - before:
                with suppress(psutil.Error):
                    process.kill()
            if attempt == _STARTS:
                cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise RunFailed(f"Ray cannot be started on this machine: {cause}", cure="run again") from error


@contextmanager
def _own_session() -> Iterator[None]:
    """Processes that Ray starts in the block get a session of their own: a SIGTERM to this process's group, as
    `timeout` sends it, is for us, who let Ray's workers save before they end. That Ray ends with us does not hang on
    the group.
    """
    from ray._private import services

    kind = services.ConsolePopen
    vars(services)["ConsolePopen"] = partial(kind, start_new_session=True)
    try:
        yield
    finally:
        vars(services)["ConsolePopen"] = kind


@contextmanager
def _without_onlookers() -> Iterator[None]:
    """A Ray that is started in the block has no API server (Ray begins one for its usage reports even where there is no
    dashboard), no autoscaler's monitor, and no collector of logs for the driver, and its node's agent looks at every
    process once a minute instead of every five seconds. Work on actors of this machine needs none of them; ray.init
    has no arguments for it.
    """
    from ray._private import node, parameter

    kind: Any = parameter.RayParams
    head: Any = node.Node
    server = head.start_api_server
    vars(parameter)["RayParams"] = partial(kind, include_log_monitor=False, no_monitor=True)
    head.start_api_server = lambda self, **_: None
    asked = os.environ.get(_LOOK_EVERY)
    os.environ[_LOOK_EVERY] = asked or "60000"
    try:
        yield
    finally:
        if asked is None:
            del os.environ[_LOOK_EVERY]
        vars(parameter)["RayParams"] = kind
        head.start_api_server = server


def _connect(address: str) -> None:
    import ray

    try:
        _knock(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(
            f"no Ray cluster answers ({cause})",
            where=address,
            cure=f"start one there, or unset {ADDRESS_VARIABLE} to use this machine",
        ) from error


def _knock(address: str, timeout_s: float = 5.0) -> None:
    """Raise OSError where nothing listens at host:port: Ray itself would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=timeout_s).close()


def _describe(*, started: bool) -> Cluster:
    import ray

    return Cluster(
        address=ray.get_runtime_context().gcs_address,
        cpus=int(ray.cluster_resources().get("CPU", 1)),
        gpus=int(ray.cluster_resources().get("GPU", 0)),
        node=ray.get_runtime_context().get_node_id(),
        raylet=_raylet(),
        started=started,
    )


def _raylet() -> int | None:
    """The raylet among the children of this process."""
    return next((child.pid for child in psutil.Process().children() if _name(child) == "raylet"), None)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _runs(pid: int) -> bool:
    """Whether a process is neither gone nor a zombie that nobody has fetched."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _quiet_environment() -> None:
    """No usage reports to a third party, and no warning per actor that has no GPU."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def _keep_stdout_clean() -> None:
    """Ray prints the deaths of workers, pages of log included, to the driver's standard output, where a command's JSON
    is; no argument turns that off. What they mean is told by whoever gave those workers their work."""
    from ray._private import worker

    vars(worker)["_worker_logs_enabled"] = False


def _private_token() -> None:
    """Protect a fresh local cluster with a token that lives in this process and its children only.

    Ray 2.60 turns token authentication on by itself and writes the token into ~/.ray, which fails where the
    home folder is not writable. A token or mode that the user has set stays as it is.
    """
    named = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    if not named and not (Path.home() / ".ray" / "auth_token").exists():
        # The mode itself is left to Ray: it has read its environment when it was imported.
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
