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
    bundle: Annotated[Path | None, typer.Option(help="Bundle to load; default: the version on trial.")] = None,
    share: Annotated[float, typer.Option(min=0.0001, max=1, help="Share of the requests it serves (canary).")] = 1.0,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Shadow mode: its answers are compared, not returned.")
    ] = False,
    url: UrlOption = "http://127.0.0.1:8000",
    key: KeyOption = None,
) -> None:
    """Switch MODEL to another version without a restart.

    The bundle is loaded first: a damaged one, or one of another task, changes nothing. Accepted requests are answered
    by the version that accepted them. Exit code 0: done; 2: refused, or no service there.

    Example: goldilocks promote tickets --bundle run2/bundle --share 0.1
    """
    if bundle is None:
        answer = _ask(f"{url}/v1/admin/models/{model}/promote", {}, key)
    else:
        body = {"bundle": str(bundle.absolute()), "share": share, "shadow": shadow}
        answer = _ask(f"{url}/v1/admin/models/{model}/versions", body, key)
    _show(answer)


def rollback(
    model: Annotated[str, typer.Argument(help="Name of the served model.")],
    url: UrlOption = "http://127.0.0.1:8000",
    key: KeyOption = None,
) -> None:
    """End the trial of a version of MODEL; without a trial, return to the version before the last promotion.

    Example: goldilocks rollback tickets
    """
    _show(_ask(f"{url}/v1/admin/models/{model}/rollback", {}, key))


def _show(answer: Mapping[str, Any]) -> None:
    for version in answer["versions"]:
        share = f", {version['share']:.2%} of the requests" if "share" in version else ""
        say(f"{answer['model']}: {version['role']} {version['version']} ({version['bundle']}{share})")


def _ask(url: str, body: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    import json
    import urllib.error
    import urllib.request

    from goldilocks.errors import InputError, MissingError

    if not url.startswith(("http://", "https://")):
        raise InputError(f"the address is {url!r}; write it with http:// or https://.")
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            content: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise InputError(f"the service refused: {_message(error.read())}") from error
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise MissingError(
            f"{url}: no service answers there ({getattr(error, 'reason', error)}); pass --url."
        ) from error
    return content


def _message(content: bytes) -> str:
    import json

    try:
        return str(json.loads(content)["error"]["message"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return content[:200].decode("utf-8", "replace")
