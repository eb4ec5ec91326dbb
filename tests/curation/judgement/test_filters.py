"""Filters keep, or name their reason; nothing that is not known passes in silence."""

import pytest

from talkie.curation.judgement.filters import FILTERS, Facts, judge_all
from talkie.stage.damage import DAMAGE

GOOD = {
    "face_px": 200, "in_frame": 1, "face_found": 1, "yaw_deg": 5, "pitch_deg": 5, "skin_clipped": 0, "skin_light": 0.4,
    "peak_light": 0.8, "sharpness": 9, "noise": 0.1, "blockiness": 0.01, "detail_cutoff": 1, "text_on_face": 0.01,
    "frozen_share": 0, "repeated_share": 0, "face_hidden": 0.05, "sync_offset_frames": 0, "sync_confidence": 0.9,
    "speaking": 0.8, "snr_db": 30, "clipped_share": 0,
}  # fmt: skip
BAD = {
    "face_size": {"face_px": 20}, "in_frame": {"in_frame": 0.5}, "face_found": {"face_found": 0.3},
    "yaw": {"yaw_deg": 60}, "pitch": {"pitch_deg": 60}, "exposure": {"skin_clipped": 0.9}, "blur": {"sharpness": 2},
    "noise": {"noise": 5}, "compression": {"blockiness": 0.2}, "upscaling": {"detail_cutoff": 0.2},
    "subtitles": {"text_on_face": 0.3}, "frozen": {"frozen_share": 0.5}, "repeated": {"repeated_share": 0.5},
    "occluding_hand": {"face_hidden": 0.5}, "audio_offset": {"sync_offset_frames": -5},
    "dubbed": {"sync_confidence": 0.1, "sync_offset_frames": 7},
    "speaks": {"speaking": 0.05}, "noisy_sound": {"snr_db": 5}, "clipped_sound": {"clipped_share": 0.09},
}  # fmt: skip
FACTS = Facts(seconds=5)


def test_every_damage_of_the_stage_has_a_filter_of_its_name():
    assert set(DAMAGE) <= set(FILTERS)


def test_a_good_clip_passes_every_filter():
    assert judge_all(tuple(kind() for kind in FILTERS.values()), GOOD, FACTS) == ()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_clip_fails_its_filter_and_the_reason_says_value_and_threshold(name):
    reason = FILTERS[name]().judge(GOOD | BAD[name], FACTS)
    assert reason is not None
    assert (reason.name, reason.drops, reason.unknown) == (name, True, False)
    assert abs(reason.value) == abs(next(iter(BAD[name].values())))
    assert f"{reason.threshold:.3g}" in reason.message or name in ("frozen", "repeated")


@pytest.mark.parametrize("name", [name for name, kind in FILTERS.items() if kind.needs])
@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_a_missing_score_is_told_and_the_policy_decides(name, policy):
    judge = FILTERS[name](unknown=policy)
    for need in judge.needs:
        reason = judge.judge({k: v for k, v in GOOD.items() if k != need}, FACTS)
        assert reason is not None
        assert reason.unknown
        assert reason.drops == (policy == "drop")
        assert need in reason.message


def test_blocks_count_most_where_a_coarse_quantiser_took_detail_and_not_where_an_enlargement_has_none():
    blocks = {"blockiness": 0.06}
    told = {cut: FILTERS["compression"]().judge(GOOD | blocks | {"detail_cutoff": cut}, FACTS) for cut in (0.3, 0.7, 1)}
    assert [reason is not None for reason in told.values()] == [False, True, False]


def test_all_reasons_are_collected_in_the_order_of_the_filters():
    scores = GOOD | BAD["noise"] | BAD["blur"] | BAD["dubbed"]
    reasons = judge_all(tuple(kind() for kind in FILTERS.values()), scores, FACTS)
    assert [reason.name for reason in reasons] == ["blur", "noise", "dubbed"]


def test_a_picture_that_is_too_dark_fails_as_one_that_is_too_bright():
    assert FILTERS["exposure"]().judge(GOOD | {"peak_light": 0.1}, FACTS) is not None


def test_an_offset_is_judged_only_where_it_is_known_and_dubbing_only_where_somebody_speaks():
    unsure = GOOD | {"sync_offset_frames": 9, "sync_confidence": 0.1}
    assert FILTERS["audio_offset"]().judge(unsure, FACTS) is None
    assert FILTERS["dubbed"]().judge(unsure, FACTS) is not None
    assert FILTERS["dubbed"]().judge(unsure | {"speaking": 0.0}, FACTS) is None
    # Too short for confidence, yet agreeing where it is.
    assert FILTERS["dubbed"]().judge(unsure | {"sync_offset_frames": 0.3}, FACTS) is None
    assert FILTERS["dubbed"]().judge(unsure | {"sync_offset_frames": 0.3, "sync_confidence": 0.02}, FACTS) is not None
    nowhere = {k: v for k, v in unsure.items() if k != "sync_offset_frames"}
    assert FILTERS["dubbed"]().judge(nowhere, FACTS) is not None


def test_length_language_and_licence_are_facts():
    assert FILTERS["length"](least_s=3, most_s=4).judge({}, FACTS).threshold == 4
    assert FILTERS["length"](least_s=6).judge({}, FACTS).threshold == 6
    assert FILTERS["language"]().judge({}, FACTS) is None
    french = Facts(language="fr", licence="CC-BY-4.0")
    assert FILTERS["language"](allowed=("fr", "en")).judge({}, french) is None
    assert "'fr'" in FILTERS["language"](allowed=("en",)).judge({}, french).message
    assert FILTERS["licence"](allowed=("CC-BY-4.0",)).judge({}, french) is None
    assert FILTERS["licence"](allowed=("MIT",)).judge({}, french).drops
    assert not FILTERS["licence"](allowed=("MIT",), unknown="keep").judge({}, Facts()).drops
