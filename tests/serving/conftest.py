"""A model and its service for the tests of this folder: real architecture, random weights, a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from serving_inputs import Service, free_port

from talkie.serving.config import TOKEN_VARIABLE, ServeConfig
from talkie.systems.registry import load_system, make_config
from talkie.systems.weights import save_system

SYSTEM = "unitalker"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored model. Its weights are random: heads start at zero and would answer everybody alike."""
    cls = load_system(SYSTEM)
    system = cls(make_config(cls, "tiny", {}))
    system.restore({"identities": ["ada", "bob"], "head": "talkie-head-2", "components": {}, "architecture": None})
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.normal_(0, 0.1)
    folder = tmp_path_factory.mktemp("models") / "random"
    save_system(system, folder)
    return folder


PROGRAM = """
import json, sys
from talkie.serving.config import ServeConfig
from talkie.serving.server import serve_forever

config, folder = ServeConfig.model_validate_json(sys.argv[1]), sys.argv[2]
ready = lambda server: print(json.dumps([server.token.get_secret_value(), server.models[0].label]), flush=True)
serve_forever(config, [folder], on_ready=ready)
print("stopped", flush=True)
"""


@pytest.fixture(scope="module")
def service(model_folder: Path) -> Iterator[Service]:
    """What `talkie serve` runs, with small limits, on a free port and with a fresh token."""
    config = ServeConfig(
        port=free_port(), max_audio_seconds=20, max_upload_bytes=2_000_000, max_queued_requests=2, request_timeout_s=60
    )
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, config.model_dump_json(), str(model_folder)]
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the service did not start; its last words are above"
        token, label = json.loads(line)
        yield Service(process, config, token, label)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)
