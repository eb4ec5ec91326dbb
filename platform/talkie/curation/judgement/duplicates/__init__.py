"""Near duplicates across sources: fingerprints of picture and sound, groups of clips that show the same, which one to
keep."""

from talkie.curation.judgement.duplicates.fingerprint import Fingerprint, PictureFingerprint, SoundFingerprint
from talkie.curation.judgement.duplicates.matching import Group, find_duplicates, keep

__all__ = ["Fingerprint", "Group", "PictureFingerprint", "SoundFingerprint", "find_duplicates", "keep"]
