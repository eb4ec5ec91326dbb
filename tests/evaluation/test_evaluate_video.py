"""An evaluation from end to end of a system that answers with videos: metrics, probes, a bar's own metric, the film."""

import functools
import importlib

import pytest
from tests.evaluation.probe_views import people
from tests.model_zoo.fake_system import install

from conformance_clips import conformance_clips
from talkie.clip import FPS
from talkie.evaluation import judges
from talkie.evaluation import side_by_side as films
from talkie.evaluation.evaluate import MODEL, evaluate
from talkie.evaluation.probes import build_probe
from talkie.experiments import Home
from talkie.media import decode_mp4
from talkie.systems import Bar, Card, System, SystemConfig, save_system
from talkie.systems.tasks.video import VideoResult


class Mirror(System):
    """Shows the driver: on a person driven by their own video, the truth."""

    card = Card(
        slug="mirror", title="Mirror", paper="none", task="reenactment", licence="none", needs=("mp4",), summary="tests"
    )
    Config = SystemConfig
    presets = {"micro": SystemConfig()}  # noqa: RUF012
    bar = Bar(over_baseline=1.0, metric="psnr")

    def prepare(self, clips): ...

    @property
    def constants(self):
        return {}

    def restore(self, constants): ...

    def phases(self):
        return ()

    def generate(self, request):
        frames = request.driving.copy()
        frames[:, 0, 0] //= 2
        return VideoResult(FPS, frames)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return conformance_clips(tmp_path_factory.mktemp("shards") / "shards")


@pytest.fixture
def model(tmp_path, monkeypatch):
    install(monkeypatch, Mirror)
    save_system(Mirror(SystemConfig()), tmp_path / "model")
    return str(tmp_path / "model")


def test_a_video_system_is_measured_beside_baseline_and_control_and_judged(model, shards, tmp_path, monkeypatch):
    seen, unseen = people("ab", 2, "train"), people("xy", 2, "test")

    def trained(name, data=None, cache=None):
        probe = build_probe(name)
        probe.train(seen, unseen, 2)
        return probe

    # The package exports a function of the module's name.
    module = importlib.import_module("talkie.evaluation.evaluate")
    monkeypatch.setattr(module, "judges_of", functools.partial(judges.judges_of, load=trained))
    report = evaluate(model, shards.address, Home.at(tmp_path / "home"), probes=True, track=False)
    assert report.metric == "psnr"
    assert report.gains["psnr over still source"] > 1
    assert report.gains["psnr over shuffled driver"] > 1
    found = report.row(MODEL).measurements
    assert {"l1", "ssim", "psnr", "f_lmd", "stage_csim", "stage_lpips", "stage_aed_3dmm", "stage_apd"} <= found.keys()
    still = report.row("still source").measurements
    assert found["stage_lpips"].value < still["stage_lpips"].value


def test_its_film_shows_truth_model_and_baseline(model, shards, tmp_path):
    film = films.side_by_side(model, shards.address, Home.at(tmp_path / "home"))
    assert len(film) <= films.MOST_BYTES
    shown = decode_mp4(film).astype(float)
    truth, answer, baseline = (shown[:, :, i * films.PANEL_PX : (i + 1) * films.PANEL_PX] for i in range(3))
    assert abs(truth - answer).mean() < abs(truth - baseline).mean() + 2
    assert abs(baseline[0] - baseline[-1]).mean() < 2
