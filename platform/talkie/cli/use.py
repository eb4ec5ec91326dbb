"""Commands that use a trained model: generate, serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkie.cli.output import Home, Json, checked, console, print_json, print_table


def generate(
    model: Annotated[str, typer.Argument(help="Name, name/version, name@alias, or a model's folder.")],
    audio: Annotated[Path, typer.Option(help="Speech: any sound file.")],
    out: Annotated[Path, typer.Option(help="What to write: a file ending in .mp4, .json or .csv.")],
    size: Annotated[int, typer.Option(help="Side of the picture in pixels, for .mp4.")] = 256,
    identity: Annotated[int, typer.Option(help="Seed of the head's shape, for .mp4; 0 is the mean.", min=0)] = 0,
    look: Annotated[int, typer.Option(help="Seed of skin, hair, eyes and light, for .mp4.", min=0)] = 0,
    style: Annotated[str | None, typer.Option(help="Speaking style: an identity the model was trained on.")] = None,
    emotion: Annotated[str | None, typer.Option(help="What the face expresses, where the model has it.")] = None,
    intensity: Annotated[float | None, typer.Option(help="How strongly, from 1 to 3.")] = None,
    idle: Annotated[bool, typer.Option("--idle/--no-idle", help="Add blinks and head sway (not the model's).")] = True,
    home: Home = None,
    json: Json = False,
) -> None:
    """Animate a speech file: a talking head as MP4, or its ARKit coefficients as JSON or CSV.

    Example: `talkie generate unitalker --audio speech.flac --out talk.mp4`; with `emote` also `--emotion happy`.
    """
    from talkie.serving.controls import VideoControls
    from talkie.serving.generate import generate as run

    controls = checked(
        VideoControls,
        size=size,
        identity=identity,
        look=look,
        style=style,
        idle=idle,
        emotion=emotion,
        intensity=intensity,
    )
    with console.status("generating"):
        done = run(model, audio, out, home, controls)
    result = {
        "file": str(done.path),
        "model": done.model,
        "frames": done.frames,
        "audio_seconds": done.audio_s,
        "compute_seconds": done.compute_s,
    }
    if json:
        print_json(result)
    else:
        print_table(
            "generated",
            ("file", "model", "frames", "seconds of speech", "seconds of computing"),
            [(done.path, done.model, done.frames, f"{done.audio_s:.2f}", f"{done.compute_s:.2f}")],
        )


def serve(
    models: Annotated[list[str], typer.Argument(help="Models to serve: name, name/version, or folder.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    token_file: Annotated[Path | None, typer.Option(help="File with the bearer token (or set TALKIE_TOKEN).")] = None,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Ask callers for the token.")] = True,
    replicas: Annotated[int, typer.Option(help="Copies of each model.")] = 1,
    max_audio_seconds: Annotated[float, typer.Option(help="Longest speech that is taken.")] = 60.0,
    home: Home = None,
) -> None:
    """Serve models over HTTP until Ctrl-C. A fresh bearer token is printed once.

    Example: `talkie serve unitalker --port 8000`
    """
    from talkie.serving.config import ServeConfig, choose_token
    from talkie.serving.server import Server, serve_forever

    config = checked(
        ServeConfig, host=host, port=port, auth=auth, replicas=replicas, max_audio_seconds=max_audio_seconds
    )
    token, fresh = choose_token(token_file) if auth else (None, False)

    def ready(server: Server) -> None:
        starting.stop()
        names = ", ".join(f"{m.name}/{m.version}" for m in server.models)
        console.print(f"serving {names} at {server.url} (docs at {server.url}/docs); Ctrl-C stops", highlight=False)
        if token is not None and fresh:
            console.print(f"token, shown this once: {token.get_secret_value()}", highlight=False, soft_wrap=True)

    starting = console.status("starting Ray Serve and loading the models")
    with starting:
        serve_forever(config, models, home, token, on_ready=ready)


COMMANDS = (generate, serve)
