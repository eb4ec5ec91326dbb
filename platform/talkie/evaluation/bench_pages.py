"""The bench's table as files: JSON for programs, Markdown for the docs, films and stills of them, and the page of
bench_html.py."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from talkie.evaluation.bench import BenchRow, BenchTable, read_table

JSON, MARKDOWN, HTML, FILMS, STILLS = "zoo.json", "zoo.md", "zoo.html", "films", "stills"

Films = Mapping[tuple[str, str], bytes]
"""Side-by-side films by system and preset."""


def write_pages(table: BenchTable, folder: Path, films: Films | None = None) -> BenchTable:
    """Puts the rows into zoo.json, zoo.md and zoo.html of a folder, films into its films/ and a few frames of each into
    its stills/; what it holds of other systems stays. Returns what the tables hold. Each file appears whole or not at
    all."""
    from talkie.evaluation.bench_html import as_html
    from talkie.evaluation.side_by_side import still_of

    for name in (FILMS, STILLS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    whole = read_table(folder / JSON).merged(table)
    for (system, preset), data in (films or {}).items():
        _write(_film(folder, system, preset), data)
        _write(folder / STILLS / f"{system}-{preset}.jpg", still_of(data))
    kept = {(row.system, row.preset): _film(folder, row.system, row.preset) for row in whole.systems}
    there = {key: path.read_bytes() for key, path in kept.items() if path.is_file()}
    _write(folder / JSON, (whole.model_dump_json(indent=1) + "\n").encode())
    _write(folder / MARKDOWN, as_markdown(whole).encode())
    _write(folder / HTML, as_html(whole, there).encode())
    return whole


def _film(folder: Path, system: str, preset: str) -> Path:
    return folder / FILMS / f"{system}-{preset}.mp4"


def as_markdown(table: BenchTable) -> str:
    """A row a system, then the claims of each."""
    head = (
        "| system | task | preset | metric | value (range) | baseline | control | gain over both (asked) | works | "
        "training | memory | seeds |"
    )
    lines = ["# The bench", "", explained(), "", head, "|" + " --- |" * 12]
    lines += [f"| {' | '.join(_cells(row))} |" for row in table.systems]
    for row in table.systems:
        if row.claims:
            made = corpus_of(row)
            lines += ["", f"## {row.system}, {row.preset}", "", *([f"Measured on {made}.", ""] if made else [])]
            lines += [
                f"- {'holds' if c.holds else '**fails**'}: {c.statement} ({listed(c.values)} {c.unit})"
                for c in row.claims
            ]
        if row.failed:
            lines += ["", f"## {row.system}, {row.preset}", "", f"No figures: {row.failed}"]
    return "\n".join(lines) + "\n"


def explained() -> str:
    return (
        "Every system is trained on the same clips and measured on people (avatars: takes) that training never saw. "
        "The control is the same model driven by another clip. A gain over an error is the share by which it is "
        "smaller, of a figure that should be large the difference; the least over the seeds counts. A system works "
        "where both gains are reached and all its claims hold, in every seed unless a claim says in how many."
    )


def _cells(row: BenchRow) -> list[str]:
    figures = row.figures
    if figures is None:
        return [row.system, row.task, row.preset, row.metric, *["–"] * 4, "no", "–", "–", str(row.seeds)]
    spread = f"{figures.value:.3g} {row.unit} ({figures.spread[0]:.3g} to {figures.spread[1]:.3g})"
    gains = f"{figures.margin[0]:.3g}, {figures.margin[1]:.3g} ({row.asked[0]:.3g}, {row.asked[1]:.3g})"
    cost = [f"{figures.seconds:.0f} s", memory_of(row), str(row.seeds)]
    compared = [f"{figures.baseline:.3g}", f"{figures.control:.3g}", gains, "yes" if row.works else "no"]
    return [row.system, row.task, row.preset, row.metric, spread, *compared, *cost]


def memory_of(row: BenchRow) -> str:
    return "not measured" if row.memory_gb is None else f"{row.memory_gb:.1f} GB"


def corpus_of(row: BenchRow) -> str:
    """The clips that a row was measured with and how they can be made again; empty for rows that do not say it."""
    if not row.settings:
        return ""
    tool = row.settings.get("tool", "another tool")
    if tool != "record":
        return f"{row.corpus_clips} clips of `{tool}`, {row.data[:12]}"
    people = row.settings["cast"]["people"]
    cast = f"{people} people" if people > 1 else "one person"
    return f"{row.corpus_clips} clips of {cast}, recorded as `{row.settings['name']}` with seed {row.settings['seed']}"


def listed(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)
