"""Every language keeps the promises of English: phones, visemes and words with exact times, or a typed error."""

import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from speech_sentences import SENTENCES

from talkie.errors import BadConfig, BadInput
from talkie.speech import espeak
from talkie.speech.ipa import FAR, NEAR, SOUNDS, sound_of
from talkie.speech.languages import LANGUAGES, name_words, sounds_of
from talkie.speech.phones import ARPABET, STRESS_MARKS, VISEMES, VOWELS
from talkie.speech.synthesis import VARIANTS, Utterance, Voice, speak

RATE = 16000
VARIANTS_HEARD = ("m3", "f1", "Annie", "norbert")
OTHERS = [code for code in LANGUAGES if code != "en-us"]

# Where our table differs from espeak-ng's own IPA: vowels that it writes by their English or historical symbol, notes
# that are no IPA ("a-"), nasal glides, and the trill that Dutch and German speakers tap.
DISAGREED = {
    "en-gb": {"a", "aa", "i@3"}, "de": {"3", "A:", "r"}, "fr": {"@-", "a-", "y-"}, "pt": {"&U~"}, "nl": {"r", "VU"},
}  # fmt: skip


@pytest.fixture(scope="module", params=list(LANGUAGES))
def spoken(request) -> tuple[str, list[Utterance]]:
    code = request.param
    return code, [speak(text, Voice(variant, language=code)) for text in SENTENCES[code] for variant in VARIANTS_HEARD]


def level(audio: np.ndarray, start_s: float, end_s: float) -> float:
    piece = audio[round(start_s * RATE) : max(round(end_s * RATE), round(start_s * RATE) + 1)]
    return float(np.sqrt(np.mean(piece.astype(float) ** 2)))


def labels_and_visemes(word: str, language: str) -> list[tuple[str, str]]:
    phones = speak(word, Voice(language=language)).transcription.phones
    return [(p.label, p.viseme) for p in phones if p.label != "SIL"]


def test_at_least_six_languages_and_twenty_variants_can_speak():
    assert len(LANGUAGES) >= 9
    assert len(VARIANTS) >= 20


def test_phones_cover_all_the_sound_without_a_hole(spoken):
    for utterance in spoken[1]:
        phones = utterance.transcription.phones
        assert (phones[0].label, phones[0].start_s) == ("SIL", 0.0)
        assert phones[-1].end_s == pytest.approx(len(utterance.audio) / RATE)
        assert all(a.end_s == b.start_s for a, b in pairwise(phones))
        assert all(p.end_s > p.start_s and 0 < p.confidence <= 1 for p in phones)
        assert {p.label for p in phones} <= set(ARPABET)
        assert {p.viseme for p in phones} <= set(VISEMES)


@pytest.mark.parametrize(
    ("text", "language", "rate"),
    [("fille (so-called)", "en-us", 80), ("ÀÉ yawned 1.000.000", "de", 165), ('tickets, "quote" tatę', "de", 400)],
)
def test_a_closure_never_begins_before_the_phone_that_it_follows(text, language, rate):
    """Where espeak-ng reports a phone inside silence, the stop after it has that silence to itself."""
    phones = speak(text, Voice("m1", language=language, rate_wpm=rate)).transcription.phones
    assert all(a.end_s == b.start_s and a.end_s > a.start_s for a, b in pairwise(phones))


def test_words_are_those_of_the_text_in_order_with_their_letters(spoken):
    for utterance in spoken[1]:
        words = utterance.transcription.words
        assert [w.text for w in words] == [w.strip(".,") for w in utterance.text.split()]
        assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(words))
        assert all(w.end_s > w.start_s for w in words)


def test_vowels_sound_closures_are_quiet_and_silence_is_silent(spoken):
    vowels = closures = 0
    for utterance in spoken[1]:
        peak = np.abs(utterance.audio).max()
        for before, phone in pairwise(utterance.transcription.phones):
            if phone.label in VOWELS:
                assert level(utterance.audio, phone.start_s, phone.end_s) > 0.02 * peak
                vowels += 1
            elif phone.label == "SIL" and phone.end_s - phone.start_s > 0.1:
                assert level(utterance.audio, phone.start_s + 0.02, phone.end_s - 0.02) < 0.01 * peak
            elif phone.label in ("P", "T", "K") and before.label != "SIL" and phone.end_s - phone.start_s > 0.06:
                assert level(utterance.audio, phone.start_s + 0.004, phone.start_s + 0.02) < 0.02 * peak
                closures += 1
    assert vowels > 80
    assert closures > 10


@pytest.mark.parametrize("code", OTHERS)
def test_the_sounds_of_a_language_are_those_that_espeak_writes_in_ipa(code):
    """espeak-ng's IPA is independent of our tables: they must agree but for what DISAGREED explains."""
    words = [word.strip(".,") for text in SENTENCES[code] for word in text.split()]
    voice = LANGUAGES[code].espeak
    compared = 0
    for mnemonics, symbols in zip(
        espeak.phonemise(words, voice), espeak.phonemise(words, voice, ipa=True), strict=True
    ):
        if len(mnemonics) != len(symbols) or any(m.startswith("(") for m in mnemonics):
            continue
        for mnemonic, symbol in zip(mnemonics, symbols, strict=True):
            name, ipa = mnemonic.lstrip(STRESS_MARKS).removesuffix("~:"), unicodedata.normalize("NFD", symbol)
            name = name if name in sounds_of(code) else name.removesuffix(":")
            ipa = ipa.strip("ˈˌ")
            if name.startswith("_") or not name or name in DISAGREED.get(code, ()):
                continue
            theirs = {unicodedata.normalize("NFD", s): sound for s, sound in SOUNDS.items()}
            found = theirs.get(ipa) or theirs[ipa.removesuffix("ː")]
            assert sounds_of(code)[name].labels == found.labels, (code, mnemonic, symbol)
            compared += 1
    assert compared > 60


@pytest.mark.parametrize(
    ("word", "language", "shown"),
    [
        ("Tür", "de", [("T", "DD"), ("UW", "ou"), ("R", "DD")]),
        ("ich", "de", [("IH", "ih"), ("HH", "ih")]),
        ("lune", "fr", [("L", "nn"), ("UW", "ou"), ("N", "nn")]),
        ("rouge", "fr", [("R", "kk"), ("UW", "ou"), ("ZH", "CH")]),
        ("pain", "fr", [("P", "PP"), ("AE", "E")]),
        ("niño", "es", [("N", "nn"), ("IY", "ih"), ("N", "nn"), ("OW", "oh")]),
        ("car", "en-gb", [("K", "kk"), ("AA", "aa")]),
        ("zio", "it", [("D", "DD"), ("Z", "SS"), ("IY", "ih"), ("OW", "oh")]),
        ("żaba", "pl", [("ZH", "CH"), ("AA", "aa"), ("B", "PP"), ("AA", "aa")]),
    ],
)
def test_a_sound_that_english_lacks_shows_its_own_mouth(word, language, shown):
    assert labels_and_visemes(word, language) == shown


def test_confidence_says_how_near_the_english_label_is():
    assert sound_of("m").confidence == 1
    assert sound_of("eː").confidence == NEAR
    assert sound_of("y").confidence == FAR
    with pytest.raises(BadConfig, match="ipa"):
        sound_of("ʘ")


def test_a_foreign_word_is_named_by_the_language_that_espeak_takes_it_from():
    assert labels_and_visemes("weekend", "fr")[0] == ("W", "ou")
    assert name_words([["(en)", "w", "i:", "(fr)"], ["y"]], "fr")[1][0].visemes == ("ou",)


@pytest.mark.parametrize("mnemonics", [["t", "yy"], ["(cmn)", "a"]])
def test_an_unknown_mnemonic_or_language_switch_is_an_error_that_names_it(mnemonics):
    with pytest.raises(BadInput, match=r"yy|cmn"):
        name_words([mnemonics], "de")


@pytest.mark.parametrize("text", ["Привет", "你好 world", "λόγος", "שלום"])
def test_a_text_in_another_script_is_refused(text):
    with pytest.raises(BadInput, match="Latin"):
        speak(text, Voice())


def test_an_unknown_language_is_refused_by_name():
    with pytest.raises(BadConfig, match="xx"):
        Voice(language="xx")
