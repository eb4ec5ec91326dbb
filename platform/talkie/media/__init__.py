"""Decode, encode, probe: everything that touches codecs and containers, on PyAV alone."""

from talkie.media.container import DecodeStats, sha256_file
from talkie.media.decode import piece_bounds, read_video
from talkie.media.encode import Mp4Encoder, decode_flac, decode_mp4, encode_flac, encode_mp4
from talkie.media.frames import is_picture, pictures_of, probe_frames
from talkie.media.planes import PlaneWriter, decode_plane, encode_plane
from talkie.media.probe import AudioInfo, MediaInfo, VideoInfo, look, probe
from talkie.media.sound import Spool, audio_spool, fit_audio, read_audio

__all__ = [
    "AudioInfo",
    "DecodeStats",
    "MediaInfo",
    "Mp4Encoder",
    "PlaneWriter",
    "Spool",
    "VideoInfo",
    "audio_spool",
    "decode_flac",
    "decode_mp4",
    "decode_plane",
    "encode_flac",
    "encode_mp4",
    "encode_plane",
    "fit_audio",
    "is_picture",
    "look",
    "pictures_of",
    "piece_bounds",
    "probe",
    "probe_frames",
    "read_audio",
    "read_video",
    "sha256_file",
]
