"""Commands that use a trained model: generate, serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkie.cli.output import Home, Json, checked, console, print_json, print_table
from talkie.errors import BadInput


def generate(
    model: Annotated[str, typer.Argument(help="Name, name/version, name@alias, or a model's folder.")],
    out: Annotated[Path, typer.Option(help="What to write: a file ending in .mp4, .json, .csv or .npz.")],
    audio: Annotated[Path | None, typer.Option(help="Speech: any sound file.")] = None,
    portrait: Annotated[Path | None, typer.Option(help="A picture of the person who is to talk or move.")] = None,
    driving: Annotated[Path | None, typer.Option(help="A film whose motion is taken over.")] = None,
    video: Annotated[Path | None, typer.Option(help="A film that is dubbed, or looked at.")] = None,
    data: Annotated[Path | None, typer.Option(help="Shards with the clip that is asked about.")] = None,
    clip: Annotated[str, typer.Option(help="The clip's id: the question that the bench asks of it.")] = "",
    control: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of a control in the system's card.")] = None,
    seed: Annotated[int, typer.Option(help="Decides what a method draws.", min=0)] = 0,
    size: Annotated[int, typer.Option(help="Side of the picture, or of the faces that are cut out, in pixels.")] = 256,
    identity: Annotated[int, typer.Option(help="Seed of the built-in head's shape; 0 is the mean.", min=0)] = 0,
    look: Annotated[int, typer.Option(help="Seed of the built-in head's skin, hair, eyes and light.", min=0)] = 0,
    style: Annotated[str | None, typer.Option(help="Speaking style: an identity the model was trained on.")] = None,
    emotion: Annotated[str | None, typer.Option(help="What the face expresses, where the model has it.")] = None,
    intensity: Annotated[float | None, typer.Option(help="How strongly, from 1 to 3.")] = None,
    idle: Annotated[bool, typer.Option("--idle/--no-idle", help="Add blinks and head sway (not the model's).")] = True,
    home: Home = None,
    json: Json = False,
) -> None:
    """Ask a trained model: speech becomes a talking head (MP4) or ARKit coefficients (JSON, CSV); a portrait talks, or
    moves as a driving film does; a film is dubbed or looked at. Which files it takes is on the system's page.

    Example: `talkie generate unitalker --audio speech.flac --out talk.mp4`; with `emote` also `--emotion happy`.
    """
    from talkie.serving.controls import VideoControls
    from talkie.serving.generate import ClipNamed
    from talkie.serving.generate import generate as run
    from talkie.serving.material import Files, parsed_controls

    if bool(clip) != (data is not None):
        raise BadInput("--data and --clip go together", cure="give both or neither")
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
        asked = {**controls.asked(), **parsed_controls(control or [])}
        files = Files(audio, portrait, driving, video, size, asked, seed)
        done = run(model, files, out, home, controls, clip=ClipNamed(data, clip) if data else None)
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
            ("file", "model", "frames", "seconds of sound", "seconds of computing"),
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
