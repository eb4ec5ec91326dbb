"""What becomes of one source: a clip with every field it can have, or a dead letter that says why not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from talkie.clip import clip_id, split_of
from talkie.curation.annotators import annotators_of
from talkie.curation.config import CurateConfig
from talkie.curation.draft import Toolbox
from talkie.curation.process import Curator
from talkie.curation.sources import discover
from talkie.errors import BadInput, TalkieError, TooLong
from talkie.faces import interocular
from talkie.heads import builtin_head, project_landmarks
from talkie.media import decode_flac, decode_mp4, encode_flac, encode_mp4

FIELDS = ("mp4", "flac", "landmarks.npy", "head.npz", "phones.json", "txt")


@pytest.fixture(scope="module")
def curate_one(tmp_path_factory):
    """The outcome of one file, with the annotators and filters of the default recipe."""
    config, model = CurateConfig(), builtin_head()
    annotators = annotators_of(config.recipe, Toolbox(model))
    curator = Curator(config, model, "settings", annotators, config.recipe.judges())

    def run(*paths):
        (source,) = discover(paths)
        return curator.process(source, tmp_path_factory.mktemp("spool"))

    return run


def only(outcome):
    assert [entry.status for entry in outcome.entries] == ["done"], outcome.entries
    (clip,) = outcome.clips
    return clip


@pytest.mark.clips
def test_a_speaking_face_becomes_a_clip_with_consistent_fields(curate_one, short_clip):
    raw = only(curate_one(short_clip))
    record, clip = raw.record, raw.decode(FIELDS)
    sha256 = hashlib.sha256(short_clip.read_bytes()).hexdigest()
    assert record.id == clip_id(sha256, 0.0, 30 / 25)
    assert record.frames == 30
    # Nobody says who it is; but all that comes from one file is on one side of the split.
    assert record.identity_origin == "alone"
    assert record.split == split_of(f"source-{sha256[:12]}")
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
def test_the_stored_head_projects_onto_the_stored_landmarks(curate_one, short_clip):
    raw = only(curate_one(short_clip))
    clip = raw.decode(("landmarks.npy", "head.npz"))
    track, landmarks = clip.fields["head.npz"], clip.fields["landmarks.npy"]
    projected = np.asarray(project_landmarks(builtin_head(), track))
    gap = np.linalg.norm(projected[..., :2] - landmarks[..., :2], axis=-1)
    rms = np.sqrt((gap**2).mean(1))
    # The residual is told of float32 parameters; the projection repeats it in another order.
    np.testing.assert_allclose(rms, track.residual, atol=0.02)
    assert (rms / interocular(landmarks)).mean() == pytest.approx(raw.record.scores["fit_error"], abs=1e-3)


@pytest.mark.clips
def test_sidecars_give_sound_and_facts_and_win_over_the_files_own_sound(curate_one, short_clip, speech, tmp_path):
    video = tmp_path / "name.mp4"
    shutil.copy(short_clip, video)
    quiet = np.zeros(20 * 640, np.float32)
    (tmp_path / "name.flac").write_bytes(encode_flac(quiet))
    facts = {"identity": "ada", "language": "en", "licence": "CC0-1.0", "consent": "yes", "split": "val"}
    (tmp_path / "name.json").write_text(json.dumps(facts))
    raw = only(curate_one(video))
    record = raw.record
    assert {name: getattr(record, name) for name in facts} == facts
    assert record.labels["audio"] == "sidecar"
    assert np.abs(decode_flac(raw.members["flac"])).max() == 0
    # The sidecar is ten frames short: silence makes up for it, and the record says so.
    assert record.scores["audio_padded_s"] == pytest.approx(10 / 25)


@pytest.mark.clips
def test_footage_without_sound_is_a_clip_without_speech(curate_one, face_video, tmp_path):
    (tmp_path / "mute.mp4").write_bytes(encode_mp4(face_video(26)))
    raw = only(curate_one(tmp_path))
    assert not {"flac", "phones.json", "txt", "prosody.npz"} & set(raw.members)
    assert {"mp4", "landmarks.npy", "head.npz", "gaze.npz"} <= set(raw.members)
    assert raw.record.sync is None


@pytest.mark.clips
def test_a_face_that_comes_and_goes_gives_clips_and_says_what_was_dropped(curate_one, face_video, tmp_path):
    # A wall with a pattern: black frames would be a fade between two shots.
    wall = np.kron(np.random.default_rng(0).integers(60, 200, (16, 16, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    face, none = face_video(28), np.repeat(wall[None], 12, axis=0)
    (tmp_path / "x.mp4").write_bytes(encode_mp4(np.concatenate([face, none, face[:8], none, face])))
    outcome = curate_one(tmp_path)
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
def test_an_unusable_source_is_an_error_that_knows_its_cause_and_step(curate_one, tmp_path, content, cause, step):
    grey = np.full((30, 64, 64, 3), 128, np.uint8)
    made = {
        "one frame": lambda: encode_mp4(grey[:1]),
        "no face": lambda: encode_mp4(grey),
        "sound only": lambda: encode_flac(np.zeros(1600, np.float32)),
    }
    (tmp_path / "x.mp4").write_bytes(made[content]() if isinstance(content, str) else content)
    with pytest.raises(TalkieError) as caught:
        curate_one(tmp_path)
    assert (caught.value.cause, caught.value.step) == (cause, step)
    assert "\n" not in str(caught.value)


def test_a_wrong_sidecar_and_a_sound_beyond_the_limit_are_errors(curate_one, tmp_path):
    (tmp_path / "x.mp4").write_bytes(encode_mp4(np.zeros((30, 64, 64, 3), np.uint8)))
    for sidecar, says in (('{"identiti": "ada"}', "identiti"), ('{"licence": "CC-BY-9"}', "no licence 'CC-BY-9'")):
        (tmp_path / "x.json").write_text(sidecar)
        with pytest.raises(BadInput, match=says):
            curate_one(tmp_path)
    (tmp_path / "x.json").unlink()
    _write_ten_hours_of_silence(tmp_path / "x.wav")
    with pytest.raises(TooLong):
        curate_one(tmp_path / "x.mp4")


def _write_ten_hours_of_silence(path: Path) -> None:
    """16 kHz mono, 16 bit; a sparse file, so that it takes no room on the disk."""
    size = 36_000 * 32_000
    form = struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    path.write_bytes(b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size))
    os.truncate(path, 44 + size)
