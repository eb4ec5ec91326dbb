"""The list of metrics, the naming rule, and the way from numbers to a measurement."""

import inspect
import re

import numpy as np
import pytest

from talkie.errors import BadInput
from talkie.evaluation.metrics import METRICS, find_metric, measure, measure_set, published_name
from talkie.evaluation.networks.identity import NetworkIdentity
from talkie.evaluation.networks.onnx_file import FORMS
from talkie.evaluation.protocols import base
from talkie.systems import TASKS

PAGE = [
    "lse_d",
    "lse_c",
    "av_offset",
    "sync_accuracy",
    "aperture_correlation",
    "opening_correlation",
    "aperture_lag",
    "wer",
    "cer",
    "ver",
    "vwer",
    "lrw_accuracy",
    "viseme_accuracy",
    "lmd",
    "lmd_atvg",
    "m_lmd",
    "f_lmd",
    "akd",
    "mkr",
    "aed",
    "apd",
    "aed_3dmm",
    "aucon",
    "prmse",
    "ard",
    "au_h",
    "pose_geodesic",
    "pose_translation",
    "psnr",
    "ssim",
    "lpips",
    "l1",
    "niqe",
    "cpbd",
    "fid",
    "kid",
    "fvd",
    "fid_vid",
    "e_fid",
    "precision",
    "recall",
    "csim",
    "identity_leakage",
    "lve",
    "fdd",
    "mve",
    "mod",
    "scan_to_mesh",
    "skull_error",
    "pve",
    "collision_distance",
    "non_collision_ratio",
    "touchness",
    "beat_align",
    "beat_align_reverse",
    "diversity",
    "jerk",
    "blink_rate",
    "blink_duration",
    "silence_activity",
    "identity_drift",
    "flicker",
    "boundary_jump",
    "war",
    "uar",
    "emotion_accuracy",
    "eer",
    "hter",
    "auc",
    "apcer",
    "bpcer",
    "acer",
    "rtf",
    "fps",
    "first_frame_latency",
    "chunk_latency_p95",
    "peak_memory",
    "samples_per_second",
    "time_to_metric",
]
BEYOND_FORMS = {"syncnet", "lpips", "niqe", "mouth_reader"}
"""Networks of more than one file, or of none that is ONNX."""


def network(kind, stand_in=""):
    return NetworkIdentity(kind, "file", "0" * 64, stand_in)


def test_every_metric_of_the_fields_page_is_there():
    assert set(PAGE) <= set(METRICS)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.unit
    assert metric.source
    assert metric.better in ("lower", "higher")
    assert metric.tasks
    assert metric.network is None or metric.network in set(FORMS) | BEYOND_FORMS
    docstring = inspect.getdoc(metric.function)
    assert len(docstring or "") > 20
    assert re.match(r"^[a-z][a-z0-9_]*$", name)


def test_every_metric_of_a_task_is_listed():
    for task in TASKS.values():
        for name in task.metrics:
            assert task.slug in find_metric(base(name)).tasks


@pytest.mark.parametrize("name", sorted(n for n, m in METRICS.items() if m.network))
def test_a_figure_of_a_stand_in_never_carries_the_published_name(name):
    kind = METRICS[name].network
    assert published_name(name, network(kind)) == name
    assert published_name(name, network(kind, "stage")) == f"stage_{name}"
    assert published_name(name, network(kind, "stage")) not in METRICS
    for other in (None, network("another")):
        with pytest.raises(BadInput, match=f"needs {kind}"):
            published_name(name, other)


def test_a_metric_without_a_network_has_one_name():
    assert published_name("psnr") == published_name("psnr", network("rand", "stage")) == "psnr"


def test_an_unknown_metric_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match=r"no metric 'pnsr'.*psnr"):
        published_name("pnsr")


def test_better_goes_the_metrics_way_and_signed_ones_by_magnitude():
    assert METRICS["psnr"].improves(30, 20)
    assert METRICS["lpips"].improves(0.1, 0.2)
    assert METRICS["fdd"].improves(0.1, -0.2)


def test_a_measurement_is_the_mean_of_clip_means_with_its_interval():
    clips = [np.array([1.0, 3.0]), np.array([5.0]), 4.0]
    found = measure("lpips", clips, network=network("lpips", "rand"), protocol={"crop": "face, 256 px"})
    assert found.name == "rand_lpips"
    assert found.value == pytest.approx(np.mean([2, 5, 4]))
    assert (found.items, found.item, found.unit) == (4, "frame", "1")
    assert found.low <= found.value <= found.high
    assert found.protocol["clips"] == "3"
    assert found.protocol["crop"] == "face, 256 px"
    assert "stands in for lpips" in found.protocol["network"]


def test_a_figure_of_a_set_has_no_interval():
    found = measure_set("fid", 12.5, 2048, network=network("inception"))
    assert (found.name, found.value, found.items, found.low) == ("fid", 12.5, 2048, None)


def test_clips_without_a_number_are_refused():
    for clips, words in (([], "no clips"), ([np.array([])], "clip 0"), ([1.0, np.nan], "clip 1")):
        with pytest.raises(BadInput, match=words):
            measure("psnr", clips)
    with pytest.raises(BadInput, match="0 items"):
        measure_set("eer", 0.1, 0)
