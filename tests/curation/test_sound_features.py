"""wav2vec2.npz and hubert.npz from checkpoints of the true layout with few and random weights."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from talkie.curation.draft import Draft
from talkie.curation.labels.sound.features import HubertAnnotator, Wav2Vec2Annotator
from talkie.errors import BadConfig, MissingExtra
from talkie.shards import decode_field, encode_field

T = 30
SIZES = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "conv_dim": (8,) * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, Path]:
    import torch
    import transformers as tf

    folders = {}
    for kind, settings, model in (
        ("wav2vec2", tf.Wav2Vec2Config, tf.Wav2Vec2Model),
        ("hubert", tf.HubertConfig, tf.HubertModel),
    ):
        folder = tmp_path_factory.mktemp(kind)
        torch.manual_seed(0)
        model(settings(**SIZES)).save_pretrained(folder)
        tf.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
        folders[kind] = folder
    return folders


def draft(audio: np.ndarray | None) -> Draft:
    nothing = np.zeros((T, 478, 3), np.float32)
    return Draft(
        track=0, size=256, landmarks=nothing, boxes=np.zeros((T, 3)), seen=np.ones(T, bool), shape=(256, 256),
        audio=audio,
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "annotator"), [("wav2vec2", Wav2Vec2Annotator), ("hubert", HubertAnnotator)])
def test_there_are_two_features_for_every_frame_and_their_rate_is_stated(weights, speech, kind, annotator):
    found = annotator(weights[kind], licence="Apache-2.0").start().finish(draft(speech[: T * 640]))
    arrays = found.fields[f"{kind}.npz"]
    assert arrays["features"].shape == (2 * T, 16)
    assert arrays["features"].dtype == np.float16
    assert arrays["fps"] == 50
    again = decode_field(f"{kind}.npz", encode_field(f"{kind}.npz", arrays))
    assert np.array_equal(again["features"], arrays["features"])


def test_footage_without_sound_gets_nothing(weights):
    assert Wav2Vec2Annotator(weights["wav2vec2"]).start().finish(draft(None)).fields == {}


def test_another_kind_of_model_is_refused(weights, tmp_path):
    with pytest.raises(BadConfig, match="hubert, no wav2vec2"):
        Wav2Vec2Annotator(weights["hubert"])
    with pytest.raises(BadConfig, match=r"config\.json"):
        HubertAnnotator(tmp_path)


def test_without_transformers_the_extra_is_named(monkeypatch, weights):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"talkie\[features\]"):
        HubertAnnotator(weights["hubert"])
