"""Members of a clip are encoded once, always to the same bytes, and start together."""

import functools
import io
from typing import Any

import av
import numpy as np
import pytest
from media_files import grey
from scipy.ndimage import gaussian_filter

from talkie.errors import BadInput, UnreadableMedia
from talkie.media import decode_flac, decode_mp4, encode_flac, encode_mp4, read_audio
from talkie.media.x264 import steady_options


def picture(t: int) -> np.ndarray:
    """Soft colour fields that move: what chroma subsampling can hold."""
    y, x = np.mgrid[0:64, 0:64] / 64
    image = np.stack([x, y, np.full_like(x, t / 25)], axis=-1)
    return (40 + 160 * image).astype(np.uint8)


def test_the_same_input_gives_the_same_bytes():
    frames = [picture(t) for t in range(10)]
    audio = np.sin(np.arange(6400) / 10).astype(np.float32)
    assert encode_mp4(frames, audio=audio) == encode_mp4(iter(frames), audio=audio)
    assert encode_flac(audio) == encode_flac(audio)


def test_frames_come_back_in_their_colours():
    frames = np.stack([picture(t) for t in range(25)])
    again = decode_mp4(encode_mp4(frames))
    assert again.shape == frames.shape
    assert np.abs(again.astype(int) - frames).mean() < 2.5  # 8 bits of limited range, half the chroma
    assert (
        np.abs((again.astype(float) - frames).mean(axis=(0, 1, 2))).max() < 2
    )  # no tint; swscale rounds down both ways


def test_the_index_comes_first_and_the_picture_is_plain_h264():
    data = encode_mp4([grey(10)] * 5)
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(io.BytesIO(data)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("at", [1000, 8000, 15000])
def test_sound_is_not_shifted_by_the_encoder(tmp_path, at):
    click = np.zeros(16000, np.float32)
    click[at : at + 4] = 0.9
    path = tmp_path / "click.mp4"
    path.write_bytes(encode_mp4([grey(10)] * 25, audio=click))
    audio = read_audio(path)
    assert audio is not None
    assert abs(int(np.abs(audio).argmax()) - at) < 80  # 5 ms


@pytest.mark.parametrize("samples", [100, 15000, 16000, 20000])
def test_sound_and_picture_start_at_zero_and_end_within_a_frame(tmp_path, samples):
    data = encode_mp4([grey(10)] * 25, audio=np.full(samples, 0.1, np.float32))
    with av.open(io.BytesIO(data)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.start_time == audio.start_time == 0
        assert float(video.duration * video.time_base) == pytest.approx(1.0)
        assert float(audio.duration * audio.time_base) == pytest.approx(1.0, abs=0.04)
    path = tmp_path / "both.mp4"
    path.write_bytes(data)
    heard = read_audio(path)
    assert heard is not None
    assert len(heard) == pytest.approx(16000, abs=640)


def test_flac_keeps_every_16_bit_sample():
    steps = np.array([-32768, -1, 0, 1, 12345, 32767] * 1000)
    audio = (steps / 32768).astype(np.float32)
    assert np.array_equal(decode_flac(encode_flac(audio)), audio)


def test_flac_clips_what_is_too_loud():
    assert decode_flac(encode_flac(np.full(2000, 1.7, np.float32))).min() == pytest.approx(32767 / 32768)


def test_no_frames_and_odd_or_changing_sizes_are_refused():
    for frames in ([], [np.zeros((31, 32, 3), np.uint8)], [grey(0), grey(0, 64)]):
        with pytest.raises(BadInput):
            encode_mp4(frames)


def test_a_damaged_member_is_an_error_not_a_shorter_clip():
    data = bytearray(encode_flac(np.random.default_rng(0).normal(0, 0.2, 40000).astype(np.float32)))
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    with pytest.raises(UnreadableMedia):
        decode_flac(bytes(data))


def test_x264_takes_the_paths_whose_bytes_agree():
    """SSE4, AVX and AVX2 give one stream; x264's AVX-512 gives another, and not always the same."""
    frames = [texture(shot, t) for shot in (1, 2) for t in range(50)]
    ours, plain = video_packets(encode_mp4(frames)), io.BytesIO()
    with av.open(plain, "w", format="mp4") as container:
        options = {"crf": "18", "preset": "medium", "x264-params": "asm=sse4"}
        stream: Any = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 480, 360, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
        for image in frames:
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(
                stream.encode(picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"))
            )
        container.mux(stream.encode(None))
    assert ours == video_packets(plain.getvalue())


def texture(shot: int, t: int) -> np.ndarray:
    """(360, 480, 3) uint8: smooth texture that pans two pixels a frame."""
    wide = _wide_texture(shot)
    return np.ascontiguousarray(wide[:, 2 * t : 2 * t + 480])


@functools.cache
def _wide_texture(shot: int) -> np.ndarray:
    wide = gaussian_filter(np.random.default_rng(shot).normal(size=(360, 580, 3)), (3, 3, 0))
    return (127 + 40 * wide / wide.std()).clip(0, 255).astype(np.uint8)


def video_packets(data: bytes) -> list[bytes]:
    with av.open(io.BytesIO(data)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def test_a_processor_without_avx512_is_left_to_x264(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx avx2\n")
    assert steady_options(cpuinfo) == {}
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx avx2 avx512f avx512bw\n")
    assert steady_options.__wrapped__(cpuinfo) == {"x264-params": "asm=avx2"}
    assert steady_options(tmp_path / "none") == {}
