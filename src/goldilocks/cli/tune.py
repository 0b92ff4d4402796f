"""``goldilocks tune``: fine-tune one candidate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from goldilocks.cli.console import say
from goldilocks.cli.task_file import (
    FieldOption,
    KindOption,
    LanguageOption,
    MetricOption,
    OnlineOption,
    TaskArgument,
    UnsafeOption,
    is_task_file,
    pairs_of,
    spec_of,
)
from goldilocks.cli.tune_options import (
    BatchRowsOption,
    CandidateOption,
    ContinueFromOption,
    DropoutOption,
    EpochsOption,
    LabelSmoothingOption,
    LearningRateOption,
    MethodOption,
    OldDataOption,
    OutOption,
    PatienceOption,
    ProcessesOption,
    ResumeOption,
    RunOption,
    SearchOption,
    ShardOption,
    StrategyOption,
    StrategyOptionOption,
    TrainingOption,
    WeightDecayOption,
)
from goldilocks.errors import InputError
from goldilocks.support.machine.processes import in_group, run_processes, this_command

if TYPE_CHECKING:
    from goldilocks.records import Measured, TaskSpec
    from goldilocks.settings import RunSettings


def tune(
    task: TaskArgument,
    candidate: CandidateOption = None,
    run: RunOption = None,
    out: OutOption = Path("tuned"),
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    epochs: EpochsOption = None,
    learning_rate: LearningRateOption = None,
    batch_rows: BatchRowsOption = None,
    weight_decay: WeightDecayOption = None,
    dropout: DropoutOption = None,
    label_smoothing: LabelSmoothingOption = None,
    patience: PatienceOption = 0,
    training: TrainingOption = None,
    search: SearchOption = 0,
    processes: ProcessesOption = 0,
    shard: ShardOption = False,
    resume: ResumeOption = False,
    continue_from: ContinueFromOption = None,
    old_data: OldDataOption = None,
    strategy: StrategyOption = None,
    strategy_option: StrategyOptionOption = None,
    method: MethodOption = None,
    online: OnlineOption = False,
    unsafe_execution: UnsafeOption = False,
) -> None:
    """Tune one candidate on all training rows and write it as a bundle.

    The bundle records the validation score. The test set is not opened; `goldilocks evaluate` scores it.

    With --from RUN the argument is a candidate of that run. It is bundled as it was trained there, or tuned to the end
    first; the bundle records whether the test set was already opened.

    With --continue-from BUNDLE that bundle is trained further on TASK. Labels that it does not know are added, its
    others stay. Once the model is final, it and the old one are scored on the held-out rows of new and old data.

    Example: goldilocks tune task.yaml --candidate encoder/all-MiniLM-L6-v2/full --out tuned --patience 2

    Example: goldilocks tune task.yaml --candidate encoder/all-MiniLM-L6-v2/full --out tuned --search 20

    Example: goldilocks tune --from run encoder/all-MiniLM-L6-v2/head_only --out other

    Example: goldilocks tune may.csv --continue-from run/bundle --old-data run --out updated
    """
    from goldilocks.settings import RunSettings

    overrides = _overrides(
        training,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_rows=batch_rows,
        weight_decay=weight_decay,
        dropout=dropout,
        label_smoothing=label_smoothing,
        patience=patience or None,
    )
    settings = RunSettings(
        out=out, resume=resume, processes=processes, shard=shard, offline=not online, unsafe_execution=unsafe_execution
    )
    further = {"--old-data": old_data, "--strategy": strategy, "--strategy-option": strategy_option, "--method": method}

    _check_processes(settings, search=search, patience=patience)
    if processes > 1 and not in_group():
        raise typer.Exit(run_processes(this_command(), processes))

    if continue_from is not None:
        others = {"--candidate": candidate, "--from": run, "--search": search, "--processes": processes}
        _refuse(others, "{0} does not go with --continue-from; omit it.")
        kind = kind if kind or is_task_file(task) else _task_of(continue_from)
        spec = spec_of(task, field, kind=kind, language=language, metric=metric)
        _tune_further(spec, continue_from, further, settings, overrides)
        return
    _refuse(further, "{0} goes with --continue-from; name the bundle to train further.")
    if run is not None:
        of_data = {"--field": field, "--task": kind, "--language": language, "--metric": metric}
        of_training = {"--search": search, "--processes": processes, "--shard": shard} | overrides
        _refuse(of_data | of_training, "{0}: with --from, the run determines this; omit it, or tune the task file.")
        candidate = candidate or str(task)
        score = _tune_of_run(run, candidate, settings)
    elif candidate is None:
        raise InputError("--candidate is required; `goldilocks candidates TASK` lists the names.")
    else:
        spec = spec_of(task, field, kind=kind, language=language, metric=metric)
        score = _tune_candidate(spec, candidate, settings, overrides, trials=search)
    say(f"{candidate}: validation {score.value:.4f} ({score.low:.4f} to {score.high:.4f}, n = {score.n})")
    say(f"bundle: {out}")


def _overrides(training: list[str] | None, **named: float | None) -> dict[str, Any]:
    """Fields of the training config from their own options, where these are given, and from ``--training``."""
    given = {name: value for name, value in named.items() if value is not None}
    return given | pairs_of(training, "--training", "NAME=VALUE, e.g. --training schedule=cosine")


# --------------------------------------------------------------------------------------------------- the three commands


def _tune_candidate(
    spec: TaskSpec, candidate: str, settings: RunSettings, overrides: Mapping[str, Any], *, trials: int
) -> Measured:
    from goldilocks.fine_tune import tune_one
    from goldilocks.progress import Live

    with Live() as live:
        return tune_one(spec, candidate, settings, overrides, live, trials=trials)


def _tune_of_run(run: Path, candidate: str, settings: RunSettings) -> Measured:
    from goldilocks.fine_tune import tune_from
    from goldilocks.progress import Live

    with Live() as live:
        return tune_from(run, candidate, settings, live)


def _tune_further(
    spec: TaskSpec, bundle: Path, further: Mapping[str, Any], settings: RunSettings, overrides: Mapping[str, Any]
) -> None:
    """Train a bundle further and print what it gained and forgot; ``further``: option -> value."""
    from goldilocks.cli.continual_tables import print_continual
    from goldilocks.continual import ContinueFrom, continue_tuning
    from goldilocks.progress import Live

    options = pairs_of(further["--strategy-option"], "--strategy-option", "NAME=VALUE, e.g. rows=500")
    old_data = tuple(further["--old-data"] or ())
    start = ContinueFrom(bundle, old_data, further["--strategy"], options, further["--method"])
    with Live() as live:
        print_continual(continue_tuning(spec, start, settings, overrides, live), settings.out)


def _task_of(bundle: Path) -> str:
    from goldilocks.bundle.read import read_info

    return read_info(bundle).task


# ---------------------------------------------------------------------------------------- what does not go with what


def _check_processes(settings: RunSettings, *, search: int, patience: int) -> None:
    """Refuse options of several processes, or of resuming, where they have no effect."""
    if settings.resume and not search and not settings.processes:
        raise InputError("--resume continues a run with --search or --processes; add the one it was started with.")
    if settings.processes and (search or patience):
        raise InputError("--processes is for a single run to its end; leave out --search and --patience.")
    if settings.shard and settings.processes < 2:
        raise InputError("--shard divides weights among processes; add --processes 2 or more, or leave it out.")


def _refuse(options: Mapping[str, Any], message: str) -> None:
    """Refuse the first of these options that has a value; ``message`` has ``{0}`` in place of its name."""
    given = next((name for name, value in options.items() if value), None)
    if given is not None:
        raise InputError(message.format(given))
