"""What surrounds a run: settings from the command line, the space of a sweep, the estimate, the guard's memory, and a
writer that meets a full disk. Nothing is trained here."""

import pytest
from safetensors import SafetensorError
from torch import nn

import talkie.training.estimate as estimating
from talkie.cli.train import config_of
from talkie.errors import BadConfig, DiskFull
from talkie.systems import Optimiser, Phase
from talkie.training import TrainConfig
from talkie.training.config import identity_of
from talkie.training.deepspeed_setup import check_machine
from talkie.training.guard import LEAST, Guard
from talkie.training.saver import Saver
from talkie.training.sweep import _changed, parse_space
from talkie.training.trial import Tried
from tone_clips import tone_dataset


def test_dotted_settings_reach_the_run_its_loading_and_the_system():
    words = ["train.precision=bf16", "train.load.cache_mb=7", "steps=3", "audio.layers=2"]
    config = config_of("any", "tiny", {"seed": 1}, words)
    assert (config.precision, config.load.cache_mb, config.seed) == ("bf16", 7, 1)
    assert config.overrides == {"steps": 3, "audio": {"layers": 2}}


@pytest.mark.parametrize(
    ("word", "says"), [("train.presicion=bf16", "precision"), ("train.load.cach_mb=1", "cache_mb"), ("x", "NAME=VALUE")]
)
def test_a_setting_with_a_typo_names_the_nearest_one(word, says):
    with pytest.raises(BadConfig, match=says):
        config_of("any", "tiny", {}, [word])


def test_a_run_may_go_on_with_other_workers_and_stage_but_not_with_another_batch():
    one = TrainConfig(system="any")
    assert identity_of(one) == identity_of(TrainConfig(system="any", workers=2, zero_stage=3, load={"cache_mb": 1}))
    assert identity_of(one) != identity_of(TrainConfig(system="any", batch_size=8))
    assert identity_of(one) != identity_of(TrainConfig(system="any", load={"balance": "identity"}))


@pytest.mark.parametrize("wrong", [{"precision": "fp16"}, {"zero_stage": 2, "offload": "cpu"}])
def test_what_a_cpu_cannot_run_is_refused_before_the_start(wrong):
    with pytest.raises(BadConfig, match="CUDA"):
        check_machine(TrainConfig(system="any", **wrong))


def test_nvme_and_compile_name_what_this_machine_lacks(tmp_path, monkeypatch):
    nvme = TrainConfig(system="any", zero_stage=3, offload="nvme", nvme=str(tmp_path))
    with pytest.raises(BadConfig, match="CUDA device and libaio"):
        check_machine(nvme)
    with pytest.raises(BadConfig, match="is no folder"):
        check_machine(nvme.model_copy(update={"nvme": str(tmp_path / "none")}))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BadConfig, match="no compiler 'no-such-compiler'"):
        check_machine(TrainConfig(system="any", compile=True))


def test_elastic_workers_must_all_share_the_batch_evenly():
    assert TrainConfig(system="any", batch_size=12, min_workers=2, workers=4).min_workers == 2
    with pytest.raises(ValueError, match="shared evenly by 3"):
        TrainConfig(system="any", batch_size=8, min_workers=2, workers=4)


def test_a_space_is_lists_and_logarithms():
    assert parse_space(["steps=1,2", "rate=log(1e-4, 1e-2)", "train.precision=fp32,bf16"]) == {
        "steps": ("grid", [1, 2]),
        "rate": ("log", 1e-4, 1e-2),
        "train.precision": ("grid", ["fp32", "bf16"]),
    }
    with pytest.raises(BadConfig, match="0 < LOW < HIGH"):
        parse_space(["rate=log(1,0.5)"])


def test_a_trial_changes_the_run_and_the_system():
    config = _changed(TrainConfig(system="any"), {"train.seed": 4, "train.load.cache_mb": 3, "steps": 2})
    assert (config.seed, config.load.cache_mb, config.overrides) == (4, 3, {"steps": 2})
    with pytest.raises(BadConfig):
        _changed(config, {"train.sead": 1})


def test_the_guard_judges_alike_after_its_state_went_through_a_checkpoint():
    guard, again = Guard(3.0), Guard(3.0)
    for _ in range(LEAST):
        assert guard.verdict("role", {"loss": 1.0}) is None
    again.load(guard.state())
    for one in (guard, again):
        assert one.verdict("role", {"loss": 2.9}) is None
        assert "over 3 times" in one.verdict("role", {"loss": 3.1})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("I/O error: No space left")])
def test_a_full_disk_is_told_at_the_next_save_and_leaves_no_half_checkpoint(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("talkie.training.saver.save_file", fail)
    saver = Saver(tmp_path, 2, lambda step: None)
    saver.save(3, {"weights": {}}, {"state": {}})
    with pytest.raises(DiskFull, match="those before it are whole"):
        saver.wait()
    assert not list(tmp_path.iterdir())


def test_an_estimate_counts_parameters_operations_and_bytes(tmp_path):
    data = tone_dataset(tmp_path / "tones", train=6, test=0, frames=20)
    sizes = {"steps": 10, "warm_up_steps": 0, "channels": 16, "audio_channels": 16, "audio_layers": 1}
    config = TrainConfig(system="unitalker", overrides=sizes, batch_size=4, threads=1)
    held = bytearray(b"1") * 2**31
    here = estimating.estimate(config, data)
    del held
    (phase,) = here.phases
    assert phase.steps == 10
    assert here.seconds == pytest.approx(10 * phase.step_s)
    # A device of known speed: time is operations over what training reaches of it.
    there = estimating.estimate(config, data, tflops=1e-3)
    assert there.seconds == pytest.approx(10 * phase.flops / (1e9 * estimating.EFFICIENCY))
    # A worker that has torch, Ray and DeepSpeed imported holds some hundred megabytes, whatever its parent holds.
    assert 200 < here.memory_mb < 2000
    assert there.memory_mb == pytest.approx(here.memory_mb, rel=0.1)


def tried(**changed):
    values = {"phase": "all", "step_s": 1.0, "first_s": 0.0, "save_s": 0.0, "cold_s": 4.0, "warm_s": 0.5}
    values |= {"clip_bytes": 2.0**20, "epoch": 10.0, "operations": 1e9, "memory": 2.0**28}
    return Tried(**values | changed)


@pytest.mark.parametrize(
    ("loading", "steps", "seconds"),
    [
        ({}, 100, 0.1 * 4.0 + 0.9 * 0.5),  # an epoch of ten steps is new, the rest lies in memory
        ({}, 5, 4.0),  # half an epoch is all new
        ({"loaders": 1}, 5, 3.0),  # a thread draws while a step of a second is made
        ({"loaders": 1}, 100, 0.0),
    ],
)
def test_a_step_waits_for_what_is_not_in_memory_yet(loading, steps, seconds):
    config = TrainConfig(system="unitalker", threads=1, load=loading)
    phase = Phase("all", steps, {"model": Optimiser(1e-3)})
    assert estimating._wait_s(tried(), config, phase, room=1.0) == pytest.approx(seconds)


def test_clips_that_the_memory_has_no_room_for_are_drawn_anew_each_time():
    phase = Phase("all", 100, {"model": Optimiser(1e-3)})
    config = TrainConfig(system="unitalker", threads=1)
    assert estimating._wait_s(tried(), config, phase, room=0.0) == pytest.approx(4.0)
    assert estimating._wait_s(tried(), config, phase, room=0.5) == pytest.approx(4.0 * 0.55 + 0.5 * 0.45)


@pytest.mark.parametrize(
    ("stage", "world", "copies"),
    # Weights, gradients, two moments; ZeRO's own weights; the buffer that stage 0 averages in.
    [(0, 1, 4), (0, 2, 5), (1, 1, 5), (1, 2, 1 + 1 + 3 / 2), (2, 2, 1 + 1 / 2 + 3 / 2), (3, 2, 1 / 2 + 1 / 2 + 3 / 2)],
)
def test_the_state_of_a_worker_by_zero_stage(stage, world, copies):
    phase = Phase("all", 1, {"model": Optimiser(1e-3)})
    system = nn.Linear(3, 4)
    assert estimating._state_bytes(system, phase, stage, world) == pytest.approx(copies * 16 * 4)
