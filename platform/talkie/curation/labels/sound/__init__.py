"""Annotators of what the sound tells, one idea each; which of them a run uses is decided elsewhere."""

from __future__ import annotations

from talkie.curation.draft import Annotator


def sound_annotators() -> dict[str, type[Annotator]]:
    """Every annotator of this room by its name. The offset comes first: the others hear the sound in step."""
    from talkie.curation.labels.sound.features import HubertAnnotator, Wav2Vec2Annotator
    from talkie.curation.labels.sound.prosody import ProsodyAnnotator
    from talkie.curation.labels.sound.sync import SyncAnnotator

    kinds: tuple[type[Annotator], ...] = (SyncAnnotator, ProsodyAnnotator, Wav2Vec2Annotator, HubertAnnotator)
    return {kind.name: kind for kind in kinds}
