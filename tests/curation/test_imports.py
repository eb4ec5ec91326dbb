"""What a process of a curation loads: what it does not use costs each of them a second of a core and 100 MB."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("mediapipe", "numba", "pandas", "scipy", "torch", "PIL", "matplotlib", "mlflow")


@pytest.mark.parametrize(
    ("program", "unused"),
    [
        # Of whole frames no face is tracked, and what is staged is neither Parquet nor in a store.
        ("import talkie.curation.worker, talkie.curation.whole", (*HEAVY, "pyarrow", "ray")),
        ("import talkie.curation.pipeline", (*HEAVY, "pyarrow.compute", "ray")),
        ("from talkie.shards import LedgerEntry, RawClip", (*HEAVY, "pyarrow", "ray")),
    ],
)
def test_an_import_brings_nothing_that_is_not_used(program: str, unused: tuple[str, ...]) -> None:
    told = f"{program}; import sys; print(*(m for m in {unused!r} if m in sys.modules))"
    found = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True).stdout
    assert found.split() == []
