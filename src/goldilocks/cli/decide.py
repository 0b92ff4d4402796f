"""``goldilocks decide``: another decision from the records of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.verdict import AcceptOption, require_useful
from goldilocks.errors import InputError
from goldilocks.records import ServingMode

_EXAMPLES = {"limit": "latency_p95_ms=20", "price": "cpu_hour=0.1"}


def decide(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run (`goldilocks select --out`).")],
    out: Annotated[Path, typer.Option(help="Folder for the new decision.json; RUN itself is not changed.")],
    error_cost: Annotated[
        float | None, typer.Option(min=0, help="Cost of one error, in the currency of the task.")
    ] = None,
    requests: Annotated[float | None, typer.Option(min=0, help="Requests per month.")] = None,
    indifference: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="A cheaper candidate wins if its total cost (J) is at most this much per month above the lowest.",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="A limit, as name=value, e.g. latency_p95_ms=20 (repeatable).")
    ] = None,
    price: Annotated[
        list[str] | None, typer.Option(help="A price, as name=value, e.g. cpu_hour=0.1 (repeatable).")
    ] = None,
    incumbent: Annotated[
        str | None,
        typer.Option(
            help="Today's solution, to compare with: a file of predictions, or a bundle. The data are read again."
        ),
    ] = None,
    accept_baseline: AcceptOption = False,
    serving_mode: Annotated[
        ServingMode | None,
        typer.Option(
            help="How the serving machine is billed. busy: for the seconds in which it computes, and memory for the "
            "whole month; held: for whole machines; serverless: for busy seconds only."
        ),
    ] = None,
) -> None:
    """Decide again from the stored predictions of a run, under other costs, limits or prices.

    Reads the records of RUN and writes OUT/decision.json. Trains nothing, measures nothing, does not open the test set
    and changes nothing in RUN. `goldilocks tune --from RUN CANDIDATE` writes the bundle of the chosen candidate.

    Exit code 0: decided; 2: bad input or no finished run; 3: no candidate meets the limits, or none is better than the
    baselines and the incumbent.

    Example: goldilocks decide run --error-cost 0.5 --limit latency_p95_ms=20 --out cheaper

    Example: goldilocks decide run --requests 1000000 --price cpu_hour=0.1 --out busier
    """
    from goldilocks.cli.tables import print_what_if
    from goldilocks.selection.what_if import Changes, decide_again
    from goldilocks.support.files import to_json, write_text

    objective = {"error_cost": error_cost, "requests_per_month": requests, "indifference": indifference}
    changes = Changes(
        objective={key: value for key, value in objective.items() if value is not None},
        limits=numbers_of("limit", limit),
        prices=numbers_of("price", price),
        serving={"mode": serving_mode} if serving_mode is not None else {},
        incumbent=incumbent,
    )
    target = out / "decision.json"
    if out.resolve() == run.resolve():
        raise InputError(f"--out {out}: this is the run itself; name another folder, so that its decision is kept.")
    decision = decide_again(run, changes)
    write_text(target, to_json(decision))
    print_what_if(decision, target)
    require_useful(decision, accept_baseline=accept_baseline)


def numbers_of(option: str, given: list[str] | None) -> dict[str, float]:
    """Name -> number of ``name=number`` options.

    Raises:
        InputError: one is not ``name=number``.
    """
    numbers: dict[str, float] = {}
    for text in given or ():
        name, _, value = text.partition("=")
        try:
            numbers[name.strip()] = float(value)
        except ValueError as error:
            raise InputError(f"--{option} {text}: write name=number, e.g. {_EXAMPLES[option]}.") from error
    return numbers
