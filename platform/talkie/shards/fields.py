"""How each field of the clip vocabulary becomes bytes and comes back. Where the bytes are stored is not here."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkie.clip import Clip, ClipRecord, HeadTrack, Phone, Transcription, Word
from talkie.errors import CorruptShard
from talkie.media import decode_plane, encode_plane


@dataclass(frozen=True)
class RawClip:
    """A record and its encoded members by field name, without `json`. The mapping may read lazily."""

    record: ClipRecord
    members: Mapping[str, bytes]

    def decode(self, fields: tuple[str, ...]) -> Clip:
        """The clip with the named fields decoded; a field it lacks is left out."""
        present = {f: decode_field(f, self.members[f]) for f in fields if f in self.members}
        return Clip(self.record, present)


def encode_record(record: ClipRecord) -> bytes:
    """Canonical JSON: sorted keys, no spaces, so that equal records have equal bytes."""
    return _json(record.model_dump(mode="json"))


def decode_record(data: bytes) -> ClipRecord:
    return ClipRecord.model_validate_json(data)


def encode_field(name: str, value: Any) -> bytes:
    """Bytes of a decoded field; mp4 and flac are bytes already, planes are lossless video, other npz
    compressed. Raises KeyError for a name without codec."""
    return _CODECS[_codec_of(name)][0](value)


def decode_field(name: str, data: bytes) -> Any:
    """The value of a member: see `talkie.clip.Clip` for each field's type. Raises CorruptShard."""
    try:
        return _CODECS[_codec_of(name)][1](data)
    except (ValueError, EOFError, KeyError, TypeError) as error:
        raise CorruptShard(f"member {name} cannot be decoded: {error}", where=name) from error


def _codec_of(name: str) -> str:
    return name if name in _CODECS else name.rsplit(".", 1)[-1]


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _encode_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array, np.float32), allow_pickle=False)
    return buffer.getvalue()


def _decode_npy(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def _encode_packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{k: np.asarray(v) for k, v in sorted(arrays.items())})  # type: ignore[arg-type]
    return buffer.getvalue()


def _encode_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    # zipfile stamps members written by np.savez with the fixed date 1980-01-01: equal arrays, equal bytes.
    buffer = io.BytesIO()
    np.savez(buffer, **{k: np.asarray(v) for k, v in sorted(arrays.items())})  # type: ignore[arg-type]
    return buffer.getvalue()


def _decode_arrays(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {k: archive[k] for k in archive.files}


def _encode_head(track: HeadTrack) -> bytes:
    arrays = {
        f.name: np.asarray(getattr(track, f.name), np.float32) for f in dataclasses.fields(track) if f.name != "model"
    }
    return _encode_arrays({**arrays, "model": np.array(track.model)})


def _decode_head(data: bytes) -> HeadTrack:
    arrays = _decode_arrays(data)
    return HeadTrack(model=str(arrays.pop("model")), **arrays)


def _encode_phones(value: Transcription) -> bytes:
    return _json(dataclasses.asdict(value))


def _decode_phones(data: bytes) -> Transcription:
    raw = json.loads(data)
    return Transcription(
        words=tuple(Word(**w) for w in raw["words"]),
        phones=tuple(Phone(**p) for p in raw["phones"]),
        origin=raw["origin"],
    )


def _encode_planes(planes: bytes | Iterable[np.ndarray]) -> bytes:
    """Planes of a long clip are encoded as they are made (`talkie.media.PlaneWriter`) and come as bytes."""
    return planes if isinstance(planes, bytes) else encode_plane(planes)


_CODECS: dict[str, tuple[Any, Any]] = {
    "head.npz": (_encode_head, _decode_head),
    "phones.json": (_encode_phones, _decode_phones),
    "mask.mp4": (_encode_planes, decode_plane),
    "matte.mp4": (_encode_planes, decode_plane),
    "npz": (_encode_packed, _decode_arrays),
    "json": (_json, json.loads),
    "npy": (_encode_npy, _decode_npy),
    "txt": (lambda text: text.encode(), lambda data: data.decode()),
    "mp4": (bytes, bytes),
    "flac": (bytes, bytes),
}
