"""Importing Ray: what it reads from the environment when it is imported, and what to do where it is not installed."""

from __future__ import annotations

import os
import secrets
from typing import Any

from goldilocks.errors import MissingError


def import_ray(*, own: bool) -> Any:
    """The package ``ray``.

    Args:
        own: A cluster of this process is going to be started, and not one that is there joined.

    Raises:
        MissingError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if own and "RAY_AUTH_MODE" not in os.environ:
        # The ports between Ray's processes are open on every address of the machine: they need a token.
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ImportError as error:
        raise MissingError(f"{error.name} is not installed; pip install 'goldilocks-lm[ray]'.") from error
    return ray
