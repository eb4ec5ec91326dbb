"""The script: every sound occurs, and people, sentences and emotions are crossed so that they can be told apart."""

from collections import Counter, defaultdict

import pytest

from talkie.errors import BadConfig, BadInput
from talkie.speech import espeak
from talkie.speech.languages import LANGUAGES as SPOKEN
from talkie.speech.phones import ARPABET, SILENCE
from talkie.speech.synthesis import speak
from talkie.speech.voices import Voice
from talkie.stage.emotion import EMOTIONS
from talkie.stage.line import EVENTS, WORDLESS
from talkie.stage.script import lines
from talkie.stage.sentences import EMOTIONAL, LANGUAGES, SENTENCES

PEOPLE = 12
CODES = {"en": "en-us", "de": "de", "fr": "fr", "es": "es", "it": "it"}
# espeak-ng's mnemonics of the sounds that set each language apart from English, and of its vowels.
OWN_SOUNDS = {
    "de": {"C", "x", "pF", "ts", "y:", "Y:", "W", "y", "aI", "aU", "OY", "a:", "e:", "i:", "o:", "u:", "3", "N", "S"},
    "fr": {"y", "Y", "W", "A~", "E~", "O~", "W~", "n^", "Z", "S", "r", "e", "E", "o", "O", "u", "w"},
    "es": {"T", "x", "n^", "R2", "B", "D", "Q", "tS", "l^", "a", "e", "i", "o", "u"},
    "it": {"ts", "dz", "tS", "dZ", "n^", "l^", "S", "a", "e", "E", "i", "o", "O", "u"},
}


@pytest.fixture(scope="module")
def dealt():
    return lines(600, PEOPLE, seed=3)


def test_the_english_sentences_hold_every_phone_of_the_cmu_dictionary():
    heard = {p.label for text in SENTENCES["en"] for p in speak(text, Voice()).transcription.phones}
    assert heard | {SILENCE} == set(ARPABET)
    assert len(SENTENCES["en"]) >= 32


@pytest.mark.parametrize("language", sorted(OWN_SOUNDS))
def test_sentences_of_each_language_hold_its_own_sounds(language):
    words = [word for text in SENTENCES[language] for word in text.split()]
    mnemonics = espeak.phonemise(words, SPOKEN[CODES[language]].espeak)
    heard = {m.lstrip("',%=!").rstrip(":") for word in mnemonics for m in word}
    assert {sound.rstrip(":") for sound in OWN_SOUNDS[language]} <= heard


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_spoken_and_every_feeling_has_its_own(language):
    assert EMOTIONAL[language].keys() == set(EMOTIONS) - {"neutral"}
    texts = [*SENTENCES[language], *(t for pack in EMOTIONAL[language].values() for t in pack)]
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert len(speak(text, Voice(language=CODES[language])).transcription.words) >= 3


def test_more_clips_never_change_the_earlier_ones(dealt):
    assert lines(37, PEOPLE, seed=3) == dealt[:37]
    assert lines(37, PEOPLE, seed=4) != dealt[:37]


def test_people_take_turns(dealt):
    assert [who for who, _ in dealt[:24]] == [*range(PEOPLE), *range(PEOPLE)]


def test_one_person_says_one_sentence_under_several_emotions(dealt):
    feelings = defaultdict(set)
    for who, line in dealt:
        feelings[who, line.text].add((line.emotion, line.intensity))
    crossed = Counter(who for (who, _), found in feelings.items() if len(found) >= 3)
    assert all(crossed[who] >= 10 for who in range(PEOPLE))


def test_several_people_say_one_sentence_under_one_emotion(dealt):
    speakers = defaultdict(set)
    for who, line in dealt:
        speakers[line.text, line.emotion, line.intensity].add(who)
    assert sum(len(found) >= 2 for found in speakers.values()) >= 100


def test_emotions_intensities_and_people_are_balanced(dealt):
    count = Counter((line.emotion, line.intensity) for _, line in dealt)
    assert len(count) == 7 * 3 + 1
    assert max(count.values()) <= 2.5 * min(count.values())
    per_person = Counter((who, line.emotion) for who, line in dealt)
    assert len(per_person) == PEOPLE * len(EMOTIONS)


def test_every_event_and_language_comes_when_asked_for():
    made = [line for _, line in lines(480, PEOPLE, 0, events=EVENTS, languages=LANGUAGES)]
    assert {line.event for line in made} == set(EVENTS)
    assert {line.language for line in made} == set(LANGUAGES)
    assert all(bool(line.text) != (line.event in WORDLESS) for line in made)
    assert sum(line.event == "speech" for line in made) > 0.7 * len(made)


def test_without_plain_speech_every_clip_is_an_event():
    assert {line.event for _, line in lines(40, 4, 0, events=("listening", "laughter"))} == {"listening", "laughter"}


def test_a_neutral_script_needs_no_intensity_but_one():
    assert {(line.emotion, line.intensity) for _, line in lines(20, 3, 0, emotions=("neutral",))} == {("neutral", 1)}


@pytest.mark.parametrize(
    ("wrong", "names"),
    [({"emotions": ("glad",)}, "happy"), ({"intensities": (5,)}, "1, 2, 3"), ({"languages": ("tlh",)}, "fr"),
     ({"events": ("sneeze",)}, "laughter"), ({"emotions": ()}, "neutral")],
)  # fmt: skip
def test_an_unknown_choice_is_refused_with_the_valid_ones(wrong, names):
    with pytest.raises(BadConfig, match=names):
        lines(10, 2, 0, **wrong)


@pytest.mark.parametrize(("count", "people"), [(0, 3), (3, 0)])
def test_no_clips_or_no_people_is_an_error(count, people):
    with pytest.raises(BadInput, match="at least one"):
        lines(count, people, 0)
