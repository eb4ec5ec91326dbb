"""`talkie generate` for tasks other than motion: portraits, films and clips in, films, labels and arrays out. The
systems are real, their weights as they were drawn."""

from __future__ import annotations

import io
import json

import av
import cv2
import numpy as np
import pytest
from serving_inputs import babble, wav_bytes

from conformance_clips import conformance_clips
from talkie.errors import BadInput, NoFace, NotMedia, TooLong
from talkie.heads import builtin_head
from talkie.media import decode_mp4, encode_mp4
from talkie.serving.generate import ClipNamed, generate
from talkie.serving.material import Files, load_film, load_picture, parsed_controls
from talkie.systems import load_system, make_config, save_system
from tone_clips import tone_clip
from tone_pictures import filmed


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return conformance_clips(tmp_path_factory.mktemp("asked") / "shards")


@pytest.fixture(scope="module")
def model(shards, tmp_path_factory):
    """The folder of a stored micro system, by its name."""
    folder = tmp_path_factory.mktemp("asked-models")

    def stored(slug: str):
        if not (folder / slug).exists():
            cls = load_system(slug)
            system = cls(make_config(cls, "micro", {}))
            wanted = tuple(name for name in cls.card.needs if not name.startswith("label"))
            system.prepare(shards.clips(wanted, "train"))
            save_system(system, folder / slug)
        return str(folder / slug)

    return stored


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """talk.mp4, a head that the tracker finds at 192 pixels; its first frame as face.png; said.wav of 0.8 s."""
    folder = tmp_path_factory.mktemp("asked-files")
    clip = filmed(tone_clip(0, "ann", "train", 15).decode(("flac", "head.npz")), 192, look=3)
    (folder / "talk.mp4").write_bytes(clip.fields["mp4"])
    first = decode_mp4(clip.fields["mp4"])[0]
    cv2.imwrite(str(folder / "face.png"), first[..., ::-1])
    (folder / "said.wav").write_bytes(wav_bytes(babble(0.8)))
    return folder


def comment_of(path) -> str:
    with av.open(str(path)) as container:
        return container.metadata["comment"]


def test_a_picture_is_read_as_it_was_stored(place):
    film = load_film(place / "talk.mp4", 5)
    assert len(film) == 15
    np.testing.assert_array_equal(load_picture(place / "face.png"), decode_mp4((place / "talk.mp4").read_bytes())[0])


def test_a_portrait_moves_as_a_film_does_and_the_answer_says_what_it_is(model, place, tmp_path):
    files = Files(portrait=place / "face.png", driving=place / "talk.mp4", size=64)
    done = generate(model("dagan"), files, tmp_path / "moved.mp4")
    frames = decode_mp4((tmp_path / "moved.mp4").read_bytes())
    assert done.frames == len(frames) == 15
    assert "AI-generated" in comment_of(tmp_path / "moved.mp4")
    generate(model("dagan"), files, tmp_path / "moved.npz")
    with np.load(tmp_path / "moved.npz", allow_pickle=False) as arrays:
        assert arrays["frames"].shape == frames.shape
        assert arrays["keypoints"].shape[0] == 15


def test_a_film_is_dubbed_whole_and_is_as_long_as_its_new_sound(model, place, tmp_path):
    files = Files(audio=place / "said.wav", video=place / "talk.mp4")
    done = generate(model("talklip"), files, tmp_path / "dubbed.mp4")
    frames = decode_mp4((tmp_path / "dubbed.mp4").read_bytes())
    assert frames.shape == (20, 192, 192, 3)
    assert done.audio_s == pytest.approx(0.8)
    with av.open(str(tmp_path / "dubbed.mp4")) as container:
        assert container.streams.audio


def test_labels_come_as_json_with_scores_that_add_up(model, shards, tmp_path):
    clip = shards.ids("test")[0]
    generate(model("anti_spoofing"), Files(), tmp_path / "said.json", clip=ClipNamed(shards.folder, clip))
    told = json.loads((tmp_path / "said.json").read_text())
    assert sum(told["scores"]["spoof"].values()) == pytest.approx(1)
    assert np.array(told["tracks"]["spoof"]).shape == (30, 2)


def test_a_clip_is_the_question_of_the_bench(model, shards, tmp_path):
    clip = shards.ids("test")[0]
    generate(model("facestab"), Files(), tmp_path / "still.npz", clip=ClipNamed(shards.folder, clip))
    with np.load(tmp_path / "still.npz", allow_pickle=False) as arrays:
        assert arrays["vertices"].shape == (30, builtin_head().vertex_count, 3)
        assert arrays["rotation"].shape == (30, 3)


@pytest.mark.parametrize(
    ("slug", "files", "out", "named"),
    [
        ("dagan", {"driving": "talk.mp4"}, "a.mp4", "needs portrait"),
        ("talklip", {"video": "talk.mp4"}, "a.mp4", "needs audio"),
        ("dagan", {"portrait": "nobody.png", "driving": "talk.mp4"}, "a.mp4", "no such file"),
        ("unitalker", {"audio": "said.wav", "portrait": "face.png"}, "a.mp4", "sound alone"),
        ("unitalker", {"audio": "said.wav", "controls": {"smile": 1}}, "a.json", "no such control"),
        ("facestab", {"video": "talk.mp4"}, "a.npz", "curated clips"),
        ("dagan", {"portrait": "face.png", "driving": "talk.mp4"}, "a.json", r"\.mp4 or \.npz"),
        ("dagan", {"portrait": "face.png", "driving": "talk.mp4", "controls": {"smile": 1}}, "a.mp4", "adapt_scale"),
    ],
)
def test_what_is_missing_is_named_with_its_cure(model, place, tmp_path, slug, files, out, named):
    given = {name: place / value if isinstance(value, str) else value for name, value in files.items()}
    with pytest.raises(BadInput, match=named):
        generate(model(slug), Files(**given), tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_pictures_without_a_face_and_pictures_that_are_none_are_refused(model, place, tmp_path):
    grey = encode_mp4([np.full((96, 96, 3), 90, np.uint8)] * 3)
    (tmp_path / "grey.mp4").write_bytes(grey)
    (tmp_path / "text.png").write_bytes(b"no picture at all")
    with pytest.raises(NoFace, match=r"grey\.mp4"):
        Files(driving=tmp_path / "grey.mp4").load(5)
    with pytest.raises(NotMedia):
        Files(portrait=tmp_path / "text.png").load(5)
    with pytest.raises(TooLong):
        Files(video=place / "talk.mp4").load(0.2)


def test_a_clip_does_not_go_with_other_pictures_and_must_be_there(model, shards, place, tmp_path):
    out = tmp_path / "a.mp4"
    asked = ClipNamed(shards.folder, shards.ids("test")[0])
    with pytest.raises(BadInput, match="its own pictures"):
        generate(model("dagan"), Files(portrait=place / "face.png"), out, clip=asked)
    with pytest.raises(BadInput, match="no clip nobody"):
        generate(model("dagan"), Files(), out, clip=ClipNamed(shards.folder, "nobody"))


def test_controls_are_numbers_words_and_lists():
    assert parsed_controls(["a=1.5", "b=happy", "c=[1, 2]", "d=true"]) == {
        "a": 1.5,
        "b": "happy",
        "c": [1, 2],
        "d": True,
    }
    with pytest.raises(BadInput, match="NAME=VALUE"):
        parsed_controls(["loud"])


def test_arrays_hold_no_pickles(model, shards, tmp_path):
    clip = shards.ids("test")[0]
    generate(model("dagan"), Files(), tmp_path / "a.npz", clip=ClipNamed(shards.folder, clip))
    with np.load(io.BytesIO((tmp_path / "a.npz").read_bytes()), allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)
