"""`make_fake_tree(slug, root, media, n)`: a set's official layout in miniature, with what its adapter should say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from fake_media import FakeMedia


@dataclass(frozen=True)
class Told:
    """What is expected of one record: its key, subject (without the slug), split and some of its labels."""

    key: str
    subject: str | None
    split: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FakeTree:
    """Records in the adapter's order, reasons of the skips in theirs, and the adapter's options."""

    told: list[Told]
    reasons: list[str]
    options: dict[str, Any] = field(default_factory=dict)


Builder = Callable[[Path, FakeMedia, int], FakeTree]
BUILDERS: dict[str, Builder] = {}
MODULES = ("trees_talking", "trees_measured", "trees_faces")


def builder(make: Builder) -> Builder:
    """Registers a builder under its function's name, which is the slug."""
    BUILDERS[make.__name__] = make
    return make


def make_fake_tree(slug: str, root: Path, media: FakeMedia, n: int = 3) -> FakeTree:
    """Writes the tree of one set with n good records and at least one deliberately broken file."""
    root.mkdir(parents=True, exist_ok=True)
    return builders()[slug](root, media, n)


def builders() -> dict[str, Builder]:
    """All builders by slug; importing their modules registers them."""
    for name in MODULES:
        import_module(name)
    return BUILDERS
