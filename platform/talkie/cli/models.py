"""`talkie zoo`: the systems that can be trained, the models that were, and a page for each system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talkie.cli.output import Home, Json, console, print_json, print_markdown, print_table


def zoo(
    system: Annotated[str | None, typer.Argument(help="One system, for its page.")] = None,
    bench: Annotated[Path, typer.Option(help="Folder of the bench's zoo.json, for what was measured.")] = Path(
        "docs/bench"
    ),
    pages: Annotated[Path | None, typer.Option(help="Folder to write a page of each system into.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the systems that can be trained and the models that were; show one system's page; write all pages.

    Example: `talkie zoo unitalker`
    """
    if pages is not None:
        _write(pages, bench, json)
    elif system is not None:
        _show(system, bench, json)
    else:
        _list(home, json)


def _write(pages: Path, bench: Path, json: bool) -> None:
    from talkie.evaluation.bench import read_table
    from talkie.evaluation.bench_pages import JSON
    from talkie.evaluation.model_page import write_model_pages

    written = [str(path) for path in write_model_pages(read_table(bench / JSON), pages, bench)]
    if json:
        print_json({"pages": written})
    else:
        console.print(f"{len(written)} pages in {pages}", highlight=False)


def _show(system: str, bench: Path, json: bool) -> None:
    from talkie.evaluation.bench import read_table
    from talkie.evaluation.bench_pages import JSON
    from talkie.evaluation.model_page import model_page
    from talkie.systems import load_system

    cls = load_system(system)
    if json:
        print_json(cls.card.model_dump() | {"presets": {k: v.model_dump() for k, v in cls.presets.items()}})
    else:
        print_markdown(model_page(system, read_table(bench / JSON)))


def _list(home: Path | None, json: bool) -> None:
    from talkie.experiments import list_models
    from talkie.systems import systems

    cards = [cls.card for cls in systems().values()]
    models = list_models(home)
    if json:
        print_json(
            {
                "systems": [card.model_dump() for card in cards],
                "models": [
                    {"name": m.name, "version": m.version, "system": m.system, "digest": m.digest} for m in models
                ],
            }
        )
        return
    print_table("systems", ("slug", "task", "paper", "title"), [(c.slug, c.task, c.paper, c.title) for c in cards])
    if models:
        print_table("models", ("name", "version", "digest"), [(m.name, m.version, m.digest[:12]) for m in models])


COMMANDS = (zoo,)
