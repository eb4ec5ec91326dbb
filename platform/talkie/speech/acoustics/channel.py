"""What a line does to a voice: the telephone's band and code, and packets that never arrive, each at known places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from talkie.clip import SAMPLE_RATE
from talkie.errors import BadConfig
from talkie.speech.acoustics.levels import checked
from talkie.speech.acoustics.microphone import band_limited

_TELEPHONE_HZ = (300.0, 3400.0)
_MU = 255.0


@dataclass(frozen=True)
class Telephone:
    """Band in Hz, bits of the mu-law code, and signal over the code's noise in dB."""

    low_hz: float
    high_hz: float
    bits: int
    code_snr_db: float
    offset_s: float = 0.0


@dataclass(frozen=True)
class PacketLoss:
    """lost: spans (start_s, end_s) of the packets that did not arrive, in order; neighbours are not joined."""

    packet_s: float
    concealment: str
    lost: tuple[tuple[float, float], ...]
    offset_s: float = 0.0


def telephone(audio: np.ndarray) -> tuple[np.ndarray, Telephone]:
    """Speech (N,), 16 kHz, as narrow-band telephony carries it: 300 to 3400 Hz (ITU-T G.712), 8 bit mu-law (G.711).

    The band is cut without phase; samples stay at 16 kHz, so that the code's noise is spread over the whole band.
    """
    narrow = band_limited(checked(audio), *_TELEPHONE_HZ)
    peak = max(1.0, float(np.abs(narrow).max()))
    pressed = np.sign(narrow) * np.log1p(_MU * np.abs(narrow) / peak) / np.log1p(_MU)
    coded = np.round(pressed * 127) / 127
    opened = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(_MU)) / _MU * peak
    noise = float(np.mean((opened - narrow) ** 2))
    ratio = 10 * np.log10(max(float(np.mean(narrow**2)), 1e-20) / max(noise, 1e-20))
    heard = band_limited(opened, *_TELEPHONE_HZ)
    return np.clip(heard, -1, 1).astype(np.float32), Telephone(*_TELEPHONE_HZ, 8, float(ratio))


def lose_packets(
    audio: np.ndarray,
    share: float,
    rng: np.random.Generator,
    *,
    burst: float = 1.0,
    packet_s: float = 0.02,
    concealment: Literal["silence", "repeat"] = "silence",
) -> tuple[np.ndarray, PacketLoss]:
    """Speech (N,), 16 kHz, with lost packets: (N,) float32 and where they were.

    share: of packets lost, in the long run. burst: mean number lost in a row (Gilbert, Bell Syst. Tech. J. 39, 1960);
    losses that know nothing of each other have 1 / (1 - share), and a smaller burst is taken as that. A lost packet is
    silent, or the last that arrived again, half as loud each time (ITU-T G.711 appendix I, simplified).
    Raises BadConfig for a share outside 0 to 0.9, a burst below 1, packets outside 5 to 100 ms or another concealment.
    """
    signal = checked(audio)
    if not 0 <= share <= 0.9 or burst < 1 or not 0.005 <= packet_s <= 0.1:
        raise BadConfig(f"packet loss {share}, burst {burst}, packets of {packet_s} s", cure="use 0-0.9, 1-, 5-100 ms")
    if concealment not in ("silence", "repeat"):
        raise BadConfig(f"no concealment {concealment!r}", cure="use silence or repeat")
    size = round(packet_s * SAMPLE_RATE)
    gone = _gilbert(-(-len(signal) // size), share, max(burst, 1 / (1 - share)), rng)
    out, last, gain = signal.copy(), np.zeros(size), 0.0
    for packet in range(len(gone)):
        here = slice(packet * size, min((packet + 1) * size, len(signal)))
        if not gone[packet]:
            last, gain = np.resize(signal[here], size), 1.0
            continue
        gain /= 2
        out[here] = gain * last[: here.stop - here.start] if concealment == "repeat" else 0.0
    spans = tuple(
        (k * size / SAMPLE_RATE, min((k + 1) * size, len(signal)) / SAMPLE_RATE) for k in np.flatnonzero(gone)
    )
    return out.astype(np.float32), PacketLoss(size / SAMPLE_RATE, concealment, spans)


def _gilbert(packets: int, share: float, burst: float, rng: np.random.Generator) -> np.ndarray:
    """(packets,) bool: a two-state Markov chain with the given stationary share and mean length of its lost runs."""
    leave = 1 / burst
    enter = leave * share / (1 - share)
    draws = rng.random(packets + 1)
    gone = np.zeros(packets, bool)
    lost = draws[-1] < share
    for k in range(packets):
        gone[k] = lost
        lost = draws[k] >= leave if lost else draws[k] < enter
    return gone
