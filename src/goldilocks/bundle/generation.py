"""Generation settings of a request: checked against what a bundle can do, and never stored in its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.bundle.read import Bundle
from goldilocks.errors import InputError
from goldilocks.protocols import SupportsGeneration
from goldilocks.records import Generation, Output
from goldilocks.settings import check_generation


def generation_request(bundle: Bundle, changes: Mapping[str, Any]) -> Generation | None:
    """The settings for ``Bundle.predict(generation=...)``.

    Args:
        bundle: Of a family that generates token by token, with texts (of ``api`` also labels) as answers.
        changes: Fields of ``records.Generation``; ``None``: as the bundle does by default.

    Returns:
        The settings; ``None`` where nothing is changed.

    Raises:
        InputError: the bundle does not generate token by token, or a value is out of its range.
    """
    changed = {name: value for name, value in changes.items() if value is not None}
    if not changed:
        return None
    if not isinstance(bundle.model, SupportsGeneration) or bundle.info.output not in (Output.TEXT, Output.LABEL):
        flags = ", ".join(f"--{'stop' if name == 'stops' else name.replace('_', '-')}" for name in sorted(changed))
        raise InputError(
            f"{bundle.folder}: its answers ({bundle.info.output}, by {bundle.info.family}) are not generated token by "
            f"token; leave out {flags}."
        )
    request = Generation(**changed)
    check_generation(bundle.model.generation.updated(request), "")
    return request
