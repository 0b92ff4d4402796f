from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.testing.compression import check_engine


@pytest.mark.parametrize("name", plugins.names("engines"))
def test_engine_keeps_its_contract(name: str, tmp_path: Path) -> None:
    compressors = [plugins.load("compressors", entry) for entry in plugins.names("compressors")]

    check_engine(plugins.load("engines", name), name, tmp_path, compressors)
