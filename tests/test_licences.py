"""A licence is known by one name, in any spelling, and a misspelt one is never taken for another."""

from __future__ import annotations

import pytest

from talkie.errors import BadInput
from talkie.licences import LICENCES, licence_of


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("cc by 4.0", "CC-BY-4.0"),
        ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0"),
        ("cc_by_nc_nd_4.0", "CC-BY-NC-ND-4.0"),
        (" mit ", "MIT"),
        ("Public Domain", "public-domain"),
        ("UNKNOWN", "unknown"),
    ],
)
def test_a_licence_is_found_in_any_spelling(spelling, name):
    assert licence_of(spelling).name == name


@pytest.mark.parametrize(
    ("name", "commercial", "derivatives", "attribution", "share_alike"),
    [
        ("CC0-1.0", True, True, False, False),
        ("CC-BY-3.0", True, True, True, False),
        ("CC-BY-NC-4.0", False, True, True, False),
        ("CC-BY-NC-SA-4.0", False, True, True, True),
        ("CC-BY-ND-4.0", True, False, True, False),
        ("ODbL-1.0", True, True, True, True),
        ("research-only", False, None, False, False),
        ("agreement", None, None, False, False),
    ],
)
def test_terms_are_those_of_the_licence(name, commercial, derivatives, attribution, share_alike):
    found = LICENCES[name]
    terms = (found.commercial, found.derivatives, found.attribution, found.share_alike)
    assert terms == (commercial, derivatives, attribution, share_alike)


def test_terms_of_ones_own_are_taken_and_count_as_not_said():
    mine = licence_of("LicenseRef-Studio-2026")
    assert (mine.name, mine.commercial, mine.derivatives) == ("LicenseRef-Studio-2026", None, None)


@pytest.mark.parametrize("wrong", ["CC-BY-9.0", "cc-nc", "", "free", "LicenseRef-", "LicenseRef-a/b"])
def test_an_unknown_licence_is_an_error_that_names_what_is_known(wrong):
    with pytest.raises(BadInput, match="no licence") as error:
        licence_of(wrong)
    assert "unknown" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_slip_is_answered_with_the_nearest_name():
    with pytest.raises(BadInput, match=r"did you mean CC-BY-NC-4\.0"):
        licence_of("CC-BY-NC4.0")
