"""What becomes of one source: a clip with every field it can have, or a dead letter that says why not."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from talkie.clip import clip_id, split_of
from talkie.curation.config import CurateConfig
from talkie.curation.process import Curator
from talkie.curation.sources import discover
from talkie.faces import interocular
from talkie.heads import builtin_head, project_landmarks
from talkie.media import decode_flac, decode_mp4, encode_flac, encode_mp4

FIELDS = ("mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "txt")


@pytest.fixture(scope="module")
def curator() -> Curator:
    return Curator(CurateConfig(), builtin_head(), "settings")


def only(outcome):
    assert [entry.status for entry in outcome.entries] == ["done"], outcome.entries
    (clip,) = outcome.clips
    return clip


@pytest.mark.clips
def test_a_speaking_face_becomes_a_clip_with_consistent_fields(curator, short_clip):
    (source,) = discover([short_clip])
    raw = only(curator.process(source))
    record, clip = raw.record, raw.decode(FIELDS)
    assert record.id == clip_id(source.sha256, 0.0, 30 / 25)
    assert record.frames == 30
    assert record.identity == f"source-{source.sha256[:12]}"
    assert record.split == split_of(record.identity)
    assert set(record.scores) == set(record.score_meaning)
    assert record.scores["face_found"] == 1.0
    assert decode_mp4(clip.fields["mp4"]).shape == (30, 256, 256, 3)
    assert len(decode_flac(clip.fields["flac"])) == 30 * 640
    assert clip.fields["landmarks.npy"].shape == (30, 478, 3)
    phones = clip.fields["phones.json"].phones
    assert 0 <= phones[0].start_s < phones[-1].end_s <= 30 / 25 + 1e-6
    assert record.phones_origin == "pocketsphinx-phone-loop"
    assert "txt" not in clip.fields


@pytest.mark.clips
def test_the_stored_head_projects_onto_the_stored_landmarks(curator, short_clip):
    raw = only(curator.process(*discover([short_clip])))
    clip = raw.decode(("landmarks.npy", "head.npz"))
    track, landmarks = clip.fields["head.npz"], clip.fields["landmarks.npy"]
    projected = np.asarray(project_landmarks(builtin_head(), track))
    gap = np.linalg.norm(projected[..., :2] - landmarks[..., :2], axis=-1)
    rms = np.sqrt((gap**2).mean(1))
    # The residual is told of float32 parameters; the projection repeats it in another order.
    np.testing.assert_allclose(rms, track.residual, atol=0.02)
    assert (rms / interocular(landmarks)).mean() == pytest.approx(raw.record.scores["fit_error"], abs=1e-3)


@pytest.mark.clips
def test_sidecars_give_sound_and_facts_and_win_over_the_files_own_sound(curator, short_clip, speech, tmp_path):
    video = tmp_path / "name.mp4"
    shutil.copy(short_clip, video)
    quiet = np.zeros(20 * 640, np.float32)
    (tmp_path / "name.flac").write_bytes(encode_flac(quiet))
    facts = {"identity": "ada", "language": "en", "licence": "CC0-1.0", "consent": "yes", "split": "val"}
    (tmp_path / "name.json").write_text(json.dumps(facts))
    raw = only(curator.process(*discover([video])))
    record = raw.record
    assert {name: getattr(record, name) for name in facts} == facts
    assert record.labels["audio"] == "sidecar"
    assert np.abs(decode_flac(raw.members["flac"])).max() == 0
    # The sidecar is ten frames short: silence makes up for it, and the record says so.
    assert record.scores["audio_padded_s"] == pytest.approx(10 / 25)


@pytest.mark.clips
def test_footage_without_sound_is_a_clip_without_speech(curator, face_video, tmp_path):
    (tmp_path / "mute.mp4").write_bytes(encode_mp4(face_video(26)))
    raw = only(curator.process(*discover([tmp_path])))
    assert set(raw.members) == {"mp4", "landmarks.npy", "head.npz"}


@pytest.mark.clips
def test_a_face_that_comes_and_goes_gives_clips_and_says_what_was_dropped(curator, face_video, tmp_path):
    face, none = face_video(28), np.zeros((12, 256, 256, 3), np.uint8)
    (tmp_path / "x.mp4").write_bytes(encode_mp4(np.concatenate([face, none, face[:8], none, face])))
    outcome = curator.process(*discover([tmp_path]))
    assert [clip.record.source.start_s for clip in outcome.clips] == [0.0, 60 / 25]
    drops = [(entry.cause, entry.start_s, entry.end_s) for entry in outcome.entries if entry.status == "drop"]
    assert ("short_stretch", 40 / 25, 48 / 25) in drops
    assert ("no_face", 28 / 25, 40 / 25) in drops
    assert ("no_face", 48 / 25, 60 / 25) in drops
    assert outcome.entries[-1].status == "done"


@pytest.mark.parametrize(
    ("content", "cause", "step"),
    [
        (b"", "empty_file", "probe"),
        (b"this is no video at all", "not_media", "probe"),
        ("one frame", "too_short", "track"),
        ("no face", "no_face", "track"),
        ("sound only", "no_video", "probe"),
    ],
)
def test_an_unusable_source_is_a_dead_letter_with_its_cause(curator, tmp_path, content, cause, step):
    grey = np.full((30, 64, 64, 3), 128, np.uint8)
    made = {
        "one frame": lambda: encode_mp4(grey[:1]),
        "no face": lambda: encode_mp4(grey),
        "sound only": lambda: encode_flac(np.zeros(1600, np.float32)),
    }
    (tmp_path / "x.mp4").write_bytes(made[content]() if isinstance(content, str) else content)
    outcome = curator.process(*discover([tmp_path]))
    (entry,) = outcome.entries
    assert (entry.status, entry.cause, entry.step) == ("dead", cause, step)
    assert "\n" not in entry.message
    assert not outcome.clips


def test_a_wrong_sidecar_and_a_sound_beyond_the_limit_are_dead_letters(curator, tmp_path):
    (tmp_path / "x.mp4").write_bytes(encode_mp4(np.zeros((30, 64, 64, 3), np.uint8)))
    for sidecar, says in (('{"identiti": "ada"}', "identiti"), ('{"licence": "CC-BY-9"}', "no licence 'CC-BY-9'")):
        (tmp_path / "x.json").write_text(sidecar)
        (entry,) = curator.process(*discover([tmp_path])).entries
        assert (entry.status, entry.cause) == ("dead", "bad_input")
        assert "x.json" in entry.message
        assert says in entry.message
    (tmp_path / "x.json").unlink()
    _write_ten_hours_of_silence(tmp_path / "x.wav")
    (entry,) = curator.process(*discover([tmp_path / "x.mp4"])).entries
    assert (entry.status, entry.cause) == ("dead", "too_long")


def _write_ten_hours_of_silence(path: Path) -> None:
    """16 kHz mono, 16 bit; a sparse file, so that it takes no room on the disk."""
    size = 36_000 * 32_000
    form = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size))
    os.truncate(path, 44 + size)
