"""`talkie zoo`: the systems that can be trained and the models that were."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from talkie.cli.output import Home, Json, print_json, print_table


def zoo(
    system: Annotated[str | None, typer.Argument(help="One system, for its card and presets.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the systems that can be trained and the models that were, or show one system's card.

    Example: `talkie zoo unitalker`
    """
    from talkie.experiments import list_models
    from talkie.systems import load_system, systems

    if system is not None:
        cls = load_system(system)
        card = cls.card.model_dump() | {"presets": {k: v.model_dump() for k, v in cls.presets.items()}}
        if json:
            print_json(card)
        else:
            print_table(cls.card.title, ("", ""), [(k, _short(v)) for k, v in card.items()])
        return
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


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(value) if isinstance(value, (tuple, list)) else str(value)


COMMANDS = (zoo,)
