"""``goldilocks candidates``: eligible candidates with their requirements, excluded ones with reasons."""

from __future__ import annotations

from typing import Annotated

import typer

from goldilocks.cli.task_file import (
    FieldOption,
    KindOption,
    LanguageOption,
    MetricOption,
    OnlineOption,
    TaskArgument,
    spec_of,
)
from goldilocks.records import TaskSpec


def candidates(
    task: TaskArgument,
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    online: OnlineOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the candidates as JSON.")] = False,
) -> None:
    """List the eligible candidates of a task with forecast time and memory, and why others are excluded.

    A candidate is a model with a training method, written family/model/method. Reads the data; trains nothing. --json
    adds architecture, languages and sizes.

    Exit code 0: there are candidates; 2: bad input; 3: none meets the limits.

    Example: goldilocks candidates task.yaml

    Example: goldilocks candidates pairs.tsv --task similarity
    """
    print_pool(spec_of(task, field, kind=kind, language=language, metric=metric), offline=not online, json=json)


def print_pool(spec: TaskSpec, *, offline: bool, json: bool = False) -> None:
    """Find the eligible candidates and print them."""
    from goldilocks import plugins
    from goldilocks.catalog.find import candidates as find
    from goldilocks.cli.console import console, say_json
    from goldilocks.cli.tables import excluded_list, pool_table
    from goldilocks.events import StageStarted
    from goldilocks.flow import check as check_data
    from goldilocks.progress import Live
    from goldilocks.settings import RunSettings
    from goldilocks.support.files import to_json
    from goldilocks.support.machine.hardware import machine

    with Live(lines=False) as live:
        live(StageStarted("data"))
        dataset = check_data(spec, live)
        live(StageStarted("candidates"))
        pool = find(spec, plugins.load("tasks", spec.task), dataset, RunSettings(offline=offline), machine())
    if json:
        say_json(to_json(pool))
        return
    out = console()
    out.print(pool_table(pool))
    if pool.excluded:
        out.print(excluded_list(pool.excluded))
