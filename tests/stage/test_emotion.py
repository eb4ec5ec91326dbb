"""Emotions: told apart by the face and head alone, graded, and never in the way of the words."""

import numpy as np
import pytest

from talkie.errors import BadConfig
from talkie.heads import ARKIT_NAMES
from talkie.stage.emotion import EMOTIONS, FACES, emotional_face, envelope, manner_of

FEELINGS = [e for e in EMOTIONS if e != "neutral"]
TEXTS = (
    "The boy put the big map on the bus.",
    "Nobody knows how many songs the king was singing.",
    "Her fever rose, so the nurse offered some pepper soup.",
)


def mean_face(played):
    """Mean weights of brows, lids, cheeks, nose and mouth while the emotion is at its height; gaze left out."""
    apex = played.emotion_level >= 0.7 * played.emotion_level.max()
    kept = [i for i, n in enumerate(ARKIT_NAMES) if not n.startswith("eyeLook")]
    return played.expression[apex][:, kept].mean(0)


def test_a_classifier_trained_on_others_tells_the_emotions_of_held_out_people(play):
    """Nearest centroid after scaling by the spread within classes: the simplest classifier there is."""
    made = {(who, e): [mean_face(play(who, t, e, 3 if e != "neutral" else 1)) for t in TEXTS]
            for who in range(12) for e in EMOTIONS}  # fmt: skip
    train = {e: np.array([f for who in range(7) for f in made[who, e]]) for e in EMOTIONS}
    centroids = {e: faces.mean(0) for e, faces in train.items()}
    spread = np.sqrt(np.mean([(faces - centroids[e]).var(0) for e, faces in train.items()], axis=0)) + 0.02
    right = [
        min(centroids, key=lambda c: np.linalg.norm((face - centroids[c]) / spread)) == e
        for who in range(7, 12)
        for e in EMOTIONS
        for face in made[who, e]
    ]
    assert len(right) == 5 * len(EMOTIONS) * len(TEXTS)
    assert np.mean(right) >= 0.9


@pytest.mark.parametrize("emotion", FEELINGS)
def test_intensity_grows_the_expression_and_names_no_other_shape(emotion):
    faces = [emotional_face(emotion, i, np.ones(1))[0] for i in (1, 2, 3)]
    assert faces[0].sum() < faces[1].sum() < faces[2].sum()
    shown = {ARKIT_NAMES[i] for i in np.flatnonzero(faces[2])}
    assert shown == {n for n in ARKIT_NAMES if any(n in (s, f"{s}Left", f"{s}Right") for s in FACES[emotion])}


# Facial action units (FACS) by the ARKit shape that shows them; EMFACS' core of each emotion.
@pytest.mark.parametrize(
    ("emotion", "core"),
    [
        ("happy", {"cheekSquintLeft", "mouthSmileLeft"}),  # 6 + 12
        ("sad", {"browInnerUp", "mouthFrownLeft"}),  # 1 + 15
        ("angry", {"browDownLeft", "eyeSquintLeft", "mouthPressLeft"}),  # 4 + 7 + 23/24
        ("surprised", {"browInnerUp", "browOuterUpLeft", "eyeWideLeft", "jawOpen"}),  # 1 + 2 + 5 + 26
        ("afraid", {"browInnerUp", "browDownLeft", "eyeWideLeft", "mouthStretchLeft"}),  # 1 + 4 + 5 + 20
        ("disgusted", {"noseSneerLeft", "mouthUpperUpLeft"}),  # 9 + 10
    ],
)
def test_each_emotion_shows_the_action_units_that_define_it(emotion, core):
    face = emotional_face(emotion, 3, np.ones(1))[0]
    assert all(face[ARKIT_NAMES.index(name)] > 0.2 for name in core)


def test_contempt_is_one_sided_and_nothing_else_is():
    for emotion in FEELINGS:
        face = emotional_face(emotion, 3, np.ones(1), left=True)[0]
        left, right = (
            face[[ARKIT_NAMES.index(n + s) for n in ("mouthSmile", "mouthDimple", "browDown")]]
            for s in ("Left", "Right")
        )
        if emotion == "contempt":
            assert (left[:2] > 4 * right[:2]).all()
        else:
            np.testing.assert_array_equal(left, right)


def test_an_expression_rises_stays_and_fades():
    for seed in range(20):
        level = envelope(100, "sad", np.random.default_rng(seed))
        assert level[0] < 0.5
        assert level[40:80].mean() > 0.85
        assert level[-1] < level[80]
        assert (np.abs(np.diff(level)) < 0.2).all()


def test_neutral_shows_nothing():
    assert not envelope(50, "neutral", np.random.default_rng(0)).any()
    assert not emotional_face("neutral", 1, np.ones(5)).any()


def test_manners_follow_intensity():
    assert manner_of("sad", 1).tempo > manner_of("sad", 3).tempo
    assert manner_of("sad", 3).pose[0] > manner_of("sad", 1).pose[0] > 0
    assert manner_of("neutral", 1).amplitude == 1


def test_the_head_of_the_sad_hangs_and_that_of_the_angry_moves_more(play):
    def pitch(emotion):
        return np.mean([play(w, t, emotion, 3).neck[:, 0].mean() for w in range(5) for t in TEXTS])

    def speed(emotion):
        return np.mean([np.abs(np.diff(play(w, t, emotion, 3).neck, axis=0)).mean() for w in range(5) for t in TEXTS])

    assert pitch("sad") > pitch("contempt") + 0.08
    assert speed("angry") > 1.3 * speed("sad")


@pytest.mark.parametrize(("emotion", "intensity"), [("joy", 1), ("happy", 4), ("happy", 0), ("neutral", 2)])
def test_an_unknown_emotion_or_intensity_is_refused_by_name(emotion, intensity):
    with pytest.raises(BadConfig, match="use"):
        emotional_face(emotion, intensity, np.ones(1))
    with pytest.raises(BadConfig, match="use"):
        manner_of(emotion, intensity)
