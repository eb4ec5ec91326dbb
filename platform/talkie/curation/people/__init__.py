"""People in a corpus: who of a scene speaks, which clips show one person. Faces are found in `talkie.faces`."""

from talkie.curation.draft import Annotator
from talkie.curation.people.fingerprint import FaceFingerprint, face_fingerprint
from talkie.curation.people.identities import Identities, cluster_identities
from talkie.curation.people.label import SpeakingLabel, clear_lips
from talkie.curation.people.speaking import (
    NOBODY,
    UNTOLD,
    PersonInScene,
    SpeakingTrack,
    active_speaker,
    speakers,
    voice_activity,
)

__all__ = [
    "NOBODY",
    "UNTOLD",
    "FaceFingerprint",
    "Identities",
    "PersonInScene",
    "SpeakingLabel",
    "SpeakingTrack",
    "active_speaker",
    "clear_lips",
    "cluster_identities",
    "face_fingerprint",
    "people_annotators",
    "speakers",
    "voice_activity",
]


def people_annotators() -> dict[str, type[Annotator]]:
    """Every annotator of this room by its name."""
    kinds: tuple[type[Annotator], ...] = (SpeakingLabel, FaceFingerprint)
    return {kind.name: kind for kind in kinds}
