"""A registered model loads and answers through mlflow.pyfunc for somebody who knows nothing of talkie."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from talkie.errors import BadInput
from talkie.experiments import resolve_model, set_alias
from talkie.experiments.flavor import Predictor, load_model
from talkie.experiments.tracking import client, end_run, register_model, start_run
from talkie.heads import ARKIT_NAMES
from talkie.media.encode import encode_flac
from talkie.shards import open_dataset
from talkie.systems import SpeechToMotionRequest, load_system, make_config, save_system
from tone_clips import tone_dataset

AUDIO = np.sin(np.arange(16_000) * 0.2).astype(np.float32) * 0.3
STRANGER = """
import json, sys
import mlflow, pandas
uri, sound = sys.argv[1:]
model = mlflow.pyfunc.load_model(uri)
table = model.predict(pandas.DataFrame({"audio": [sound, sound]}))
one = model.predict({"samples": [0.1] * 16000})
print(json.dumps({"columns": list(table.columns), "rows": table["row"].tolist(), "jawOpen": table["jawOpen"].tolist(),
                  "one": len(one), "inputs": model.metadata.get_input_schema().input_names(),
                  "requirements": open(mlflow.pyfunc.get_model_dependencies(uri)).read()}))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, new_home):
    root = tmp_path_factory.mktemp("home")
    dataset = open_dataset(tone_dataset(root / "tones", train=4, test=2))
    cls = load_system("unitalker")
    home = new_home(root / "home")
    torch.manual_seed(0)
    system = cls(make_config(cls, "tiny", {"channels": 16, "audio_channels": 16}))
    system.prepare(dataset.clips(cls.card.needs, "train"))
    digest = save_system(system, root / "model")
    run_id = start_run(home, "speech_to_motion", "run", {"seed": 0}, {})
    register_model(home, run_id, root / "model", "unitalker", digest, step=7)
    end_run(home, run_id)
    set_alias("unitalker", "champion", home)
    return home


def test_a_stranger_with_mlflow_alone_gets_the_coefficients(home, tmp_path):
    sound = tmp_path / "speech.flac"
    sound.write_bytes(encode_flac(AUDIO))
    environment = {**os.environ, "MLFLOW_TRACKING_URI": home.tracking_uri}
    words = [sys.executable, "-c", STRANGER, "models:/unitalker@champion", str(sound)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    expected = load_model(resolve_model("unitalker/1", home).path.as_uri()).generate(SpeechToMotionRequest(AUDIO))
    assert said["columns"][:3] == ["row", "frame", "time_s"]
    assert said["columns"][3:] == [*ARKIT_NAMES, "jaw_x", "jaw_y", "jaw_z"]
    assert said["rows"] == [0] * 25 + [1] * 25
    # FLAC holds 16 bits: the sound differs by less than 2^-15, the answer by far less than a visible weight.
    assert np.allclose(said["jawOpen"][:25], expected.expression[:, ARKIT_NAMES.index("jawOpen")], atol=1e-3)
    assert said["one"] == 25
    assert said["inputs"] == ["audio", "samples", "identity"]
    assert "talkie==" in said["requirements"]
    assert "mlflow==" in said["requirements"]


def test_the_version_is_a_logged_model_without_any_pickle(home):
    handle = resolve_model("unitalker@champion", home)
    names = {path.name for path in handle.path.rglob("*")}
    # MLflow leaves a note of its own in a folder that it has loaded from.
    assert names - {"registered_model_meta"} == {
        *("MLmodel", "requirements.txt", "python_env.yaml"),
        *("config.json", "card.json", "weights.safetensors", "digest.json"),
    }
    version = client(home).get_model_version("unitalker", "1")
    logged = client(home).get_logged_model(version.tags["logged_model"])
    assert (logged.source_run_id, logged.tags["step"], logged.status) == (handle.run_id, "7", "READY")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({}, "needs a sound"),
        ({"audio": "a.wav", "samples": [0.0]}, "needs a sound"),
        ({"sound": "a.wav"}, "no column 'sound'"),
        ({"samples": [float("nan")]}, "no finite"),
    ],
)
def test_a_row_that_cannot_be_answered_is_named(home, row, says):
    with pytest.raises(BadInput, match=says):
        Predictor(load_model(resolve_model("unitalker/1", home).path.as_uri())).predict([row])
