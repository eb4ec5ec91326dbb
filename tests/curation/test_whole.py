"""Clips of the whole picture: cut at the shots and by length, nothing lost of picture or sound, nobody looked for."""

from __future__ import annotations

import io
import subprocess
import sys

import av
import cv2
import numpy as np
import pytest

from talkie.curation import CurateConfig, curate
from talkie.curation.judgement.recipes import load_recipe, parse_recipe
from talkie.curation.process import Curator
from talkie.curation.sources import discover
from talkie.errors import BadConfig, NoVideo, TooShort, TruncatedMedia
from talkie.media import decode_flac, decode_mp4, encode_flac, encode_mp4
from talkie.shards import open_dataset

CUT = 75
FRAMES = 250
CLICK_S = (1.0, 4.2, 9.0)


def scene(seed: int, frames: int, size=(160, 90)) -> list[np.ndarray]:
    """A texture that moves by a pixel a frame."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (12, 40, 3)).astype(np.float32) * rng.uniform(0.4, 1, 3).astype(np.float32)
    wide = cv2.resize(coarse, (size[0] + frames, size[1]), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    return [wide[:, n : n + size[0]] for n in range(frames)]


def clicks(seconds: float) -> np.ndarray:
    """Silence with a short tone at each of CLICK_S."""
    audio = np.zeros(round(seconds * 16000), np.float32)
    for at in CLICK_S:
        audio[round(at * 16000) : round((at + 0.05) * 16000)] = 0.5 * np.sin(np.arange(800) * 0.5)
    return audio


@pytest.fixture(scope="module")
def pictures():
    return scene(1, CUT) + scene(2, FRAMES - CUT)


@pytest.fixture(scope="module")
def film(tmp_path_factory, pictures):
    """Ten seconds, a cut after three, clicks in the sound."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    path.write_bytes(encode_mp4(pictures, crf=10, audio=clicks(FRAMES / 25)))
    return path


@pytest.fixture(scope="module")
def outcome_of(tmp_path_factory):
    def run(path, **changes):
        recipe = load_recipe("frames")
        recipe = recipe.model_copy(update=changes)
        config = CurateConfig(recipe=recipe)
        (source,) = discover([path])
        curator = Curator(config, None, "settings", filters=recipe.judges())
        return curator.process(source, tmp_path_factory.mktemp("spool"))

    return run


@pytest.fixture(scope="module")
def outcome(outcome_of, film):
    return outcome_of(film)


def spans(outcome):
    return [(clip.record.source.start_s, clip.record.source.end_s) for clip in outcome.clips]


def test_clips_end_at_the_cut_and_after_five_seconds(outcome):
    assert spans(outcome) == [(0.0, 3.0), (3.0, 8.0), (8.0, 10.0)]
    assert [entry.status for entry in outcome.entries] == ["done"]


def test_every_picture_is_decoded_once_and_every_clip_encoded_once(outcome):
    assert (outcome.decoded, outcome.needed, outcome.encodes) == (FRAMES, FRAMES, 3)


def test_the_whole_picture_is_kept_frame_by_frame(outcome, film):
    clips = np.concatenate([decode_mp4(clip.members["mp4"]) for clip in outcome.clips]).astype(float)
    assert clips.shape == (FRAMES, 90, 160, 3)
    error = ((clips - decode_mp4(film.read_bytes())) ** 2).mean(axis=(1, 2, 3))
    # One encode of quality 18 leaves 37 dB; the frame beside a frame differs by 29 dB.
    assert 10 * np.log10(255**2 / error.max()) > 35


def test_sound_stays_in_step_over_the_cuts(outcome):
    heard = []
    for clip in outcome.clips:
        audio = decode_flac(clip.members["flac"])
        assert len(audio) == clip.record.frames * 640
        loud = np.flatnonzero(np.abs(audio) > 0.2)
        rising = loud[np.diff(loud, prepend=-8000) > 4000]
        heard += [clip.record.source.start_s + at / 16000 for at in rising]
    # AAC smears an onset over a fraction of its frame of 64 ms; a picture lasts 40 ms.
    assert heard == pytest.approx(CLICK_S, abs=0.02)


def test_the_shorter_side_is_scaled_down_and_never_up(outcome_of, film):
    crop = load_recipe("frames").crop.model_copy(update={"size": 64})
    small = outcome_of(film, crop=crop)
    assert decode_mp4(small.clips[0].members["mp4"]).shape[1:] == (64, 114, 3)
    assert spans(small) == [(0.0, 3.0), (3.0, 8.0), (8.0, 10.0)]


def test_thirty_frames_a_second_become_twenty_five(outcome_of, tmp_path):
    path = tmp_path / "thirty.mp4"
    path.write_bytes(encode_mp4(scene(1, 60) + scene(2, 90), fps=30))
    assert [clip.record.frames for clip in outcome_of(path).clips] == [50, 75]


def test_footage_without_sound_gives_clips_without_sound(outcome_of, tmp_path):
    path = tmp_path / "mute.mp4"
    path.write_bytes(encode_mp4(scene(3, 50)))
    (clip,) = outcome_of(path).clips
    assert set(clip.members) == {"mp4"}
    assert clip.record.labels == {"shows": "frame"}


def test_a_stretch_too_short_between_two_cuts_is_told(outcome_of, tmp_path):
    path = tmp_path / "short.mp4"
    path.write_bytes(encode_mp4(scene(1, 50) + scene(2, 15) + scene(4, 50)))
    outcome = outcome_of(path)
    assert spans(outcome) == [(0.0, 2.0), (2.6, 4.6)]
    told = [(line.cause, line.start_s, line.end_s) for line in outcome.entries if line.status == "drop"]
    assert told == [("short_stretch", 2.0, 2.6)]


def test_a_file_that_breaks_off_gives_what_is_left_of_it(outcome_of, film, tmp_path):
    path = tmp_path / "broken.mp4"
    data = film.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    outcome = outcome_of(path)
    assert spans(outcome)[0] == (0.0, 3.0)
    assert 3.0 < spans(outcome)[-1][1] < 10.0


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (lambda film: film[:32] + b"\0\0\x40\0mdat" + bytes(4000), TruncatedMedia),
        (lambda _: encode_mp4(scene(1, 10)), TooShort),
        (lambda _: encode_flac(clicks(10.0)), NoVideo),
    ],
)
def test_what_is_of_no_use_says_why(outcome_of, film, tmp_path, made, error):
    path = tmp_path / "useless.mp4"
    path.write_bytes(made(film.read_bytes()))
    with pytest.raises(error):
        outcome_of(path)


def test_the_type_that_a_picture_was_coded_with_does_not_force_the_encoder(outcome_of, tmp_path):
    path = tmp_path / "intra.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "1"})
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for image in scene(5, 50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        container.mux(stream.encode(None))
    (clip,) = outcome_of(path).clips
    with av.open(io.BytesIO(clip.members["mp4"])) as container:
        assert sum(packet.is_keyframe for packet in container.demux(video=0)) == 1


def test_a_recipe_of_frames_asks_for_nothing_that_needs_a_face():
    for over in ({"labels": ["gaze"]}, {"scores": ["focus"]}, {"filters": {"yaw": {}}}):
        with pytest.raises(BadConfig, match="shows: frame"):
            parse_recipe({"name": "mine", "shows": "frame", **over}, "mine")
    assert parse_recipe({"name": "mine", "shows": "frame", "filters": {"length": {"least_s": 2}}}, "mine")


def test_recipes_of_faces_have_the_settings_that_they_had():
    assert "shows" not in load_recipe("permissive").settings()
    assert load_recipe("frames").settings()["shows"] == "frame"


def test_a_worker_of_frames_starts_without_torch():
    program = (
        "import sys; from talkie.curation.worker import CuratorFactory;"
        "from talkie.curation.config import CurateConfig;"
        "from talkie.curation.judgement.recipes import load_recipe;"
        "CuratorFactory(CurateConfig(recipe=load_recipe('frames')), '.', 'x' * 16)();"
        "print([name for name in ('torch', 'mediapipe', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_shards_are_the_same_bytes_with_one_worker_and_with_two(film, tmp_path, ray_cluster):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").symlink_to(film)
    (tmp_path / "in" / "b.mp4").write_bytes(encode_mp4(scene(7, 60)))
    config = CurateConfig(recipe=load_recipe("frames"))
    for workers in (1, 2):
        summary = curate([tmp_path / "in"], tmp_path / f"out{workers}", config, workers=workers)
        assert (summary.clips, summary.dead) == (4, 0)
    one, two = (open_dataset(tmp_path / f"out{workers}") for workers in (1, 2))
    assert one.digest == two.digest
    one.verify()
