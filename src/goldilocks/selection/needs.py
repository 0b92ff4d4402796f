"""What could yield a useful model if there is none: models to install, and unfinished candidates."""

from __future__ import annotations

import re
from collections.abc import Sequence

from goldilocks.records import Pool, Standing

_INSTALL = re.compile(r"pip install [\w.\[\],-]*\w")


def needs(pool: Pool, standings: Sequence[Standing]) -> tuple[str, ...]:
    """Models to install and budget, as far as the records of a run tell.

    Args:
        pool: The candidates, and why others are excluded.
        standings: What became of each candidate.
    """
    return (*_models(pool), *_budget(standings))


def _models(pool: Pool) -> tuple[str, ...]:
    commands = dict.fromkeys(match[0] for exclusion in pool.excluded if (match := _INSTALL.search(exclusion.reason)))
    online = [exclusion.candidate for exclusion in pool.excluded if "--online fetches it" in exclusion.reason]
    installs = ", or ".join(list(commands)[:2])
    if online and installs:
        return (f"models: {installs}, or --online for models of the Hub such as {online[0]}",)
    if online or installs:
        return (f"models: {installs or f'--online for models of the Hub such as {online[0]}'}",)
    if any(candidate.model.pretrained for candidate in pool.candidates):
        return ()
    return ("models: let pretrained ones be candidates (candidates.families and candidates.models in the task file)",)


def _budget(standings: Sequence[Standing]) -> tuple[str, ...]:
    open_ = [standing for standing in standings if standing.status == "stopped"]
    if not open_:
        return ()
    seconds = [model.seconds_to_finish for model in open_ if model.seconds_to_finish]
    more = f", about {_duration(sum(seconds))} more" if seconds else ""
    return (f"budget: {len(open_)} candidate{'' if len(open_) == 1 else 's'} did not finish{more}",)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
