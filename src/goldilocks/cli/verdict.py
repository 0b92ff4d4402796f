"""Exit code of ``select`` and ``decide`` if no candidate is better than the baselines or the incumbent."""

from __future__ import annotations

from typing import Annotated

import typer

from goldilocks.errors import BaselineError
from goldilocks.records import Decision

AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-baseline", help="Exit with code 0 even if no candidate is better than the baselines or the incumbent."
    ),
]


def require_useful(decision: Decision, *, accept_baseline: bool) -> None:
    """End with exit code 3 if the winner is not useful; all files have been written.

    Raises:
        BaselineError: the winner is not useful and ``accept_baseline`` is false.
    """
    verdict = decision.verdict
    if verdict is None or verdict.useful or accept_baseline:
        return
    from goldilocks.evaluation.trivial_baselines import INCUMBENT
    from goldilocks.selection.verdict import FLOOR

    # Why, and what would help, is the head of what was printed.
    beaten = {
        INCUMBENT: "no candidate is better than the incumbent",
        FLOOR: "no candidate is of use",
    }.get(verdict.against, f"no candidate is better than the baseline ({verdict.against})")
    raise BaselineError(f"{beaten}; pass --accept-baseline to exit with code 0.")
