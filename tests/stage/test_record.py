"""The recorded corpus: every field is there, is the truth, and follows from the seed alone."""

import json
from itertools import pairwise

import numpy as np
import pytest

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.errors import BadConfig, BadInput, SettingsConflict
from talkie.heads import builtin_head, project_landmarks
from talkie.media import decode_flac, decode_mp4, read_audio, read_video
from talkie.shards import Ledger, decode_field, open_dataset
from talkie.stage import load_shoot, record
from talkie.stage.film import who_says_what
from talkie.stage.script import scripts
from talkie.stage.sentences import SENTENCES

FIELDS = ("mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "txt")
CONFIG = load_shoot("speech", **{"seed": 5, "cast.people": 5, "rig.size": 128})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    record(folder, 2, CONFIG, footage=True, workers=1)
    return folder


@pytest.fixture(scope="module")
def clip(recorded):
    return next(open_dataset(recorded).clips(FIELDS))


def test_picture_sound_and_labels_have_one_length(clip):
    frames = clip.record.frames
    assert decode_mp4(clip.fields["mp4"]).shape == (frames, 128, 128, 3)
    assert len(decode_flac(clip.fields["flac"])) == frames * SAMPLES_PER_FRAME
    assert clip.fields["landmarks.npy"].shape == (frames, 478, 3)
    assert len(clip.fields["head.npz"]) == frames
    assert clip.fields["phones.json"].phones[-1].end_s == pytest.approx(frames / FPS, abs=2 / FPS)
    assert clip.fields["txt"] in SENTENCES["en"]


def test_the_label_of_events_says_what_is_heard_when(clip):
    told = [event.split() for event in clip.record.labels["events"].split("; ")]
    assert "speech" in {kind for kind, _, _ in told}
    audio = decode_flac(clip.fields["flac"])
    for kind, start, end in told:
        heard = np.abs(audio[int(float(start) * 16000) : int(float(end) * 16000)]).max()
        assert heard > {"speech": 0.1, "breath": 0.01}.get(kind, 0.0)


def test_landmarks_are_the_projection_of_the_recorded_head(clip):
    again = project_landmarks(builtin_head(), clip.fields["head.npz"])
    np.testing.assert_allclose(clip.fields["landmarks.npy"], again, atol=1e-3)


def test_the_truth_lies_where_the_picture_shows_a_head(clip):
    """Inside the box of the landmarks the picture differs from its own border far more than the border does."""
    picture = decode_mp4(clip.fields["mp4"])[0].astype(float)
    x0, y0 = clip.fields["landmarks.npy"][0, :, :2].min(0)
    x1, y1 = clip.fields["landmarks.npy"][0, :, :2].max(0)
    assert 0 < x0 < x1 < 128
    assert 0 < y0 < y1 < 128
    background = picture[:8, :8].mean((0, 1))
    inside = np.abs(picture[int(y0) : int(y1), int(x0) : int(x1)] - background).mean()
    assert inside > 4 * np.abs(picture[:8] - background).mean()


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_workers(recorded, tmp_path):
    index = record(tmp_path, 2, CONFIG, workers=2)
    assert index.digest == open_dataset(recorded).digest


def test_a_folder_grows_without_filming_again_what_it_has(recorded):
    before = Ledger(recorded).path.read_text()
    assert len(record(recorded, 2, CONFIG, footage=True)) == 2
    assert Ledger(recorded).path.read_text() == before


def test_footage_plays_with_its_sound_and_carries_its_truth(recorded, clip):
    stem = recorded / "footage" / clip.record.source.name
    assert sum(1 for _ in read_video(stem)) == clip.record.frames
    heard = read_audio(stem)
    said = decode_flac(clip.fields["flac"])
    n = min(len(heard), len(said))
    assert abs(len(heard) - len(said)) <= SAMPLES_PER_FRAME
    assert np.corrcoef(heard[:n], said[:n])[0, 1] > 0.9
    assert stem.with_suffix(".txt").read_text().strip() == clip.fields["txt"]
    assert json.loads(stem.with_suffix(".json").read_text())["identity"] == clip.record.identity
    truth = decode_field("npz", stem.with_suffix(".truth.npz").read_bytes())
    np.testing.assert_array_equal(truth["expression"], clip.fields["head.npz"].expression)


def test_another_seed_in_the_same_folder_is_refused(recorded):
    with pytest.raises(SettingsConflict, match="seed"):
        record(recorded, 2, load_shoot("speech", **{"seed": 6, "cast.people": 5, "rig.size": 128}))


def test_no_clips_is_an_error():
    with pytest.raises(BadInput, match="at least one"):
        record("unused", 0, CONFIG)


def test_a_sentence_comes_back_in_the_voice_of_another_person():
    speakers: dict[str, set[int]] = {}
    for person, sentence in scripts(3 * len(SENTENCES["en"]), 20, seed=0):
        speakers.setdefault(sentence, set()).add(person)
    assert sum(len(s) > 1 for s in speakers.values()) > 0.9 * len(SENTENCES["en"])


def test_asking_for_more_clips_does_not_change_the_earlier_ones():
    assert scripts(10, 4, seed=1) == scripts(50, 4, seed=1)[:10]


def test_more_texts_of_ones_own_than_the_stage_has_are_all_spoken_before_one_comes_back():
    shoot = load_shoot("commands", seed=3)
    texts = shoot.script.texts
    assert len(texts) == len(set(texts)) == shoot.clips > len(SENTENCES["en"])
    said = [who_says_what(shoot, len(texts) + 5, number)[1].text for number in range(len(texts) + 5)]
    assert sorted(said[: len(texts)]) == sorted(texts)


def test_few_texts_of_ones_own_take_the_places_of_the_stages_sentences():
    shoot = load_shoot("speech", **{"script.texts": ("Yes.", "No.")})
    own = [line.text for line in (who_says_what(load_shoot("speech"), 40, number)[1] for number in range(40))]
    mine = [who_says_what(shoot, 40, number)[1].text for number in range(40)]
    assert all(a == b for (x, a), (y, b) in pairwise(sorted(zip(own, mine, strict=True))) if x == y)
    assert mine[:4] == ["Yes.", "No.", "Yes.", "No."]


def test_every_field_of_the_emotion_and_multi_view_presets_is_there_and_agrees(tmp_path):
    """Sensors ride in the same clip, at the same length, and see the same head."""
    shoot = load_shoot(
        "multiview",
        **{"cast.people": 5, "rig.size": 64, "rig.views": 3, "sensors": ["matte", "mask", "depth", "scan", "gaze"]},
    )
    record(tmp_path, 1, shoot, workers=1)
    fields = ("head.npz", "matte.mp4", "mask.mp4", "depth.npz", "scan.npz", "gaze.npz", "views.npz", "view02.mp4")
    clip = next(open_dataset(tmp_path).clips(fields))
    frames = clip.record.frames
    matte, mask, depth = clip.fields["matte.mp4"], clip.fields["mask.mp4"], clip.fields["depth.npz"]["tenth_mm"]
    assert matte.shape == mask.shape == depth.shape == (frames, 64, 64)
    assert ((mask > 0) == (depth > 0)).all()
    # Labels are those of pixel centres, a matte counts subpixels: they part at the gaps between strands of hair.
    assert ((mask > 0)[matte == 255]).mean() > 0.99
    assert decode_mp4(clip.fields["view02.mp4"]).shape[0] == frames
    assert clip.fields["views.npz"]["K"].shape == (3, 3, 3)
    # A scanned point, projected, lies inside the matte, at about the depth that the camera saw.
    track = clip.fields["head.npz"]
    points = clip.fields["scan.npz"]["points"][0] @ track.R.T + track.t
    pixels = points @ track.K[0].T
    x, y = (pixels[:, :2] / pixels[:, 2:]).astype(int).T
    inside = (x >= 0) & (x < 64) & (y >= 0) & (y < 64)
    assert (matte[0][y[inside], x[inside]] > 0).mean() > 0.97
    nearer = points[inside, 2] - depth[0][y[inside], x[inside]] * 1e-4
    assert abs(np.median(nearer)) < 0.02
    assert clip.fields["gaze.npz"]["direction"].shape == (frames, 2, 3)


def test_footage_tells_its_shots_its_people_and_its_damage(tmp_path):
    shoot = load_shoot("footage", **{"cast.people": 4, "footage": {"width": 256, "height": 144, "damage": ["frozen"]}})
    record(tmp_path, 2, shoot, workers=1)
    stories = [json.loads((tmp_path / "footage" / f"take-0000{k}.truth.json").read_text()) for k in (0, 1)]
    assert [s["damage"] for s in stories] == [None, "frozen"]
    for number, story in enumerate(stories):
        video = tmp_path / "footage" / f"take-0000{number}.mp4"
        assert sum(1 for _ in read_video(video)) == story["frames"] == story["shots"][-1]["end_frame"]
        for shot in story["shots"]:
            assert sum(p["speaks"] for p in shot["people"]) == 1
            for person in shot["people"]:
                x0, y0, x1, y1 = person["box_px"]
                assert 0 <= x0 < x1 <= 256
                assert 0 <= y0 < y1 <= 144


def test_more_than_the_machine_holds_is_refused_before_anything_is_filmed(tmp_path):
    shoot = load_shoot("multiview", **{"rig.size": 2048, "rig.views": 64})
    with pytest.raises(BadConfig, match=r"would need about .* GiB of memory"):
        record(tmp_path, 1, shoot, workers=8)
