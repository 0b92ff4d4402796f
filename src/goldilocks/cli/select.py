"""``goldilocks select``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.task_file import (
    FieldOption,
    KindOption,
    LanguageOption,
    MaxBytesOption,
    MetricOption,
    OnlineOption,
    TaskArgument,
    spec_of,
)


def select(
    task: TaskArgument,
    out: Annotated[Path, typer.Option(help="Folder for the run: records, report, bundle.")] = Path("run"),
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    max_bytes: MaxBytesOption = None,
    budget: Annotated[str | None, typer.Option(help="Wall clock of the search, e.g. 90s, 20m, 1h.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")] = False,
    policy: Annotated[
        str, typer.Option(help="Which purchase the race makes next; see `goldilocks list policies`.")
    ] = "value",
    online: OnlineOption = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads for compute; 0: one per core.")] = 0,
) -> None:
    """Choose, tune and hand over the model that is just right for the task.

    Writes OUT/ with task.yaml, data.json, candidates.json, screening.json, trials.jsonl, decision.json,
    evaluation.json, report.html and bundle/. Killed at any moment, --resume goes on and loses at most the rung in
    flight. Sends nothing over the network unless --online.

    Exit code 0: decided; 2: bad input; 3: nobody keeps the limits; 4: the budget ended first; 130: interrupted.

    Example: goldilocks select task.yaml --out run --budget 20m

    Example: goldilocks select train.conll --task ner --language de --out run
    """
    from goldilocks.cli.live import Live
    from goldilocks.cli.tables import print_decision
    from goldilocks.flow import select as choose
    from goldilocks.settings import RunSettings

    spec = spec_of(task, field, budget, kind=kind, language=language, metric=metric, max_bytes=max_bytes)
    settings = RunSettings(out=out, resume=resume, offline=not online, policy=policy, threads=threads)
    with Live(spec.budget_seconds) as live:
        decision = choose(spec, settings, live)
    print_decision(decision, out)
