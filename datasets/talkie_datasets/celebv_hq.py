"""CelebV-HQ: celebrity clips with facial attributes, known by `celebvhq_info.json`; cut clips or whole downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkie.curation.record import Box
from talkie.errors import BadInput
from talkie_datasets.base import Counts, Dataset, Item, Skipped, key_from
from talkie_datasets.files import VIDEO, files, first_of

LIST = "celebvhq_info.json"
CUT_FOLDERS = ("downloaded_celebvhq/processed", "processed", "")
RAW_FOLDERS = ("downloaded_celebvhq/raw", "raw")


@dataclass(frozen=True)
class CelebVHQ(Dataset):
    """The video's id stands for the person. A cut clip is taken as it is, a whole download with its time span and its
    box in shares of the frame.

    Times are nearly whole seconds, so that a scene may change inside a clip. Attributes are given by the names that the
    list's `meta_info` holds. Whether a clip has sound is not said: it is no talking set."""

    slug = "celebv_hq"
    title = "CelebV-HQ"
    licence = "non-commercial"
    terms = "CelebV-HQ terms; the videos are their uploaders'"
    gate = "list in the authors' repository; the videos are fetched from YouTube by the user"
    yields = "one video per listed clip, cut or as span and box of the download; emotion, appearance and action names"
    sentinels = (LIST,)
    expected = Counts(records=35_666)
    counts_verified = True
    layout_verified = True

    def find(self, root: Path) -> Iterator[Item]:
        path = root / LIST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            clips = content["clips"]
            # The authors' page spells the first key `mete_info`.
            meta = content.get("meta_info") or content.get("mete_info") or {}
        except (ValueError, KeyError, AttributeError) as error:
            raise BadInput(f"is no CelebV-HQ list: {error}", where=str(path), cure="download it again") from error
        listed = (self._clip(root, f"{path}:{key}", key, clips[key], meta) for key in sorted(clips))
        yield from self.with_unlisted(listed, (p for folder in CUT_FOLDERS for p in files(root / folder, VIDEO)))

    def _clip(self, root: Path, where: str, key: str, clip: dict[str, Any], meta: dict[str, Any]) -> Item:
        try:
            video = str(clip["ytb_id"])
            fields: dict[str, Any] = {
                "subject": video,
                "group": f"youtube:{video}",
                "labels": _labels(clip.get("attributes", {}), meta),
            }
            cut = first_of(*(root / folder / f"{key}.mp4" for folder in CUT_FOLDERS))
            if cut is not None:
                return self.take(cut, key_from(key), **fields)
            raw = first_of(*(root / folder / f"{video}.mp4" for folder in RAW_FOLDERS))
            if raw is None:
                return Skipped(where, "missing_media", f"neither the clip {key}.mp4 nor the video {video}.mp4 is there")
            box = Box(**{side: float(clip["bbox"][side]) for side in ("left", "top", "right", "bottom")})
            start, end = (float(clip["duration"][f"{side}_sec"]) for side in ("start", "end"))
        except (KeyError, TypeError, ValueError) as error:
            return Skipped(where, "bad_row", f"cannot be read: {type(error).__name__} {error}")
        return self.take(raw, key_from(key), start_s=start, end_s=end, box=box, **fields)


def _labels(attributes: dict[str, Any], meta: dict[str, Any]) -> dict[str, str | None]:
    """emotion (several joined by `,` in the order in which they follow each other), appearance and action by name."""
    emotion = attributes.get("emotion", {}).get("labels")
    if isinstance(emotion, list):
        emotion = ",".join(part["emotion"] for part in emotion)
    labels: dict[str, str | None] = {"emotion": emotion}
    for kind in ("appearance", "action"):
        names = meta.get(f"{kind}_mapping")
        if names:
            marked = [str(n) for n, on in zip(names, attributes.get(kind, ()), strict=False) if on]
            labels[kind] = ",".join(marked) or None
    return labels
