"""A long source is done piece by piece, by any workers in any order, and comes to the same as in one go."""

from __future__ import annotations

import hashlib

import pytest

from talkie.curation.config import CurateConfig
from talkie.curation.judgement.recipes import parse_recipe
from talkie.curation.sources import discover
from talkie.curation.worker import CuratorFactory, units
from talkie.errors import InternalError, NotMedia
from talkie.media import encode_mp4
from talkie.shards.fields import encode_record

pytestmark = pytest.mark.clips

RECIPE = {"name": "plain", "clip": {"least_s": 0.5, "most_s": 10}, "labels": ["head_pose"]}
CONFIG = CurateConfig(recipe=parse_recipe(RECIPE, "test"), piece_s=1.0)


@pytest.fixture(scope="module")
def long_video(face_video, speech, tmp_path_factory):
    """Seven seconds, whose only key frame is the first."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    path.write_bytes(encode_mp4(face_video(175), audio=speech[: 175 * 640]))
    return path


@pytest.fixture
def worker(tmp_path):
    made = CuratorFactory(CONFIG, str(tmp_path / "out"), "digest")()
    made.staging.prepare()
    return made


def content(outcome) -> dict[str, str]:
    return {
        clip.record.id: hashlib.sha256(
            encode_record(clip.record) + b"".join(clip.members[name] for name in sorted(clip.members))
        ).hexdigest()
        for clip in outcome.clips
    }


def test_pieces_in_any_order_give_what_one_go_gives(worker, long_video, tmp_path):
    (source,) = discover([long_video])
    (first,) = units([source])
    *pieces, last = worker.work(first).units
    assert len(pieces) > 1
    assert set(last.after) == {unit.key for unit in pieces}
    for unit in [*reversed(pieces), last]:
        worker.work(unit)
    staged = worker.staging.get(source.key)
    whole = worker.curator.process(source, tmp_path)
    assert content(staged) == content(whole)
    assert [entry.status for entry in staged.entries][-1] == "done"
    assert set(staged.entries[-1].clips) == {clip.record.id for clip in staged.clips}
    # Every frame belongs to one piece, and no clip crosses a border.
    assert staged.footage_s == pytest.approx(7.0)
    assert sum(clip.record.frames for clip in staged.clips) == 175


def test_a_piece_that_is_staged_already_is_not_done_again(worker, long_video, monkeypatch):
    (source,) = discover([long_video])
    (first,) = units([source])
    piece = worker.work(first).units[0]
    before = worker.work(piece).note

    def refuse(*_):
        raise AssertionError("it was done again")

    monkeypatch.setattr(type(worker.curator), "piece", refuse)
    assert worker.work(piece).note == before


def test_a_fault_of_the_source_keeps_its_type_and_one_of_ours_says_where(worker, tmp_path, monkeypatch):
    (tmp_path / "x.mp4").write_bytes(b"this is no video at all")
    (source,) = discover([tmp_path / "x.mp4"])
    (unit,) = units([source])
    with pytest.raises(NotMedia):
        worker.work(unit)

    def stumble(*_):
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(type(worker.curator), "open", stumble)
    with pytest.raises(InternalError, match=r"ZeroDivisionError: by nothing \(stumble, line \d+\)"):
        worker.work(unit)
