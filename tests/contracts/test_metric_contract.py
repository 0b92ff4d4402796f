from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.testing.contracts import check_metric


@pytest.mark.parametrize("name", plugins.names("metrics"))
def test_metric_keeps_its_contract(name: str) -> None:
    check_metric(plugins.load("metrics", name))
