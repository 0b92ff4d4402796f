"""No test reaches the network."""

import os
from collections.abc import Iterator

import pytest

from goldilocks.testing.offline import offline

# A worker a core, and one thread a worker: with a thread for every core each, workers would wait for each other's. Set
# before anything numerical is imported; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    with offline():
        yield
