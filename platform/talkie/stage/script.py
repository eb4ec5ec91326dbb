"""What is said on the stage: sentences of our own, chosen so that every phone of English occurs, and who says which."""

from __future__ import annotations

import numpy as np

SENTENCES = (
    "The boy put the big map on the bus before breakfast.",
    "Every measure of pleasure is a vision of the usual beige garage.",
    "Five very happy people voted for the new bridge above the river.",
    "She sells cheap shoes, and he washes each dish with fresh water.",
    "Who would choose to move the blue spoon through two rooms?",
    "My mother bought warm milk, a brown hat and a pound of butter.",
    "They think that three thin brothers breathe the northern weather.",
    "Why do we always wait for a quiet way to wear wool?",
    "The young lawyer laughed loudly and looked along the yellow lane.",
    "Good cooks could push the sugar and put a full pot of pudding back.",
    "Go and get the green goggles, the gate is closed again.",
    "A joyful toy made noise for the boys in the voice choir.",
    "Nobody knows how many songs the king was singing this morning.",
    "Please keep these three pieces of cheese beneath the trees.",
    "Our house is about an hour down the mountain, out of town.",
    "I might try to find my white bike by the light of the night sky.",
    "Both robots rolled over the old stone road to the ocean.",
    "Just imagine a large orange jug on the edge of the stage.",
    "What happened after that man ran back past the black van?",
    "Early birds heard the first girl learning perfect German words.",
    "Maybe Bob and Pam bumped the lamp; my apples fell off the shelf.",
    "Open the window, please, and wave to the people below.",
    "Father parked far from the calm garden and started the car.",
    "Which watch would you wish to wear with a winter jacket?",
    "Six sick snakes slipped past us and vanished in the mist.",
    "You used to view a few beautiful museums in the summer.",
    "Her fever rose, so the nurse offered a pillow and some pepper soup.",
    "Hello there, how have you been since we last spoke?",
    "Thank you for calling; I will be with you in a moment.",
    "The weather will be warm and bright from Wednesday to Friday.",
    "Four more doors were open before the storm reached the shore.",
    "Can you make me a cup of coffee with a little cream?",
)


def scripts(clips: int, people: int, seed: int) -> list[tuple[int, str]]:
    """(person, sentence) for each clip. People take turns; sentences are dealt from shuffled packs, one pack shared by
    all, so that once every sentence was spoken the next pack gives it to other people: the same text comes back in
    several voices."""
    rng = np.random.default_rng((seed, 0x5C21))
    order: list[int] = []
    while len(order) < clips:
        order.extend(rng.permutation(len(SENTENCES)).tolist())
    return [(clip % people, SENTENCES[sentence]) for clip, sentence in zip(range(clips), order, strict=False)]
