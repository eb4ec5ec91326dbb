"""The bench's page: one HTML file without outside files, a card a system with its values by seed, its claims, all its
metrics and a film. Which figures there are is bench.py's business."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence

from talkie.evaluation.bench import BenchClaim, BenchRow, BenchTable, Figures
from talkie.evaluation.bench_pages import corpus_of, explained, listed, memory_of

WIDE, LEFT, RIGHT = 640, 0, 36
"""Pixels of a plot, and what is left free beside it."""
_INK = {"model": "#1f6feb", "baseline": "#7d8590", "control": "#b7791f"}

_STYLE = """
:root{color-scheme:light;--ink:#1c2430;--soft:#5a6675;--line:#dde3ea;--yes:#0a7a3d;--no:#b3261e}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:var(--ink)}
h2{margin:0 0 .2rem}section{border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.3rem;margin:1.4rem 0}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.35rem .5rem;border-bottom:1px solid var(--line)}
th{font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}small,.soft{color:var(--soft)}
.yes{color:var(--yes)}.no{color:var(--no)}svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,sans-serif}
video{width:100%;max-width:576px;display:block;border-radius:6px}
.over{display:grid;grid-template-columns:repeat(3,1fr);max-width:576px;text-align:center;font-size:13px;
color:var(--soft)}
summary{cursor:pointer;color:var(--soft)}h3{font-size:15px;margin:1.1rem 0 .3rem}
"""


def as_html(table: BenchTable, films: Mapping[tuple[str, str], bytes] | None = None) -> str:
    """The whole page; films: by system and preset, MP4, which the page carries inside."""
    films = films or {}
    cards = "".join(_card(row, films.get((row.system, row.preset))) for row in table.systems)
    working = sum(row.works for row in table.systems)
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>talkie: the bench</title><style>{_STYLE}</style></head><body>
<h1>The bench</h1><p>{_(explained())}</p>
<p>{working} of {len(table.systems)} rows work. Each plot shows one dot a seed; <span style="color:{_INK["baseline"]}">
grey</span> is the trivial baseline, <span style="color:{_INK["control"]}">ochre</span> the shuffled control, their
lines the medians.</p>
{_overview(table)}{cards}</body></html>
"""


def _overview(table: BenchTable) -> str:
    rows = "".join(
        f'<tr><td><a href="#{_(_anchor(row))}">{_(row.system)}</a></td><td>{_(row.task)}</td><td>{_(row.preset)}</td>'
        f"<td>{_(row.metric)}</td>{_overview_figures(row)}<td>{_yes(row.works)}</td>"
        f'<td class="n">{sum(c.holds for c in row.claims)}/{len(row.claims)}</td></tr>'
        for row in table.systems
    )
    return (
        "<table><thead><tr><th>system</th><th>task</th><th>preset</th><th>metric</th><th class=n>model</th>"
        "<th class=n>baseline</th><th class=n>control</th><th>works</th><th class=n>claims</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _overview_figures(row: BenchRow) -> str:
    found = row.figures
    values = ("–",) * 3 if found is None else [f"{v:.3g}" for v in (found.value, found.baseline, found.control)]
    return "".join(f'<td class="n">{value}</td>' for value in values)


def _card(row: BenchRow, film: bytes | None) -> str:
    head = (
        f'<section id="{_(_anchor(row))}"><h2>{_(row.system)} <small>{_(row.task)}, {_(row.preset)}</small></h2>'
        f"<p>{_yes(row.works, 'works', 'does not work')}"
    )
    found = row.figures
    if found is None:
        return f"{head}</p><p class=no>No figures: {_(row.failed)}</p></section>"
    gains = (
        f" · gain over the baseline {found.margin[0]:.3g} (asked {row.asked[0]:.3g}), over the control "
        f"{found.margin[1]:.3g} (asked {row.asked[1]:.3g}) · {found.seconds:.0f} s of training, {_(memory_of(row))}, "
        f"{row.seeds} seed{'s' * (row.seeds > 1)}{' · ' * bool(row.settings)}{_(corpus_of(row))}"
    )
    parts = [
        f"{head}<span class=soft>{gains}</span></p>",
        f"<h3>{_(row.metric)} ({_(row.unit)})</h3>",
        _plot(row, found),
    ]
    if film is not None:
        data = base64.b64encode(film).decode()
        parts.append(
            "<h3>A held-out clip</h3><div class=over><span>truth</span><span>model</span><span>baseline</span></div>"
            '<video autoplay loop muted playsinline onmouseenter="this.controls=true" '
            f'src="data:video/mp4;base64,{data}"></video>'
        )
    if row.claims:
        parts.append(f"<h3>Claims</h3>{''.join(map(_claim, row.claims))}")
    parts.append(_all_metrics(row))
    return "".join(parts) + "</section>"


def _plot(row: BenchRow, found: Figures) -> str:
    """Dots of every seed in a line for model, baseline and control; lines at the medians of the latter two."""
    names = {"model": "model", **dict(zip(row.beside, ("baseline", "control"), strict=False))}
    series = {kind: row.per_seed.get(name, []) for name, kind in names.items()}
    medians = {"model": found.value, "baseline": found.baseline, "control": found.control}
    series = {kind: series.get(kind) or [medians[kind]] for kind in medians}
    place = _Axis([value for values in series.values() for value in values])
    shapes = []
    for number, (kind, values) in enumerate(series.items()):
        y = 22 + 26 * number
        label = kind if kind == "model" or not row.beside else f"{kind}: {list(row.beside)[number - 1]}"
        shapes.append(f'<text x="{LEFT}" y="{y + 4}" fill="{_INK[kind]}">{_(label)}</text>')
        if kind != "model":
            x = place(medians[kind])
            shapes.append(f'<line x1="{x}" x2="{x}" y1="8" y2="88" stroke="{_INK[kind]}" stroke-dasharray="4 3"/>')
        shapes += [
            f'<circle cx="{place(value)}" cy="{y}" r="5" fill="{_INK[kind]}" fill-opacity=".7"><title>{value:.6g}'
            "</title></circle>"
            for value in values
        ]
    return _svg(
        100, "".join(shapes), place, [0.0 if _zero(series) else min(map(min, series.values())), *medians.values()]
    )


def _claim(claim: BenchClaim) -> str:
    """The statement, and its values by seed beside the bounds."""
    bounds = [bound for bound in (claim.floor, claim.ceiling) if bound is not None]
    place = _Axis([*claim.values, *bounds])
    shapes = []
    if bounds:
        low = LEFT + 180 if claim.floor is None else place(claim.floor)
        high = WIDE - RIGHT if claim.ceiling is None else place(claim.ceiling)
        shapes.append(
            f'<rect x="{low}" y="4" width="{max(1.0, high - low):.1f}" height="18" fill="#0a7a3d" opacity=".13"/>'
        )
    ink = "#0a7a3d" if claim.holds else "#b3261e"
    shapes += [f'<circle cx="{place(v)}" cy="13" r="5" fill="{ink}" fill-opacity=".7"/>' for v in claim.values]
    said = f"{listed(claim.values)} {claim.unit}"
    asked = " ".join(
        f"{word} {bound:.3g}"
        for word, bound in (("at least", claim.floor), ("at most", claim.ceiling))
        if bound is not None
    )
    shapes.append(f'<text x="{LEFT}" y="17" fill="#5a6675">{_(asked)}</text>')
    return (
        f"<div>{_yes(claim.holds, 'holds', 'fails')}: {_(claim.statement)} <small>({_(said)})</small>"
        f"{_svg(28, ''.join(shapes), place, [])}</div>"
    )


def _all_metrics(row: BenchRow) -> str:
    subjects = {"model": row.metrics, **row.beside}
    names = list(dict.fromkeys(name for values in subjects.values() for name in values))
    head = "".join(f'<th class="n">{_(subject)}</th>' for subject in subjects)
    body = "".join(
        f"<tr><td>{_(name)}</td>"
        + "".join(f'<td class="n">{_number(values.get(name))}</td>' for values in subjects.values())
        + "</tr>"
        for name in names
    )
    return (
        f"<details><summary>all {len(names)} metrics, medians over the seeds</summary><table><thead><tr><th></th>{head}"
        f"</tr></thead><tbody>{body}</tbody></table></details>"
    )


class _Axis:
    """Values to pixels: from 0, or the least value below it, to the greatest."""

    def __init__(self, values: Sequence[float]):
        self.low, self.high = min(0.0, *values), max(0.0, *values)

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(LEFT + 180 + share * (WIDE - LEFT - RIGHT - 180), 1)


def _svg(height: int, inside: str, place: _Axis, ticks: Sequence[float]) -> str:
    marks: list[str] = []
    taken: list[float] = []
    for value in ticks:
        x = place(value)
        # Numbers that would lie on each other are left out: the dots carry theirs as titles.
        if all(abs(x - other) > 52 for other in taken):
            taken.append(x)
            marks.append(f'<text x="{x}" y="{height - 1}" fill="#5a6675" text-anchor="middle">{value:.3g}</text>')
    base = f'<line x1="{LEFT + 180}" x2="{WIDE - RIGHT}" y1="{height - 14}" y2="{height - 14}" stroke="#dde3ea"/>'
    return f'<svg viewBox="0 0 {WIDE} {height}" role="img">{base if ticks else ""}{inside}{"".join(marks)}</svg>'


def _zero(series: Mapping[str, Sequence[float]]) -> bool:
    return all(value >= 0 for values in series.values() for value in values)


def _anchor(row: BenchRow) -> str:
    return f"{row.system}-{row.preset}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _yes(good: bool, yes: str = "yes", no: str = "no") -> str:
    return f'<b class="{"yes" if good else "no"}">{yes if good else no}</b>'


def _(text: str) -> str:
    return html.escape(text)
