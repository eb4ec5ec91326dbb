"""The common work item with data-juicer's own operators, then Python's tarfile: `dj-process` has no tar of clips.

    python data_juicer.py IN OUT --workers 2 --preset medium --crf 18 --height 256

The scene mapper's ffmpeg scales, sets the rate and encodes in one go, and puts a key frame every five seconds, so that
the duration mapper, which copies streams, cuts there exactly: the cheapest way that these operators offer."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import yaml


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
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [
        {"text": "<__dj__video> <|__dj__eoc|>", "videos": [str(path)]} for path in sorted(options.source.rglob("*.mp4"))
    ]
    (options.out / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = options.out / "recipe.yaml"
    config.write_text(yaml.safe_dump(_recipe(options)))
    subprocess.run([str(Path(sys.executable).parent / "dj-process"), "--config", str(config)], check=True)
    _pack(options.out)


def _recipe(options: argparse.Namespace) -> dict:
    encode = (
        f"-vf fps=25,scale=-2:{options.height}:flags=bicubic -c:v libx264 -preset {options.preset} -crf {options.crf}"
        f" -threads 1 -filter_threads 1 -pix_fmt yuv420p{' -x264-params ' * bool(options.x264)}{options.x264}"
        " -force_key_frames expr:gte(t,n_forced*5) -c:a aac -ac 1 -ar 16000"
    )
    return {
        "project_name": "common-work",
        "dataset_path": str(options.out / "in.jsonl"),
        "export_path": str(options.out / "table.jsonl"),
        "np": options.workers,
        "skip_op_error": True,
        "ds_cache_dir": str(options.out / "cache"),
        "process": [
            {
                "video_split_by_scene_mapper": {
                    "detector": "ContentDetector",
                    "threshold": 27.0,
                    "min_scene_len": 15,
                    "save_dir": str(options.out / "scenes"),
                    "ffmpeg_extra_args": encode,
                }
            },
            {
                "video_split_by_duration_mapper": {
                    "split_duration": 5,
                    "keep_original_sample": False,
                    "save_dir": str(options.out / "clips"),
                }
            },
        ],
    }


def _pack(out: Path) -> None:
    """The clips that the table names, as one tar. A file without a cut is not touched by the scene mapper and stands in
    the table under its own name."""
    named = {Path(path) for line in (out / "table.jsonl").open() for path in json.loads(line)["videos"]}
    with tarfile.open(out / "shard.tar", "w") as tar:
        for path in sorted(named):
            info = tarfile.TarInfo(path.name)
            info.size = path.stat().st_size
            with path.open("rb") as handle:
                tar.addfile(info, handle)


if __name__ == "__main__":
    main()
