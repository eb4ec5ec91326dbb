"""The one who is heard is told from those who only move; a voice from elsewhere is nobody's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from talkie.curation.draft import Company, Draft, View
from talkie.curation.people import (
    NOBODY,
    UNTOLD,
    FaceFingerprint,
    PersonInScene,
    SpeakingLabel,
    SpeakingTrack,
    active_speaker,
    clear_lips,
    face_fingerprint,
    speakers,
    voice_activity,
)
from talkie.curation.people.speaking import mouth_opening
from talkie.errors import BadInput
from talkie.faces.embedding import ChartEmbedder
from talkie.heads import load_head, pose_vertices, project_landmarks
from talkie.stage.cast import cast
from talkie.stage.film import track_of
from talkie.stage.line import Line
from talkie.stage.performance import perform
from talkie.stage.rig import frontal

FRAMES = 75
SEEN = np.ones(FRAMES, bool)


@pytest.fixture(scope="module")
def talk():
    """Landmarks (3, 75, 478, 3) of somebody who speaks, somebody who nods and somebody who chews; the sound."""
    model = load_head("builtin")
    people = cast(model, 3, seed=40)
    rng = np.random.default_rng(40)
    spoken = perform(people[0], Line("We saw the blue boat move by the bay, and my father waved for a while."), rng)
    acts = [spoken] + [perform(p, Line(event="listening", seconds=FRAMES / 25), rng) for p in people[1:]]
    camera = frontal((640, 360), 1.6, 850, FRAMES)
    out = []
    for person, act in zip(people, acts, strict=True):
        index = np.minimum(np.arange(FRAMES), len(act) - 1)
        names = ("expression", "left_eye", "right_eye", "neck", "translation")
        values = {name: getattr(act, name)[index].copy() for name in names}
        if person is people[2]:
            values["expression"][:, 17] += 0.2 * (0.5 - 0.5 * np.cos(2 * np.pi * 1.3 * np.arange(FRAMES) / 25))
        track = track_of(model, person, type("Act", (), {**values, "__len__": lambda self: FRAMES})(), camera)
        points = np.asarray(project_landmarks(model, track, pose_vertices(model, track)), np.float32)
        out.append(points + rng.normal(size=points.shape).astype(np.float32) * 0.3)
    return np.stack(out).astype(np.float32), spoken.audio[: FRAMES * 640]


def scene(landmarks) -> list[PersonInScene]:
    return [PersonInScene(k, np.ones(len(points), bool), points) for k, points in enumerate(landmarks)]


def test_the_speaker_is_told_from_the_listeners(talk):
    landmarks, audio = talk
    scores = np.stack([track.score for track in active_speaker(scene(landmarks), audio)])
    voiced = voice_activity(audio, FRAMES)
    assert voiced.mean() > 0.5
    assert (scores.argmax(0)[voiced] == 0).mean() > 0.95
    assert scores.min() >= 0
    assert (scores.sum(0) <= 1 + 1e-5).all()
    assert (scores[:, ~voiced] == 0).all()


@pytest.mark.parametrize("late", [-8, 8])
def test_sound_that_is_late_or_early_does_not_change_who_speaks(talk, late):
    landmarks, audio = talk
    scores = [track.score.sum() for track in active_speaker(scene(landmarks), np.roll(audio, 640 * late))]
    assert np.argmax(scores) == 0


def test_a_voice_from_elsewhere_is_nobodys(talk):
    landmarks, audio = talk
    scores = np.stack([track.score for track in active_speaker(scene(landmarks[1:]), audio)])
    assert (scores.sum(0) < 0.5)[voice_activity(audio, FRAMES)].mean() > 0.9


def test_one_of_the_scene_nobody_or_no_answer():
    first = np.float32([0.9, 0.1, 0.01, 0.5, 0.45, 0.0])
    second = np.float32([0.05, 0.1, 0.01, 0.0, 0.0, 0.0])
    voice = np.array([1.0, 1.0, 1.0, 0.6, 1.0, 0.0])
    told = speakers([SpeakingTrack(7, first), SpeakingTrack(3, second)], voice)
    np.testing.assert_array_equal(told, [7, UNTOLD, NOBODY, 7, UNTOLD, NOBODY])
    np.testing.assert_array_equal(speakers([], voice), np.full(6, NOBODY))


def test_lips_that_are_hardly_seen_to_move_make_no_answer_and_no_score(talk):
    landmarks, audio = talk
    rest = landmarks[0].mean(0)
    dull = landmarks.copy()
    dull[0] = rest + 0.12 * (landmarks[0] - rest)
    assert (speakers(active_speaker(scene(dull), audio), voice_activity(audio, FRAMES)) == UNTOLD).any()
    found = SpeakingLabel().start().finish(draft(dull, audio))
    assert "speaking.npz" in found.fields
    assert found.scores == {}


def shaded(landmarks, shades) -> list[PersonInScene]:
    """People whose lips the mesh sees at rest, as out of focus, and whose mouths darken as `shades` (P, T) say."""
    rest = np.repeat(landmarks.mean(1)[:, None], FRAMES, 1)
    return [PersonInScene(k, SEEN, rest[k], shades[k], clear=False) for k in range(len(landmarks))]


def test_lips_that_are_not_clear_are_told_by_their_shade_and_never_say_that_nobody_speaks(talk):
    landmarks, audio = talk
    voice = voice_activity(audio, FRAMES)
    shades = np.stack([10 * (mouth_opening(landmarks[0]) - 0.3), np.full(FRAMES, 0.2), np.full(FRAMES, 0.3)])
    told = speakers(active_speaker(shaded(landmarks, shades), audio), voice)[voice]
    assert (told == 0).mean() > 0.9
    still = speakers(active_speaker(shaded(landmarks, shades[[1, 1, 2]]), audio), voice)[voice]
    assert (still == UNTOLD).all()
    none = [PersonInScene(k, SEEN, landmarks[k], clear=False) for k in range(3)]
    assert not np.stack([track.score for track in active_speaker(none, audio)]).any()
    assert (speakers(active_speaker(none, audio), voice)[voice] == UNTOLD).all()


def test_frames_without_a_face_take_their_shade_from_those_around(talk):
    landmarks, audio = talk
    shades = np.stack([10 * (mouth_opening(landmarks[0]) - 0.3), np.full(FRAMES, 0.2), np.full(FRAMES, 0.3)])
    people = shaded(landmarks, shades)
    seen = SEEN.copy()
    seen[30:33] = False
    gap = np.where(seen, shades[0], 50.0)
    people[0] = PersonInScene(0, seen, people[0].landmarks, gap, clear=False)
    score = active_speaker(people, audio)[0].score
    assert not score[30:33].any()
    assert score[20:28].min() > 0.5


def test_lips_are_clear_by_the_thresholds_of_the_filters():
    assert clear_lips({"sharpness": 9.0, "text_on_face": 0.01})
    assert clear_lips({})
    assert not clear_lips({"sharpness": 3.0, "text_on_face": 0.01})
    assert not clear_lips({"sharpness": 9.0, "text_on_face": 0.2})


def test_the_label_of_a_blurred_clip_reads_the_shades(talk):
    landmarks, audio = talk
    rest = np.repeat(landmarks.mean(1)[:, None], FRAMES, 1)
    opening = (10 * (mouth_opening(landmarks[0]) - 0.3)).astype(np.float32)
    others = tuple(Company(k, SEEN, rest[k], np.full(FRAMES, 0.2, np.float32)) for k in (1, 2))
    blurred = replace(draft(rest, audio, shade=opening, scores={"sharpness": 3.0}), company=others)
    assert SpeakingLabel().start().finish(blurred).scores["speaking"] > 0.9
    listener = replace(blurred, shade=others[0].shade, company=(Company(1, SEEN, rest[0], opening), others[1]))
    assert SpeakingLabel().start().finish(listener).scores["speaking"] < 0.1


def test_order_of_people_does_not_change_scores_and_the_unseen_have_none(talk):
    landmarks, audio = talk
    people = scene(landmarks)
    people[1] = PersonInScene(1, np.zeros(FRAMES, bool), landmarks[1])
    forth = {track.track: track.score for track in active_speaker(people, audio)}
    back = {track.track: track.score for track in active_speaker(people[::-1], audio)}
    assert all(np.allclose(forth[k], back[k], atol=1e-6) for k in range(3))
    assert not forth[1].any()


def test_voice_activity_given_from_outside_weighs_the_scores(talk):
    landmarks, audio = talk
    half = np.where(np.arange(FRAMES) < 40, 1.0, 0.0)
    scores = [track.score for track in active_speaker(scene(landmarks), audio, half)]
    assert not np.stack(scores)[:, 40:].any()


def test_mouths_are_measured_in_the_faces_own_unit_whatever_the_pose():
    points = np.zeros((2, 478, 3), np.float32)
    places = {33: (-3, 0), 133: (-1, 0), 362: (1, 0), 263: (3, 0), 168: (0, 0), 152: (0, 8)}
    places |= {2: (0, 3), 13: (0, 4), 14: (0, 4.5), 17: (0, 5)}
    for row, place in places.items():
        points[0, row, :2] = place
    c, s = np.cos(0.6), np.sin(0.6)
    points[1] = 3 * points[0] @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]], np.float32) + 7
    # Lips 0.5 and nose to lower lip 2, eyes 4 apart.
    np.testing.assert_allclose(mouth_opening(points), [2.5 / 4, 2.5 / 4], rtol=1e-5)


def test_level_alone_tells_sound_from_silence():
    audio = np.concatenate([np.full(20 * 640, 1e-4), 0.1 * np.sin(np.arange(20 * 640)), np.full(10 * 640, 1e-4)])
    np.testing.assert_array_equal(voice_activity(audio, 50), [20 <= k < 40 for k in range(50)])
    assert not voice_activity(np.zeros(6400), 10).any()


def test_people_of_different_lengths_are_refused(talk):
    landmarks, audio = talk
    people = scene(landmarks[:1]) + scene(landmarks[1:2, :50])
    with pytest.raises(BadInput, match="same frames"):
        active_speaker(people, audio)
    with pytest.raises(BadInput, match="voice activity of 3"):
        active_speaker(people[:1], audio, np.ones(3))
    assert active_speaker([], audio) == []


def draft(landmarks, audio, **values) -> Draft:
    boxes = np.tile([100.0, 0.0, 512.0], (FRAMES, 1))
    crop = ((landmarks[0] - np.array([100, 0, 0], np.float32)) / 2).astype(np.float32)
    others = tuple(Company(k, SEEN, landmarks[k]) for k in (1, 2))
    return Draft(
        track=0,
        size=256,
        landmarks=crop,
        boxes=boxes,
        seen=SEEN,
        shape=(360, 640),
        audio=audio,
        company=others,
        **values,
    )


def test_the_label_of_a_clip_is_its_own_part_of_the_scene(talk):
    landmarks, audio = talk
    found = SpeakingLabel().start().finish(draft(landmarks, audio))
    expected = active_speaker(scene(landmarks), audio)[0].score
    np.testing.assert_allclose(found.fields["speaking.npz"]["score"], expected, atol=1e-3)
    assert found.scores["speaking"] > 0.9
    assert set(found.scores) == set(SpeakingLabel.scores)
    assert SpeakingLabel().start().finish(draft(landmarks, None)).fields == {}
    silent = SpeakingLabel(lambda d: np.zeros(len(d))).start().finish(draft(landmarks, audio))
    assert silent.scores["speaking"] == 0


class Constant:
    """An embedder that tells pictures by their mean brightness."""

    name, dimension, licence, same = "constant 1", 2, "non-commercial", 0.9

    def embed(self, frame, landmarks):
        angle = float(frame.mean()) / 255
        return np.array([np.cos(angle), np.sin(angle)], np.float32)


def test_the_fingerprint_takes_the_sharpest_pictures_and_keeps_what_others_wrote(talk):
    landmarks, audio = talk
    rng = np.random.default_rng(0)
    annotator = FaceFingerprint(Constant())
    watcher = annotator.start()
    for k in range(FRAMES):
        crop = np.full((256, 256, 3), 100 if k % 2 else 200, np.uint8)
        if k % 2:
            crop = np.clip(crop + rng.normal(size=crop.shape) * 9, 0, 255).astype(np.uint8)
        watcher.see(View(k, crop, crop, landmarks[0][k] / 2, np.array([0, 0, 512.0]), seen=k != 5))
    found = watcher.finish(draft(landmarks, audio, found={"fingerprint.npz": {"sound": np.ones(3)}}))
    arrays = found.fields["fingerprint.npz"]
    assert set(arrays) == {"sound", "face", "face_spread", "face_count", "face_tool"}
    # Every fifth frame is looked at; of those 15 seven are sharp and one of them is not seen.
    assert arrays["face_count"] == 8
    assert np.linalg.norm(arrays["face"]) == pytest.approx(1, abs=1e-6)
    sharp, flat = (np.array([np.cos(v / 255), np.sin(v / 255)]) for v in (100, 200))
    assert arrays["face"] @ sharp > arrays["face"] @ flat
    assert annotator.licence == "non-commercial"
    assert annotator.tool == "constant 1"


def test_a_fingerprint_is_the_mean_direction_and_its_spread():
    pair = [np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([np.nan, np.nan])]
    arrays = face_fingerprint(pair, Constant())
    np.testing.assert_allclose(arrays["face"], np.sqrt([0.5, 0.5]), atol=1e-6)
    assert arrays["face_spread"] == pytest.approx(1 - np.sqrt(0.5))
    assert arrays["face_count"] == 2
    assert face_fingerprint([pair[2]], ChartEmbedder()) == {}


def test_a_clip_without_a_face_that_can_be_told_gets_no_fingerprint(talk):
    landmarks, audio = talk
    watcher = FaceFingerprint().start()
    crop = np.zeros((64, 64, 3), np.uint8)
    watcher.see(View(0, crop, crop, landmarks[0][0] / 8, np.array([0, 0, 64.0]), seen=True))
    assert watcher.finish(draft(landmarks, audio)).fields == {}
