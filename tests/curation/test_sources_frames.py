"""Folders of frames become clips as videos do, with the sound beside them; single pictures are told what to do."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from talkie.curation.annotators import annotators_of
from talkie.curation.config import CurateConfig
from talkie.curation.draft import Toolbox
from talkie.curation.judgement.recipes import changed, load_recipe
from talkie.curation.process import Curator
from talkie.curation.sources import discover
from talkie.errors import BadInput, NotFootage
from talkie.heads import builtin_head
from talkie.media import decode_mp4, encode_flac

pytestmark = pytest.mark.clips


@pytest.fixture(scope="module")
def curator():
    recipe = changed(
        load_recipe("permissive"),
        {"labels": [], "scores": [], "filters": {}, "crop": {"size": 128}, "clip": {"least_s": 0.8}},
    )
    config, model = CurateConfig(recipe=recipe), builtin_head()
    return Curator(config, model, "settings", annotators_of(recipe, Toolbox(model)), recipe.judges())


@pytest.fixture(scope="module")
def pictures(face_video):
    return face_video(30)


def save(folder, pictures, pattern="{:05d}.png"):
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures, start=1):
        cv2.imwrite(str(folder / pattern.format(number)), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def test_a_manifest_makes_a_folder_of_frames_and_its_sound_one_clip(curator, pictures, speech, tmp_path):
    save(tmp_path / "shot", pictures)
    (tmp_path / "shot.flac").write_bytes(encode_flac(speech[: 30 * 640]))
    (tmp_path / "list.csv").write_text("uri,kind,fps,audio,speaker\nshot,frames,25,shot.flac,ada\n")
    (source,) = discover([tmp_path / "list.csv"])
    outcome = curator.process(source, tmp_path / "spool")
    (clip,) = outcome.clips
    assert (clip.record.frames, clip.record.identity) == (30, "ada")
    assert clip.record.source.sha256 == source.sha256
    assert {"mp4", "flac", "landmarks.npy", "head.npz"} <= set(clip.members)
    crop = np.stack(list(decode_mp4(clip.members["mp4"])))
    assert len(crop) == 30
    assert (outcome.decoded, outcome.needed, outcome.encodes) == (30, 30, 1)


def test_a_data_set_of_frame_folders_goes_the_whole_way(curator, pictures, tmp_path):
    from talkie_datasets.tiktok import TikTok
    from talkie_datasets.vfhq import VFHQ

    save(tmp_path / "dances" / "TikTok_dataset" / "00335" / "images", pictures, "{:04d}.png")
    name = "Clip+abc-_def+P0+C1+F100-129"
    save(tmp_path / "vfhq" / "images" / name, pictures, "{:08d}.jpg")
    (tmp_path / "vfhq" / "meta_info").mkdir()
    facts = "FPS  25\nH  256\nW  256\nCROP  0 0 256 256\n"
    (tmp_path / "vfhq" / "meta_info" / f"{name}.txt").write_text(facts)
    for adapter, root in ((TikTok(), "dances"), (VFHQ(), "vfhq")):
        (record,) = adapter.records(tmp_path / root)
        (source,) = discover([_manifest(tmp_path / f"{root}.jsonl", record)])
        outcome = curator.process(source, tmp_path / "spool")
        (clip,) = outcome.clips
        # TikTok's pictures are 30 a second: 30 of them last one second, of which the tracker may leave out an edge.
        most = 25 if root == "dances" else 30
        assert most - 3 <= clip.record.frames <= most
        assert "flac" not in clip.members
        assert clip.record.licence == "non-commercial"


def _manifest(path, record):
    values = record.model_dump(mode="json", exclude={"labels", "annotations", "box"}, exclude_defaults=True)
    path.write_text(json.dumps(values) + "\n")
    return path


def test_a_hole_of_a_few_frames_does_not_break_the_clip(curator, pictures, tmp_path):
    folder = save(tmp_path / "shot", pictures)
    (folder / "00011.png").unlink()
    (tmp_path / "list.jsonl").write_text('{"uri": "shot", "kind": "frames", "fps": 25}\n')
    (source,) = discover([tmp_path / "list.jsonl"])
    (clip,) = curator.process(source, tmp_path / "spool").clips
    assert clip.record.frames == 30


def test_a_single_picture_is_no_footage_and_says_what_to_do(pictures, tmp_path):
    folder = save(tmp_path / "shot", pictures[:2])
    (source,) = discover([folder / "00001.png"])
    assert isinstance(source.refusal(), NotFootage)
    assert "kind=frames" in source.trouble
    with pytest.raises(BadInput, match="kind=frames"):
        discover([folder])
