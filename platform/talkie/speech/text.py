"""Words as written and as dictionaries spell them; how they sound is `phones`'s and `recogniser`'s business."""

from __future__ import annotations

import re


def bare(token: str) -> str:
    """A token without the punctuation around it ("(Peter's)," -> "Peter's"); itself where it is nothing else."""
    return re.sub(r"^\W+|\W+$", "", token) or token


def dictionary_form(token: str) -> str:
    """A token as the CMU dictionary spells it: lower case, plain apostrophes, no punctuation around it; "" for none."""
    plain = token.lower().replace("’", "'")
    inner = re.sub(r"^[\W_]+|[^\w']+$", "", plain)
    return re.sub(r"[^\w'.-]", "", inner)
