"""A bundle that writes, told to write otherwise than it does of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from goldilocks.bundle.read import Bundle
from goldilocks.errors import InputError
from goldilocks.protocols import SupportsGeneration
from goldilocks.records import Generation, Output
from goldilocks.settings import check_generation


def generate_so(bundle: Bundle, changes: Mapping[str, Any]) -> Generation:
    """From now on the bundle writes so; what is not said stays as it was tuned or told.

    Args:
        bundle: Of a family that writes token by token, with texts (of ``api`` also labels) as answers.
        changes: Fields of ``records.Generation``; ``None``: not said.

    Returns:
        How it writes now.

    Raises:
        InputError: the bundle does not write token by token, or a value is out of its range.
    """
    model = bundle.model
    given = {name: value for name, value in changes.items() if value is not None}
    if not isinstance(model, SupportsGeneration) or bundle.info.output not in (Output.TEXT, Output.LABEL):
        if not given:
            return Generation()
        flags = ", ".join(f"--{'stop' if name == 'stops' else name.replace('_', '-')}" for name in sorted(given))
        raise InputError(
            f"{bundle.folder}: its answers ({bundle.info.output}, by {bundle.info.family}) are not written token by "
            f"token; leave out {flags}."
        )
    model.generation = replace(model.generation, **given)
    check_generation(model.generation, "")
    return model.generation
