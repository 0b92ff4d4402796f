from pathlib import Path
from typing import cast

import pytest

from goldilocks import plugins
from goldilocks.errors import IntegrityError
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Goal, Output, Part
from goldilocks.selection.failures import own_fault
from goldilocks.selection.footprint_process import footprint_of


def test_model_that_does_not_load_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text('{"source": "api://", "prompt": {}, "max_tokens": 5}')
    with pytest.raises(
        IntegrityError, match=r"api: could not be measured in a fresh process: .*names no endpoint"
    ) as e:
        footprint_of("api", tmp_path, ["a text"])
    assert "\n" not in str(e.value)


def test_stored_model_that_cannot_be_restored_is_one_line_of_its_candidate(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"the stored model cannot be restored \(FileNotFoundError: .*train") as e:
        footprint_of("api", tmp_path, ["a text"])
    assert "\n" not in str(e.value)
    assert own_fault(e.value) is not None  # so it excludes the candidate, and nothing else


def test_mistake_of_the_program_in_the_fresh_process_is_seen(tmp_path: Path) -> None:
    part = Part(("a", "b"), ("x", "y"), (1, 2))
    family = plugins.load("families", "majority")
    goal = Goal(Output.LABEL, ("x", "y"))
    model = cast(OneShotEstimator, family.create(family.models()[0], None, part, goal, seed=0))
    model.fit(part.texts, part.gold, seed=0)
    model.save(tmp_path)
    with pytest.raises(RuntimeError, match=r"(?s)could not be measured.*Traceback"):
        footprint_of("majority", tmp_path, [3])  # type: ignore[list-item]  # no text: a mistake of the caller
