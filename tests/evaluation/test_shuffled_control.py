"""The shuffled-audio control: whose audio a clip gets."""

import pytest

from talkie.errors import BadInput
from talkie.evaluation.evaluate import other_clips
from talkie.shards import commit, open_dataset
from tone_clips import tone_clip


def clips_saying(folder, *texts):
    clips = []
    for i, text in enumerate(texts):
        clip = tone_clip(i, f"person{i}", "test", frames=10)
        clips.append(type(clip)(clip.record, {**clip.members, **({"txt": text.encode()} if text else {})}))
    commit(folder, clips, settings={})
    dataset = open_dataset(folder)
    return dataset, list(dataset.clips(("flac",), "test"))


def test_no_clip_gets_its_own_audio_nor_its_own_words(tmp_path):
    dataset, clips = clips_saying(tmp_path, "a", "A ", "b", "c")
    words = {c.id: dataset.raw(c.id).members["txt"].decode().strip().lower() for c in clips}
    for seed in range(20):
        for clip, other in zip(clips, other_clips(dataset, clips, clips, seed), strict=True):
            assert words[clip.id] != words[other.id]


def test_the_choice_is_a_function_of_the_seed(tmp_path):
    dataset, clips = clips_saying(tmp_path, *[None] * 6)
    picks = [[c.id for c in other_clips(dataset, clips, clips, seed)] for seed in (1, 1, 2)]
    assert picks[0] == picks[1] != picks[2]


def test_one_sentence_for_all_leaves_no_control(tmp_path):
    dataset, clips = clips_saying(tmp_path, "same", "same")
    with pytest.raises(BadInput, match="same words"):
        other_clips(dataset, clips, clips, 0)
