"""The options of ``goldilocks tune``: the training config, how it is carried out, and training a bundle further."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CandidateOption = Annotated[
    str | None, typer.Option("--candidate", help="family/model/method, as printed by `goldilocks candidates`.")
]
RunOption = Annotated[
    Path | None, typer.Option("--from", help="A finished run; name one of its candidates in place of TASK.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for the bundle.")]

# ------------------------------------------------------------------------------------------------- the training config

EpochsOption = Annotated[float | None, typer.Option("--epochs", min=0.01, help="Number of training epochs.")]
LearningRateOption = Annotated[
    float | None,
    typer.Option("--learning-rate", min=0.0, help="Peak learning rate of the backbone (its middle layer)."),
]
BatchRowsOption = Annotated[int | None, typer.Option("--batch-rows", min=1, help="Maximum number of texts per batch.")]
WeightDecayOption = Annotated[
    float | None, typer.Option("--weight-decay", min=0.0, help="AdamW's decoupled weight decay.")
]
DropoutOption = Annotated[float | None, typer.Option("--dropout", min=0.0, max=0.9, help="Dropout before the head.")]
LabelSmoothingOption = Annotated[
    float | None,
    typer.Option(
        "--label-smoothing",
        min=0.0,
        max=0.9,
        help="Share of the target probability that is spread evenly over all labels.",
    ),
]
PatienceOption = Annotated[
    int,
    typer.Option("--patience", min=0, help="Early stopping after this many validations without improvement; 0: off."),
]
TrainingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--training",
        help="Any training option as NAME=VALUE, e.g. --training schedule=cosine (repeatable); see docs/training.md.",
    ),
]

# ------------------------------------------------------------------------------------------------ how it is carried out

SearchOption = Annotated[
    int,
    typer.Option(
        "--search",
        min=0,
        help="Search learning rates, epochs, weight decay and dropout in this many trials (needs the extra 'search'); "
        "0: no search. The trials are kept in OUT.search.",
    ),
]
ProcessesOption = Annotated[
    int,
    typer.Option(
        "--processes",
        min=0,
        help="Data-parallel training in this many processes, with checkpoints in OUT.checkpoint; 0: one process, no "
        "checkpoints. torchrun may start the processes too.",
    ),
]
ShardOption = Annotated[
    bool,
    typer.Option(
        "--shard",
        help="With --processes: shard weights, gradients and optimiser state over the processes (FSDP2).",
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Continue an interrupted --search, or an interrupted run with --processes.")
]

# ------------------------------------------------------------------------------------------- training a bundle further

ContinueFromOption = Annotated[
    Path | None,
    typer.Option("--continue-from", help="A bundle: train it further on TASK, instead of a pretrained model."),
]
OldDataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--old-data",
        help="With --continue-from: what the bundle was tuned on (a data file, task file or run; repeatable). "
        "Forgetting is measured on these data.",
    ),
]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="With --continue-from: how to limit forgetting, see `goldilocks list strategies`; or none. "
        "Default: replay with --old-data, else none.",
    ),
]
StrategyOptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy-option", help="With --strategy: one of its options as NAME=VALUE, e.g. rows=500 (repeatable)."
    ),
]
MethodOption = Annotated[
    str | None,
    typer.Option("--method", help="With --continue-from: the method that trains it further. Default: the bundle's."),
]
