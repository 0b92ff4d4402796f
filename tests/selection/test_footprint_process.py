from pathlib import Path

import pytest

from goldilocks.errors import IntegrityError
from goldilocks.selection.footprint_process import footprint_of


def test_model_that_does_not_load_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "endpoint.json").write_text('{"source": "api://", "prompt": {}, "max_tokens": 5}')
    with pytest.raises(
        IntegrityError, match=r"api: could not be measured in a fresh process: .*names no endpoint"
    ) as e:
        footprint_of("api", tmp_path, ["a text"])
    assert "\n" not in str(e.value)


def test_mistake_of_the_program_in_the_fresh_process_is_seen(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)could not be measured.*Traceback.*FileNotFoundError"):
        footprint_of("api", tmp_path, ["a text"])
