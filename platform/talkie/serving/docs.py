"""The page at /docs: routes, fields, limits and errors as plain HTML made from the OpenAPI document. It loads nothing
from elsewhere, so that it works without a network and hands no token to a script."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from talkie.serving.config import ServeConfig
from talkie.serving.faults import STATUS

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left;vertical-align:top}"
    "pre{background:#f4f4f4;padding:.8em;overflow:auto}"
)


def docs_page(openapi: dict[str, Any], config: ServeConfig) -> str:
    """The whole page. Every text comes from the OpenAPI document or the configuration and is escaped."""
    info = openapi["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>",
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])}</p>",
        *_routes(openapi, config.url),
        "<h2>Limits</h2>",
        *_table(("limit", "value"), [(name, value) for name, value in config if name.startswith("max_")]),
        "<h2>Errors</h2><p>Every answer that is not 2xx is "
        '<code>{"error": {"cause", "message", "cure", "request_id"}}</code>.</p>',
        *_table(("status", "cause", "meaning"), [(code, cls.cause, cls.__doc__) for cls, code in STATUS.items()]),
    ]
    return "\n".join(parts)


def _routes(openapi: dict[str, Any], url: str) -> Iterator[str]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield f"<h2>{method.upper()} {escape(path)}</h2><p>{escape(operation.get('description', ''))}</p>"
            fields = _fields(openapi, operation)
            if fields:
                yield from _table(("field", "type", "range", "default", "meaning"), fields)
            upload = " -F audio=@speech.wav" if fields else ""
            yield f"<pre>curl -H 'Authorization: Bearer TOKEN'{upload} {escape(url + path)}</pre>"


def _fields(openapi: dict[str, Any], operation: dict[str, Any]) -> list[tuple[object, ...]]:
    content = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
    if content is None:
        return []
    schema = openapi["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    return [_field(name, spec) for name, spec in schema["properties"].items()]


def _field(name: str, spec: dict[str, Any]) -> tuple[object, ...]:
    choices = [option for option in spec.get("anyOf", [spec]) if option.get("type") != "null"]
    kind = "file" if "contentMediaType" in spec else " or ".join(c.get("type", "") for c in choices)
    bounds = [f"{spec[key]:g}" for key in ("minimum", "maximum") if key in spec]
    allowed = " to ".join(bounds) or ", ".join(str(v) for c in choices for v in c.get("enum", []))
    return name, kind, allowed, spec.get("default", ""), spec.get("description", "")


def _table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> Iterator[str]:
    yield "<table><tr>" + "".join(f"<th>{escape(cell)}" for cell in header)
    for row in rows:
        yield "<tr>" + "".join(f"<td>{escape('' if cell is None else str(cell))}" for cell in row)
    yield "</table>"
