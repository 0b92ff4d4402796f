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
    needs = f" What would help: {'; '.join(verdict.needs)}." if verdict.needs else ""
    against = "the incumbent" if verdict.against == "incumbent" else f"the baseline ({verdict.against})"
    raise BaselineError(
        f"no candidate is better than {against}: {verdict.reason}.{needs} Pass --accept-baseline to exit with code 0."
    )
