"""``data.time`` sets the newest rows aside, ``data.group`` keeps the rows of a group in one part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from case_files import as_csv, dataset, topic_rows

from goldilocks.data.splitting.times import moment, newest
from goldilocks.errors import InputError
from goldilocks.records import Part
from goldilocks.settings import task_from


def write(folder: Path, columns: Sequence[str], name: str = "x.csv", start: int = 0) -> None:
    rows = topic_rows(start + len(columns))[start:]
    cells = [(text, label, cell) for (text, label), cell in zip(rows, columns, strict=True)]
    (folder / name).write_bytes(as_csv(cells, ("text", "label", "when")))


def test_test_part_is_newest_and_train_oldest(tmp_path: Path) -> None:
    days = [f"2024-{1 + number * 7 % 12:02d}-{1 + number % 28:02d}" for number in range(200)]
    write(tmp_path, days)
    got = dataset(tmp_path, train="x.csv", time="when")
    train, validation, test = (part.attributes["when"] for part in (got.train, got.validation, got.test))
    assert max(train) < min(validation)
    assert max(validation) < min(test)
    # 15 % of 200 and of the other 170, but rows of one day stay together (days have 2 or 3 rows here).
    assert abs(len(got.test) - 30) <= 3
    (split, *_) = [finding for finding in got.findings if finding.code == "split"]
    assert "newest by when" in split.message
    assert f"These rows begin with {min(test)}" in split.meaning


def test_rows_of_one_time_are_in_one_part() -> None:
    times = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 2.0])
    # On or after 3: 3 rows; on or after 2: 5 rows. 3 is nearer to 1 and to 4 alike.
    assert newest(times, None, 1) == ([0, 1, 5], [2, 3, 4])
    assert newest(times, None, 5) == ([0], [1, 2, 3, 4, 5])
    assert newest(np.ones(4), None, 1) == ([0, 1, 2, 3], [])


def test_group_goes_by_its_newest_row() -> None:
    times, units = np.array([1.0, 2.0, 3.0, 9.0]), np.array([7, 7, 8, 7])
    assert newest(times, units, 1) == ([2], [0, 1, 3])


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("1970/01/02", 86_400),
        ("1970-01-02T01:00", 90_000),
        ("1970-01-02 01:00:00 +0100", 86_400),
        ("1970-01-02T01:00:00+01:00", 86_400),
        ("1970-01-02T00:00:00Z", 86_400),
        ("Fri, 02 Jan 1970 00:00:00 +0000", 86_400),
        ("2 Jan 1970", 86_400),
        ("January 02, 1970", 86_400),
        ("Fri Jan 02 00:00:00 +0000 1970", 86_400),
    ],
)
def test_dates_are_read(cell: str, seconds: float) -> None:
    assert moment(cell) == ("time", seconds)


@pytest.mark.parametrize("cell", ["", "3/4/2024", "soon", "nan", "inf", "2024-13-01"])
def test_what_is_no_date_or_means_two_is_none(cell: str) -> None:
    assert moment(cell) is None


def test_row_without_a_date_is_named(tmp_path: Path) -> None:
    write(tmp_path, ["2024-01-01"] * 10 + ["3/4/2024"] + ["2024-01-02"] * 9)
    with pytest.raises(
        InputError, match=r"x\.csv: 'when' \(data\.time\) holds '3/4/2024', which is not a date \(row 11\); write ISO"
    ):
        dataset(tmp_path, train="x.csv", time="when")
    write(tmp_path, ["2024-01-01"] * 10 + [""] + ["2024-01-02"] * 9)
    with pytest.raises(InputError, match=r"holds nothing \(row 11\)"):
        dataset(tmp_path, train="x.csv", time="when")
    write(tmp_path, ["2024-01-01"] * 10 + ["2024"] + ["2024-01-02"] * 9)
    with pytest.raises(InputError, match="mixes dates and numbers"):
        dataset(tmp_path, train="x.csv", time="when")


def test_one_time_for_all_rows_cannot_split(tmp_path: Path) -> None:
    write(tmp_path, ["2024-01-01"] * 40)
    with pytest.raises(
        InputError, match=r"40 rows with too few different times in 'when' .* at least 3 different times"
    ):
        dataset(tmp_path, train="x.csv", time="when")


def test_missing_column_is_named(tmp_path: Path) -> None:
    write(tmp_path, ["2024-01-01"] * 40)
    with pytest.raises(InputError, match=r"there is no column 'wen'. Did you mean 'when'\?"):
        dataset(tmp_path, train="x.csv", time="wen")
    with pytest.raises(InputError, match=r"data\.group is empty; name a column"):
        task_from({"name": "t", "data": {"train": "x.csv", "group": " "}})


def test_given_parts_that_overlap_in_time_are_warned_of(tmp_path: Path) -> None:
    write(tmp_path, [f"2024-01-{1 + number % 20:02d}" for number in range(100)])
    write(tmp_path, ["2024-01-15"] * 40, "test.csv", start=100)
    got = dataset(tmp_path, train="x.csv", test="test.csv", time="when")
    assert "later_training_rows" in {finding.code for finding in got.findings}


def test_label_that_comes_up_later_is_refused(tmp_path: Path) -> None:
    rows = [
        (text, "new" if number >= 95 else label, f"2024-01-{1 + number // 4:02d}")
        for number, (text, label) in enumerate(topic_rows(100))
    ]
    (tmp_path / "x.csv").write_bytes(as_csv(rows, ("text", "label", "when")))
    with pytest.raises(InputError, match=r"x\.csv: the label 'new' is only in test .* once the data are split"):
        dataset(tmp_path, train="x.csv", time="when")


def groups_of(part: Part) -> set[str]:
    return set(part.attributes["when"]) - {""}


def test_rows_of_a_group_are_in_one_part(tmp_path: Path) -> None:
    write(tmp_path, [f"customer{number % 40}" if number % 10 else "" for number in range(400)])
    got = dataset(tmp_path, train="x.csv", group="when")
    train, validation, test = (groups_of(part) for part in (got.train, got.validation, got.test))
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert 40 <= len(got.test) <= 60  # 15 % of 400
    (split, *_) = [finding for finding in got.findings if finding.code == "split"]
    assert "Rows with one when stay in one part" in split.meaning


def test_group_in_two_given_parts_is_warned_of(tmp_path: Path) -> None:
    write(tmp_path, [f"c{number % 30}" for number in range(100)])
    write(tmp_path, ["c3"] * 40, "test.csv", start=100)
    got = dataset(tmp_path, train="x.csv", test="test.csv", group="when")
    messages = [finding.message for finding in got.findings if finding.code == "near_duplicates_across_parts"]
    assert any("40 of 40 rows of test with a when that train has too" in message for message in messages)


def test_too_few_groups_cannot_split(tmp_path: Path) -> None:
    write(tmp_path, ["one"] * 40)
    with pytest.raises(InputError, match=r"40 rows with 1 different when are too few"):
        dataset(tmp_path, train="x.csv", group="when")


def test_source_without_columns_has_no_time(tmp_path: Path) -> None:
    for label in ("a", "b"):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "1.txt").write_text("text")
    with pytest.raises(InputError, match=r"texts: has no columns, so none is 'when'"):
        dataset(tmp_path, train="texts", time="when")
