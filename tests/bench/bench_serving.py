"""Measures the served path on real speech: length, mouth against speech energy, latency beside the same work unserved.

    python tests/bench/bench_serving.py --model NAME --clips FOLDER [--home DIR] [--video OUT.mp4]

The mouth is measured twice: from the answered coefficients through the head model, and by MediaPipe on the decoded
pictures, which knows nothing of either. Prints one JSON object; exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import torch

from talkie.clip import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from talkie.heads import builtin_head
from talkie.media import decode_mp4, read_audio
from talkie.serving.config import ServeConfig
from talkie.serving.exchange import VIDEO_PATH
from talkie.serving.generate import generate
from talkie.serving.material import Files
from talkie.serving.server import Server, start
from talkie.systems import SPEECH_TO_MOTION, MotionResult

TARGET_R = 0.4
SPEECH = "jfk.flac"
REPEATS = 3


def main() -> int:
    arguments = _arguments()
    speech = arguments.clips / SPEECH
    audio = read_audio(speech)
    assert audio is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    began = time.perf_counter()
    server = start(ServeConfig(port=port), [arguments.model], arguments.home)
    start_s = time.perf_counter() - began
    try:
        film, motion, served = _ask(server, speech)
    finally:
        server.stop()
    direct = _direct(arguments.model, speech, arguments.home)
    if arguments.video:
        arguments.video.write_bytes(film)
    report = {
        "model": server.models[0].label,
        "speech": SPEECH,
        **_lengths(film, audio),
        **_correlations(film, motion, audio),
        **_latency(served, direct, len(audio) / SAMPLE_RATE),
        "start_s": round(start_s, 2),
    }
    report["passed"] = bool(
        abs(report["length_error_frames"]) <= 1
        and report["r_coefficients"] >= TARGET_R
        and report["r_mediapipe"] >= TARGET_R
    )
    print(json.dumps(report, indent=1))
    return 0 if report["passed"] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="name, name/version or folder of a model")
    parser.add_argument("--clips", required=True, type=Path, help=f"folder that holds {SPEECH}")
    parser.add_argument("--home", type=Path, help="where talkie keeps its models")
    parser.add_argument("--video", type=Path, help="keep the answered video here, to look at")
    return parser.parse_args()


def _ask(server: Server, speech: Path) -> tuple[bytes, MotionResult, list[dict[str, float]]]:
    """The film, the coefficients, and for each repetition the seconds of the whole request and of computing alone."""
    assert server.token is not None
    headers = {"Authorization": f"Bearer {server.token.get_secret_value()}"}
    times = []
    with httpx.Client(base_url=server.url, headers=headers, timeout=600) as client:
        for _ in range(REPEATS):
            began = time.perf_counter()
            answer = client.post(VIDEO_PATH, files={"audio": speech.read_bytes()}).raise_for_status()
            compute_ms = float(answer.headers["Server-Timing"].partition("dur=")[2])
            times.append({"request": time.perf_counter() - began, "compute": compute_ms / 1000})
        body = client.post(SPEECH_TO_MOTION.endpoint, files={"audio": speech.read_bytes()}).raise_for_status().json()
    motion = MotionResult(body["fps"], np.array(body["frames"], np.float32), np.array(body["jaw"], np.float32))
    return answer.content, motion, times


def _direct(model: str, speech: Path, home: Path | None) -> list[float]:
    """Seconds of computing of the same answers in this process, after one to compile the rasteriser."""
    with tempfile.TemporaryDirectory() as folder:
        return [generate(model, Files(speech), Path(folder) / "a.mp4", home).compute_s for _ in range(REPEATS + 1)][1:]


def _lengths(film: bytes, audio: np.ndarray) -> dict[str, float]:
    """Speech, picture and sound in seconds; the picture's error in frames."""
    with av.open(io.BytesIO(film)) as container:
        sound = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    frames = len(decode_mp4(film))
    return {
        "speech_s": round(len(audio) / SAMPLE_RATE, 3),
        "video_s": round(frames / FPS, 3),
        "sound_s": round(float(sound), 3),
        "length_error_frames": round(frames - len(audio) / SAMPLES_PER_FRAME, 3),
    }


def _correlations(film: bytes, motion: MotionResult, audio: np.ndarray) -> dict[str, Any]:
    """Pearson's r of mouth opening and speech energy (RMS of each frame's samples), and the lag in frames (positive:
    mouth late) at which it would be largest."""
    energy = np.sqrt(
        np.mean(np.pad(audio, (0, -len(audio) % SAMPLES_PER_FRAME)).reshape(-1, SAMPLES_PER_FRAME) ** 2, 1)
    )
    seen = _mouth_by_mediapipe(decode_mp4(film))
    found = np.isfinite(seen)
    seen = np.interp(np.arange(len(seen)), np.flatnonzero(found), seen[found]) if found.any() else np.zeros(len(seen))
    told = _mouth_by_coefficients(motion)
    return {
        "r_coefficients": round(_r(told, energy), 3),
        "r_mediapipe": round(_r(seen, energy), 3),
        "r_between_the_two": round(_r(told, seen), 3),
        "lag_frames_coefficients": _best_lag(told, energy),
        "lag_frames_mediapipe": _best_lag(seen, energy),
        "face_found": round(float(found.mean()), 4),
        "mouth_opening_mm_max": round(float(told.max() * 1000), 1),
    }


def _mouth_by_coefficients(motion: MotionResult) -> np.ndarray:
    """Inner-lip distance (T,) in metres on the mean head. MediaPipe's points 13 and 14 are the middles of the upper and
    the lower inner lip."""
    head = builtin_head()
    points = head.landmarks(
        head.vertices(expression=torch.from_numpy(motion.expression), jaw=torch.from_numpy(motion.jaw))
    )
    return (points[:, 13] - points[:, 14]).norm(dim=-1).numpy()


def _mouth_by_mediapipe(film: np.ndarray) -> np.ndarray:
    """Inner-lip distance (T,) over the distance of the outer eye corners; NaN where no face is found."""
    import mediapipe

    opening = np.full(len(film), np.nan)
    with mediapipe.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh:
        for index, frame in enumerate(film):
            faces = mesh.process(frame).multi_face_landmarks
            if faces:
                points = np.array([(p.x, p.y) for p in faces[0].landmark])
                opening[index] = np.linalg.norm(points[13] - points[14]) / np.linalg.norm(points[33] - points[263])
    return opening


def _r(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation over the frames both have; 0 for a curve that does not move."""
    n = min(len(a), len(b))
    a, b = a[:n], b[:n]
    return 0.0 if a.std() < 1e-12 or b.std() < 1e-12 else float(np.corrcoef(a, b)[0, 1])


def _best_lag(mouth: np.ndarray, energy: np.ndarray, reach: int = 8) -> int:
    def at(lag: int) -> float:
        return _r(mouth[lag:], energy) if lag >= 0 else _r(mouth, energy[-lag:])

    return max(range(-reach, reach + 1), key=at)


def _latency(served: list[dict[str, float]], direct: list[float], media_s: float) -> dict[str, float]:
    """Medians of the repetitions, seconds. `overhead_s`: what serving adds to its own computing; `latency_ratio`:
    request time over media time, below 1 is faster than real time."""
    request = statistics.median(t["request"] for t in served)
    compute = statistics.median(t["compute"] for t in served)
    alone = statistics.median(direct)
    return {
        "request_s": round(request, 3),
        "compute_s": round(compute, 3),
        "overhead_s": round(statistics.median(t["request"] - t["compute"] for t in served), 3),
        "direct_compute_s": round(alone, 3),
        "served_over_direct": round(request / alone, 3),
        "compute_ratio": round(compute / media_s, 3),
        "latency_ratio": round(request / media_s, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
