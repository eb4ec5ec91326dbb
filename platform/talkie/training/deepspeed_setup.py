"""DeepSpeed's import, its settings and what it cannot do on this machine. How a phase uses it is in engine.py."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from talkie.errors import BadConfig
from talkie.systems import Optimiser, Phase, System
from talkie.training.config import TrainConfig

BUCKET = 25_000_000
"""Numbers whose gradients travel together: 100 MB, enough for the fastest links."""


def choose_accelerator() -> None:
    """Tells DeepSpeed which accelerator to use, before it is imported for the first time."""
    if not torch.cuda.is_available():
        os.environ["DS_ACCELERATOR"] = "cpu"


def import_deepspeed() -> Any:
    """The package, quiet and without its compiled operators."""
    import logging

    import deepspeed
    import deepspeed.ops

    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    if os.environ.get("DS_ACCELERATOR") == "cpu":
        # No compiled op is used here: Adam is torch's and gloo carries the collectives. Left to itself, DeepSpeed
        # probes every op with a compiler and builds a shared-memory transport: a minute, where there is a compiler.
        deepspeed.ops.__compatible_ops__ = {}
    return deepspeed


def settings(config: TrainConfig, spec: Optimiser, micro_batch: int) -> dict[str, Any]:
    """DeepSpeed's configuration of one role."""
    # DeepSpeed's own bucket of 5e8 numbers takes 2 GB for a model of any size.
    zero: dict[str, Any] = {"stage": config.zero_stage, "reduce_bucket_size": BUCKET}
    if config.offload != "none":
        zero["offload_optimizer"] = {"device": config.offload}
        if config.offload == "nvme":
            zero["offload_optimizer"]["nvme_path"] = config.nvme
    values: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": micro_batch,
        "gradient_accumulation_steps": config.accumulate,
        # At stage 0 the engine clips by itself, since it needs the norm anyway, to see that it is finite.
        "gradient_clipping": spec.clip_norm if clips_inside(config) else 0.0,
        "zero_optimization": zero,
        # The optimisers are torch's, so that no C++ one has to be compiled.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1_000_000_000,
    }
    if config.precision != "fp32":
        kind = {"bf16": "bfloat16", "fp16": "float16"}[config.precision]
        # No module's gradients travel in less than fp32.
        values["torch_autocast"] = {"enabled": True, "dtype": kind, "lower_precision_safe_modules": []}
    return values


def clips_inside(config: TrainConfig) -> bool:
    """Whether DeepSpeed itself clips: it alone knows the whole gradient, or its scale."""
    return config.zero_stage > 0 or config.precision == "fp16"


def check_machine(config: TrainConfig) -> None:
    """Raises BadConfig for what this machine or DeepSpeed on it cannot run."""
    compiler = os.environ.get("CXX", "g++")
    if config.compile and not torch.cuda.is_available() and not shutil.which(compiler):
        raise BadConfig(
            f"torch.compile writes C++ on a machine without a CUDA device, and there is no compiler {compiler!r}",
            cure="install g++, name another compiler in CXX, or leave train.compile out",
        )
    if config.precision == "fp16" and not torch.cuda.is_available():
        raise BadConfig("fp16 is for CUDA devices: a CPU has no fast half precision", cure="use precision bf16 or fp32")
    if config.offload == "cpu" and not torch.cuda.is_available():
        raise BadConfig(
            "offload cpu moves the optimiser's state off a CUDA device, and there is none", cure="use offload none"
        )
    if config.offload == "nvme":
        if not Path(config.nvme or "").is_dir():
            raise BadConfig(f"{config.nvme} is no folder", where="nvme", cure="name a folder on a fast disk")
        choose_accelerator()
        import deepspeed.ops.op_builder as builders

        if not torch.cuda.is_available() or not builders.AsyncIOBuilder().is_compatible(verbose=False):
            raise BadConfig(
                "offload nvme needs a CUDA device and libaio with its headers", cure="use offload cpu or none"
            )


def check_phase(system: type[System] | System, phase: Phase, config: TrainConfig, workers: int) -> None:
    """Raises BadConfig for a phase that no engine could carry out with these settings on so many workers."""
    where = f"{system.card.slug}, phase {phase.name!r}"
    for role, spec in phase.optimisers.items():
        if spec.algorithm == "sgd" and (spec.betas[1], spec.eps) != (0.999, 1e-8):
            raise BadConfig(f"role {role!r}: sgd has no eps and no second beta", where=where, cure="leave them out")
        if spec.every < 1 or spec.begin < 0 or spec.clip_norm < 0 or spec.lr < 0:
            raise BadConfig(
                f"role {role!r}: every must be at least 1; begin, clip_norm and lr at least 0",
                where=where,
                cure="mend the phase",
            )
    if not 0 <= phase.ema < 1:
        raise BadConfig(f"ema {phase.ema} is no decay", where=where, cure="choose one in [0, 1)")
    if phase.patience and not config.validate_every:
        raise BadConfig(
            f"patience {phase.patience} without validations", where=where, cure="set train.validate_every to some steps"
        )
    if not phase.fitted and phase.steps < 1:
        raise BadConfig("it has optimisers and no step", where=where, cure="give it steps or leave it out")
    try:
        config.micro_batch(phase.batch_size or config.batch_size, workers)
    except ValueError as error:
        raise BadConfig(str(error), where=where, cure="choose another number of workers or parts") from error
