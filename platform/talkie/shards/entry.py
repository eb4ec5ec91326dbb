"""One line of the ledger. How lines are kept and asked for is in ledger.py."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["done", "drop", "dead"]


class LedgerEntry(BaseModel):
    """One line. `cause` is a slug of `talkie.errors` (dead) or a filter's name (drop); `step` is where it happened;
    times are seconds of the source for drops of a part of it.

    sha256: what the ledger knows a source by, the digest of the file with its sidecars; input_sha256: of the file
    alone. clips: the ids that a `done` source gave; clip: the id of the clip that a drop is about. of: what a copy is a
    copy of, a source's input_sha256 or a clip's id. given: the manifests, lists and roots of data sets that led to
    the source, one a line. exception: type, text and place of the error that made it dead.
    values: measured against which threshold, for a filter's drop. versions, settings: of the tools, and the digest of
    the settings, that were in force.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    name: str
    uri: str
    status: Status
    cause: str | None = None
    message: str | None = None
    step: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    clips: list[str] = []
    versions: dict[str, str] = {}
    settings: str = ""
    input_sha256: str | None = None
    clip: str | None = None
    of: str | None = None
    identity: str | None = None
    given: str | None = None
    exception: str | None = None
    values: dict[str, float] = {}

    @property
    def closes(self) -> bool:
        """Whether an attempt at the source ends with this line."""
        return self.status != "drop"
