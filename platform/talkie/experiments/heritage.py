"""What a run that begins with a trained model owes to it: the model's name, and everything it had learned from, so that
lineage, takedowns and the gate see through to the first corpus."""

from __future__ import annotations

import tempfile
from pathlib import Path

from talkie.experiments import tracking
from talkie.experiments.corpora import FOLDER, encode, find_snapshot
from talkie.experiments.home import Home
from talkie.experiments.lineage import Run, run_of
from talkie.experiments.registry import list_versions
from talkie.systems.weights import verify_model

PARENT, PARENT_DIGEST, PARENT_DATA = "parent", "parent.digest", "parent.data"
"""Tags of a run: the model it began with, as NAME/VERSION or the name of its folder, its digest, and whether what that
was trained on is recorded."""
RECORDED, UNRECORDED = "recorded", "unrecorded"


def log_parent(home: Home, run_id: str, folder: Path) -> None:
    """Tags a run with the model in `folder`, and adds the corpora that the model was trained on, its own ancestors'
    included, to those of the run. Raises UnknownModel and CorruptModel."""
    digest = verify_model(folder)
    # The first version that had these weights: a run that was repeated made them again.
    known = min(
        (row for row in list_versions(None, home) if row.digest == digest), key=lambda v: v.version, default=None
    )
    parent = run_of(home, known.run_id) if known is not None else None
    complete = parent is not None and bool(parent.read()) and parent.tags.get(PARENT_DATA) != UNRECORDED
    name = f"{known.name}/{known.version}" if known is not None else Path(folder).resolve().name
    api = tracking.client(home)
    for key, value in ((PARENT, name), (PARENT_DIGEST, digest), (PARENT_DATA, RECORDED if complete else UNRECORDED)):
        api.set_tag(run_id, key, value)
    if parent is not None:
        _log_corpora(home, run_id, parent)


def _log_corpora(home: Home, run_id: str, parent: Run) -> None:
    own = {corpus.digest for corpus in run_of(home, run_id).read()}
    for corpus in parent.read():
        if corpus.digest in own:
            continue
        tracking.log_dataset(home, run_id, corpus.folder or corpus.uri, corpus.digest, corpus.clips, "training")
        state = find_snapshot(home, corpus.digest, parent.run_id)
        if state is not None:
            with tempfile.TemporaryDirectory(prefix="talkie-corpus-") as temporary:
                kept = Path(temporary) / f"{corpus.digest}.parquet"
                kept.write_bytes(encode(state))
                tracking.log_file(home, run_id, kept, f"{FOLDER}/{kept.name}")
