"""Finds footage: what the arguments of `talkie curate` name becomes sources. Nothing is decoded here."""

from talkie.curation.sources.digests import DigestCache
from talkie.curation.sources.discover import discover
from talkie.curation.sources.source import Source

__all__ = ["DigestCache", "Source", "discover"]
