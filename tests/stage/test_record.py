"""The recorded corpus: every field is there, is the truth, and follows from the seed alone."""

import json

import numpy as np
import pytest

from talkie.clip import FPS, SAMPLES_PER_FRAME
from talkie.errors import BadInput, SettingsConflict
from talkie.heads import builtin_head, project_landmarks
from talkie.media import decode_flac, decode_mp4, read_audio, read_video
from talkie.shards import Ledger, decode_field, open_dataset
from talkie.stage import StageConfig, record
from talkie.stage.script import SENTENCES, scripts

FIELDS = ("mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "txt")
CONFIG = StageConfig(seed=5, people=5, size=128)


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
    assert clip.fields["txt"] in SENTENCES


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
    assert len(record(recorded, 2, CONFIG, footage=True).clips) == 2
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
        record(recorded, 2, StageConfig(seed=6, people=5, size=128))


def test_no_clips_is_an_error():
    with pytest.raises(BadInput, match="at least one"):
        record("unused", 0, CONFIG)


def test_a_sentence_comes_back_in_the_voice_of_another_person():
    speakers: dict[str, set[int]] = {}
    for person, sentence in scripts(3 * len(SENTENCES), 20, seed=0):
        speakers.setdefault(sentence, set()).add(person)
    assert sum(len(s) > 1 for s in speakers.values()) > 0.9 * len(SENTENCES)


def test_asking_for_more_clips_does_not_change_the_earlier_ones():
    assert scripts(10, 4, seed=1) == scripts(50, 4, seed=1)[:10]
