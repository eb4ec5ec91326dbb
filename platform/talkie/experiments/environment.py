"""What a result was made with: versions, the commit, the kind of machine. Names of people and machines are left out."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

VERSIONED = ("talkie", "torch", "numpy", "ray", "deepspeed", "mlflow", "webdataset", "safetensors")


def environment() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {}
    for package in VERSIONED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def host_kind() -> dict[str, Any]:
    """The kind of machine: system, processor, cores, memory in GB, accelerators. No host name, user or path."""
    import psutil
    import torch

    gpus = (
        [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    )
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpus": os.cpu_count() or 1,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": gpus,
        "cuda": torch.version.cuda,
    }


def git_revision() -> str | None:
    """The commit of the checkout that this package runs from, with "+" where files differ; None outside one."""
    here = Path(__file__).parent
    git = ["git", "-C", str(here)]
    try:
        # An installed package may lie inside somebody else's repository: only a tracked file counts.
        subprocess.run([*git, "ls-files", "--error-unmatch", __file__], check=True, capture_output=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}+" if dirty else head
