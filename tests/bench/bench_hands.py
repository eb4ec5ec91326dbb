"""Measures takes in which a hand presses a face: depth meant and reached, steadiness, and what the contact costs.

    python tests/bench/bench_hands.py [--takes N] [--seed S]

Takes of the preset `hands`, as `talkie record` stages them, not filmed. A take is staged with its touch; of the touched
frames the cost is that of pressing and of the contact labels alone. Prints one JSON object; exit code 1 where a target
is missed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

from talkie.stage import embody, load_shoot
from talkie.stage.film import stage_take
from talkie.stage.take import Take

MAX_S_A_FRAME = 0.15
MAX_OFF_MM = 3.5
MAX_SPEED_MM = 5.0
"""Of any vertex of the skin from one frame to the next: a finger lands at up to 12 cm/s, faster skin would pop."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=7)
    parser.add_argument("--seed", type=int, default=9)
    arguments = parser.parse_args()
    shoot = load_shoot("hands", seed=arguments.seed)
    clock = _timed()
    takes = [_measured(stage_take(shoot, shoot.clips, number)) for number in range(arguments.takes)]
    touched = sum(take["touched_frames"] for take in takes)
    worst = {
        "off_mm": max(abs(take["reached_mm"] - take["meant_mm"]) for take in takes),
        "speed_mm_a_frame": max(take["speed_mm_a_frame"] for take in takes),
        "cpu_s_a_touched_frame": round(clock["spent"] / touched, 3),
    }
    report = {
        "takes": takes,
        "worst": worst,
        "checks": {
            f"every press within {MAX_OFF_MM:g} mm of what was meant": worst["off_mm"] <= MAX_OFF_MM,
            f"no skin moves by more than {MAX_SPEED_MM:g} mm a frame": worst["speed_mm_a_frame"] <= MAX_SPEED_MM,
            f"contact within {MAX_S_A_FRAME:g} CPU seconds a touched frame": worst["cpu_s_a_touched_frame"]
            <= MAX_S_A_FRAME,
        },
    }
    json.dump(report, sys.stdout, indent=1)
    print()
    return 0 if all(report["checks"].values()) else 1  # type: ignore[attr-defined]


def _timed() -> dict[str, float]:
    """CPU seconds spent in pressing from now on."""
    clock, press = {"spent": 0.0}, embody.pressed

    def timed(*words: Any) -> Any:
        started = time.process_time()
        found = press(*words)
        clock["spent"] += time.process_time() - started
        return found

    embody.pressed = timed
    return clock


def _measured(take: Take) -> dict[str, Any]:
    assert take.touch is not None
    found = take.touch
    moved_mm = 1000 * found.displacement
    return {
        "touch": f"{found.touch.side} {found.touch.name}",
        "frames": len(take),
        "touched_frames": int(found.head.any(1).sum()),
        "meant_mm": round(1000 * found.touch.press_m, 1),
        "reached_mm": round(float(np.linalg.norm(moved_mm, axis=2).max()), 1),
        "hand_kept_off_mm": round(1000 * float(np.linalg.norm(found.shift, axis=1).max()), 1),
        "speed_mm_a_frame": round(float(np.linalg.norm(np.diff(moved_mm, axis=0), axis=2).max()), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
