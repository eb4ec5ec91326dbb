"""The bench's table for people: JSON for programs, Markdown for the docs, and one self-contained HTML page."""

from __future__ import annotations

import html
import os
from pathlib import Path

from talkie.evaluation.bench import BenchRow, BenchTable, read_table

JSON, MARKDOWN, HTML = "zoo.json", "zoo.md", "zoo.html"


def write_pages(table: BenchTable, folder: Path) -> BenchTable:
    """Puts the rows into zoo.json, zoo.md and zoo.html of a folder; rows of other systems stay. Returns what they
    hold. Each file appears whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = read_table(folder / JSON).merged(table)
    _write(folder / JSON, whole.model_dump_json(indent=1) + "\n")
    _write(folder / MARKDOWN, as_markdown(whole))
    _write(folder / HTML, as_html(whole))
    return whole


def as_markdown(table: BenchTable) -> str:
    """A row a system, then the claims of each."""
    head = (
        "| system | task | preset | metric | value (range) | baseline | control | gain over both (asked) | works | "
        "training | memory | seeds |"
    )
    lines = ["# The bench", "", _explained(), "", head, "|" + " --- |" * 12]
    lines += [f"| {' | '.join(_cells(row))} |" for row in table.systems]
    for row in table.systems:
        if row.claims:
            lines += ["", f"## {row.system}, {row.preset}", ""]
            lines += [
                f"- {'holds' if c.holds else '**fails**'}: {c.statement} ({_values(c.values)} {c.unit})"
                for c in row.claims
            ]
        if row.failed:
            lines += ["", f"## {row.system}, {row.preset}", "", f"No figures: {row.failed}"]
    return "\n".join(lines) + "\n"


def as_html(table: BenchTable) -> str:
    """The same table on one page without outside files, with a bar for each value beside its baseline and control."""
    rows = "".join(_html_row(row) for row in table.systems)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>talkie: the bench</title><style>
body{{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1c2430}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:.5rem .6rem;border-bottom:1px solid #dde3ea;
vertical-align:top}}th{{font-weight:600}}.yes{{color:#0a7a3d}}.no{{color:#b3261e}}.bar{{height:.55rem;border-radius:3px}}
.name{{display:inline-block;width:5rem;color:#5a6675}}.bars{{min-width:18rem}}small{{color:#5a6675}}
.line{{display:grid;grid-template-columns:5.5rem 1fr 6rem;gap:.5rem;align-items:center}}</style></head><body>
<h1>The bench</h1><p>{html.escape(_explained())}</p>
<table><thead><tr><th>system</th><th>metric</th><th class="bars">model, baseline, control</th><th>gain (asked)</th>
<th>works</th><th>cost</th></tr></thead><tbody>{rows}</tbody></table></body></html>
"""


def _explained() -> str:
    return (
        "Every system is trained on the same clips and measured on people (avatars: takes) that training never saw. "
        "The control is the same model driven by another clip. A gain over an error is the share by which it is "
        "smaller, of a figure that should be large the difference; the least over the seeds counts. A system works "
        "where both gains are reached and all its claims hold in every seed."
    )


def _cells(row: BenchRow) -> list[str]:
    figures = row.figures
    if figures is None:
        return [row.system, row.task, row.preset, row.metric, *["–"] * 4, "no", "–", "–", str(row.seeds)]
    spread = f"{figures.value:.3g} {row.unit} ({figures.spread[0]:.3g} to {figures.spread[1]:.3g})"
    gains = f"{figures.margin[0]:.3g}, {figures.margin[1]:.3g} ({row.asked[0]:.3g}, {row.asked[1]:.3g})"
    cost = [f"{figures.seconds:.0f} s", _memory(row), str(row.seeds)]
    compared = [f"{figures.baseline:.3g}", f"{figures.control:.3g}", gains, "yes" if row.works else "no"]
    return [row.system, row.task, row.preset, row.metric, spread, *compared, *cost]


def _html_row(row: BenchRow) -> str:
    name = f"<b>{html.escape(row.system)}</b><br><small>{row.task}, {row.preset}</small>"
    found = row.figures
    if found is None:
        return f"<tr><td>{name}</td><td>{row.metric}</td><td colspan=4 class=no>{html.escape(row.failed)}</td></tr>"
    figures = {"model": found.value, "baseline": found.baseline, "control": found.control}
    largest = max(1e-12, *(abs(value) for value in figures.values()))
    colours = {"model": "#2b6cb0", "baseline": "#a9b4c2", "control": "#d0b48a"}
    bars = "".join(
        f'<div class="line"><span>{who}</span><span class="bar" style="width:{max(0.0, value) / largest:.1%};'
        f'background:{colours[who]}"></span><span>{value:.3g}</span></div>'
        for who, value in figures.items()
    )
    claims = "".join(
        f"<li class={'yes' if c.holds else 'no'}>{html.escape(c.statement)} <small>({_values(c.values)} "
        f"{html.escape(c.unit)})</small></li>"
        for c in row.claims
    )
    works = f"<span class={'yes' if row.works else 'no'}>{'yes' if row.works else 'no'}</span>"
    gain = f"{found.margin[0]:.3g} ({row.asked[0]:.3g})<br>{found.margin[1]:.3g} ({row.asked[1]:.3g})"
    cost = f"{found.seconds:.0f} s<br>{_memory(row)}<br><small>{row.seeds} seeds</small>"
    spread = f"<br><small>{found.spread[0]:.3g} to {found.spread[1]:.3g} {html.escape(row.unit)}</small>"
    held = sum(claim.holds for claim in row.claims)
    more = (
        f"<details><summary>{held} of {len(row.claims)} claims</summary><ul>{claims}</ul></details>" if claims else ""
    )
    return (
        f"<tr><td>{name}</td><td>{row.metric}{spread}</td><td>{bars}{more}</td><td>{gain}</td><td>{works}</td>"
        f"<td>{cost}</td></tr>"
    )


def _memory(row: BenchRow) -> str:
    return "not measured" if row.memory_gb is None else f"{row.memory_gb:.1f} GB"


def _values(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)
