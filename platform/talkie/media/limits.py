"""What a media file may ask of this machine before it is refused; the checks themselves are where files are opened."""

from __future__ import annotations

from talkie.errors import TooLong

MAX_PIXELS = 8192 * 4352
"""Pixels of a picture: 8K cinema. A header may claim 65,535 x 65,535, which is 12.9 GB of RGB."""

MAX_SIDE = 16384
"""Pixels along one side; swscale and x264 fail beyond it in their own ways."""

MAX_STREAMS = 64
"""Streams of a container. Multitrack interviews have a dozen; every one costs the demuxer a buffer and a probe."""

PROBE_BYTES = 8_000_000
"""Read at most before the format is decided: a few seconds of broadcast video."""

PROBE_SECONDS = 8
"""Of media analysed at most before the format is decided."""

MAX_SECONDS = 24 * 3600.0
"""Of one source, where the caller sets no limit: a grid index or a sample beyond it comes from a broken clock."""

HOLE_S = 10.0
"""A hole between two pictures up to this long is filled by the picture before it; a longer one has no pictures."""

RATES_HZ = (1_000, 768_000)
"""Sample rates that are read. One sample a second would grow sixteen thousand times on its way to 16 kHz."""

MAX_CHANNELS = 64
"""Channels of a sound track."""


def check_picture(width: int, height: int, where: str | None) -> None:
    """Raise TooLong for a picture that no memory should be asked for."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        limit = f"at most {MAX_SIDE} px a side and {MAX_PIXELS / 1e6:.1f} million pixels are read"
        raise TooLong(f"claims pictures of {width}x{height} px", where=where, cure=limit)


def check_sound(rate: int, channels: int, where: str | None) -> None:
    """Raise TooLong for a sound track whose header is out of any real device's range."""
    if not RATES_HZ[0] <= rate <= RATES_HZ[1] or not 1 <= channels <= MAX_CHANNELS:
        limit = f"{RATES_HZ[0]} to {RATES_HZ[1]} Hz and up to {MAX_CHANNELS} channels are read"
        raise TooLong(f"claims {channels} channels at {rate} Hz", where=where, cure=limit)
