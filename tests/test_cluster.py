"""Starting Ray: a cluster of our own, never somebody else's by accident, and gone when the block ends."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from talkie.cluster import start_ray
from talkie.errors import BadInput


def test_blocks_inside_one_another_share_the_cluster_and_the_inner_one_leaves_it_running():
    import ray

    already = ray.is_initialized()
    with start_ray(num_cpus=1) as outer:
        with start_ray() as inner:
            assert inner.address == outer.address
            assert not inner.started
        assert ray.is_initialized()
    assert ray.is_initialized() == already


def test_an_address_where_nothing_listens_is_said_at_once(monkeypatch):
    import ray

    if ray.is_initialized():
        pytest.skip("this process has a cluster already")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("TALKIE_RAY_ADDRESS", address)
    with pytest.raises(BadInput, match="no Ray cluster answers") as error, start_ray():
        pass
    assert "\n" not in str(error.value)


def test_a_bare_cluster_works_without_the_processes_that_only_watch_it():
    program = """
import psutil, ray
from talkie.cluster import start_ray
with start_ray(num_cpus=1, bare=True) as cluster:
    assert ray.get(ray.remote(lambda: 7).remote()) == 7
    assert cluster.is_alive() and cluster.cpus == 1
    lines = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    print(sum("gcs_server" in line.split(" ")[0] for line in lines), *(w for w in
          ("dashboard.py", "monitor.py", "log_monitor.py") if any(f"/{w} " in line for line in lines)))
print(len(psutil.Process().children(recursive=True)))
"""
    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert told == "1\n0\n"
