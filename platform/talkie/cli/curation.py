"""Commands on the books of a curated folder: drops, takedown, report."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.request import Request, urlopen

import typer
from rich.markup import escape

from talkie.cli.output import Home, Json, console, print_json, print_table

if TYPE_CHECKING:
    from talkie.curation.books import Takedown
    from talkie.experiments.lineage import TrainedOn
    from talkie.shards import LedgerEntry

SHOWN = 200
"""Lines of a table; --json gives all."""


def drops(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    reason: Annotated[str | None, typer.Option(help="Only drops and dead letters with this cause.")] = None,
    source: Annotated[str | None, typer.Option(help="Only of this source: its address or file name.")] = None,
    json: Json = False,
) -> None:
    """Say why footage did not become clips: every drop and dead letter with cause, place, step and versions.

    Example: `talkie drops shards --reason no_face`
    """
    from talkie.curation.books import replay_command
    from talkie.errors import BadInput, NotADataset
    from talkie.shards import Ledger

    ledger = Ledger(folder)
    if not ledger.exists():
        raise NotADataset("no ledger here", where=str(folder), cure="name a folder that `talkie curate` made")
    counts: Counter[tuple[str, str]] = Counter()
    found: list[LedgerEntry] = []
    for entry in ledger.newest():
        if entry.status == "done" or (source is not None and source not in (entry.uri, entry.name)):
            continue
        counts[entry.status, entry.cause or ""] += 1
        if reason in (None, entry.cause):
            found.append(entry)
    if reason is not None and not found:
        there = ", ".join(sorted({cause for _, cause in counts})) or "nothing was dropped"
        raise BadInput(f"nothing was dropped for {reason!r}", where=str(folder), cure=f"there are: {there}")
    if json:
        values = [entry.model_dump(mode="json") for entry in found]
        for value, entry in zip(values, found, strict=True):
            value["replay"] = replay_command(entry, folder) if entry.status == "dead" else None
        print_json({"folder": str(folder), "counts": _counts(counts), "entries": values})
        return
    rows = [(status, cause, count) for (status, cause), count in sorted(counts.items(), key=lambda c: -c[1])]
    print_table(f"{folder}: not in the shards", ("what", "cause", "how often"), rows)
    columns = ("what", "cause", "source", "from", "to", "step", "what happened")
    print_table("newest last", columns, [_drop_row(entry) for entry in found[-SHOWN:]])
    if any(entry.status == "dead" for entry in found):
        console.print(f"after a fix: talkie curate --replay --out {folder}", highlight=False)


def takedown(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    target: Annotated[str, typer.Argument(help="A source's address, file name or SHA-256, a person, or a clip's id.")],
    kind: Annotated[str | None, typer.Option("--as", help="What is meant: source, identity or clip.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept, so it should name nobody.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    service: Annotated[list[str] | None, typer.Option(help="Ask this running service what it serves.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Remove a source, a person or a clip from shards and books for good, and list what was trained on it.

    Example: `talkie takedown shards interview.mp4 --reason 'consent withdrawn' --dry-run`
    """
    from talkie.curation.books import plan_takedown
    from talkie.curation.books import takedown as run
    from talkie.errors import BadInput

    if kind not in (None, "source", "identity", "clip"):
        raise BadInput(f"no kind {kind!r}", where="--as", cure="use source, identity or clip")
    meant: Any = kind
    done = plan_takedown(folder, target, meant) if dry_run else run(folder, target, meant, reason)
    touched = _touched(folder, done, home)
    serving = served(touched, service or [])
    if json:
        print_json({**done.model_dump(mode="json"), "trained": [vars(use) for use in touched], "deployments": serving})
        return
    _show_takedown(target, done, touched, serving, service or [])


def _touched(folder: Path, done: Takedown, home: Path | None) -> list[TrainedOn]:
    """Runs whose corpus held one of the clips: a state of this folder, or of another that still has a history."""
    from talkie.experiments.lineage import trained_on
    from talkie.shards.history import states_with

    elsewhere: dict[Path, set[str]] = {}

    def meant(digest: str, place: Path | None) -> bool:
        if digest in done.states:
            return True
        if place is None or place.resolve() == folder.resolve():
            return False
        if place not in elsewhere:
            elsewhere[place] = set(states_with(place, done.found.clips))
        return digest in elsewhere[place]

    return trained_on(home, meant) if done.found.clips else []


def served(touched: list[TrainedOn], services: list[str]) -> list[dict[str, str]]:
    """Which models of running services are among the touched. Raises NotReady where one does not answer."""
    from talkie.errors import NotReady
    from talkie.serving.config import choose_token

    models, found = {name for use in touched for name in use.models}, []
    for url in services:
        token, fresh = choose_token()
        headers = {} if fresh else {"Authorization": f"Bearer {token.get_secret_value()}"}
        try:
            with urlopen(Request(f"{url.rstrip('/')}/v1/models", headers=headers), timeout=10) as answer:
                labels = [f"{m['name']}/{m['version']}" for m in jsonlib.load(answer)["models"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            cure = "is it running, and does TALKIE_TOKEN hold its token?"
            raise NotReady(f"does not say what it serves ({error})", where=url, cure=cure) from error
        found += [{"service": url, "model": label} for label in labels if label in models]
    return found


def _show_takedown(
    target: str, done: Takedown, touched: list[TrainedOn], serving: list[dict[str, str]], services: list[str]
) -> None:
    found = done.found
    if found.already:
        console.print(f"{escape(target)}: taken down before, nothing of it is here", highlight=False)
        return
    verb = "would go" if done.dry_run else "gone"
    columns = (verb, "seconds", "shards rewritten", "sources", "copies", "ledger lines", "corpus digest")
    digest = f"{(done.before or '')[:12]} -> {(done.after or '?')[:12]}"
    row = (f"{len(found.clips)} clips", f"{found.seconds:.1f}", len(done.rewritten), len(found.sources))
    print_table(f"takedown of a {found.kind}", columns, [(*row, len(found.copies), done.ledger_lines, digest)])
    if found.kept_sources:
        console.print(f"{len(found.kept_sources)} sources stay: they hold other people too", highlight=False)
    for path in done.suspects:
        console.print(f"[yellow]holds traces, and is not talkie's to change:[/yellow] {escape(path)}", highlight=False)
    rows = [
        (use.name, use.status, len(use.checkpoints), " ".join(use.models) or "-",
         " ".join(f"{model}@{alias}" for model, names in use.aliases.items() for alias in names) or "-")
        for use in touched
    ]  # fmt: skip
    if rows:
        print_table("trained on it", ("run", "status", "checkpoints", "models", "served under"), rows)
    else:
        console.print("no run that is recorded here was trained on it", highlight=False)
    for one in serving:
        console.print(f"[red]serving now:[/red] {one['model']} at {one['service']}", highlight=False)
    if rows and not services:
        console.print("which services run it now is not known: ask each with --service URL", highlight=False)


def _drop_row(entry: LedgerEntry) -> tuple[Any, ...]:
    spans = [f"{t:.2f}" if t is not None else "" for t in (entry.start_s, entry.end_s)]
    return (entry.status, entry.cause or "", entry.name, *spans, entry.step or "", entry.message or "")


def _counts(counts: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"status": status, "cause": cause, "count": n} for (status, cause), n in sorted(counts.items())]


def report(
    folder: Annotated[Path, typer.Argument(help="Folder of shards.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    json: Json = False,
) -> None:
    """Write one HTML file that shows a corpus: pictures, scores, drops, balance, lineage. It opens from disk.

    Example: `talkie report shards --out report.html`
    """
    from talkie.cli.output import meter
    from talkie.curation.report import write_report

    with meter("") as bar:
        done = write_report(folder, out, progress=lambda what, now, total: bar.update(now, total, doing=what))
    if json:
        print_json(done.model_dump(mode="json"))
        return
    for clip, why in list(done.unreadable.items())[:SHOWN]:
        console.print(f"[yellow]{clip} could not be shown:[/yellow] {escape(why)}", highlight=False)
    console.print(f"{out}: {done.clips} clips, {done.pictured} pictures, {done.bytes / 1e6:.1f} MB", highlight=False)


COMMANDS = (drops, takedown, report)
