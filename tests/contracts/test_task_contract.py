from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.testing.contracts import check_task


@pytest.mark.parametrize("name", plugins.names("tasks"))
def test_task_keeps_its_contract(name: str) -> None:
    check_task(plugins.load("tasks", name))
