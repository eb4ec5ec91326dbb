"""The report's drawings as inline SVG: histograms, bars, a map of head poses. They know numbers and no clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talkie.curation.report.markup import Safe, join, name_of, tag

BINS = 32


@dataclass(frozen=True)
class Limit:
    """Where a filter draws its line: clips below `least` or above `most` were dropped."""

    least: float | None = None
    most: float | None = None


def histogram(values: np.ndarray, limit: Limit | None = None, *, label: str = "", integers: bool = False) -> Safe:
    """A histogram of (N,) values with the filter's lines, if it has any; of a single value, one bar."""
    width, height, floor = 300.0, 88.0, 70.0
    low, high = _range(values, limit)
    bins = min(BINS, max(1, round(high - low))) if integers else BINS
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    tallest, step = max(int(counts.max()), 1), width / len(counts)
    bars = [
        tag(
            "rect",
            tag("title", f"{edges[i]:.4g} to {edges[i + 1]:.4g}: {count}"),
            x=i * step + 0.5,
            y=floor - floor * count / tallest,
            width=step - 1,
            height=floor * count / tallest,
            class_="bar",
        )
        for i, count in enumerate(int(c) for c in counts)
        if count
    ]
    lines = [
        tag("line", tag("title", f"{word} {at:.4g}"), x1=x, x2=x, y1=0, y2=floor, class_="limit")
        for word, at in (("at least", limit.least), ("at most", limit.most))
        if at is not None and 0 <= (x := width * (at - low) / (high - low)) <= width
    ] if limit else []  # fmt: skip
    ends = [
        tag("text", f"{low:.3g}", x=0, y=height - 4, class_="tick"),
        tag("text", f"{high:.3g}", x=width, y=height - 4, class_="tick end"),
    ]
    axis = tag("line", x1=0, x2=width, y1=floor, y2=floor, class_="axis")
    return tag(
        "svg",
        *bars,
        axis,
        *lines,
        *ends,
        view_box=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
        class_="hist",
    )


def _range(values: np.ndarray, limit: Limit | None) -> tuple[float, float]:
    found = [float(values.min()), float(values.max())]
    found += [v for v in (limit.least, limit.most) if v is not None] if limit else []
    low, high = min(found), max(found)
    # A hundredth about one value, so that it has a place on the axis.
    return (low, high) if high > low else (low - (abs(low) / 100 or 0.5), high + (abs(high) / 100 or 0.5))


def bars(rows: Sequence[tuple[str, float]], *, unit: str = "", most: int = 12) -> Safe:
    """Horizontal bars, the longest first; what is beyond `most` is one bar with how many it stands for."""
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    shown, rest = ordered[:most], ordered[most:]
    total = sum(value for _, value in rows) or 1.0
    longest = max([value for _, value in shown] + [1e-9])
    lines = [_bar(name_of(name or "(none)"), value, value / longest, value / total, unit) for name, value in shown]
    if rest:
        value = sum(v for _, v in rest)
        lines.append(
            _bar(Safe(f"<i>{len(rest)} more</i>"), value, min(value / longest, 1), value / total, unit, "rest")
        )
    return tag("table", join(lines), class_="bars")


def _bar(name: Safe, value: float, length: float, share: float, unit: str, kind: str = "bar") -> Safe:
    box = tag("svg", tag("rect", width=100 * length, height=10, class_=kind), view_box="0 0 100 10",
              preserveAspectRatio="none", role="presentation")  # fmt: skip
    shown = f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    number = tag("td", shown + (f" {unit}" if unit else ""), tag("span", f" {share:.0%}", class_="dim"), class_="n")
    return tag("tr", tag("th", name, scope="row"), tag("td", box, class_="b"), number)


def pose_map(yaw_deg: np.ndarray, pitch_deg: np.ndarray) -> Safe:
    """Where heads look: a dot a frame, right is the picture's right, up is up; rings at 15, 30 and 45 degrees."""
    reach, size = 60.0, 260.0
    scale = size / 2 / reach
    rings = [
        part
        for degrees in (15, 30, 45)
        for part in (
            tag("circle", cx=size / 2, cy=size / 2, r=degrees * scale, class_="ring"),
            tag("text", f"{degrees}°", x=size / 2 + degrees * scale + 2, y=size / 2 - 3, class_="tick"),
        )
    ]
    dots = [
        tag("circle", cx=float(size / 2 + x * scale), cy=float(size / 2 - y * scale), r=1.6, class_="dot")
        for x, y in zip(np.clip(yaw_deg, -reach, reach), np.clip(pitch_deg, -reach, reach), strict=True)
    ]
    return tag("svg", *rings, *dots, view_box=f"0 0 {size:g} {size:g}", role="img",
               aria_label="head yaw and pitch", class_="pose")  # fmt: skip
