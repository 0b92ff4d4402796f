"""A small version of ``benchmarks/fuzz_data.py``: no traceback, and no row lost without a word."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fuzz_data.py"


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_data"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_mutated_files_are_read_or_refused_in_one_line_and_lose_no_row(fuzz: ModuleType) -> None:
    outcomes, failures = fuzz.run(200, seed=3, deep_every=50)
    assert failures == {}
    assert outcomes.total() == 200
    assert outcomes["refused"] < 150  # most mutations leave something to read, or this test would show little


def test_seeds_themselves_are_read(fuzz: ModuleType, tmp_path: Path) -> None:
    outcomes = {fuzz.outcome(seed, tmp_path, deep=True) for seed in fuzz.SEEDS}
    assert outcomes == {"read, all rows usable", "read, some rows reported", "task file read"}


def test_a_lost_row_would_be_noticed(fuzz: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "records_in", lambda path, reading: reading.total + 1)
    with pytest.raises(AssertionError, match=r"records, .* rows"):
        fuzz.outcome(fuzz.SEEDS[0], tmp_path, deep=False)
