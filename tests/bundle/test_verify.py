import json
from pathlib import Path

import pytest
from made import bundle

from goldilocks.bundle.verify import verify
from goldilocks.errors import IntegrityError


def spoil(folder: Path, **stored: object) -> None:
    info = json.loads((folder / "bundle.json").read_text())
    info["predictions"][0].update(stored)
    (folder / "bundle.json").write_text(json.dumps(info))


def test_whole_bundle_answers_as_it_did(tmp_path: Path) -> None:
    result = verify(bundle(tmp_path / "bundle"))

    assert result.ok
    assert result.checked == 20
    assert result.worst < 1e-6
    assert "20 of 20 stored predictions reproduced" in result.message


@pytest.mark.parametrize("stored", [{"score": 0.123}, {"answer": "wet"}, {"answer": "snow"}])
def test_other_answer_than_the_stored_one_is_found(tmp_path: Path, stored: dict[str, object]) -> None:
    folder = bundle(tmp_path / "bundle")
    spoil(folder, **stored)

    result = verify(folder)

    assert not result.ok
    assert "1 of 20 stored predictions came out differently" in result.message


def test_difference_in_the_last_digits_is_the_same_answer(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    score = json.loads((folder / "bundle.json").read_text())["predictions"][0]["score"]
    spoil(folder, score=score - 0.0009)

    assert verify(folder).ok


def test_either_of_two_equal_labels_is_the_same_answer(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle", "majority")  # 15 of each label: one half for either
    spoil(folder, answer="wet")

    assert verify(folder).ok


def test_damaged_bundle_is_not_asked(tmp_path: Path) -> None:
    folder = bundle(tmp_path / "bundle")
    (folder / "README.md").write_text("changed")

    with pytest.raises(IntegrityError, match=r"'README\.md' was changed"):
        verify(folder)
