"""The common work item with Ray Data's own operators: from_items, map_batches on actors, write_webdataset.

python ray_data.py IN OUT --workers 2 --preset medium --crf 18 --height 256"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import ray

CUT = 18.0
"""Mean change of the luma from one picture to the next, in levels, from which on it is a cut."""
MOST = 125


class Cutter:
    """An actor that turns files into clips: one decode, one encode of each clip."""

    def __init__(self, root: str, preset: str, crf: int, height: int, x264: str) -> None:
        self.root, self.height = root, height
        self.options = {"preset": preset, "crf": str(crf), "x264-params": x264}

    def __call__(self, batch: dict[str, np.ndarray]) -> Iterator[dict[str, list]]:
        for path in batch["path"]:
            yield from self._file(str(path))

    def _file(self, path: str) -> Iterator[dict[str, list]]:
        sound = _sound(path)
        name = str(Path(path).relative_to(self.root).with_suffix("")).replace("/", "--")
        first, last, clip, encoder = 0, None, None, None
        number = -1
        for number, picture in enumerate(_pictures(path, self.height)):
            luma = np.frombuffer(picture.planes[0], np.uint8)[::4].astype(np.int16)
            cut = last is not None and np.abs(luma - last).mean() > CUT
            last = luma
            if encoder is not None and (cut or number - first == MOST):
                yield self._row(name, first, number, clip, encoder, sound)
                first, encoder = number, None
            if encoder is None:
                clip = io.BytesIO()
                container = av.open(clip, "w", format="mp4")
                stream = container.add_stream("libx264", rate=25, options=self.options)
                stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
                stream.codec_context.thread_count = 1
                encoder = container, stream
            picture.pts, picture.time_base, picture.pict_type = number - first, Fraction(1, 25), 0
            encoder[0].mux(encoder[1].encode(picture))
        if encoder is not None:
            yield self._row(name, first, number + 1, clip, encoder, sound)

    def _row(self, name, first, last, clip, encoder, sound):  # type: ignore[no-untyped-def]
        container, stream = encoder
        container.mux(stream.encode(None))
        container.close()
        flac = _flac(sound[first * 640 : last * 640]) if sound is not None else b""
        row = {"__key__": f"{name}-{first:06d}", "mp4": clip.getvalue(), "flac": flac, "frames": str(last - first)}
        return {key: [value] for key, value in row.items()}


def _pictures(path: str, height: int) -> Iterator[av.VideoFrame]:
    """Small pictures at 25 a second, the nearest in time."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        width = 2 * round(stream.width * height / stream.height / 2)
        scaler, wanted, before = av.video.reformatter.VideoReformatter(), 0, None
        for frame in _until_damage(container.decode(stream)):
            while before is not None and wanted / 25 <= (before.time + frame.time) / 2:
                yield scaler.reformat(before, width, height, "yuv420p", interpolation="BICUBIC")
                wanted += 1
            before = frame
        while before is not None and wanted < round((before.time + 1 / stream.average_rate) * 25):
            yield scaler.reformat(before, width, height, "yuv420p", interpolation="BICUBIC")
            wanted += 1


def _until_damage(frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    try:
        yield from frames
    except av.error.InvalidDataError:
        return


def _sound(path: str) -> np.ndarray | None:
    with av.open(path) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16000)
        frames = (part for frame in _until_damage(container.decode(audio=0)) for part in resampler.resample(frame))
        return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def _flac(samples: np.ndarray) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=16000, layout="mono", format="s16")
        for at in range(0, len(samples), 4096):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + 4096], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, at, Fraction(1, 16000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--crf", type=int, default=18)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--x264", default="", help="parameters of x264: key=value, several joined by colons")
    options = parser.parse_args()
    ray.init("local", num_cpus=options.workers, include_dashboard=False, log_to_driver=False)
    # Ray Data's own way to live with files that cannot be read; without it the first of them ends the job.
    ray.data.DataContext.get_current().max_errored_blocks = -1
    paths = sorted(str(path) for path in options.source.rglob("*.mp4"))
    clips = ray.data.from_items([{"path": path} for path in paths], override_num_blocks=len(paths)).map_batches(
        Cutter,
        fn_constructor_args=(str(options.source), options.preset, options.crf, options.height, options.x264),
        concurrency=options.workers,
        num_cpus=1,
        batch_size=1,
    )
    clips = clips.materialize()
    clips.write_webdataset(str(options.out / "shards"))
    clips.drop_columns(["mp4", "flac"]).write_parquet(str(options.out / "table"))
    ray.shutdown()


if __name__ == "__main__":
    main()
