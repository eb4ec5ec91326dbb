"""The report is one file that shows the corpus truly, needs nothing else, and trusts no name in it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from talkie.clip import ClipRecord, Phone, Source, Transcription, Word
from talkie.curation.report import Limit, limits_of_filters, write_report
from talkie.curation.report.charts import histogram
from talkie.curation.report.markup import Safe, data_block, tag
from talkie.curation.report.pictures import head_angles, spread
from talkie.curation.report.tally import VALUES, Values
from talkie.errors import BadInput, NotADataset
from talkie.media import encode_flac, encode_mp4
from talkie.shards import Ledger, LedgerEntry, RawClip, commit, encode_field
from tone_clips import track_of

HOSTILE = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&\u202e\x07.mp4"


@pytest.fixture(scope="module")
def members():
    """Two seconds of a grey square that brightens, a hum, landmarks on a grid, a word of two phones."""
    frames = np.stack([np.full((64, 64, 3), 60 + 3 * t, np.uint8) for t in range(50)])
    points = np.tile(np.linspace(4, 60, 478)[None, :, None], (50, 1, 3)).astype(np.float32)
    hum = (0.3 * np.sin(np.arange(32_000) * 0.05)).astype(np.float32)
    phones = Transcription((Word("ah", 0.5, 1.0),), (Phone("AA", "aa", 0.5, 0.8), Phone("HH", "kk", 0.8, 1.0)), "test")
    return {
        "mp4": encode_mp4(frames),
        "flac": encode_flac(hum),
        "landmarks.npy": encode_field("landmarks.npy", points),
        "head.npz": encode_field("head.npz", track_of(np.zeros(50))),
        "phones.json": encode_field("phones.json", phones),
        "speaking.npz": encode_field("speaking.npz", {"speaking": np.r_[np.zeros(25), np.ones(25)].astype(np.float32)}),
    }


def clip(i, members, name="a.mp4", identity="somebody", **values):
    source = Source(uri=f"/in/{name}", name=name, sha256=f"{i:064x}", start_s=0, end_s=2)
    plain = {"frames": 50, "identity": identity, "split": "train", "scores": {"sharpness": float(i)}}
    plain |= {"score_meaning": {"sharpness": "how sharp <b>it</b> is"}, "tools": {"landmarks": "mesh 1"}}
    return RawClip(ClipRecord(id=f"{i:016x}", source=source, **(plain | values)), members)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text in them."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.words = ""
        self._inside = ""
        self.feed(data.decode())

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        self._inside = name

    def handle_endtag(self, name):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside == "style":
            self.styles.append(data)
        else:
            self.words += data

    def attributes(self, name, key):
        return [given[key] for element, given in self.elements if element == name and key in given]


@pytest.fixture(scope="module")
def made(members, tmp_path_factory):
    """Three clips, one of them hostile in every name, drops, a dead letter, a copy."""
    folder = tmp_path_factory.mktemp("corpus") / "shards"
    clips = [
        clip(1, members),
        clip(2, members, HOSTILE, HOSTILE, language=HOSTILE, labels={HOSTILE: HOSTILE}, licence="CC-BY-NC-4.0"),
        clip(3, {"mp4": members["mp4"]}, identity="else", split="test"),
    ]
    commit(folder, clips, settings={"tool": "curate", "note": HOSTILE})
    plain = {"name": HOSTILE, "uri": f"/in/{HOSTILE}", "message": HOSTILE}
    Ledger(folder).append(
        LedgerEntry(sha256="a", status="drop", cause="blurred", start_s=0, end_s=1,
                    values={"sharpness": 0.5, "threshold": 1.5}, **plain),
        LedgerEntry(sha256="a", status="done", name="a.mp4", uri="a"),
        LedgerEntry(sha256="b", status="drop", cause="duplicate_of", of="1" * 64, **plain),
        LedgerEntry(sha256="c", status="dead", cause="not_media", step="probe", exception=HOSTILE, **plain),
    )  # fmt: skip
    out = folder.parent / "report.html"
    return write_report(folder, out), out.read_bytes()


def test_names_from_outside_are_text_and_nothing_else(made):
    page = Page(made[1])
    names = {name for name, _ in page.elements}
    assert not [given for _, given in page.elements if any(key.startswith("on") for key in given)]
    assert page.attributes("img", "src")
    assert "x" not in page.attributes("img", "src")
    assert len([n for n, given in page.elements if n == "script" and "type" not in given]) == 1
    assert names.isdisjoint({"iframe", "link", "object", "embed"})
    assert page.words.count("<script>alert(1)</script>") >= 8
    assert b"\x07" not in made[1]


def test_the_policy_lets_nothing_in_and_its_hashes_are_those_of_the_file(made):
    page = Page(made[1])
    (policy,) = page.attributes("meta", "content")[:1]
    assert policy.startswith("default-src 'none'; img-src data:; media-src data:;")
    for kind, (text,) in (("script", [s for s in page.scripts if "use strict" in s]), ("style", page.styles)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not [given for _, given in page.elements if "style" in given]


def test_it_asks_nothing_of_the_network(made):
    page = Page(made[1])
    addresses = [
        v for n in ("img", "video", "audio", "a") for k in ("src", "poster", "href") for v in page.attributes(n, k)
    ]
    assert addresses
    assert all(re.match(r"data:(image/jpeg|video/mp4|audio/flac);base64,|#", address) for address in addresses)
    assert not re.search(r"url\(|@import", "".join(page.styles))


def test_pictures_are_the_clips_middle_frames(made):
    picture = Page(made[1]).attributes("img", "src")[0]
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))))
    # Frame 25 is grey of 60 + 75; limited range, JPEG and 4:2:0 cost a few levels.
    assert np.abs(image.astype(int) - 135).max() <= 6


def test_every_part_is_there_with_its_numbers(made):
    summary, data = made
    page = Page(data)
    assert (summary.clips, summary.pictured, summary.shown, summary.unreadable) == (3, 3, 3, {})
    ids = {given.get("id") for name, given in page.elements if name == "section"}
    assert ids == {"sheet", "clips", "scores", "drops", "balance", "lineage", "copies"}
    for said in ("how sharp <b>it</b> is", "blurred", "not_media", "CC-BY-NC-4.0", "non-commercial", "2.0 s", "mesh"):
        assert said in page.words, said
    assert "talkie curate" in page.words


def test_the_landmarks_and_phones_of_a_shown_clip_are_those_of_its_members(made, members):
    page = Page(made[1])
    blocks = [json.loads(text) for text in page.scripts if text.startswith('{"lengths"')]
    assert len(blocks) == 2
    assert len(blocks[0]["frames"]) == 50
    assert sum(blocks[0]["lengths"]) * 2 == len(blocks[0]["frames"][0])
    assert "AA (aa) 0.50 to 0.80 s" in page.words
    assert "speaks 1.00 to 2.00 s" in page.words


def test_an_empty_corpus_and_one_without_a_ledger_have_a_report_too(tmp_path, members):
    commit(tmp_path / "one", [clip(1, members)], settings={})
    assert write_report(tmp_path / "one", tmp_path / "r.html").clips == 1
    commit(tmp_path / "none", [], settings={})
    assert write_report(tmp_path / "none", tmp_path / "r.html").clips == 0


def test_a_damaged_clip_is_named_and_the_others_are_shown(tmp_path, members):
    commit(tmp_path / "s", [clip(1, members), clip(2, {"mp4": b"no video"})], settings={})
    summary = write_report(tmp_path / "s", tmp_path / "r.html")
    assert list(summary.unreadable) == [f"{2:016x}"]
    assert summary.pictured == 1


def test_what_cannot_be_read_or_written_is_one_error(tmp_path, members):
    with pytest.raises(NotADataset):
        write_report(tmp_path, tmp_path / "r.html")
    commit(tmp_path / "s", [clip(1, members)], settings={})
    with pytest.raises(BadInput, match="cannot be written"):
        write_report(tmp_path / "s", tmp_path / "nowhere" / "r.html")


def test_the_sheet_shows_everybody_before_anybody_twice(tmp_path, members):
    from talkie.curation.report.tally import tally
    from talkie.shards import open_dataset

    clips = [clip(i, {"mp4": b"x"}, identity="a") for i in range(1, 9)]
    clips += [clip(20, {"mp4": b"x"}, identity="b", split="test"), clip(30, {"mp4": b"x"}, identity="c")]
    commit(tmp_path, clips, settings={})
    corpus = tally(open_dataset(tmp_path))
    first = [corpus.candidates[c].identity for c in spread(corpus.candidates, 4)]
    assert sorted(first[:3]) == ["a", "b", "c"]
    assert corpus.identity == {"a": 16.0, "b": 2.0, "c": 2.0}
    assert (corpus.clips, corpus.sources, corpus.split) == (10, 10, {"train": 18.0, "test": 2.0})


def test_a_long_stream_of_scores_is_sampled_evenly_and_summed_whole():
    values = Values()
    stream = np.random.default_rng(0).uniform(0, 1, 3 * VALUES)
    for part in np.array_split(stream, 17):
        values.add(part)
    values.add(np.array([np.nan, np.inf]))
    assert values.count == len(stream)
    assert values.mean == pytest.approx(stream.mean())
    assert (values.low, values.high) == (stream.min(), stream.max())
    assert VALUES / 3 < len(values.sample) <= VALUES
    # Of n uniform values every decile holds a tenth, give or take four standard deviations.
    counts = np.histogram(values.sample, 10, (0, 1))[0]
    assert np.abs(counts - len(values.sample) / 10).max() < 4 * np.sqrt(len(values.sample) * 0.09)


def test_a_histogram_counts_every_value_once_and_draws_the_limit():
    drawn = histogram(np.r_[np.zeros(3), np.ones(7)], Limit(least=0.25))
    counts = [int(n) for n in re.findall(r"<title>[^<]*: (\d+)</title>", drawn)]
    assert counts == [3, 7]
    assert 'x1="75"' in drawn


def test_the_lines_of_filters_are_found_by_their_fields():
    @dataclass(frozen=True)
    class Filter:
        needs: ClassVar = ("face_px",)
        least_px: float = 64.0
        unknown: str = "drop"

    @dataclass(frozen=True)
    class Exposure:
        needs: ClassVar = ("skin_clipped", "peak_light")
        most_clipped: float = 0.1
        least_peak: float = 0.25
        most_other: float = 1.0

    assert limits_of_filters([Filter(), Exposure()]) == {
        "face_px": Limit(least=64.0),
        "skin_clipped": Limit(most=0.1),
        "peak_light": Limit(least=0.25),
    }


def test_yaw_and_pitch_are_those_of_the_rotation():
    from dataclasses import replace

    from scipy.spatial.transform import Rotation

    track = track_of(np.zeros(2))
    # A camera in front of the face: OpenCV's y down and z ahead against the head's y up and z out of the face.
    facing = np.diag([1.0, -1.0, -1.0])
    turns = Rotation.from_euler("YX", [[30, 0], [0, -20]], degrees=True).as_rotvec()
    yaw, pitch = head_angles(replace(track, rotation=turns, R=facing))
    np.testing.assert_allclose(yaw, [30, 0], atol=1e-5)
    np.testing.assert_allclose(pitch, [0, 20], atol=1e-5)


def test_markup_escapes_all_but_its_own():
    assert tag("p", "<b>", Safe("<i></i>"), title='"') == '<p title="&quot;">&lt;b&gt;<i></i></p>'
    assert "</script" not in data_block("x", "</script>")[:-9]
