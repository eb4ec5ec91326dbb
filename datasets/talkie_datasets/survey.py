"""Counts what an adapter finds against what its set should hold: the part of `ingest.json` before curation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from talkie_datasets.base import Dataset, Item, Skipped


@dataclass
class Survey:
    """Running counts over a stream of records and skips. `examples`: the first skips of each reason, as text."""

    dataset: Dataset
    found: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)

    def watch(self, items: Iterable[Item], keep: int = 5) -> Iterator[Item]:
        """The same items, counted as they pass; `keep` examples of each reason are kept."""
        for item in items:
            if isinstance(item, Skipped):
                self.skipped[item.reason] += 1
                kept = self.examples.setdefault(item.reason, [])
                if len(kept) < keep:
                    kept.append(f"{item.path}: {item.message}")
            else:
                self.found["records"] += 1
                self.found[item.split or "no split"] += 1
                if item.identity is not None:
                    self.identities.add(item.identity)
            yield item

    def report(self) -> dict[str, Any]:
        """Plain data for JSON: found, expected (with whether the figure is verified), skipped by reason, examples."""
        found = dict(sorted(self.found.items())) | ({"identities": len(self.identities)} if self.identities else {})
        return {
            "dataset": self.dataset.slug,
            "licence": self.dataset.licence,
            "found": found,
            "expected": self.dataset.expected.known(),
            "expected_is_verified": self.dataset.counts_verified,
            "skipped": dict(sorted(self.skipped.items())),
            "examples": self.examples,
        }
