from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.testing.continual import check_strategy


@pytest.mark.parametrize("name", plugins.names("strategies"))
def test_strategy_keeps_its_contract(name: str, tmp_path: Path) -> None:
    check_strategy(name, tmp_path)
