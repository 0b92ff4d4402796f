"""How ``select`` and ``decide`` end where no candidate is of use."""

from __future__ import annotations

from typing import Annotated

import typer

from goldilocks.errors import BaselineError
from goldilocks.records import Decision

AcceptOption = Annotated[
    bool,
    typer.Option(
        "--accept-baseline", help="Exit with 0 also where no candidate is better than the baselines or the incumbent."
    ),
]


def require_useful(decision: Decision, *, accept_baseline: bool) -> None:
    """End with exit code 3 where the winner is of no use; everything has been written.

    Raises:
        BaselineError: it is of no use, and that was not accepted.
    """
    verdict = decision.verdict
    if verdict is None or verdict.useful or accept_baseline:
        return
    needs = f" What is needed: {'; '.join(verdict.needs)}." if verdict.needs else ""
    against = "the incumbent" if verdict.against == "incumbent" else f"the baseline ({verdict.against})"
    raise BaselineError(
        f"no candidate is better than {against}: {verdict.reason}.{needs} Pass --accept-baseline to end with 0."
    )
