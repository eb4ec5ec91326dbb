"""The cast: anatomy that fits the mesh, styles that stay with the person."""

import numpy as np
import pytest
import torch

from talkie.errors import BadInput
from talkie.heads import builtin_head, load_head
from talkie.stage.anatomy import anatomy_of
from talkie.stage.cast import cast

TEXTS = (
    "The boy put the big map on the bus.",
    "Nobody knows how many songs the king was singing.",
    "Four more doors were open before the storm.",
    "Can you make me a cup of coffee with a little cream?",
    "Six sick snakes slipped past us and vanished in the mist.",
)


def test_measured_joints_are_those_of_the_head_model(people):
    model = builtin_head()
    for person in people[:4]:
        _, neck, left, right = model.joints(torch.as_tensor(person.identity)[None])[0].numpy()
        np.testing.assert_allclose(person.anatomy.neck, neck, atol=2e-5)
        np.testing.assert_allclose(person.anatomy.left_eye, left, atol=2e-5)
        np.testing.assert_allclose(person.anatomy.right_eye, right, atol=2e-5)


def test_a_head_without_eyeballs_is_refused():
    class Blind:
        name, part_names, part = "blind", ("skin",), np.zeros(4, np.uint8)

        def vertices(self, *_, **__):
            return torch.zeros(1, 4, 3)

    with pytest.raises(BadInput, match="eyeball"):
        anatomy_of(Blind(), np.zeros(0))


def test_a_cast_grows_without_changing_who_was_in_it(people):
    again = cast(builtin_head(), 3, seed=11)
    for before, after in zip(people, again, strict=False):
        np.testing.assert_array_equal(before.identity, after.identity)
        np.testing.assert_array_equal(before.style.resting, after.style.resting)
        assert (before.name, before.voice, before.split) == (after.name, after.voice, after.split)


MEASURES = {
    "mouth": (61, 291),
    "outer eyes": (33, 263),
    "inner eyes": (133, 362),
    "nose": (64, 294),
    "face": (234, 454),
}
"""Pairs of landmarks whose distance tells people apart."""


def spreads_mm(model, weights):
    with torch.no_grad():
        still = torch.zeros(len(weights), len(model.expression_names))
        points = model.landmarks(model.vertices(torch.as_tensor(weights), still)).numpy()
    return {n: 1e3 * np.linalg.norm(points[:, a] - points[:, b], axis=-1).std() for n, (a, b) in MEASURES.items()}


def test_a_cast_differs_as_scanned_people_do(scanned_head):
    """Standard deviations of five measures of the face, 60 people against 60 drawn from the scanned population."""
    scan = load_head(scanned_head)
    drawn = np.random.default_rng(0).normal(size=(60, len(scan.identity_names))).astype(np.float32)
    scanned = spreads_mm(scan, drawn)
    ours = spreads_mm(builtin_head(), np.stack([person.identity for person in cast(builtin_head(), 60, seed=5)]))
    for measure, spread in scanned.items():
        assert 0.6 < ours[measure] / spread < 1.6, measure


def traits(played):
    """What of a performance may show somebody's style: mean and spread of the weights and of the neck's rotation."""
    motion = np.concatenate([played.expression, 3 * played.neck], axis=1)
    return np.concatenate([motion.mean(0), motion.std(0)])


@pytest.mark.parametrize("emotion", ["neutral", "happy"])
def test_somebody_is_known_by_how_they_move_from_sentences_never_seen(play, emotion):
    """Nearest centroid over four sentences tells who speaks the fifth, among eight people."""
    level = 1 if emotion == "neutral" else 2
    made = {who: [traits(play(who, t, emotion, level)) for t in TEXTS] for who in range(8)}
    right = []
    for held in range(len(TEXTS)):
        centroids = {who: np.mean([f for i, f in enumerate(made[who]) if i != held], axis=0) for who in made}
        for who in made:
            nearest = min(centroids, key=lambda c: np.linalg.norm(made[who][held] - centroids[c]))
            right.append(nearest == who)
    assert np.mean(right) >= 0.85


def test_two_people_say_the_same_sentence_differently_and_one_person_alike(play):
    """The spread between people exceeds that within one person over repetitions of one sentence."""
    repeated = np.array([[traits(play(who, TEXTS[0], seed=s)) for s in range(3)] for who in range(6)])
    within = repeated.var(1).mean()
    between = repeated.mean(1).var(0).mean()
    assert between > 1.5 * within
