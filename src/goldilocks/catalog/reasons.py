"""Why a model is excluded, as far as is known before loading it. ``None``: it is eligible."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from goldilocks.records import Forecast, Limits, Machine, ModelInfo

_PROCESS_BYTES = 20e6
"""What a process takes before it has a model: a little less than Python with numpy (measured 25.7 MB on Linux)."""
_ANY_LANGUAGE = ("", "und", "unknown", "auto", "mul")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a candidate is excluded."""

    words: str
    far: tuple[int, float] = (9, 0.0)
    """Sorts the reasons by how little would have to give way: first numbers that are over a limit, by their ratio."""


def pattern(patterns: Iterable[str], *names: str) -> Reason | None:
    """A pattern of ``candidates.exclude`` that matches one of the names."""
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names):
            return Reason(f"excluded by {pattern!r} in the task file", (6, 0.0))
    return None


def licence(info: ModelInfo, limits: Limits) -> Reason | None:
    """A licence that is not among the allowed ones; what is made here needs none."""
    if limits.licenses is None or info.licence == "none-needed":
        return None
    allowed = [license.lower() for license in limits.licenses]
    if info.licence.lower() in allowed:
        return None
    words = f"its licence is {info.licence or 'unknown'}; limits.licenses allows {', '.join(allowed) or 'none'}"
    return Reason(words, (2, 0.0))


def language(info: ModelInfo, wanted: str) -> Reason | None:
    """A model made for other languages than that of the texts (BCP 47; only the language itself is compared).

    A model without language metadata was named by the user and is allowed.
    """
    main = _main(wanted)
    known = {_main(language) for language in info.languages}
    if not known or main in _ANY_LANGUAGE or "*" in known or main in known:
        return None
    listed = ", ".join(sorted(known)[:6]) + (", …" if len(known) > 6 else "")
    return Reason(f"trained for {listed}; the texts are in {wanted}", (3, 0.0))


def size(info: ModelInfo, limits: Limits) -> Reason | None:
    """Weights that alone are over a limit; what else it takes is measured after the run.

    The size of a model made here is only an estimate before it is made, so that it does not count.
    """
    weights = info.size_bytes if info.pretrained else 0
    on_disk, in_memory = limits.size_mb, limits.memory_mb
    if on_disk is not None and weights > on_disk * 1e6:
        return Reason(f"takes {megabytes(weights)}; limits.size_mb is {on_disk:g}", (1, weights / (on_disk * 1e6)))
    min_bytes = weights + _PROCESS_BYTES
    if in_memory is not None and min_bytes > in_memory * 1e6:
        words = f"needs at least {megabytes(min_bytes)} of memory to answer; limits.memory_mb is {in_memory:g}"
        return Reason(words, (1, min_bytes / (in_memory * 1e6)))
    return None


def memory(forecast: Forecast, machine: Machine) -> Reason | None:
    """A run that is expected to need more memory than the machine has."""
    if forecast.memory_bytes <= machine.memory_bytes:
        return None
    needs, has = megabytes(forecast.memory_bytes), megabytes(machine.memory_bytes)
    ratio = forecast.memory_bytes / machine.memory_bytes
    return Reason(f"tuning it needs about {needs} of memory; this machine has {has}", (1, ratio))


def megabytes(size_bytes: float) -> str:
    """``91 MB``."""
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes >= 1e6 else f"{size_bytes / 1e6:.2g} MB"


def _main(tag: str) -> str:
    return tag.lower().replace("_", "-").split("-")[0]
