"""``goldilocks catalog``: the pretrained models that are known, and where they are."""

from __future__ import annotations

from typing import Annotated

import typer

from goldilocks.cli.command_line import command, command_group

app = command_group(
    "List the known pretrained models, and ask the Hugging Face Hub for more (metadata only).",
    example="goldilocks catalog show",
)


@command(app)
def show(
    most: Annotated[int, typer.Option(min=1, help="Maximum number of models of the Hub to list.")] = 30,
    json: Annotated[bool, typer.Option("--json", help="Print every model as JSON.")] = False,
) -> None:
    """List the known models with location, size, licence and languages. Opens no connection.

    Location (column "place"): package (its pip package is installed), missing (it is not), cache (downloaded), hub
    (metadata only).

    Example: goldilocks catalog show

    Example: goldilocks catalog show --json
    """
    from goldilocks.catalog.hub_catalogue import known_catalogues
    from goldilocks.catalog.places import known_models
    from goldilocks.cli.console import console, say, say_json
    from goldilocks.cli.tables import catalogue_table
    from goldilocks.support.files import to_json

    models = known_models()
    if json:
        say_json(to_json(models))
        return
    console().print(catalogue_table(models, most))
    for known in known_catalogues():
        say(f"{known.address}: {len(known.listings):,} models, as of {known.asked[:10]}")


@command(app)
def refresh(
    language: Annotated[str, typer.Option(help="BCP 47 tag. Default: any language.")] = "",
    most: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of models to ask for.")] = 1_000,
) -> None:
    """Ask the Hugging Face Hub for its most downloaded encoders. Only metadata is fetched; HF_ENDPOINT is respected.

    Exit code 0: the list is updated; 2: the Hub does not answer.

    Example: goldilocks catalog refresh

    Example: goldilocks catalog refresh --language zh --most 200
    """
    from goldilocks.catalog.hub_catalogue import catalogue_of
    from goldilocks.catalog.hub_client import HubClient
    from goldilocks.cli.console import say

    client = HubClient()
    known = catalogue_of(language, most, refresh=True, client=client)
    say(
        f"{known.address}: {len(known.listings):,} models ({client.requests} requests, "
        f"{client.received_bytes / 1e6:.1f} MB), {known.passed_over:,} skipped"
    )


@command(app)
def add(name: Annotated[str, typer.Argument(metavar="ORG/NAME", help="A model of the Hub.")]) -> None:
    """Ask the Hugging Face Hub for the metadata of one model, and keep it as a candidate for `candidates: hub`.

    Exit code 0: added; 2: there is no such model, or it cannot be used.

    Example: goldilocks catalog add sentence-transformers/all-MiniLM-L6-v2
    """
    from goldilocks.catalog.hub_catalogue import add as add_model
    from goldilocks.cli.console import say

    listing = add_model(name)
    say(
        f"{listing.name}: {listing.model_type}, {listing.parameters / 1e6:,.1f} M parameters, "
        f"{listing.size_bytes / 1e6:,.0f} MB, licence {listing.licence or 'not stated'}"
    )
