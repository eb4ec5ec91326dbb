"""`talkie inspect` is quick because it opens few records, and what it says is what the records say."""

from __future__ import annotations

from talkie.clip import ClipRecord, Source
from talkie.curation import inspect_dataset
from talkie.shards import Ledger, LedgerEntry, RawClip, commit
from talkie.shards.dataset import Dataset


def clip(i, source, **values):
    place = Source(uri=f"/in/{source}.mp4", name=f"{source}.mp4", sha256=f"{source:064x}", start_s=i, end_s=i + 1)
    record = ClipRecord(id=f"{i:016x}", source=place, frames=25, identity=f"p{source}", split="train", **values)
    return RawClip(record, {"mp4": b"x", "txt": b"hello"})


def test_it_says_what_the_records_say_and_opens_few_of_them(tmp_path, monkeypatch):
    meaning = {"sharpness": "how sharp it is"}
    clips = [clip(i, i // 10, scores={"sharpness": i / 7}, score_meaning=meaning) for i in range(40)]
    clips.append(clip(40, 4, scores={"loudness": 1.0}, score_meaning={"loudness": "how loud"}, labels={"mood": "calm"}))
    dataset = commit(tmp_path, clips, settings={})
    done = [c.record.id for c in clips[:10]]
    Ledger(tmp_path).append(
        LedgerEntry(sha256="0", name="0.mp4", uri="/in/0.mp4", status="done", clips=done),
        LedgerEntry(sha256="b", name="b.mp4", uri="/in/b.mp4", status="dead", cause="not_media"),
        LedgerEntry(sha256="a", name="a.mp4", uri="/in/a.mp4", status="drop", cause="no_face"),
    )
    opened = []
    whole = Dataset.raw
    monkeypatch.setattr(Dataset, "raw", lambda self, i: opened.append(i) or whole(self, i))
    report = inspect_dataset(tmp_path)
    assert len(opened) <= 4 + 2
    records = {i: whole(dataset, i).record for i in dataset.ids()}
    assert [c.id for c in report.clips] == dataset.ids()
    for one in report.clips:
        record = records[one.id]
        assert (one.source, one.start_s, one.seconds) == (record.source.name, record.source.start_s, record.seconds)
        assert (one.identity, one.split, one.frames) == (record.identity, record.split, record.frames)
        assert (one.scores, one.labels, one.fields) == (record.scores, record.labels, ["mp4", "txt"])
    assert report.score_meaning == {**meaning, "loudness": "how loud"}
    assert ([e.cause for e in report.dead], [e.cause for e in report.drops]) == (["not_media"], ["no_face"])
    assert report.seconds == 41.0
