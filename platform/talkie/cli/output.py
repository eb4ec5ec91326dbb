"""What the command line prints with: a console for people on stderr, JSON for machines on stdout, one live line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from talkie.errors import BadConfig

if TYPE_CHECKING:
    from talkie.shards import LedgerEntry

Model = TypeVar("Model", bound=BaseModel)

console = Console(stderr=True)
"""For people: progress, tables of progress, errors."""

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]

Home = Annotated[Path | None, typer.Option(help="Where runs, models and their records live; default ~/.talkie.")]


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(value, indent=1, default=str) + "\n")


def print_table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A table on stdout, as wide as its content where stdout is no terminal."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out = Console()
    if not out.is_terminal:
        out = Console(width=200)
    out.print(table)


def print_markdown(text: str) -> None:
    """Markdown on stdout: laid out on a terminal, as it is elsewhere."""
    from rich.markdown import Markdown

    out = Console()
    if out.is_terminal:
        out.print(Markdown(text))
    else:
        sys.stdout.write(text)


def _cell(value: Any) -> str:
    from rich.markup import escape

    return f"{value:.3g}" if isinstance(value, float) else escape(str(value))


def checked(kind: type[Model], **values: Any) -> Model:
    """Settings built from options. Raises BadConfig naming the first option that is wrong."""
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).replace("_", "-")
        raise BadConfig(first["msg"].removeprefix("Value error, "), where=f"--{name}" if name else None) from error


class Meter:
    """One live line: what is done of what, at which rate, and the time left."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._task = progress.add_task("starting", total=None, visible=False, note="")

    def update(self, done: float, total: float | None, *, doing: str, note: str = "") -> None:
        self._progress.update(self._task, completed=done, total=total, description=doing, note=note, visible=True)


@contextmanager
def meter(unit: str) -> Iterator[Meter]:
    """A progress line on stderr; on a pipe, where a bar cannot move, only its last state is printed."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TextColumn(f"{{task.completed:.0f}}/{{task.total}} {unit}"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        yield Meter(progress)


def causes(entries: Iterable[LedgerEntry]) -> list[tuple[str, str, str]]:
    """Rows of dead letters or drops: source, cause, what happened."""
    return [(entry.name, entry.cause or "", entry.message or "") for entry in entries]
