"""Options of generation as requests give them, checked against what the service allows."""

from __future__ import annotations

from goldilocks.errors import InputError, RequestError
from goldilocks.records import Generation
from goldilocks.serving.items import check_text
from goldilocks.settings import check_generation


def generation(
    limit: int,
    *,
    max_tokens: int | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: str | list[str] | None = None,
) -> Generation:
    """The options of a request; ``limit`` is the largest ``max_tokens``.

    Raises:
        RequestError: one is out of its range.
    """
    if max_tokens is not None and max_tokens > limit:
        raise RequestError(
            422, "too_many_tokens", f"max_tokens is {max_tokens}; this service generates at most {limit}."
        )
    stops = (stop,) if isinstance(stop, str) else tuple(stop) if stop else None
    check_text(stops, "stop")
    made = Generation(max_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed, stops=stops)
    try:
        check_generation(made, "")
    except InputError as error:
        raise RequestError(422, "invalid_input", str(error)) from error
    return made
