"""The entry point: gathers the commands and turns every error into one line and an exit code.

Exit codes: 0 done; 1 done, but --strict found failures, or an unexpected error; 2 something the user can cure; 130
stopped by Ctrl-C; 143 stopped by SIGTERM, with the run saved. Results go to stdout, progress and errors to stderr.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, Exit, TyperException

from talkie.cli import bench, curate, curation, data, demo, evaluate, lineage, models, promote, shards, train, use
from talkie.cli.output import console
from talkie.errors import TalkieError

app = typer.Typer(
    name="talkie",
    help="From raw footage to a served talking head.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (data, curate, curation, shards, models, train, evaluate, bench, promote, lineage, use, demo):
    for command in module.COMMANDS:
        app.command()(command)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    tracking: Annotated[
        str | None, typer.Option(help="Address of the MLflow records; better TALKIE_TRACKING, where no one reads it.")
    ] = None,
) -> None:
    """From raw footage to a served talking head."""
    if tracking is not None:
        # Every command finds its records by the environment, in processes that it starts too.
        os.environ["TALKIE_TRACKING"] = tracking


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits. `--debug` anywhere on it lets tracebacks through."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = ["--debug"] * debug + [w for w in words if w != "--debug"]
    try:
        code = app(words, standalone_mode=False)
    except (TalkieError, TyperException) as error:
        if debug and isinstance(error, TalkieError):
            raise
        text = str(error) if isinstance(error, TalkieError) else error.format_message()
        code = _fail(text, error.exit_code if isinstance(error, TalkieError) else 2)
    except Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, Abort):
        code = _fail("stopped; what was done is kept, run the same command to go on", 130)
    except Exception as error:
        if debug:
            raise
        code = _fail(f"unexpected {type(error).__name__}: {error} (run again with --debug for the traceback)", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(text: str, code: int) -> int:
    """Prints one line; an empty text is a help page that typer has printed already."""
    if text:
        console.print(f"[red]error:[/red] {_escape(' '.join(text.split()))}", soft_wrap=True, highlight=False)
    return code


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
