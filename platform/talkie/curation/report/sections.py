"""The parts of the report that are numbers: totals, scores, drops, balance, lineage, copies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from talkie.curation.books.lineage import LicenceFinding, LineageCount, commercial_use
from talkie.curation.books.replay import replay_command
from talkie.curation.report.charts import Limit, bars, histogram, pose_map
from talkie.curation.report.markup import SHORT, Safe, join, name_of, tag
from talkie.curation.report.tally import Books, Corpus
from talkie.shards import Dataset, LedgerEntry, settings_digest

NAVIGATION = (
    ("sheet", "Contact sheet"), ("clips", "Sample clips"), ("scores", "Scores"), ("drops", "Drops"),
    ("balance", "Balance"), ("lineage", "Lineage"), ("copies", "Copies"),
)  # fmt: skip
SETTINGS_CHARACTERS = 20_000
CELL_CHARACTERS = 400
LABELS = 6
CROWDED = 0.5
"""Share of the footage from which one person is worth a warning."""


def header(folder: Path, dataset: Dataset, corpus: Corpus, books: Books, lineage: LineageCount, looked_at: int) -> Safe:
    """Totals, what deserves attention, digest and settings."""
    hours = corpus.seconds.total / 3600
    length = f"{hours:.1f} h" if hours >= 1 else f"{corpus.seconds.total / 60:.1f} min"
    cards = [
        (f"{corpus.clips:,}", _plural(corpus.clips, "clip")),
        (length, "of footage"),
        (f"{len(corpus.identity):,}", _plural(len(corpus.identity), "person", "people")),
        (f"{corpus.sources:,}", _plural(corpus.sources, "source") + " with clips"),
        (f"{len(spoken := corpus.language.keys() - {'und'}):,}", _plural(len(spoken), "known language")),
        (f"{(dropped := sum(books.drops.values())):,}", _plural(dropped, "drop")),
        (f"{(dead := sum(books.dead.values())):,}", _plural(dead, "dead letter")),
    ]
    settings = json.dumps(dataset.index.settings, indent=1, sort_keys=True, ensure_ascii=False)
    size = sum(shard.size for shard in dataset.index.shards)
    count = len(dataset.index.shards)
    shards = f"{count:,} {_plural(count, 'shard')}, {size / 1e6:,.1f} MB · corpus digest "
    notes = [tag("li", note) for note in _notes(corpus, books, lineage, looked_at)]
    settings_line = f"Settings {settings_digest(dataset.index.settings)[:16]}"
    top = tag(
        "header",
        tag("h1", name_of(folder.name or str(folder))),
        tag("p", shards, tag("code", dataset.digest), class_="dim"),
        tag("div", *(tag("div", tag("b", value), name) for value, name in cards), class_="cards"),
        tag("ul", *notes, class_="notes") if notes else None,
        tag("details", tag("summary", settings_line), tag("pre", settings[:SETTINGS_CHARACTERS])),
    )
    return join([top, tag("nav", tag("div", *(tag("a", title, href=f"#{name}") for name, title in NAVIGATION)))])


def _notes(corpus: Corpus, books: Books, lineage: LineageCount, looked_at: int) -> Iterable[str]:
    """What somebody who has one minute should know."""
    if dead := sum(books.dead.values()):
        cause, count = books.dead.most_common(1)[0]
        yield f"{dead:,} sources could not be used; most often: {cause} ({count:,})."
    if corpus.identity and len(corpus.identity) > 1:
        name, seconds = corpus.identity.most_common(1)[0]
        if seconds > CROWDED * corpus.seconds.total:
            yield f"{seconds / corpus.seconds.total:.0%} of the footage is of one person, {name}."
    by_model: dict[str, list[LicenceFinding]] = {}
    for finding in lineage.findings():
        if finding.by == "model":
            by_model.setdefault(finding.licence, []).append(finding)
            continue
        share = f"{len(finding.clips) / max(looked_at, 1):.0%} of the clips come under"
        yield f"{share} {_terms(finding.licence)}."
    for licence, findings in by_model.items():
        share = f"{len({c for f in findings for c in f.clips}) / max(looked_at, 1):.0%} of the clips have labels"
        names = ", ".join(sorted({f.label or "" for f in findings}))
        yield f"{share} ({names}) from models under {_terms(licence)}."
    missing = {"train", "val", "test"} - corpus.split.keys()
    if corpus.clips and missing:
        yield f"No clip is in the split {' or '.join(sorted(missing))}."


def _terms(licence: str) -> str:
    if licence == "unknown":
        return "a licence that nobody has stated"
    allowed = commercial_use(licence)
    return f"{licence}: " + ("what it allows is not stated here" if allowed is None else "not for commercial use")


def _plural(count: int, one: str, many: str | None = None) -> str:
    return one if count == 1 else many or f"{one}s"


def limits_of(books: Books) -> dict[str, Limit]:
    """Thresholds that the drops' own values tell: {score: value, "threshold": limit}; a value below it was too low."""
    found: dict[str, Limit] = {}
    for entry in (one for examples in books.examples.values() for one in examples):
        limit = entry.values.get("threshold")
        for score, value in entry.values.items():
            if limit is not None and score != "threshold":
                known = found.get(score, Limit())
                found[score] = Limit(limit, known.most) if value < limit else Limit(known.least, limit)
    return found


def scores(corpus: Corpus, meanings: Mapping[str, str], limits: Mapping[str, Limit]) -> Safe:
    """A histogram of every score with its meaning, and the filter's line in it."""
    cells = []
    for name, values in sorted(corpus.scores.items()):
        if not values.count:
            continue
        count = f"{values.count:,} {_plural(values.count, 'clip')}"
        same = values.low == values.high and name not in limits
        stands = f"mean {values.mean:.3g}, {values.low:.3g} to {values.high:.3g}"
        cells.append(
            tag(
                "div",
                tag("h3", name),
                tag("p", meanings.get(name, "no clip that was looked at says what it means"), class_="mean"),
                None if same else histogram(values.sample, limits.get(name), label=f"histogram of {name}"),
                tag("p", f"{count}, all {values.low:.3g}" if same else f"{count}, {stands}", class_="small"),
            )
        )
    what = "Over all clips. A dashed line is where a filter drew its limit."
    return _section("scores", "Scores", what, tag("div", *cells, class_="grid") if cells else _none())


def dropped(books: Books, folder: Path) -> Safe:
    """Drops and dead letters by reason, with examples and the command that tries again."""
    parts: list[Safe] = []
    if books.drops:
        rows = [(cause, float(count)) for cause, count in books.drops.items()]
        parts += [tag("h3", "Drops by reason"), bars(rows, most=30), _examples(books, set(books.drops))]
    if books.dead:
        rows = [(cause, float(count)) for cause, count in books.dead.items()]
        parts += [tag("h3", f"Dead letters: {sum(books.dead.values()):,}"), bars(rows, most=30)]
        lines = [
            (name_of(e.name), e.cause, e.step, e.exception or e.message, tag("code", replay_command(e, folder)))
            for e in books.dead_letters
        ]
        parts.append(_table(("source", "cause", "step", "what happened", "tries it again"), lines))
    what = f"What did not become a clip, and why. {books.done:,} sources are done."
    return _section("drops", "Drops and dead letters", what, *(parts or [_none()]))


def _examples(books: Books, causes: set[str]) -> Safe:
    rows = [
        (cause, name_of(e.name), _span(e), e.step, e.message)
        for cause in sorted(causes, key=lambda c: (-books.drops[c], c))
        for e in books.examples.get(cause, [])
        if e.status == "drop"
    ]
    table = _table(("reason", "source", "seconds", "step", "what happened"), rows)
    return tag("details", tag("summary", "Examples of each"), table)


def balance(corpus: Corpus, yaw_deg: np.ndarray, pitch_deg: np.ndarray) -> Safe:
    """Seconds over what a corpus should be even in, lengths of clips, and where heads look."""
    cells = [
        tag("div", tag("h3", title), bars([(k, v) for k, v in counter.items()], unit="s"))
        for title, counter in (
            ("Identity", corpus.identity),
            ("Language", corpus.language),
            ("Licence", corpus.licence),
            ("Split", corpus.split),
        )
    ]
    if corpus.seconds.count:
        lengths = f"mean {corpus.seconds.mean:.2f} s, {corpus.seconds.low:.2f} to {corpus.seconds.high:.2f} s"
        chart = histogram(corpus.seconds.sample, label="lengths of clips")
        cells.append(tag("div", tag("h3", "Length of clips, seconds"), chart, tag("p", lengths, class_="small")))
    if len(yaw_deg):
        said = f"{len(yaw_deg):,} frames; right: turned to the picture's right, up: raised"
        cells.append(
            tag("div", tag("h3", "Head yaw and pitch"), pose_map(yaw_deg, pitch_deg), tag("p", said, class_="small"))
        )
    for name, counter in sorted(corpus.labels.items())[:LABELS]:
        cells.append(
            tag("div", tag("h3", f"Label: {name}"), bars([(k, float(v)) for k, v in counter.items()], unit="clips"))
        )
    what = "Seconds of footage, over all clips."
    return _section("balance", "Balance", what, tag("div", *cells, class_="flow") if cells else _none())


def lineage(count: LineageCount, looked_at: int, clips: int) -> Safe:
    """Which tool made which label, and whose licence asks to be looked at."""
    rows = [(row.label, row.tool, row.version, row.licence, f"{row.clips:,}") for row in count.table()]
    parts = [_table(("label", "tool", "version", "model licence", "clips"), rows)]
    findings = [
        ("source" if f.by == "source" else f"model of {f.label}", f.licence, f.verdict, f"{len(f.clips):,}",
         tag("code", " ".join(f.clips[:3]) + (" ..." if len(f.clips) > 3 else "")))
        for f in count.findings()
    ]  # fmt: skip
    if findings:
        parts += [tag("h3", "Ask before commercial use"),
                  _table(("whose", "licence", "verdict", "clips", "such as"), findings)]  # fmt: skip
    of = "all clips" if looked_at >= clips else f"a fair sample of {looked_at:,} of {clips:,} clips"
    return _section("lineage", "Lineage and licences", f"From the records of {of}.", *parts)


def copies(books: Books) -> Safe:
    """Sources and clips that were dropped because they are there already."""
    rows = [(name_of(e.name), e.cause, tag("code", e.of or ""), e.message) for e in books.copies]
    table = _table(("dropped", "as", "copy of", "what happened"), rows) if rows else _none()
    return _section("copies", "Copies and near copies", "One of each was kept.", table)


def footer(unreadable: Mapping[str, str]) -> Safe:
    """What could not be shown, and where the file comes from."""
    lost = [tag("p", f"{len(unreadable)} clips could not be shown: ", "; ".join(sorted(set(unreadable.values()))[:5]))]
    made = tag("p", "Made by talkie report. This file holds everything it shows and asks nothing of the network.")
    return tag("footer", *(lost if unreadable else []), made)


def _section(identifier: str, title: str, what: str, *parts: Any) -> Safe:
    return tag("section", tag("h2", title), tag("p", what, class_="dim"), *parts, id=identifier)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Safe:
    head = tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns)))
    return tag("table", head, tag("tbody", *(tag("tr", *(_cell(cell) for cell in row)) for row in rows)))


def _cell(value: Any) -> Safe:
    # A word is not broken where there is room for it, and no message takes the page.
    if isinstance(value, str) and not isinstance(value, Safe) and len(value) > CELL_CHARACTERS:
        value = value[:CELL_CHARACTERS] + " ..."
    return tag("td", value, class_="word" if isinstance(value, str) and len(value) < SHORT else None)


def _span(entry: LedgerEntry) -> str:
    return "" if entry.start_s is None or entry.end_s is None else f"{entry.start_s:.2f} to {entry.end_s:.2f}"


def _none() -> Safe:
    return join([tag("p", "There are none.")])
