"""What `talkie demo` trains where nobody says it."""

from __future__ import annotations

from talkie.cli.demo import taught_by_speech
from talkie.systems import load_system, system_names


def test_the_demo_trains_the_first_system_that_its_footage_can_teach():
    chosen = taught_by_speech()
    card = load_system(chosen).card
    assert (card.task, card.labels) == ("speech_to_motion", ())
    earlier = [load_system(slug).card for slug in system_names()[: system_names().index(chosen)]]
    assert all(other.task != "speech_to_motion" or other.labels for other in earlier)
