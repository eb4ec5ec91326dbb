"""Work item B for loaders: its samples, the decoding that every contender does alike, and what a process has used.
Runs in other libraries' environments too, so it imports nothing of talkie; contenders are in loader_contenders.py."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLES, SHARDS, BATCH = 2000, 8, 16
_RATE = 16_000


def make_samples(folder: Path, samples: int = SAMPLES, shards: int = SHARDS, side: int = 256) -> None:
    """Tars of `samples` jpeg + json + wav samples: a smooth random picture of some 20 KB, a second of 16 kHz int16
    noise, and a record in talkie's vocabulary, which to the others is plain JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    for shard in range(shards):
        with tarfile.open(folder / f"{shard:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for number in range(shard * samples // shards, (shard + 1) * samples // shards):
                for field, data in _sample(number, side, rng).items():
                    info = tarfile.TarInfo(f"{number:016x}.{field}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))


def _sample(number: int, side: int, rng: np.random.Generator) -> dict[str, bytes]:
    coarse = Image.fromarray(rng.integers(0, 256, (side // 8, side // 8, 3), np.uint8))
    picture = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC)).astype(np.int16)
    noisy = np.clip(picture + rng.integers(-8, 9, picture.shape), 0, 255).astype(np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(noisy).save(jpeg, "jpeg", quality=80)
    source = {"uri": f"item:{number}", "name": f"{number}", "sha256": f"{number:064x}", "start_s": 0.0, "end_s": 1.0}
    # Every field of a record, as the writer of shards leaves none out.
    record = {
        "id": f"{number:016x}", "source": source, "frames": 25, "identity": f"p{number % 50}",
        "identity_origin": "given", "dataset": None, "group": None, "language": "en", "licence": "owned",
        "consent": "given", "split": "train", "split_origin": "given", "labels": {"emotion": "calm"}, "crop": None,
        "sync": None, "transcript_origin": None, "phones_origin": None, "scores": {"text_confidence": 1.0},
        "score_meaning": {"text_confidence": "of the transcript"}, "tools": {"bench": "1"}, "tool_licences": {},
    }  # fmt: skip
    sound = rng.integers(-3000, 3000, _RATE).astype("<i2").tobytes()
    return {"jpg": jpeg.getvalue(), "json": json.dumps(record).encode(), "wav": _wav_header(len(sound)) + sound}


def _wav_header(size: int) -> bytes:
    """Canonical PCM header (RIFF WAVE): mono, 16 bit."""
    words = [b"RIFF", size + 36, b"WAVEfmt ", 16, (1, 1), _RATE, 2 * _RATE, (2, 16), b"data", size]
    parts = []
    for word in words:
        if isinstance(word, bytes):
            parts.append(word)
        elif isinstance(word, tuple):
            parts += [number.to_bytes(2, "little") for number in word]
        else:
            parts.append(word.to_bytes(4, "little"))
    return b"".join(parts)


def decode_picture(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(data)))


def decode_sound(data: bytes) -> np.ndarray:
    """(N,) float32."""
    return np.frombuffer(data, "<i2", offset=44).astype(np.float32) / 32768


def decode(jpg: bytes, record: bytes, wav: bytes) -> dict[str, Any]:
    """One sample, as every contender but talkie, which has its own record type, decodes it."""
    return {"id": json.loads(bytes(record))["id"], "picture": decode_picture(jpg), "sound": decode_sound(wav)}


def collate(samples: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch of tensors."""
    import torch

    return {
        "ids": [s["id"] for s in samples],
        "picture": torch.from_numpy(np.stack([s["picture"] for s in samples])),
        "sound": torch.from_numpy(np.stack([s["sound"] for s in samples])),
    }


def cpu_seconds() -> float:
    """Processor time of this process, of its children that live and of those that have ended."""
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + sum(map(_ticks, descendants(os.getpid())))


def resident_mb() -> float:
    """Memory of this process and its children in MB, what they share counted in parts (proportional set size)."""
    return sum(_pss(pid) for pid in (os.getpid(), *descendants(os.getpid()))) / 1024


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def _ticks(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
