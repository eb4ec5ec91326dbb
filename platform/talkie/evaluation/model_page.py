"""A system's page, made from its card: what goes in and comes out, sizes, what the bench measured, the paper's own
figures, and what is missing. Nothing on it is written by hand."""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from talkie.errors import MissingExtra
from talkie.evaluation.bench import BenchRow, BenchTable
from talkie.evaluation.bench_pages import STILLS, corpus_of, listed, memory_of
from talkie.systems import TASKS, System, load_system, systems
from talkie.systems.contract import Card
from talkie.systems.sizes import on_meta, parameter_count, training_state_bytes

SHOWN = ("tiny", "paper")
"""Presets that a reader chooses between; "micro" is for tests."""


def write_model_pages(table: BenchTable, folder: Path, bench: Path) -> list[Path]:
    """A page for each installed system and README.md as their list, in `folder`. `bench`: the folder of the table,
    whose stills are shown. Each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {f"{slug}.md": model_page(slug, table, folder, bench) for slug in systems()}
    pages["README.md"] = index_page(table)
    for name, text in pages.items():
        temporary = folder / f".{name}.tmp"
        temporary.write_text(text)
        os.replace(temporary, folder / name)
    return [folder / name for name in pages]


def index_page(table: BenchTable) -> str:
    """The installed systems by task."""
    rows = []
    for slug, cls in sorted(systems().items(), key=lambda item: (item[1].card.task, item[0])):
        row = _row(table, slug, "tiny")
        works = "not measured" if row is None else "yes" if row.works else "no"
        rows.append((f"[{slug}]({slug}.md)", cls.card.task, cls.card.title, cls.card.paper, works))
    return "\n".join(["# The zoo", "", *_table(("system", "task", "method", "paper", "works"), rows)]) + "\n"


def model_page(slug: str, table: BenchTable, folder: Path | None = None, bench: Path | None = None) -> str:
    """Markdown. With `folder`, where the page will lie, and `bench` it shows the system's still. Raises
    UnknownSystem."""
    cls = load_system(slug)
    card = cls.card
    lines = [
        f"# {card.title}",
        "",
        f"`{slug}` · {card.task} · {card.paper} · original: {card.licence}",
        "",
        card.summary,
    ]
    if folder is not None and bench is not None:
        lines += _still(slug, folder, bench)
    built = {preset: _built(cls, preset) for preset in SHOWN}
    lines += [*_asked(cls), *_decided(cls), *_sizes(card, built), *_training(built)]
    for preset in SHOWN:
        row = _row(table, slug, preset)
        if row is not None:
            lines += _measured(row)
    if not any(row.system == slug for row in table.systems):
        lines += ["", "## Measured", "", "Not yet: `talkie bench` has no row of it."]
    lines += _published(card)
    if card.gaps:
        lines += ["", "## Not there", "", *(f"- {gap}" for gap in card.gaps)]
    return "\n".join(lines) + "\n"


def _row(table: BenchTable, slug: str, preset: str) -> BenchRow | None:
    return next((row for row in table.systems if (row.system, row.preset) == (slug, preset)), None)


def _still(slug: str, folder: Path, bench: Path) -> list[str]:
    found = next((p for preset in SHOWN if (p := bench / STILLS / f"{slug}-{preset}.jpg").is_file()), None)
    if found is None:
        return []
    place = os.path.relpath(found, folder)
    said = "From left to right: the truth, the model and the baseline, on a held-out clip, AI-generated."
    return ["", f"![{said}]({place})", "", f"*{said}*"]


def _asked(cls: type[System]) -> list[str]:
    card, task = cls.card, TASKS[cls.card.task]
    rows = [
        ("needs of a clip", ", ".join(f"`{name}`" for name in card.needs)),
        ("also reads, where it is there", ", ".join(f"`{name}`" for name in card.wants)),
        ("labels it cannot do without", ", ".join(card.labels)),
        ("trained on", "one person, whose later takes are held out" if card.scope == "person" else "a corpus"),
        ("a request holds", _fields(task.request)),
        ("an answer holds", _fields(task.result)),
        ("controls", ", ".join(card.controls) or "none"),
        ("streams", "yes" if card.streams else "no: it answers when all has been heard or seen"),
        ("endpoint", f"`POST {task.endpoint}`"),
    ]
    return ["", "## In and out", "", *_table(("", task.title), [row for row in rows if row[1]])]


def _fields(cls: type) -> str:
    return ", ".join(f"`{field.name}`" for field in dataclasses.fields(cls))


def _decided(cls: type[System]) -> list[str]:
    said = inspect.getdoc(cls) or ""
    return ["", "## The method here", "", *said.splitlines()]


def _built(cls: type[System], preset: str) -> System | str:
    """The system without memory, or why it cannot be built here."""
    try:
        return on_meta(cls, preset)
    except MissingExtra as error:
        return str(error)


def _sizes(card: Card, built: Mapping[str, System | str]) -> list[str]:
    rows = []
    for preset, system in built.items():
        if isinstance(system, str):
            rows.append((preset, f"unknown: {system}", "unknown", ""))
            continue
        parts = "; ".join(f"{k}: {v}" for k, v in system.describe().parts.items() if v) or "none"
        count, state = parameter_count(system) / 1e6, training_state_bytes(system) / 2**20
        rows.append((preset, f"{count:.3g} M", f"{state:,.0f} MiB", parts))
    head = ("preset", "parameters", "weights, gradients, moments (fp32)", "pretrained parts, and what stands for them")
    said = f"The published network has {card.parameters:g} M parameters." if card.parameters else ""
    return ["", "## Sizes", "", *_table(head, rows), *(["", said] if said else [])]


def _training(built: Mapping[str, System | str]) -> list[str]:
    rows = []
    for preset, system in built.items():
        for phase in () if isinstance(system, str) else system.phases():
            roles = ", ".join(f"{role} ({spec.algorithm}, {spec.lr:g})" for role, spec in phase.optimisers.items())
            steps = f"{phase.steps:,}" if phase.optimisers else "fitted once"
            rows.append((preset, phase.name, steps, roles))
    return ["", "## Training", "", *_table(("preset", "phase", "steps", "optimisers"), rows)] if rows else []


def _measured(row: BenchRow) -> list[str]:
    figures = row.figures
    lines = ["", f"## Measured: `{row.preset}`, {row.seeds} seed{'s' * (row.seeds != 1)}", ""]
    if figures is None:
        return [*lines, f"No figures: {row.failed}"]
    made = corpus_of(row)
    said = (
        f"{row.metric}: **{figures.value:.3g} {row.unit}** ({figures.spread[0]:.3g} to {figures.spread[1]:.3g}); "
        f"the trivial baseline {figures.baseline:.3g}, the shuffled control {figures.control:.3g}. "
        f"{figures.seconds:.0f} s of training, {memory_of(row)}. It {'works' if row.works else 'does not work yet'}."
        f"{f' Measured on {made}.' if made else ''}"
    )
    claims = [
        f"- {'holds' if c.holds else '**fails**'}: {c.statement} ({listed(c.values)} {c.unit})" for c in row.claims
    ]
    return [*lines, said, *(["", *claims] if claims else [])]


def _published(card: Card) -> list[str]:
    if not card.published:
        return ["", "## Published figures", "", "None that could be read at their source."]
    rows = [(p.metric, p.value, p.data, p.source) for p in card.published]
    said = "On other data and by other protocols than ours: to be read, not to be compared."
    return ["", "## Published figures", "", *_table(("metric", "value", "data", "source"), rows), "", said]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
