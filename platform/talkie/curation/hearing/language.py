"""Which language a text is in, from its most frequent little words; sound is `whisper`'s business."""

from __future__ import annotations

from talkie.speech.text import dictionary_form

UNKNOWN = "und"
"""BCP 47's code for a language that is not known."""

_WORDS = {
    "en": "the of and to a in is that it was for on with as he be at by i this had not are but from or have an they "
    "which you were her she there would their we him been has when who will more no if out so what up your my can",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er "
    "hat dass sie nach wird bei einer um am sind noch wie einem über ich wir mein oder aber war haben nur zum zur",
    "fr": "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son je "
    "nous vous elle mais ou leur ses été cette aux d'un c'est mon ma était tout sans même lui comme on fait",
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha me si sin "
    "sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde mi porque yo está",
    "it": "di e che la il un a per è in una sono non mi si lo ha con ti ma le i da come se del della ho ci al nel più "
    "io gli questo anche dei alla perché era mio suo loro quando cosa tutto molto delle dal sua solo hanno",
}
STOP_WORDS = {code: frozenset(words.split()) for code, words in _WORDS.items()}
"""The commonest words of each language; many stand in two of the lists, and then count half for either."""

LEAST_HITS = 2.0
LEAD = 1.5
"""How many times as many hits as the second language the first needs."""


def guess_language(text: str) -> str:
    """ "en", "de", "fr", "es" or "it" where the text's little words say so clearly, else UNKNOWN.

    Each word counts for the languages whose stop word it is, shared among them; the first needs LEAST_HITS in all and
    LEAD times the second's (after Grefenstette, "Comparing two language identification schemes", 1995)."""
    hits = dict.fromkeys(STOP_WORDS, 0.0)
    for token in text.split():
        word = dictionary_form(token)
        spoken_in = [code for code, words in STOP_WORDS.items() if word in words]
        for code in spoken_in:
            hits[code] += 1 / len(spoken_in)
    (first, most), (_, second) = sorted(hits.items(), key=lambda item: (-item[1], item[0]))[:2]
    return first if most >= LEAST_HITS and most >= LEAD * second else UNKNOWN
