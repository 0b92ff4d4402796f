"""``goldilocks tune``: fine-tune one candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from goldilocks.errors import InputError
from goldilocks.support.machine.processes import in_group, run_processes, this_command


def tune(
    task: TaskArgument,
    candidate: Annotated[
        str | None, typer.Option(help="family/model/method, as printed by `goldilocks candidates`.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--from", help="A finished run; name one of its candidates in place of TASK."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the bundle.")] = Path("tuned"),
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Number of training epochs.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Peak learning rate of the backbone (its middle layer).")
    ] = None,
    batch_rows: Annotated[int | None, typer.Option(min=1, help="Maximum number of texts per batch.")] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0.0, help="AdamW's decoupled weight decay.")] = None,
    dropout: Annotated[float | None, typer.Option(min=0.0, max=0.9, help="Dropout before the head.")] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(min=0.0, max=0.9, help="Share of the target spread over all labels.")
    ] = None,
    patience: Annotated[
        int, typer.Option(min=0, help="Early stopping: number of validations without improvement; 0: off.")
    ] = 0,
    training: Annotated[
        list[str] | None,
        typer.Option(
            "--training",
            help="Any training option as NAME=VALUE, e.g. --training schedule=cosine; see docs/training.md.",
        ),
    ] = None,
    search: Annotated[
        int,
        typer.Option(
            min=0,
            help="Search rates, epochs, weight decay and dropout with this many trials (needs the extra 'search'); 0: "
            "no search. The trials are kept in OUT.search.",
        ),
    ] = 0,
    processes: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train in this many processes, each on a part of every batch, with checkpoints in OUT.checkpoint; 0: "
            "in one process without checkpoints. torchrun may start them too.",
        ),
    ] = 0,
    shard: Annotated[
        bool,
        typer.Option(
            "--shard",
            help="With --processes: each process keeps only a part of weights, gradients and optimiser state (FSDP2).",
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted search, or run in several processes.")
    ] = False,
    continue_from: Annotated[
        Path | None,
        typer.Option("--continue-from", help="A bundle: train it further on TASK, instead of a pretrained model."),
    ] = None,
    old_data: Annotated[
        list[str] | None,
        typer.Option(
            "--old-data",
            help="With --continue-from: what the bundle was tuned on (a data file, task file or run); may be repeated. "
            "What it forgets is measured on it.",
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="With --continue-from: how to keep it from forgetting, see `goldilocks list strategies`; or none. "
            "Default: replay if there are --old-data, else none."
        ),
    ] = None,
    strategy_option: Annotated[
        list[str] | None,
        typer.Option("--strategy-option", help="An option of the strategy as NAME=VALUE, e.g. rows=500."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="With --continue-from: the method that trains it further. Default: the bundle's."),
    ] = None,
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
    from goldilocks.bundle.read import read_info
    from goldilocks.cli.continual_tables import print_continual
    from goldilocks.continual import ContinueFrom, continue_tuning
    from goldilocks.fine_tune import tune_from, tune_one
    from goldilocks.progress import Live
    from goldilocks.settings import RunSettings

    given = {
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_rows": batch_rows,
        "weight_decay": weight_decay,
        "dropout": dropout,
        "label_smoothing": label_smoothing,
        "patience": patience or None,
    }
    overrides = {name: value for name, value in given.items() if value is not None} | training_of(training)
    settings = RunSettings(
        out=out, resume=resume, processes=processes, shard=shard, offline=not online, unsafe_execution=unsafe_execution
    )
    if resume and not search and not processes:
        raise InputError("--resume continues a run with --search or --processes; add the one it was started with.")
    if processes and (search or patience):
        raise InputError("--processes is for a single run to its end; leave out --search and --patience.")
    if shard and processes < 2:
        raise InputError("--shard divides weights among processes; add --processes 2 or more, or leave it out.")
    if processes > 1 and not in_group():
        raise typer.Exit(run_processes(this_command(), processes))
    further = {"--old-data": old_data, "--strategy": strategy, "--strategy-option": strategy_option, "--method": method}
    alone = next((key for key, value in further.items() if value), None)
    if continue_from is None and alone is not None:
        raise InputError(f"{alone} goes with --continue-from; name the bundle to train further.")
    if continue_from is not None:
        others = {"--candidate": candidate, "--from": run, "--search": search, "--processes": processes}
        clash = next((key for key, value in others.items() if value), None)
        if clash is not None:
            raise InputError(f"{clash} does not go with --continue-from; omit it.")
        kind = kind if kind or is_task_file(task) else read_info(continue_from).task
        options = pairs_of(strategy_option, "--strategy-option", "NAME=VALUE, e.g. rows=500")
        start = ContinueFrom(continue_from, tuple(old_data or ()), strategy, options, method)
        with Live() as live:
            spec = spec_of(task, field, kind=kind, language=language, metric=metric)
            print_continual(continue_tuning(spec, start, settings, overrides, live), out)
        return
    if run is not None:
        stated = {
            "--field": field,
            "--task": kind,
            "--language": language,
            "--metric": metric,
            "--search": search,
            "--processes": processes,
            "--shard": shard,
        } | overrides
        extra = next((key for key, value in stated.items() if value), None)
        if extra is not None:
            raise InputError(f"{extra}: with --from, the run determines this; omit it, or tune the task file.")
        candidate = candidate or str(task)
        with Live() as live:
            score = tune_from(run, candidate, settings, live)
    elif candidate is None:
        raise InputError("--candidate is required; `goldilocks candidates TASK` lists the names.")
    else:
        spec = spec_of(task, field, kind=kind, language=language, metric=metric)
        with Live() as live:
            score = tune_one(spec, candidate, settings, overrides, live, trials=search)
    say(f"{candidate}: validation {score.value:.4f} ({score.low:.4f} to {score.high:.4f}, n = {score.n})")
    say(f"bundle: {out}")


def training_of(pairs: list[str] | None) -> dict[str, str]:
    """Field -> value of ``--training`` options.

    Raises:
        InputError: one is not ``NAME=VALUE``.
    """
    split = [pair.partition("=") for pair in pairs or ()]
    wrong = next((pair for pair, parts in zip(pairs or (), split, strict=True) if not parts[0] or not parts[2]), None)
    if wrong is not None:
        raise InputError(f"--training {wrong}: write NAME=VALUE, e.g. --training schedule=cosine.")
    return {name: value for name, _, value in split}
