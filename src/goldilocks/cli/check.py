"""``goldilocks check``: check the data before training."""

from __future__ import annotations

from typing import Annotated

import typer

from goldilocks.cli.task_file import (
    FieldOption,
    KindOption,
    LanguageOption,
    MaxBytesOption,
    MetricOption,
    TaskArgument,
    spec_of,
)


def check(
    task: TaskArgument,
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    max_bytes: MaxBytesOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with code 2 if any row is unusable.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print profile and findings as JSON.")] = False,
) -> None:
    """Check the data: a profile, and each problem with its row numbers and consequences.

    Reads the data and writes nothing. Exit code 0: usable (warnings are possible); 2: not usable, or unusable rows with
    --strict.

    Example: goldilocks check tickets.csv --field text=body --field label=topic

    Example: goldilocks check train.conll --task ner
    """
    from goldilocks.cli.console import console, say_json
    from goldilocks.cli.tables import findings_list, profile_tables
    from goldilocks.errors import InputError
    from goldilocks.events import StageStarted
    from goldilocks.flow import check as check_data
    from goldilocks.progress import Live
    from goldilocks.support.files import to_json
    from goldilocks.support.text.translation import localised

    spec = spec_of(task, field, kind=kind, language=language, metric=metric, max_bytes=max_bytes)
    with Live(lines=False) as live:
        live(StageStarted("data"))
        dataset = check_data(spec, live)
    if json:
        shown = {"fingerprint": dataset.fingerprint, "profile": dataset.profile, "findings": dataset.findings}
        say_json(to_json(shown))
    else:
        out = console()
        for table in profile_tables(dataset.profile):
            out.print(table)
        out.print(findings_list(dataset.findings) if dataset.findings else localised("No findings."))
    unusable = [finding for finding in dataset.findings if finding.code == "unusable_row"]
    if strict and unusable:
        count = sum(finding.count for finding in unusable)
        raise InputError(f"{unusable[0].message} ({count:,} unusable row{'' if count == 1 else 's'}, --strict).")
