"""prosody.npz of curation: the stage's arrays and one more; scores with meanings."""

from __future__ import annotations

import numpy as np
import pytest

from talkie.curation.draft import Draft
from talkie.curation.labels.sound.prosody import ProsodyAnnotator
from talkie.shards import decode_field, encode_field
from talkie.stage.sound import prosody

T = 100


def draft(audio: np.ndarray | None) -> Draft:
    nothing = np.zeros((T, 478, 3), np.float32)
    return Draft(
        track=0, size=256, landmarks=nothing, boxes=np.zeros((T, 3)), seen=np.ones(T, bool), shape=(256, 256),
        audio=audio,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(speech):
    return ProsodyAnnotator().start().finish(draft(speech[: T * 640]))


def test_the_arrays_are_the_stages_and_speech(found, speech):
    arrays = found.fields["prosody.npz"]
    stage = prosody(speech[: T * 640])
    assert set(arrays) == {*stage, "speech"}
    for name, values in stage.items():
        assert arrays[name].shape == (4 * T,)
        assert arrays[name].dtype == values.dtype
        assert arrays[name] == pytest.approx(values, abs=1e-3), name
    assert arrays["speech"].dtype == bool
    again = decode_field("prosody.npz", encode_field("prosody.npz", arrays))
    assert np.array_equal(again["f0_hz"], arrays["f0_hz"])


def test_real_speech_has_sane_scores_and_each_has_a_meaning(found):
    assert set(found.scores) == set(ProsodyAnnotator.scores)
    assert 0.6 < found.scores["speech_share"] <= 1
    assert 80 < found.scores["f0_median_hz"] < 260
    assert 10 < found.scores["snr_db"] < 60
    assert -40 < found.scores["loudness_lufs"] < -10
    assert found.scores["clipped_share"] < 0.01


def test_silence_has_no_pitch_and_no_ratio():
    scores = ProsodyAnnotator().start().finish(draft(np.zeros(T * 640, np.float32))).scores
    assert scores == {"speech_share": 0.0, "loudness_lufs": -70.0, "clipped_share": 0.0}


def test_footage_without_sound_gets_nothing():
    assert ProsodyAnnotator().start().finish(draft(None)).fields == {}
