"""Which of x264's code paths we let it take."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@functools.cache
def steady_options(cpuinfo: Path = _CPUINFO) -> dict[str, str]:
    """Options that hold x264 to AVX2 on a processor with AVX-512, where its bytes are not always the same.

    With AVX-512 and busy cores, equal pictures gave other bytes in 5 of 831 short clips, and its usual bytes are not
    those of SSE4, AVX and AVX2, which agree (`tests/bench/bench_x264.py`). Naming an instruction set forces it, so
    that a processor without AVX-512 is left to x264's own choice, and so is a system without `cpuinfo`."""
    if not cpuinfo.exists():
        return {}
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    return {"x264-params": "asm=avx2"} if flags and {"avx2", "avx512f"} <= set(flags[1].split()) else {}
