"""The command on lineage: from a model to its data, and from a clip, a person or a source to models."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from talkie.cli.output import Home, Json, console, print_json, print_table

if TYPE_CHECKING:
    from talkie.experiments.lineage import TrainedOn
    from talkie.experiments.trace import CorpusLineage, ModelLineage, Traced

SHOWN = 50
"""Lines of a table; --json gives all."""


def lineage(
    model: Annotated[str | None, typer.Argument(help="Name, name/version or name@alias.")] = None,
    clip: Annotated[str | None, typer.Option(help="Instead: who was trained on this clip's id.")] = None,
    identity: Annotated[str | None, typer.Option(help="Instead: who was trained on this person.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Instead: who was trained on this source: address, file name or SHA-256.")
    ] = None,
    data: Annotated[list[Path] | None, typer.Option(help="A further folder of shards to look in.")] = None,
    service: Annotated[list[str] | None, typer.Option(help="Ask this running service what it serves.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Say what a model was trained on, or which models were trained on a clip, a person or a source.

    Example: `talkie lineage unitalker@champion` or `talkie lineage --identity 'person 1'`
    """
    from talkie.errors import BadInput

    asked = {"clip": clip, "identity": identity, "source": source}
    given = {kind: target for kind, target in asked.items() if target is not None}
    if (model is not None) + len(given) != 1:
        raise BadInput("one question at a time", cure="give a model, or one of --clip, --identity and --source")
    if model is not None:
        from talkie.experiments.trace import model_lineage

        found = model_lineage(model, home)
        _print_model(found, json)
        return
    from talkie.cli.curation import served
    from talkie.experiments.trace import trace

    ((kind, target),) = given.items()
    traced = trace(kind, target, home, tuple(data or ()))
    _print_traced(traced, served([*traced.trained, *traced.possible], service or []), json)


def _print_model(found: ModelLineage, json: bool) -> None:
    if json:
        print_json(asdict(found))
        return
    version = found.version
    served = ", ".join(f"{url} since {since}" for url, since in version.deployed.items()) if version else ""
    facts = [
        ("model", found.model),
        ("aliases", ", ".join(version.aliases) if version else ""),
        ("digest", found.digest),
        ("run", f"{found.run.name} ({found.run.run_id}), {found.run.status}"),
        ("git", found.run.tags.get("git", "")),
        ("deployed", served or "no service is recorded"),
    ]
    print_table("lineage", ("", ""), facts)
    for corpus in found.corpora:
        _print_corpus(corpus)


def _print_corpus(corpus: CorpusLineage) -> None:
    rows: list[tuple[Any, ...]] = [
        ("digest", corpus.digest),
        ("today", corpus.now + (f"; {corpus.taken_down} of its clips were taken down" if corpus.taken_down else "")),
        ("clips", corpus.clips),
    ]
    if corpus.seconds is not None:
        rows += [
            ("seconds", f"{corpus.seconds:.1f}"),
            ("people, sources, shards", f"{corpus.identities}, {corpus.source_count}, {len(corpus.shards)}"),
            ("licences", _counts(corpus.licences)),
            ("consents", _counts(corpus.consents)),
        ]
    print_table(corpus.place, ("", ""), rows)
    if corpus.labels:
        columns = ("label", "tool", "version", "licence", "clips of the corpus")
        print_table("labels", columns, [(r.label, r.tool, r.version, r.licence, r.clips) for r in corpus.labels])
    if corpus.sources:
        sources = [(s.uri, s.sha256[:12], s.clips) for s in corpus.sources[:SHOWN]]
        print_table(f"sources ({len(corpus.sources)})", ("source", "SHA-256", "clips"), sources)
    _print_unknown(corpus.unknown)


def _print_traced(traced: Traced, serving: list[dict[str, str]], json: bool) -> None:
    if json:
        print_json({**asdict(traced), "deployments": serving})
        return
    clips = "an unknown number of" if traced.clips is None else traced.clips
    _print_uses(f"trained on {traced.kind} {traced.target} ({clips} clips)", traced.trained)
    if traced.possible:
        _print_uses("may have been: they read clips that were taken down", traced.possible)
    if not traced.trained and not traced.possible:
        console.print("no run that is recorded here was trained on it", highlight=False)
    for one in serving:
        console.print(f"[red]serving now:[/red] {one['model']} at {one['service']}", highlight=False)
    _print_unknown(traced.unknown)


def _print_uses(title: str, uses: tuple[TrainedOn, ...]) -> None:
    rows = []
    for use in uses:
        aliases = [f"{model}@{alias}" for model, names in use.aliases.items() for alias in names]
        services = [f"{model} at {url}" for model, urls in use.deployed.items() for url in urls]
        words = (" ".join(use.models) or "-", " ".join(aliases) or "-", ", ".join(services) or "-")
        rows.append((use.name, use.status, use.data[:12], len(use.checkpoints), *words))
    if rows:
        columns = ("run", "status", "corpus", "checkpoints", "models", "aliases", "deployed")
        print_table(title, columns, rows)


def _print_unknown(unknown: tuple[str, ...]) -> None:
    for what in unknown:
        console.print(f"[yellow]not known any more:[/yellow] {escape(what)}", highlight=False)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{value}: {count}" for value, count in counts.items())


COMMANDS = (lineage,)
