"""Options of several commands: how a bundle writes its answers."""

from __future__ import annotations

from typing import Annotated

import typer

MaxTokensOption = Annotated[int | None, typer.Option(min=1, help="Of bundles that write: most tokens of an answer.")]
TemperatureOption = Annotated[
    float | None, typer.Option(min=0.0, help="0: always the likeliest token; above: drawn, the higher the more freely.")
]
TopPOption = Annotated[
    float | None, typer.Option(max=1.0, help="Drawn among the fewest tokens with this probability together.")
]
TopKOption = Annotated[int | None, typer.Option(min=0, help="Drawn among so many of the likeliest tokens; 0: all.")]
StopOption = Annotated[
    list[str] | None, typer.Option(help="An answer ends before this text (repeatable); \\n is a line's end.")
]
SeedOption = Annotated[int | None, typer.Option(help="Of what is drawn.")]


def stops_of(given: list[str] | None) -> tuple[str, ...] | None:
    r"""What ``--stop`` means: a shell hands over ``\n`` as two characters.

    Example:
        >>> stops_of(["\\n\\n", "END"])
        ('\n\n', 'END')
    """
    return tuple(one.replace("\\n", "\n").replace("\\t", "\t") for one in given) if given else None
