"""Corrupt clips are stepped over by the same substitutes for everybody; other errors come out where they are seen."""

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from loading_system import Noting, clip, collected, corpus, loader, numbers, phase

from talkie.errors import CorruptShard
from talkie.shards import commit, open_dataset, pictures
from talkie.training.loading import Corpus, LoadConfig, Loader


def damage(folder, bad, field="txt"):
    """Flips a byte in a member of some clips, on disk."""
    dataset = open_dataset(folder)
    for clip_id, entry in dataset.entries.items():
        if int(clip_id, 16) in bad:
            with (folder / entry.shard).open("r+b") as file:
                file.seek(entry.members[field].offset)
                byte = file.read(1)
                file.seek(-1, 1)
                file.write(bytes([byte[0] ^ 1]))
    return Corpus(folder)


@pytest.fixture(scope="module", params=["txt", "json"])
def damaged(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    corpus(folder, 20)
    return damage(folder, {3, 11}, request.param)


def test_a_corrupt_clip_is_replaced_and_told_with_its_id_and_reason(damaged):
    with loader(damaged, batch_size=10, frames=3) as made:
        planned = [made.ids(step) for step in (0, 1)]
        found = [made.batch(step)["ids"] for step in (0, 1)]
    names = {s.clip for s in made.skipped}
    assert names == {f"{3:016x}", f"{11:016x}"}
    assert all("differs from its record" in s.reason for s in made.skipped)
    for plan, got, step in zip(planned, found, (0, 1), strict=True):
        for place, (name, clip_id) in enumerate(zip(plan, got, strict=True)):
            replaced = any(s.position == 10 * step + place for s in made.skipped)
            assert (name.split("@")[0] != clip_id) == replaced


def test_substitutes_are_the_same_for_every_world_and_number_of_loaders(damaged):
    whole = collected(loader(damaged, batch_size=10), range(6))
    assert not {3, 11} & set(numbers(whole))
    parts = [loader(damaged, {"loaders": 2, "cache_mb": 0}, batch_size=10, rank=r, world=2) for r in (0, 1)]
    assert [i for step in range(6) for made in parts for i in made.batch(step)["ids"]] == whole
    for made in parts:
        made.close()


@pytest.mark.parametrize("loaders", [0, 2])
def test_too_many_corrupt_clips_in_a_row_are_fatal_and_the_last_is_named(tmp_path, loaders):
    made = corpus(tmp_path, 4)
    damage(tmp_path, {0, 1, 2, 3})
    with (
        loader(made, {"corrupt_limit": 7, "loaders": loaders}) as reading,
        pytest.raises(CorruptShard, match=r"7 corrupt clips in a row, the last one 000000000000000\d \(txt"),
    ):
        reading.batch(0)


@pytest.mark.parametrize("loaders", [0, 2])
def test_an_error_of_the_system_comes_out_of_batch_with_the_clips_id(tmp_path, loaders):
    made = corpus(tmp_path, 8)

    def look(taken, draw):
        if taken.id.endswith("5"):
            raise ZeroDivisionError("a mistake")

    with loader(made, {"loaders": loaders}, look=look) as reading, pytest.raises(ZeroDivisionError) as caught:
        reading.batch(0)
    assert "while preparing clip 0000000000000005" in caught.value.__notes__[0]


def test_no_thread_is_left_after_closing(tmp_path):
    before = threading.active_count()
    with loader(corpus(tmp_path, 8), {"loaders": 3, "prefetch": 5}) as reading:
        reading.batch(0)
        assert threading.active_count() > before
    assert threading.active_count() == before


def test_a_program_that_forgets_to_close_ends_all_the_same(tmp_path):
    corpus(tmp_path, 8)
    program = f"""
        import sys
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from loading_system import loader
        from talkie.training.loading import Corpus
        made = loader(Corpus(Path({str(tmp_path)!r})), {{"loaders": 2, "prefetch": 8}})
        made.batch(0)
        raise SystemExit(7)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=120).returncode == 7


def test_a_picture_that_does_not_decode_counts_as_corrupt(tmp_path):
    bad = {"mp4": b"no film at all", "txt": b"x"}
    commit(tmp_path, [clip(0, members=bad), clip(1, members={**bad, "mp4": b"neither"}), clip(2)], settings={})

    def look(taken, draw):
        return pictures(taken, [0]) if "mp4" in taken.fields else np.zeros(1)

    class Seeing(Noting):
        card = Noting.card.model_copy(update={"wants": ("mp4",)})

    with Loader([Corpus(tmp_path)], Seeing(look), phase(), LoadConfig(), seed=0, batch_size=3) as made:
        assert made.batch(0)["ids"] == [f"{2:016x}"] * 3
        assert {s.clip for s in made.skipped} == {f"{0:016x}", f"{1:016x}"}
