"""Tables of recorded races: what is read, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from goldilocks.errors import InputError
from goldilocks.selection.race_table import races_of, read_rows, read_table, true_scores
from goldilocks.testing.races import row, rows, write


def test_a_written_table_is_read_back(tmp_path: Path) -> None:
    (first, *others) = read_table(write(tmp_path / "t.csv", rows(sets=2, candidates=3)))
    assert len(others) == 1
    assert (first.dataset, first.rungs, len(first.curves), first.n_items) == ("d0", (0.1, 1.0), 3, 1000)
    assert first.seconds == 60.0
    (last,) = (cells for cells in rows(sets=1, candidates=3) if cells["model"] == "m1" and cells["rung"] == "1")
    assert first.curves["encoder/m1/full"].points[1.0].loss == pytest.approx(1 - float(last["validation_score"]))


def test_rungs_that_not_all_candidates_have_are_left_out_and_their_seconds_are_kept() -> None:
    cells = [row("d", "a", 0.1, 0.5), row("d", "a", 0.3, 0.6), row("d", "a", 1, 0.7)]
    cells += [row("d", "b", 0.1, 0.5), row("d", "b", 1, 0.8)]
    (race,) = races_of(cells, where="test")
    assert race.rungs == (0.1, 1.0)
    seconds = {(trial.candidate, trial.share): trial.seconds for trial in race.trials()}
    assert seconds["encoder/a/full", 1.0] == 20.0
    assert seconds["encoder/b/full", 1.0] == 10.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seconds": "-1"}, "seconds is '-1'"),
        ({"validation_score": "much"}, "validation_score is 'much'"),
        ({"validation_score": "1.5"}, "validation_score is '1.5'"),
        ({"rung": "0"}, "rung is '0'"),
        ({"n": "nan"}, "n is 'nan'"),
        ({"model": " "}, "must not be empty"),
        ({"dataset": " "}, "dataset must not be empty"),
        ({"test_score": "85"}, "0.85 for 85 %"),
        ({"rung": "100"}, "the share of the full run"),
    ],
)
def test_bad_cells_are_named_with_their_row(changes: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match="row 3") as error:
        races_of([row("d", "a", 1, 0.5), row("d", "b", 1, 0.5), row("d", "c", 1, 0.5) | changes], where="t.csv")
    assert message in str(error.value)


def test_broken_races_are_refused() -> None:
    with pytest.raises(InputError, match="one candidate only"):
        races_of([row("d", "a", 1, 0.5)], where="t")
    with pytest.raises(InputError, match="has rung 1 twice"):
        races_of([row("d", "a", 1, 0.5), row("d", "a", 1, 0.6), row("d", "b", 1, 0.5)], where="t")
    with pytest.raises(InputError, match="no line with rung 1"):
        races_of([row("d", "a", 0.1, 0.5), row("d", "b", 1, 0.5)], where="t")


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "short.csv").write_text("dataset,candidate\nd,a\n")
    with pytest.raises(InputError, match="lacks the columns family, model"):
        read_table(tmp_path / "short.csv")
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path)
    header = ",".join(row("d", "a", 1, 0.5))
    (tmp_path / "semicolons.csv").write_text(header.replace(",", ";") + "\n")
    with pytest.raises(InputError, match=r"first line has 'dataset;candidate.*separated by commas"):
        read_table(tmp_path / "semicolons.csv")
    (tmp_path / "twice.csv").write_text(header + ",seed\n")
    with pytest.raises(InputError, match="column seed twice"):
        read_table(tmp_path / "twice.csv")
    (tmp_path / "long.csv").write_text(header + "\n" + "d" * 200_000 + "\n")
    limit = csv.field_size_limit(131_072)  # Python's own; readers of data files raise it
    try:
        with pytest.raises(InputError, match="not a CSV file"):
            read_table(tmp_path / "long.csv")
    finally:
        csv.field_size_limit(limit)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00dataset")
    with pytest.raises(InputError, match="UTF-8"):
        read_table(tmp_path / "bytes.csv")
    (tmp_path / "empty.csv").write_text(",".join(row("d", "a", 1, 0.5)) + "\n")
    with pytest.raises(InputError, match="no rows"):
        read_table(tmp_path / "empty.csv")


def test_a_table_of_too_many_rows_is_refused_before_all_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goldilocks.selection.race_table.MAX_ROWS", 1)
    path = tmp_path / "t.csv"
    write(path, [row("d", "a", 1, 0.5)])
    assert len(read_rows(path)) == 1
    write(path, [row("d", "a", 1, 0.5), row("d", "b", 1, 0.6)])
    with pytest.raises(InputError, match="more than 1 rows"):
        read_rows(path)


def test_spaces_around_the_names_of_columns_do_not_matter(tmp_path: Path) -> None:
    cells = [row("d", "a", 1, 0.5), row("d", "b", 1, 0.6)]
    lines = [", ".join(cells[0]), *(",".join(cell.values()) for cell in cells)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert [race.dataset for race in read_table(tmp_path / "t.csv")] == ["d"]


def test_true_scores_are_means_over_seeds_and_must_be_known() -> None:
    cells = [row("d", "a", 1, 0.5), row("d", "b", 1, 0.6)]
    other = [row("d", "a", 1, 0.7, seed="1"), row("d", "b", 1, 0.6, seed="1", test_score="")]
    truth = true_scores(races_of([*cells, *other], where="t"))
    assert truth["d"] == pytest.approx({"encoder/a/full": 0.6, "encoder/b/full": 0.6})
    without = [row("e", "a", 1, 0.5, test_score=""), row("e", "b", 1, 0.5)]
    with pytest.raises(InputError, match="no test_score"):
        true_scores(races_of(without, where="t"))
