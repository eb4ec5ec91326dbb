"""Every probe learns above chance from a few seconds of drawn faces, on people that it has not seen, and the same
weights come out of the same data and seed."""

import dataclasses

import numpy as np
import pytest
import torch
from tests.evaluation.probe_views import drawn_view, people, without

from talkie.errors import BadInput
from talkie.evaluation.probes import build_probe, probe_names
from talkie.evaluation.probes.lips import letters
from talkie.evaluation.probes.perceptual import degraded

SEEN, UNSEEN = people("abcdef", 2, "train"), people("xy", 2, "test")


def figures(probe):
    return {m.name.partition("_probe_")[2]: m.value for m in probe.held_out}


@pytest.fixture(scope="module")
def parameters():
    probe = build_probe("parameters")
    probe.train(SEEN, UNSEEN, 90)
    return probe


@pytest.fixture(scope="module")
def sync():
    probe = build_probe("sync")
    probe.train(SEEN, UNSEEN, 100)
    return probe


def test_face_parameters_are_read_better_than_by_their_mean(parameters):
    assert figures(parameters)["jaw_error"] < 0.8
    # Heads that do not turn have no rotation to read.
    assert "rotation_error" not in figures(parameters)


def test_an_open_mouth_is_read_as_one(parameters):
    view = drawn_view(7, "z", "test")
    read = parameters.read(view.faces)
    assert np.corrcoef(read[:, 52], view.known.parameters[:, 52])[0, 1] > 0.7


def test_how_far_a_mouth_is_open_is_read_off_unseen_faces():
    probe = build_probe("opening")
    probe.train(SEEN, UNSEEN, 60)
    assert figures(probe)["correlation"] > 0.9
    view = drawn_view(7, "z", "test")
    np.testing.assert_allclose(probe.read(view.mouths), view.known.opening, atol=0.15)


def trained(name, steps, role="evaluation"):
    probe = build_probe(name, role)
    probe.train(SEEN, UNSEEN, steps)
    return figures(probe)


def test_people_nobody_has_seen_are_told_apart():
    assert trained("identity", 30)["eer"] <= 0.2


def test_the_emotion_of_unseen_people_is_told():
    found = trained("emotion", 25)
    assert found["accuracy"] >= 1.5 * found["chance"]
    assert found["chance"] == 0.5


@pytest.mark.parametrize("role", ["evaluation", "loss"])
def test_visemes_are_read_off_unseen_lips(role):
    found = trained("lips", 40, role)
    assert found["frame_accuracy"] > 1.3 * found["commonest_viseme"]
    assert found["viseme_error_rate"] < 0.6


def test_the_two_lip_readers_share_neither_network_nor_input():
    a, b = build_probe("lips", "evaluation").network, build_probe("lips", "loss").network
    assert type(a) is not type(b)
    assert a.side != b.side


def test_a_sentence_of_the_held_out_people_is_not_learned():
    probe, said = build_probe("lips"), SEEN[1].known.sentence
    held_out = [without(UNSEEN[0], sentence=said), *UNSEEN[1:]]
    probe.train(SEEN[:3], held_out, 2)
    left = build_probe("lips")
    left.train([SEEN[0], SEEN[2]], held_out, 2)
    assert probe.digest == left.digest


def test_runs_of_visemes_become_letters_without_silence():
    assert letters(np.array([0, 0, 1, 1, 0, 2, 2, 2, 1])) == "ABA"


def test_more_blur_and_more_noise_are_further_away():
    probe = build_probe("perceptual")
    probe.train(SEEN[:4], UNSEEN[:2], 15)
    draw, frame = np.random.default_rng(1), UNSEEN[0].faces[3]
    for kind in ("blur", "noise"):
        given = np.stack([degraded(frame, kind, level, draw) for level in (0.2, 0.4, 0.6, 0.8, 1.0)])
        found = probe(np.repeat(frame[None], 5, 0), given)
        assert (np.diff(found) > 0).all()
    assert probe(frame[None], frame[None])[0] == 0


def test_a_perceptual_distance_of_unlike_or_tiny_frames_is_refused():
    probe = build_probe("perceptual")
    for other in (np.zeros((2, 64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3)), np.zeros((1, 8, 8, 3), np.uint8)):
        with pytest.raises(BadInput):
            probe(np.zeros((1, *other.shape[1:]), np.uint8), other)


def test_true_sound_is_surer_than_another_clips(sync):
    assert figures(sync)["confidence_true"] > 1.5 * figures(sync)["confidence_shuffled"]


def test_held_out_truth_has_a_distance_and_a_confidence_of_one(sync):
    scores = [sync.scores(view) for view in UNSEEN]
    assert np.mean([s.distance for s in scores]) == pytest.approx(1, abs=1e-5)
    assert np.mean([s.confidence for s in scores]) == pytest.approx(1, abs=1e-5)


def test_sound_that_is_late_is_found_so(sync):
    view = drawn_view(3, "x", "test", 60)
    late = np.concatenate([np.zeros_like(view.sound[:6]), view.sound[:-6]])
    assert sync.scores(dataclasses.replace(view, sound=late)).offset == pytest.approx(-6, abs=1)


@pytest.mark.parametrize("name", probe_names())
def test_weights_are_a_function_of_data_and_seed(name):
    digests = []
    for threads, role, seed in ((1, "evaluation", 0), (2, "evaluation", 0), (1, "loss", 0), (1, "evaluation", 1)):
        torch.set_num_threads(threads)
        probe = build_probe(name, role, seed)
        probe.train(SEEN[:4], UNSEEN, 2)
        digests.append(probe.digest)
    torch.set_num_threads(1)
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("name", "lacking"),
    [("parameters", {"parameters": None}), ("lips", {"visemes": None}), ("emotion", {"emotion": "bored"})],
)
def test_truth_that_is_not_there_is_named(name, lacking):
    with pytest.raises(BadInput, match=SEEN[0].id):
        build_probe(name).train([without(SEEN[0], **lacking)], UNSEEN, 1)


@pytest.mark.parametrize(("name", "needed"), [("identity", "two or more people"), ("emotion", "two emotions")])
def test_one_person_or_one_emotion_teaches_nothing(name, needed):
    with pytest.raises(BadInput, match=needed):
        build_probe(name).train(SEEN[:1], UNSEEN, 1)


def test_clips_too_short_for_hard_negatives_are_refused():
    with pytest.raises(BadInput, match="long enough"):
        build_probe("sync").train([drawn_view(1, frames=20)], UNSEEN, 1)


def test_figures_stand_under_the_stages_name():
    identity = build_probe("sync").identity
    assert (identity.kind, identity.stand_in) == ("syncnet", "stage")
    assert "stands in for syncnet" in str(identity)


@pytest.mark.parametrize("arguments", [("parametres",), ("sync", "judge")])
def test_unknown_names_and_roles_are_refused(arguments):
    with pytest.raises(BadInput, match="there are"):
        build_probe(*arguments)
