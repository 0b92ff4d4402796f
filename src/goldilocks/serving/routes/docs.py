"""``GET /docs``: the routes with their parameters and an example each, as one page that loads nothing."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse

from goldilocks.serving.routes.errors import READING

router = APIRouter(include_in_schema=False)

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#f4f4f4;padding:.6rem;overflow:auto}h2{margin-top:2.2rem;font-size:1.1rem}"
    "code.m{background:#234;color:#fff;padding:.1rem .4rem;border-radius:.2rem}table{border-collapse:collapse}"
    "td,th{border-bottom:1px solid #ccc;padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}pre{background:#222}}"
)


@router.get("/", responses=READING, response_class=RedirectResponse)
async def start() -> RedirectResponse:
    """A browser that opens the service's address gets the page; the address is relative, for a proxy with a prefix."""
    return RedirectResponse("docs")


@router.get("/docs", responses=READING, response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """The page."""
    openapi: dict[str, Any] = request.app.openapi()
    return HTMLResponse(page(openapi, str(request.base_url).rstrip("/")))


def page(openapi: dict[str, Any], base: str) -> str:
    """The page of an OpenAPI description, for a service at an address."""
    title = escape(openapi["info"]["title"])
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title} API</title><style>{_STYLE}</style>",
        f"<h1>{title} API</h1><p>{escape(openapi['info'].get('description', ''))} ",
        "The same for programs: <a href=/openapi.json>openapi.json</a>.</p>",
    ]
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            parts.append(_route(method.upper(), path, operation, openapi, base))
    return "".join(parts)


def _route(method: str, path: str, operation: dict[str, Any], openapi: dict[str, Any], base: str) -> str:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    body = _resolved(schema, openapi) if schema else None
    text = f"<h2><code class=m>{method}</code> <code>{escape(path)}</code></h2>"
    text += f"<p>{escape(operation.get('description', ''))}</p>"
    if body is not None:
        text += f"<table><tr><th>field<th>type<th>what</tr>{_fields(body)}</table>"
    example = (body or {}).get("examples", [None])[0]
    if example is not None:
        data = json.dumps(example, ensure_ascii=False)
        text += f"<pre>curl {escape(base + path)} -H 'content-type: application/json' -d {escape(repr(data))}</pre>"
    return text


def _resolved(schema: dict[str, Any], openapi: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    definition: dict[str, Any] = openapi["components"]["schemas"][name] if name else schema
    return definition


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    return "".join(
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else ' (optional)'}<td>{escape(_kind(value))}"
        f"<td>{escape(value.get('description', ''))}</tr>"
        for name, value in schema.get("properties", {}).items()
    )


def _kind(schema: dict[str, Any]) -> str:
    options = [option for option in schema.get("anyOf", (schema,)) if option.get("type") != "null"]
    names = [option.get("type") or option.get("$ref", "any").rpartition("/")[2] for option in options]
    return " or ".join(map(str, names))
