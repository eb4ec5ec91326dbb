"""Decode, encode, probe: everything that touches codecs and containers, on PyAV alone."""

from talkie.media.container import sha256_file
from talkie.media.decode import fit_audio, read_audio, read_video
from talkie.media.encode import decode_flac, decode_mp4, encode_flac, encode_mp4
from talkie.media.planes import decode_plane, encode_plane
from talkie.media.probe import AudioInfo, MediaInfo, VideoInfo, probe

__all__ = [
    "AudioInfo",
    "MediaInfo",
    "VideoInfo",
    "decode_flac",
    "decode_mp4",
    "decode_plane",
    "encode_flac",
    "encode_mp4",
    "encode_plane",
    "fit_audio",
    "probe",
    "read_audio",
    "read_video",
    "sha256_file",
]
