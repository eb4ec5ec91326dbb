"""Footage from strangers: whatever the bytes, a file is read or refused with a reason, in bounded time and memory."""

import pytest
from fuzz_media import MANY, corpus
from fuzz_trial import attempt

FILES = list(corpus())
CHOSEN = {*range(0, len(FILES), len(FILES) // 24)} | {
    number
    for number, (name, _) in enumerate(FILES)
    if name in (f"streams-{MANY}.mp4", "zip.mp4", "sound-bb80-64-1-8.wav", "gif-65535x65535.gif", "concat.mp4")
    or name.startswith(("jpeg-65535x65535", "clock-mvhd-ffffffff"))
}


def test_the_corpus_is_large_and_always_the_same():
    assert len(FILES) >= 300
    assert [data for _, data in corpus()][:40] == [data for _, data in FILES[:40]]


@pytest.mark.parametrize("number", sorted(CHOSEN), ids=lambda number: FILES[number][0])
def test_a_damaged_file_is_read_or_refused_with_a_reason(tmp_path, number):
    name, data = FILES[number]
    path = tmp_path / name
    path.write_bytes(data)
    trial = attempt(path)
    assert trial.contained, trial
    assert trial.peak_mb < 800
