"""Denormal floats rounded to zero during training, where arithmetic on them can be a hundred times slower."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Round denormal floats to zero in this thread, and restore the previous mode at the end.

    The mode is a register of the thread: left set, it would change the arithmetic of the caller's own program.

    Example:
        >>> with flushed_denormals():
        ...     inside = sys.float_info.min / 2
        >>> inside == 0.0, sys.float_info.min / 2 == 0.0
        (True, False)
    """
    before = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
