"""``goldilocks candidates``: who could do the task, what they would need, and why the others are out."""

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


def candidates(
    task: TaskArgument,
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    online: OnlineOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print the pool as JSON.")] = False,
) -> None:
    """List the candidates for a task with what is known of them, and for every one that is out, why.

    Reads the data to size the forecasts; trains nothing. Exit code 0: there are candidates; 3: none fits the limits.

    Example: goldilocks candidates task.yaml

    Example: goldilocks candidates pairs.tsv --task similarity
    """
    from goldilocks import plugins
    from goldilocks.catalog.find import candidates as find
    from goldilocks.cli.console import console, say_json
    from goldilocks.cli.tables import excluded_table, pool_table
    from goldilocks.flow import check as check_data
    from goldilocks.settings import RunSettings
    from goldilocks.support.files import to_json
    from goldilocks.support.hardware import machine

    spec = spec_of(task, field, kind=kind, language=language, metric=metric)
    dataset = check_data(spec)
    pool = find(spec, plugins.load("tasks", spec.task), dataset, RunSettings(offline=not online), machine())
    if json:
        say_json(to_json(pool))
        return
    out = console()
    out.print(pool_table(pool))
    if pool.excluded:
        out.print(excluded_table(pool.excluded))
