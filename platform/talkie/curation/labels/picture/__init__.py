"""Annotators of what the picture shows, one file each; which of them a run uses is decided elsewhere."""

from __future__ import annotations

from talkie.curation.draft import Annotator


def picture_annotators() -> dict[str, type[Annotator]]:
    """Every annotator of this room by its name; `fields`, `scores` and `needs` say what each makes and takes."""
    from talkie.curation.labels.picture.action_units import ActionUnits
    from talkie.curation.labels.picture.clip_features import ClipFeatures
    from talkie.curation.labels.picture.gaze import Gaze
    from talkie.curation.labels.picture.hands import Hands
    from talkie.curation.labels.picture.head_pose import HeadPose
    from talkie.curation.labels.picture.matte import Matte
    from talkie.curation.labels.picture.pose import Pose
    from talkie.curation.labels.picture.regions import Regions

    kinds: tuple[type[Annotator], ...] = (HeadPose, Gaze, ActionUnits, Matte, Regions, Pose, Hands, ClipFeatures)
    return {kind.name: kind for kind in kinds}
