"""Filters: each keeps a clip or names its reason, from scores and facts alone. Which of them a run uses is a recipe's
business."""

from __future__ import annotations

from talkie.curation.judgement.filters.base import Facts, Filter, Reason, Unknown, judge_all
from talkie.curation.judgement.filters.known import KNOWN
from talkie.curation.judgement.filters.picture import PICTURE
from talkie.curation.judgement.filters.sound import SOUND

FILTERS: dict[str, type[Filter]] = {f.name: f for f in (*KNOWN, *PICTURE, *SOUND)}
"""Every filter by its name in a recipe, in the order in which reasons are told."""

__all__ = ["FILTERS", "Facts", "Filter", "Reason", "Unknown", "judge_all"]
