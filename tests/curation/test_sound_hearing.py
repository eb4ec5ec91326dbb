"""What is said and in which language: who may say so, and what Whisper's weights do where they are present."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from talkie.clip import Transcription
from talkie.curation.hearing import Hearing, Said, Whisper, Words, guess_language, load_whisper, part, understand
from talkie.errors import BadConfig, MissingExtra
from talkie.speech import long_alignment

SENTENCES = {
    "en": "And so my fellow Americans, ask not what your country can do for you.",
    "de": "Der Hund ist nicht im Garten, aber die Katze sitzt auf dem Dach und sieht ihn.",
    "fr": "Le chat est dans la maison avec les enfants, mais il ne dort pas.",
    "es": "El perro no está en la casa porque los niños juegan con él.",
    "it": "Il cane non è nella casa perché i bambini sono con lui nel giardino della scuola.",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_tells_its_language(language):
    assert guess_language(SENTENCES[language]) == language


@pytest.mark.parametrize("text", ["", "Okay.", "Lorem ipsum dolor sit amet", "a la la la a", "Это другой язык"])
def test_a_text_that_does_not_tell_is_undetermined(text):
    assert guess_language(text) == "und"


@pytest.fixture
def no_alignment(monkeypatch):
    monkeypatch.setattr(long_alignment, "align_any", lambda audio, text: Transcription((), (), "none"))


@pytest.mark.usefixtures("no_alignment")
def test_the_record_wins_over_the_guess_and_the_origin_says_so():
    sound = np.zeros(16_000, np.float32)
    told = understand(sound, SENTENCES["de"], "en-gb")
    assert (told.language, told.language_origin) == ("en-gb", "record")
    guessed = understand(sound, SENTENCES["de"])
    assert (guessed.language, guessed.language_origin) == ("de", "transcript")
    unknown = understand(sound, None)
    assert (unknown.language, unknown.language_origin, unknown.text_origin) == ("und", "none", None)
    assert (guessed.text_origin, guessed.text_confidence) == ("sidecar", 1.0)


def test_a_clip_gets_its_own_stretch_of_the_sound_and_a_margin_padded_with_silence():
    sound = np.arange(32_000, dtype=np.float32) / 32_000
    hearing = Hearing(sound, 0, "own", {0: Words("a", "sidecar", 1.0, Transcription((), (), "none"))})
    clip = part(hearing, 10, 25, 0, margin=8_000)
    np.testing.assert_array_equal(clip.audio, sound[6_400:22_400])
    np.testing.assert_array_equal(clip.wide[:1_600], 0)
    np.testing.assert_array_equal(clip.wide[1_600:], sound[:30_400])
    late = part(hearing, 10, 25, 0, shift_s=0.25)
    np.testing.assert_array_equal(late.audio, sound[10_400:26_400])
    assert hearing.missing(40, 25) == pytest.approx(0.6)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A folder as a downloaded Whisper's is laid out, with few and random weights."""
    import torch
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizer

    folder = tmp_path_factory.mktemp("whisper") / "tiny-random"
    folder.mkdir()
    letters = [chr(c) for c in range(33, 127)] + ["Ġ"]
    (folder / "vocab.json").write_text(json.dumps({letter: k for k, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|haw|>", "<|translate|>",
               "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
               "<|notimestamps|>", "<|0.00|>"]  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    torch.manual_seed(0)
    settings = WhisperConfig(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_target_positions=24,
        pad_token_id=len(letters), bos_token_id=len(letters), eos_token_id=len(letters),
        decoder_start_token_id=len(letters) + 1, begin_suppress_tokens=None, suppress_tokens=None,
    )  # fmt: skip
    WhisperForConditionalGeneration(settings).save_pretrained(folder)
    return folder


def test_whisper_hears_something_in_some_language_always_the_same(weights, speech):
    first, second = (Whisper(weights).transcribe(speech[:32_000]) for _ in range(2))
    assert first == second
    assert isinstance(first, Said)
    assert first.language in {"en", "de", "haw"}
    assert 0 < first.confidence <= 1
    assert "<|" not in first.text


def test_sound_of_two_windows_has_one_language(weights):
    noise = (1000 * np.random.default_rng(0).normal(size=31 * 16_000)).astype(np.int16)
    whole, start = Whisper(weights).transcribe(noise), Whisper(weights).transcribe(noise[: 30 * 16_000])
    assert whole.language == start.language
    assert whole.text.startswith(start.text)


@pytest.mark.usefixtures("no_alignment")
def test_whisper_is_asked_only_where_no_transcript_is(weights, speech):
    heard = understand(speech[:32_000], None, whisper=str(weights))
    assert heard.text_origin == heard.language_origin == "whisper tiny-random"
    assert heard.language in {"en", "de", "haw"}
    assert heard.text_confidence is not None
    assert heard.text_confidence < 1
    given = understand(speech[:32_000], SENTENCES["it"], whisper=str(weights))
    assert (given.text_origin, given.language) == ("sidecar", "it")


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BadConfig, match=r"config\.json"):
        load_whisper(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(BadConfig, match="checkpoint"):
        load_whisper(str(tmp_path))


def test_openai_whisper_by_name_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "whisper", None)
    with pytest.raises(MissingExtra, match=r"talkie\[whisper\]"):
        load_whisper("openai-whisper:base")
