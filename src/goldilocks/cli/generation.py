"""Options of several commands: how a generative bundle decodes."""

from __future__ import annotations

from typing import Annotated

import typer

MaxTokensOption = Annotated[int | None, typer.Option(min=1, help="Max tokens of an answer (generative bundles).")]
TemperatureOption = Annotated[float | None, typer.Option(min=0.0, help="Sampling temperature; 0: greedy decoding.")]
TopPOption = Annotated[
    float | None,
    typer.Option(max=1.0, help="Nucleus sampling: the smallest set of tokens of this probability."),
]
TopKOption = Annotated[int | None, typer.Option(min=0, help="Sample among the k most probable tokens; 0: all.")]
StopOption = Annotated[
    list[str] | None, typer.Option(help="Stop sequence, excluded from the answer (repeatable); \\n is a line break.")
]
SeedOption = Annotated[int | None, typer.Option(help="Seed of sampling.")]


def stops_of(given: list[str] | None) -> tuple[str, ...] | None:
    r"""What ``--stop`` means: a shell hands over ``\n`` as two characters.

    Example:
        >>> stops_of(["\\n\\n", "END"])
        ('\n\n', 'END')
    """
    return tuple(setting.replace("\\n", "\n").replace("\\t", "\t") for setting in given) if given else None
