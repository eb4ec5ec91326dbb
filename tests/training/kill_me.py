"""Trains a tiny run and tells each event on stdout, for a test that kills it. Arguments: data folder, out folder, and,
where the run is to be longer, steps."""

import sys
from pathlib import Path

from talkie.errors import Preempted
from talkie.training import TrainConfig, train

CONFIG = TrainConfig(
    system="unitalker",
    overrides={"steps": 14, "warm_up_steps": 6, "channels": 16, "audio_channels": 16, "audio_layers": 1},
    batch_size=4,
    threads=1,
    checkpoint_every=4,
    log_every=1,
)

if __name__ == "__main__":
    data, out = map(Path, sys.argv[1:3])
    for steps in map(int, sys.argv[3:]):
        CONFIG = CONFIG.model_copy(update={"overrides": CONFIG.overrides | {"steps": steps}})
    try:
        train(CONFIG, data, out, resume=True, on_event=lambda e: print(e.kind, e.step, flush=True))
    except Preempted as error:
        print("preempted", error, flush=True)
