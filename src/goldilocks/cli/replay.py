"""``goldilocks replay``: check a search policy on recorded races, without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from goldilocks.errors import InputError


def replay(
    table: Annotated[Path, typer.Argument(help="CSV file of recorded races, with the columns above.")],
    policy: Annotated[
        list[str] | None, typer.Option(help="Policy to replay (repeatable); see `goldilocks list policies`.")
    ] = None,
    budget: Annotated[
        list[float] | None,
        typer.Option(
            min=0,
            max=1,
            help="Budget, as a share of the time that training every candidate to the end takes (repeatable). Default: "
            "0.05, 0.1, 0.25 and 0.5.",
        ),
    ] = None,
    cold: Annotated[
        bool,
        typer.Option(
            "--cold", help="Take prior results from the shipped experience, not from the table's other data sets."
        ),
    ] = False,
    waiting_hour: Annotated[
        float,
        typer.Option(
            min=0, help="Price of an hour of waiting; the policy `value` stops when no training run is worth it."
        ),
    ] = 5.0,
    repeats: Annotated[int, typer.Option(min=1, help="Number of replays of each race by the policy `random`.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print every replay as JSON.")] = False,
) -> None:
    """Replay recorded races: what would each search policy have chosen, and how much worse is that than the best?

    In a race, candidates are trained in parts and scored after each; a rung is the share of the full run at which a
    part ends. TABLE has one line per candidate and rung, with the columns dataset, candidate, family, model, method,
    rung (1 for the end), seconds (since the previous rung), validation_score, test_score (higher is better, at most 1;
    required at rung 1), n (validation items) and seed; labels and parameters are optional. A rung that some candidate
    of a data set lacks is ignored for that data set.

    Regret is in points of test score, with a 95% interval over data sets. The prior results for a data set are those
    of the other data sets. If the budget ends before any candidate is fully trained, the policy's choice is the
    candidate with the lowest expected loss.

    Example: goldilocks replay results.csv --policy value --policy random --budget 0.1

    Example: goldilocks replay results.csv --cold --json > replays.json
    """
    from goldilocks.cli.console import console, say, say_json
    from goldilocks.cli.tables import replay_summary
    from goldilocks.selection.race_table import read_table, rungs_left_out
    from goldilocks.selection.replay_table import SHARES, ReplayPlan, replay_table, summarise
    from goldilocks.support.files import plain

    if budget is not None and 0 in budget:
        raise InputError("--budget 0: nothing could be bought; give a share above 0, e.g. 0.1.")
    races = read_table(table)
    plan = ReplayPlan(
        policies=tuple(policy or ReplayPlan().policies),
        shares=tuple(sorted(set(budget or SHARES))),
        waiting_hour=waiting_hour,
        cold=cold,
        repeats=repeats,
    )
    for share, sets in rungs_left_out(races).items():
        say(f"rung {share:g} is left out of {sets} data sets: not all candidates there have it", error=True)
    results = replay_table(races, plan, lambda dataset: say(f"replaying {dataset}", error=True))
    summaries = summarise(results)
    if as_json:
        content = {"experience": "shipped" if cold else "other data sets", "summary": summaries, "replays": results}
        say_json(json.dumps(plain(content), indent=1))
        return
    console().print(replay_summary(summaries, races, plan.shares))
