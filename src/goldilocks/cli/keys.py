"""``goldilocks keys``: API keys of a service, with permissions and quotas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.command_line import command, command_group
from goldilocks.support.text.translation import _

FileOption = Annotated[Path, typer.Option("--file", help="The key file; pass it to the service as --keys.")]

_MAX_DAYS = 36_500
"""A century."""

app = command_group(
    "Create, list and revoke the API keys of a service.",
    example="goldilocks keys add shop --model tickets --days 365",
)


@command(app)
def add(
    name: Annotated[str, typer.Argument(help="Name of the key's owner.")],
    file: FileOption = Path("keys.json"),
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model that the key may use (repeatable). Default: all; with --metrics none."),
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.001, max=_MAX_DAYS, help="Days until the key expires.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Maximum requests per minute.")] = None,
    quota: Annotated[int | None, typer.Option(min=0, help="Maximum items per calendar month.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Allow changing the served versions.")] = False,
    metrics: Annotated[bool, typer.Option("--metrics", help="Allow reading /metrics, for monitoring.")] = False,
) -> None:
    """Create a key and print it once. FILE holds its hash only.

    Example: goldilocks keys add shop --model tickets --days 365 --rate 600

    Example: goldilocks keys add prometheus --metrics
    """
    import time

    from goldilocks.cli.console import say
    from goldilocks.serving.access import ANY_MODEL, ApiKey, add_key

    now = time.time()
    expires = now + days * 86_400 if days is not None else None
    # A key of the monitoring lies on other machines, and should not open the models.
    models = tuple(model or (() if metrics and not admin else (ANY_MODEL,)))
    key = ApiKey("", name, "", now, models, expires, None, rate, quota, admin, metrics)
    typer.echo(add_key(file, key))
    say(f"written to {file}; the key is shown only this once and cannot be recovered.", error=True)


@command(app, "list")
def list_keys(file: FileOption = Path("keys.json")) -> None:
    """List the keys: id, name, state and permissions.

    Example: goldilocks keys list
    """
    import time
    from datetime import UTC, datetime

    from goldilocks.serving.access import read_keys

    now = time.time()
    for key in read_keys(file).keys:
        facts = [key.id, key.name, key.state(now), _("models {0}").format(",".join(key.models) or "-")]
        if key.expires is not None:
            last = min(key.expires, datetime.max.replace(tzinfo=UTC).timestamp() - 1)
            facts.append(_("expires {0}").format(f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d}"))
        if key.rate_per_minute is not None:
            facts.append(_("{0} requests/min").format(f"{key.rate_per_minute:g}"))
        if key.quota_per_month is not None:
            facts.append(_("{0} items/month").format(f"{key.quota_per_month:,}"))
        facts += [word for word, given in (("admin", key.admin), ("metrics", key.metrics)) if given]
        typer.echo("  ".join(facts))


@command(app)
def revoke(
    name: Annotated[str, typer.Argument(help="Name or id of the key.")],
    file: FileOption = Path("keys.json"),
) -> None:
    """Revoke a key; services that use FILE refuse it at once.

    Example: goldilocks keys revoke shop
    """
    from goldilocks.cli.console import say
    from goldilocks.serving.access import revoke_key

    key = revoke_key(file, name)
    say(f"key {key.id} of {key.name} revoked")
