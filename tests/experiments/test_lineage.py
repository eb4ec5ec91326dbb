"""What was trained on a corpus is found in MLflow and in the folders of runs that MLflow does not know."""

import json

from talkie.experiments import Home
from talkie.experiments.lineage import trained_on
from talkie.experiments.tracking import client, end_run, log_dataset, register_model, start_run


def checkpoint(home, run, data):
    folder = home.run(run)
    (folder / "checkpoints" / "step-00000100").mkdir(parents=True)
    (folder / "checkpoints" / ".pending-00000200").mkdir()
    (folder / "run.json").write_text(json.dumps({"data": data}))


def test_runs_checkpoints_models_and_aliases_of_a_corpus_and_of_no_other(tmp_path, new_home):
    nowhere = Home.at(tmp_path / "nowhere")
    assert trained_on(nowhere, lambda digest, folder: True) == []
    assert not nowhere.path.exists()
    home = new_home(tmp_path / "home")
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"w")
    for name, data in (("first", "d" * 64), ("second", "e" * 64)):
        run_id = start_run(home, "speech_to_motion", name, {}, {})
        log_dataset(home, run_id, tmp_path / "shards", data, 3, "training")
        register_model(home, run_id, model, "unitalker", f"digest of {name}")
        end_run(home, run_id)
        checkpoint(home, name, data)
    client(home).set_registered_model_alias("unitalker", "champion", "1")
    checkpoint(home, "untracked", "d" * 64)
    checkpoint(home, "other", "c" * 64)
    asked = []

    def meant(digest, folder):
        asked.append(folder)
        return digest == "d" * 64

    tracked, untracked = trained_on(home, meant)
    assert (tracked.name, tracked.models, tracked.status) == ("first", ("unitalker/1",), "FINISHED")
    assert tracked.aliases == {"unitalker/1": ("champion",)}
    assert tracked.digests == {"unitalker/1": "digest of first"}
    assert tmp_path / "shards" in asked
    assert [p.name for p in tracked.checkpoints] == ["step-00000100"]
    assert (untracked.name, untracked.run_id, untracked.models) == ("untracked", None, ())
    assert len(untracked.checkpoints) == 1
