"""The table of all adapters in Markdown, as `docs/datasets.md` shows it: `python -m talkie_datasets.catalog`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from talkie_datasets.base import REASONS, Dataset
from talkie_datasets.registry import dataset_class, dataset_names

HEADER = ("set", "name", "licence", "access", "what a record is", "whole set", "layout", "counts", "choices")


def table(adapters: Iterable[type[Dataset]]) -> str:
    """One row per adapter, in the order given."""
    lines = ["| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER)]
    for adapter in adapters:
        known = adapter.expected.known()
        cells = (
            adapter.title,
            f"`{adapter.slug}`",
            f"{adapter.licence}: {adapter.terms}" if adapter.terms else adapter.licence,
            adapter.gate,
            adapter.yields,
            ", ".join(f"{count:,} {name}" for name, count in known.items()) or "-",
            _mark(adapter.layout_verified),
            _mark(adapter.counts_verified) if known else "-",
            ", ".join(f"`{choice.name}`" for choice in fields(adapter)) or "-",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reasons() -> str:
    """The reasons of skips with their meanings."""
    rows = (f"| `{name}` | {text} |" for name, text in REASONS.items())
    return "\n".join(("| reason | meaning |", "|---|---|", *rows))


def _mark(verified: bool) -> str:
    return "verified" if verified else "from memory"


if __name__ == "__main__":
    print(table(dataset_class(name) for name in dataset_names()))
    print()
    print(reasons())
