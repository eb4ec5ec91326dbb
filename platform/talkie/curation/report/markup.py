"""Elements of the report as text: everything that is not made here is escaped, whoever wrote it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from typing import Any

SHORT = 24
"""Characters of a name that is not broken over lines."""
_VOID = frozenset(("meta", "img", "br", "input"))


class Safe(str):
    """Markup that was built here; any other text is escaped when it becomes a child or an attribute."""


Child = str | int | float | None | Iterable["Child"]


def tag(name: str, /, *children: Any, **attributes: Any) -> Safe:
    """An element. `class_` is class, `view_box` is viewBox; an underscore is a hyphen; None and False are left out."""
    said = "".join(f' {_name(key)}="{_escape(_value(value))}"' for key, value in attributes.items() if _given(value))
    if name in _VOID:
        return Safe(f"<{name}{said}>")
    return Safe(f"<{name}{said}>{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Safe:
    """Children one after another, those that are no markup of ours escaped."""
    return Safe("".join(_child(child) for child in children))


def name_of(text: str) -> Safe:
    """A name from outside: what it does to the direction of writing ends with it."""
    return tag("bdi", text, class_="short" if len(text) < SHORT else None)


def data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def data_block(identifier: str, value: Any) -> Safe:
    """JSON for the page's script, which no text in it can end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    return Safe(f'<script type="application/json" id="{_escape(identifier)}">{text}</script>')


def page(title: str, style: str, script: str, body: Safe) -> bytes:
    """The whole file. Its policy lets nothing in from outside and runs this script alone (CSP level 3, by hash)."""
    policy = (
        f"default-src 'none'; img-src data:; media-src data:; style-src '{_hash(style)}'; "
        f"script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", title),
            Safe(f"<style>{style}</style>"),
        ]
    )
    scripted = join([body, Safe(f"<script>{script}</script>")])
    whole = "<!doctype html>\n" + tag("html", tag("head", head), tag("body", scripted), lang="en")
    # A file name on disk need not be valid text.
    return whole.encode("utf-8", "backslashreplace")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _child(child: Any) -> str:
    if child is None or child is False:
        return ""
    if isinstance(child, Safe):
        return child
    if isinstance(child, str | int | float):
        return _escape(str(child))
    return join(child)


def _given(value: Any) -> bool:
    return value is not None and value is not False


def _value(value: Any) -> str:
    return "" if value is True else f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _name(key: str) -> str:
    return {"view_box": "viewBox"}.get(key, key.rstrip("_").replace("_", "-"))


def _escape(text: str) -> str:
    # Control characters are no text in HTML and could hide what stands after them.
    return html.escape("".join(c if c >= " " or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text), quote=True)
