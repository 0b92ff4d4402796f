from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.testing.contracts import check_estimator


@pytest.mark.parametrize("name", plugins.names("estimators"))
def test_estimator_keeps_its_contract(name: str) -> None:
    check_estimator(plugins.load("estimators", name))
