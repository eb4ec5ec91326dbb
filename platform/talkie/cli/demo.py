"""`talkie demo`: the main job from end to end, on footage of the virtual stage."""

from __future__ import annotations

import json as jsonlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.request import Request, urlopen

import typer

from talkie.cli.curate import curate_shown
from talkie.cli.data import record_shown
from talkie.cli.evaluate import evaluate_shown
from talkie.cli.output import Json, console, print_json, print_table
from talkie.cli.train import run_training_shown

if TYPE_CHECKING:
    from talkie.serving.server import Server

SENTENCE = "Hello, I am a talking head. Nobody filmed me, and every word I say was learned from synthetic people."
CLIPS, PEOPLE, SEED = 60, 20, 7
FIRST_PORT = 8000


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where everything goes; a second run starts from it.")] = Path(
        "demo"
    ),
    clips: Annotated[int, typer.Option(help="Clips to film.", min=25)] = CLIPS,
    system: Annotated[str | None, typer.Option(help="What to train; default: the first that speech teaches.")] = None,
    json: Json = False,
) -> None:
    """Run the main job: film, curate, train, evaluate, serve, and make a video.

    Example: `talkie demo --dir demo`
    """
    from talkie.curation import CurateConfig
    from talkie.stage import load_shoot
    from talkie.training import TrainConfig

    began = time.monotonic()
    stage, shards, home = folder / "stage", folder / "shards", folder / "home"
    _say(1, f"filming {clips} clips of {PEOPLE} synthetic people")
    shoot = load_shoot("speech", **{"seed": SEED, "cast.people": PEOPLE})
    record_shown(stage, clips, shoot, footage=True)
    _say(2, "curating the footage: tracking, head fitting, phone alignment")
    summary = curate_shown([stage / "footage"], shards, CurateConfig())
    _say(3, "training on the curated shards")
    config = TrainConfig(system=system or taught_by_speech())
    trained = run_training_shown(config, shards, home, resume=True)
    _say(4, "measuring on people that training never saw, against the stage's ground truth")
    report = evaluate_shown(str(trained.model), stage, home)
    _say(5, "serving the model and asking it for a video")
    video, endpoint = folder / "talk.mp4", ""
    endpoint = _ask_service(str(trained.model), home, folder, video)
    lve = {row.subject: row.measurements["lve"] for row in report.rows}
    unit = lve["model"].unit
    result: dict[str, Any] = {
        "clips": summary.clips_total,
        "seconds of footage": round(_seconds(shards), 1),
        "people held out": report.identities,
        f"lip vertex error ({unit})": lve["model"].value,
        "the same, mean-motion baseline": lve["mean motion"].value,
        "the same, shuffled audio": lve["shuffled audio"].value,
        "model": str(trained.model),
        "endpoint": endpoint,
        "video": str(video),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    (folder / "result.json").write_text(jsonlib.dumps(result, indent=1) + "\n")
    if json:
        print_json(result)
    else:
        print_table("what the demo did", ("", ""), [(k, v) for k, v in result.items()])


def taught_by_speech() -> str:
    """The first system that learns speech to motion from clips without labels, as this footage has none."""
    from talkie.systems import systems

    task = "speech_to_motion"
    return next(slug for slug, cls in systems().items() if cls.card.task == task and not cls.card.labels)


def _say(step: int, what: str) -> None:
    console.print(f"[bold][{step}/5][/bold] {what}", highlight=False)


def _seconds(shards: Path) -> float:
    from talkie.shards import open_dataset

    return open_dataset(shards).seconds


def _ask_service(model: str, home: Path, folder: Path, video: Path) -> str:
    """Serves the model, posts a spoken sentence to its video endpoint and returns the endpoint's address."""
    from talkie.media import encode_flac
    from talkie.serving.server import start
    from talkie.shards.atomic import write_atomically
    from talkie.speech.synthesis import Voice, speak

    speech = encode_flac(speak(SENTENCE, Voice()).audio)
    write_atomically(folder / "speech.flac", speech)
    server = start(_free_config(), [model], home)
    try:
        endpoint = f"{server.url}/v1/speech-to-video"
        write_atomically(video, _post(endpoint, server, speech))
    finally:
        server.stop()
    return endpoint


def _free_config():  # type: ignore[no-untyped-def]
    """The default port, or the next that nobody listens on."""
    import socket

    from talkie.serving.config import ServeConfig

    for port in range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return ServeConfig(port=port)
    return ServeConfig(port=FIRST_PORT)


def _post(endpoint: str, server: Server, speech: bytes) -> bytes:
    boundary = "talkie-demo-boundary"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="speech.flac"\r\n\r\n'
    body = head.encode() + speech + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if server.token is not None:
        headers["Authorization"] = f"Bearer {server.token.get_secret_value()}"
    with urlopen(Request(endpoint, body, headers), timeout=300) as answer:
        return answer.read()


COMMANDS = (demo,)
