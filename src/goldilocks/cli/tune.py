"""``goldilocks tune``: one candidate, run to the end."""

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
    spec_of,
)


def tune(
    task: TaskArgument,
    candidate: Annotated[str, typer.Option(help="family/model/method, as `goldilocks candidates` names it.")],
    out: Annotated[Path, typer.Option(help="Folder for the bundle.")] = Path("tuned"),
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    epochs: Annotated[float | None, typer.Option(min=0.01, help="Passes over the training rows.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Peak rate below the head (of its middle block).")
    ] = None,
    batch_rows: Annotated[int | None, typer.Option(min=1, help="Most texts in a batch.")] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0.0, help="AdamW's decoupled weight decay.")] = None,
    dropout: Annotated[float | None, typer.Option(min=0.0, max=0.9, help="Dropout before the head.")] = None,
    label_smoothing: Annotated[
        float | None, typer.Option(min=0.0, max=0.9, help="Share spread over all labels.")
    ] = None,
    patience: Annotated[
        int, typer.Option(min=0, help="Stop after this many looks at validation without a better score; 0: never.")
    ] = 0,
    online: OnlineOption = False,
    unsafe_execution: UnsafeOption = False,
) -> None:
    """Tune one candidate on all training rows and write it as a bundle.

    The bundle holds the validation score. The test part is not opened: `goldilocks evaluate` does that.

    Example: goldilocks tune task.yaml --candidate encoder/all-MiniLM-L6-v2/full --out tuned --patience 2
    """
    from goldilocks.cli.live import Live
    from goldilocks.flow import tune_one
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
    overrides = {name: value for name, value in given.items() if value is not None}
    spec = spec_of(task, field, kind=kind, language=language, metric=metric)
    with Live() as live:
        score = tune_one(
            spec,
            candidate,
            RunSettings(out=out, offline=not online, unsafe_execution=unsafe_execution),
            overrides,
            live,
        )
    say(f"{candidate}: validation {score.value:.4f} ({score.low:.4f} to {score.high:.4f}, n = {score.n})")
    say(f"bundle: {out}")
