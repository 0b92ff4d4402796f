"""No test reaches the network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldilocks.testing.offline import offline

if TYPE_CHECKING:
    from starlette.testclient import TestClient

# A worker a core, and one thread a worker: with a thread for every core each, workers would wait for each other's. Set
# before anything numerical is imported; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    with offline():
        yield


@pytest.fixture(scope="session")
def weather_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle, for the tests of the service."""
    from served import weather

    return weather(tmp_path_factory.mktemp("weather") / "bundle")


@pytest.fixture(scope="module")
def api(weather_bundle: Path) -> Iterator[TestClient]:
    """A client of a service of that bundle, in this process."""
    from served import client, settings

    with client(settings({"weather": weather_bundle})) as found:
        yield found


@pytest.fixture(scope="module")
def address(weather_bundle: Path) -> Iterator[str]:
    """The address of such a service behind a real socket."""
    from served import live, settings

    with live(settings({"weather": weather_bundle})) as found:
        yield found
