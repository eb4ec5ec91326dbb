"""What lies beside a file becomes its record: sound, transcript (.txt) and facts (.json) of the same name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from talkie.clip import Split
from talkie.curation.record import SourceRecord
from talkie.errors import BadInput
from talkie.licences import licence_of
from talkie.storage import name_of, shown

LARGEST = 2**22
"""Bytes of the largest transcript or facts that are read."""


class Facts(BaseModel):
    """The sidecar NAME.json: what the files themselves cannot tell. Identities decide over splits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identity: str | None = None
    language: str = "und"
    licence: str = "unknown"
    consent: str = "unknown"
    split: Split | None = None
    labels: dict[str, str] = {}

    @field_validator("licence")
    @classmethod
    def _known_licence(cls, value: str) -> str:
        try:
            return licence_of(value).name
        except BadInput as error:
            raise ValueError(str(error)) from error


def record_of(uri: str, beside: Mapping[str, str], read: Callable[[str], bytes]) -> SourceRecord:
    """The record of a file with sidecars: kind (audio, transcript, facts) to address; `read` gives the bytes of one.

    Raises BadInput naming the sidecar that cannot be taken, and what `read` raises."""
    facts = Facts()
    text = None
    if "facts" in beside:
        facts = _facts(beside["facts"], _bounded(beside["facts"], read))
    if "transcript" in beside:
        text = _text(beside["transcript"], _bounded(beside["transcript"], read))
    audio = shown(beside["audio"]) if "audio" in beside else None
    return SourceRecord(uri=uri, audio_uri=audio, text=text, **facts.model_dump())


def _bounded(address: str, read: Callable[[str], bytes]) -> bytes:
    content = read(address)
    if len(content) > LARGEST:
        raise BadInput(f"is a sidecar of {len(content)} bytes", where=name_of(address), cure="put it elsewhere")
    return content


def _facts(address: str, content: bytes) -> Facts:
    try:
        return Facts.model_validate(json.loads(content))
    except (ValidationError, ValueError) as error:
        first = str(error).splitlines()
        raise BadInput(" ".join(first[:3]), where=name_of(address), cure="correct the sidecar") from error


def _text(address: str, content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig").strip() or None
    except UnicodeDecodeError as error:
        raise BadInput("is no UTF-8 text", where=name_of(address), cure="save it as UTF-8") from error
