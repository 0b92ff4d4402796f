"""No test reaches the network."""

from collections.abc import Iterator

import pytest

from goldilocks.testing.offline import offline


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    with offline():
        yield
