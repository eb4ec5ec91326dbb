"""What each recognition, spoofing and body set is known to trip readers with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fake_media import write
from fake_trees import make_fake_tree

from talkie.curation.record import SourceRecord
from talkie.errors import BadConfig, BadInput
from talkie_datasets import Dataset, Skipped
from talkie_datasets import affectnet as affectnet_module
from talkie_datasets import dfew as dfew_module
from talkie_datasets import raf_db as raf_db_module
from talkie_datasets.affectnet import AffectNet
from talkie_datasets.dfew import DFEW
from talkie_datasets.msu_mfsd import CLIENTS, MSUMFSD
from talkie_datasets.oulu_npu import OuluNPU
from talkie_datasets.raf_db import RAFDB
from talkie_datasets.replay_attack import ReplayAttack
from talkie_datasets.tiktok import TikTok
from talkie_datasets.ubc_fashion import UBCFashion


def told(adapter: Dataset, root: Path) -> dict[str, SourceRecord]:
    return {r.key or "": r for r in adapter.records(root) if isinstance(r, SourceRecord)}


def skipped(adapter: Dataset, root: Path) -> list[Skipped]:
    return [s for s in adapter.records(root) if isinstance(s, Skipped)]


def test_equal_numbers_are_other_emotions_in_other_sets():
    raf_db = {name: int(number) for number, name in raf_db_module.EMOTIONS.items()}
    affectnet = {name: number for number, name in enumerate(affectnet_module.EMOTIONS)}
    dfew = {name: int(number) for number, name in dfew_module.EMOTIONS.items()}
    assert (raf_db["surprise"], affectnet["surprise"], dfew["surprise"]) == (1, 3, 5)
    assert (raf_db["neutral"], affectnet["neutral"], dfew["neutral"]) == (7, 0, 3)
    assert (raf_db["happiness"], affectnet["happiness"], dfew["happy"]) == (4, 1, 1)


def test_raf_db_falls_back_to_the_original_picture_and_says_so(tmp_path, media):
    make_fake_tree("raf_db", tmp_path, media)
    (tmp_path / "basic" / "Image" / "aligned" / "train_00001_aligned.jpg").unlink()
    media.put("face.jpg", tmp_path / "basic" / "Image" / "original" / "train_00001.jpg")
    record = told(RAFDB(), tmp_path)["train_00001"]
    assert record.kind == "image"
    assert record.labels["form"] == "original"


def test_raf_db_names_list_and_row_of_what_it_cannot_use(tmp_path, media):
    make_fake_tree("raf_db", tmp_path, media)
    bad = {s.reason: s.path for s in skipped(RAFDB(), tmp_path)}
    path = tmp_path / "basic" / "EmoLabel" / "list_patition_label.txt"
    assert bad["unknown_label"] == f"{path}:5"
    assert bad["bad_row"] == f"{path}:6"


def test_affectnet_does_not_unpickle_an_annotation(tmp_path, media):
    make_fake_tree("affectnet", tmp_path, media)
    np.save(tmp_path / "train_set" / "annotations" / "0_exp.npy", np.array({"a": 1}, dtype=object))
    bad = [s for s in skipped(AffectNet(), tmp_path) if s.reason == "bad_row"]
    assert [Path(s.path).name for s in bad] == ["0_exp.npy"]


def test_affectnet_public_val_set_is_the_test(tmp_path, media):
    make_fake_tree("affectnet", tmp_path, media)
    assert {k.split("__")[0]: r.split for k, r in told(AffectNet(), tmp_path).items()} == {
        "train_set": "train",
        "val_set": "test",
    }


def test_dfew_reads_the_fold_that_was_chosen(tmp_path, media):
    make_fake_tree("dfew", tmp_path, media)
    assert {r.fps for r in told(DFEW(fold=2, fps=30.0), tmp_path).values()} == {30.0}
    with pytest.raises(BadInput, match="single_trainset_3"):
        list(DFEW(fold=3).records(tmp_path))
    with pytest.raises(BadConfig, match="no fold 6"):
        DFEW(fold=6)


def test_dfew_clips_that_the_fold_does_not_name_are_told(tmp_path, media):
    make_fake_tree("dfew", tmp_path, media)
    media.frames(tmp_path / "Clip" / "clip_224x224" / "16372", range(3), "16372_{:05d}.jpg")
    extra = [s for s in skipped(DFEW(fold=2), tmp_path) if s.reason == "not_in_protocol"]
    assert [Path(s.path).name for s in extra] == ["16372"]


def test_oulu_npu_without_a_protocol_takes_every_video(tmp_path, media):
    make_fake_tree("oulu_npu", tmp_path, media)
    assert len(told(OuluNPU(), tmp_path)) == 4
    assert [s.reason for s in skipped(OuluNPU(), tmp_path)] == ["broken"]


def test_oulu_npu_protocols_with_folds_need_one(tmp_path, media):
    for options in ({"protocol": 3}, {"protocol": 4, "fold": 7}, {"protocol": 1, "fold": 1}, {"protocol": 5}):
        with pytest.raises(BadConfig):
            OuluNPU(**options)
    make_fake_tree("oulu_npu", tmp_path, media)
    for part, line in (("Train", "+1,1_1_01_1"), ("Dev", ""), ("Test", "")):
        write(tmp_path / "Protocols" / "Protocol_3" / f"{part}_2.txt", line + "\n")
    assert list(told(OuluNPU(protocol=3, fold=2), tmp_path)) == ["Train_files__1_1_01_1"]


def test_oulu_npu_believes_the_name_and_not_the_list(tmp_path, media):
    make_fake_tree("oulu_npu", tmp_path, media)
    path = tmp_path / "Protocols" / "Protocol_1" / "Train.txt"
    path.write_text(path.read_text().replace("+1,", "-1,"))
    bad = [s for s in skipped(OuluNPU(protocol=1), tmp_path) if s.reason == "bad_row"]
    assert [s.path for s in bad] == [f"{path}:1"]


def test_oulu_npu_gives_the_eyes_beside_a_video(tmp_path, media):
    make_fake_tree("oulu_npu", tmp_path, media)
    record = told(OuluNPU(protocol=1), tmp_path)["Train_files__1_1_01_1"]
    assert record.annotations["eyes"] == str(tmp_path / "Train_files" / "1_1_01_1.txt")


def test_replay_attack_gives_the_boxes_of_the_parallel_tree(tmp_path, media):
    make_fake_tree("replay_attack", tmp_path, media)
    for record in told(ReplayAttack(), tmp_path).values():
        relative = Path(record.uri).relative_to(tmp_path).with_suffix(".face")
        assert record.annotations["boxes"] == str(tmp_path / "face-locations" / relative)


def test_msu_mfsd_divides_35_clients_and_leaves_20_out():
    assert {split: len(people) for split, people in CLIENTS.items()} == {"train": 15, "test": 20}
    assert not CLIENTS["train"] & CLIENTS["test"]


def test_msu_mfsd_takes_both_suffixes(tmp_path, media):
    make_fake_tree("msu_mfsd", tmp_path, media)
    suffixes = {r.labels["device"]: Path(r.uri).suffix for r in told(MSUMFSD(), tmp_path).values()}
    assert suffixes == {"android": ".mp4", "laptop": ".mov"}


def test_tiktok_gives_masks_and_densepose_beside_the_frames(tmp_path, media):
    make_fake_tree("tiktok", tmp_path, media)
    record = told(TikTok(), tmp_path)["00334"]
    assert (record.kind, record.fps, record.split) == ("frames", 30.0, None)
    assert record.annotations["densepose"] == str(tmp_path / "TikTok_dataset" / "00334" / "densepose")


def test_ubc_fashion_is_silent_and_dots_leave_the_key(tmp_path, media):
    make_fake_tree("ubc_fashion", tmp_path, media)
    assert [s.reason for s in skipped(UBCFashion(), tmp_path)] == ["broken"]
    assert "train__91+3b_AYtFe0S" in told(UBCFashion(), tmp_path)
