"""``goldilocks promote`` and ``goldilocks rollback``: the version of a model that a running service uses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goldilocks.cli.console import say

if TYPE_CHECKING:
    from collections.abc import Mapping

UrlOption = Annotated[str, typer.Option(help="URL of the service.")]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", envvar="GOLDILOCKS_KEY", help="API key made with --admin, if the service uses keys."),
]


def promote(
    model: Annotated[str, typer.Argument(help="Name of the served model.")],
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle to load; default: the version on trial, which then gets all requests.")
    ] = None,
    share: Annotated[
        float, typer.Option(min=0.0001, max=1, help="Share of the requests that --bundle serves (canary).")
    ] = 1.0,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Shadow mode: the new version's answers are compared, not returned.")
    ] = False,
    url: UrlOption = "http://127.0.0.1:8000",
    key: KeyOption = None,
) -> None:
    """Switch a served MODEL to another version without a restart, at once or after a trial on a share of the requests.

    The bundle is loaded first: a damaged one, or one of another task, changes nothing. Accepted requests are answered
    by the version that accepted them. Exit code 0: done; 2: refused, or no service there.

    Example: goldilocks promote tickets --bundle run2/bundle --share 0.1

    Example: goldilocks promote tickets
    """
    from goldilocks.errors import InputError

    if bundle is None and (shadow or share != 1.0):
        raise InputError(
            "--share and --shadow start the trial of a bundle; pass --bundle too. Without them, the version on trial "
            "gets all requests."
        )
    if bundle is None:
        answer = _ask(url, model, "promote", {}, key)
    else:
        body = {"bundle": str(bundle.absolute()), "share": share, "shadow": shadow}
        answer = _ask(url, model, "versions", body, key)
    _show(*answer)


def rollback(
    model: Annotated[str, typer.Argument(help="Name of the served model.")],
    url: UrlOption = "http://127.0.0.1:8000",
    key: KeyOption = None,
) -> None:
    """End the trial of a version of MODEL; without a trial, return to the version before the last promotion.

    Example: goldilocks rollback tickets
    """
    _show(*_ask(url, model, "rollback", {}, key))


def _show(lines: list[str], warning: str) -> None:
    for line in lines:
        say(line)
    if warning:
        say(f"warning: {warning}", error=True)


def _line(model: str, version: Mapping[str, Any]) -> str:
    share = f", {version['share']:.2%} of the requests" if "share" in version else ""
    return f"{model}: {version['role']} {version['version']} ({version['bundle']}{share})"


def _ask(service: str, model: str, action: str, body: Mapping[str, Any], key: str | None) -> tuple[list[str], str]:
    """The versions of a model after a request to the service, one a line, and a warning or "".

    Redirects are not followed: the key is for the service that was named.
    """
    import json
    from urllib.parse import quote, urlsplit

    from goldilocks.errors import InputError, MissingError
    from goldilocks.support.endpoints.http_post import TransportError, post
    from goldilocks.support.endpoints.server_errors import cleaned

    if not service.startswith(("http://", "https://")):
        raise InputError(f"the address is {service!r}; write it with http:// or https://.")
    if "@" in service.split("/")[2]:  # a password in an address ends up in the list of processes, and in messages
        raise InputError("the address holds a user name or password; pass the key with --key or GOLDILOCKS_KEY.")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise InputError("the key holds characters that no key has; copy it again as `goldilocks keys add` printed it.")
    url = f"{service.rstrip('/')}/v1/admin/models/{quote(model, safe='', errors='replace')}/{action}"
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    try:
        local = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        answer = post(url, json.dumps(body).encode(), headers, timeout=_PATIENCE, proxies=not local)
    except (TransportError, TimeoutError, ValueError) as error:
        words = cleaned(str(error), key or "") or f"nothing within {_PATIENCE:g} s"
        raise MissingError(f"{url}: no service answers there ({words}); pass --url.") from error
    if answer.status != 200:
        raise InputError(f"the service refused: {cleaned(_message(answer.body), key or '', 1_000)}")
    try:
        content = json.loads(answer.body)
        lines = [_line(str(content["model"]), version) for version in content["versions"]]
        warning = str(content.get("warning", ""))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise MissingError(
            f"the server at {url} is not a Goldilocks service "
            f"({cleaned(answer.body[:200].decode('utf-8', 'replace'), key or '', 60)!r}); pass --url."
        ) from error
    return lines, warning


_PATIENCE = 600.0
"""Seconds that loading a bundle may take."""


def _message(content: bytes) -> str:
    import json

    try:
        return str(json.loads(content)["error"]["message"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace")
