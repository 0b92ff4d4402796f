from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.testing.contracts import check_policy


@pytest.mark.parametrize("name", plugins.names("policies"))
def test_policy_keeps_its_contract(name: str) -> None:
    check_policy(plugins.load("policies", name))
