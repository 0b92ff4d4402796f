"""``goldilocks select``: the main job."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.candidates import print_pool
from goldilocks.cli.console import say
from goldilocks.cli.task_file import (
    FieldOption,
    KindOption,
    LanguageOption,
    MaxBytesOption,
    MetricOption,
    OnlineOption,
    TaskArgument,
    UnsafeOption,
    spec_of,
)
from goldilocks.cli.verdict import AcceptOption, require_useful
from goldilocks.errors import InputError


class Preset(StrEnum):
    """Named budgets; nothing else differs."""

    FAST = "fast"
    BALANCED = "balanced"
    THOROUGH = "thorough"


class ExperienceSource(StrEnum):
    """Where the race's expectations come from."""

    SHIPPED = "shipped"
    LOCAL = "local"


_MAX_LOSS = 0.01
_BUDGETS = {Preset.FAST: "2m", Preset.BALANCED: "10m", Preset.THOROUGH: "60m"}


def select(
    task: TaskArgument,
    out: Annotated[Path, typer.Option(help="Folder for the run: records, report, bundle.")] = Path("run"),
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    max_bytes: MaxBytesOption = None,
    budget: Annotated[
        str | None, typer.Option(help="Time limit of the search (wall clock), e.g. 90s, 20m, 1h.")
    ] = None,
    preset: Annotated[
        Preset | None, typer.Option(help="A named budget: fast 2 min, balanced 10 min, thorough 60 min.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Random seed of the split and of training.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    policy: Annotated[str, typer.Option(help="Race policy; see `goldilocks list policies`.")] = "value",
    executor: Annotated[
        str, typer.Option(help="Where candidates are trained: local (this process) or ray (tasks on a Ray cluster).")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster, e.g. 10.0.0.5:6379 or auto; default: RAY_ADDRESS, else this machine."
        ),
    ] = None,
    experience: Annotated[
        ExperienceSource,
        typer.Option(help="Expectations the race starts from; local: your own, see `goldilocks experience`."),
    ] = ExperienceSource.SHIPPED,
    online: OnlineOption = False,
    threads: Annotated[int, typer.Option(min=0, help="Compute threads; 0: one per core.")] = 0,
    max_disk: Annotated[
        float | None, typer.Option(min=1, help="Maximum size of OUT in MB; checked before each purchase.")
    ] = None,
    unsafe_execution: UnsafeOption = False,
    compress: Annotated[
        bool,
        typer.Option(
            "--compress",
            help="Compress the winner, and candidates that lost on cost alone, before the test set is opened; at most "
            "0.01 of the metric may be lost unless the task file says compress.max_loss.",
        ),
    ] = False,
    accept_baseline: AcceptOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the data and list the candidates; train and write nothing.")
    ] = False,
) -> None:
    """Choose and tune the model that is just right for the task, and write it as a bundle ready to serve.

    Writes OUT/ with task.yaml, data.json, candidates.json, screening.json, trials.jsonl, decision.json,
    evaluation.json, report.html and bundle/. A run that was killed continues with --resume and loses at most the rung
    in progress. Nothing is sent over the network unless --online.

    Exit code 0: decided; 2: bad input; 3: no candidate meets the limits, or none is better than the baselines and the
    incumbent (all files are written nevertheless); 4: the budget ended first; 130: interrupted.

    Example: goldilocks select task.yaml --out run --budget 20m

    Example: goldilocks select tickets.csv --field text=body --field label=topic --preset fast

    Example: goldilocks select task.yaml --executor ray --address 10.0.0.5:6379

    Example: goldilocks select train.conll --task ner --language de --out run
    """
    from goldilocks.cli.tables import print_decision
    from goldilocks.flow import select as choose
    from goldilocks.progress import Live
    from goldilocks.settings import RunSettings

    if budget is not None and preset is not None:
        raise InputError(f"--budget {budget} and --preset {preset} both set the budget; give one of them.")
    spec = spec_of(
        task,
        field,
        _BUDGETS[preset] if preset else budget,
        kind=kind,
        language=language,
        metric=metric,
        max_bytes=max_bytes,
    )
    spec = spec if seed is None else replace(spec, seed=seed)
    if compress and spec.compress.max_loss is None:
        spec = replace(spec, compress=replace(spec.compress, max_loss=_MAX_LOSS))
    settings = RunSettings(
        out=out,
        resume=resume,
        offline=not online,
        policy=policy,
        experience=experience,
        executor=executor,
        address=address,
        threads=threads,
        unsafe_execution=unsafe_execution,
        max_disk_mb=max_disk,
    )
    if dry_run:
        print_pool(spec, offline=not online)
        say(f"Dry run: nothing was trained or written. The search would take at most {spec.budget_seconds:g} s.")
        return
    with Live(spec.budget_seconds) as live:
        decision = choose(spec, settings, live)
    print_decision(decision, out)
    require_useful(decision, accept_baseline=accept_baseline)
