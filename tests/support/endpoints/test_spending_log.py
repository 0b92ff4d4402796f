from pathlib import Path

import pytest

from goldilocks.support.endpoints.spending_log import SpendingLog
from goldilocks.support.endpoints.usage import Usage


def test_spending_log_counts_what_every_session_and_process_wrote(tmp_path: Path) -> None:
    first, second = SpendingLog(tmp_path / "a.jsonl", "one"), SpendingLog(tmp_path / "a.jsonl", "two")
    first.add("api://h/m", Usage(1, 100, 10, 0.5))
    second.add("api://h/m", Usage(1, 50, 5, 0.25))
    second.add("api://h/other", Usage(1, 1, 1, 4.0))

    assert first.spent("api://h/m") == SpendingLog(tmp_path / "a.jsonl").spent("api://h/m") == pytest.approx(0.75)
    assert first.own() == Usage(1, 100, 10, 0.5)
    assert second.own().money == pytest.approx(4.25)
    assert first.total().questions == 3


def test_line_broken_off_by_a_power_cut_loses_that_line_only(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    for _ in range(2):
        SpendingLog(file, "one").add("api://h/m", Usage(1, 10, 1, 0.5))
    file.write_bytes(file.read_bytes()[:-20])

    SpendingLog(file, "one").add("api://h/m", Usage(1, 10, 1, 0.5))

    assert SpendingLog(file).total() == Usage(2, 20, 2, 1.0)


def test_entries_of_an_older_version_count(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    old = '{"endpoint": "api://h/m", "by": "one", "questions": 2, "tokens_read": 9, "tokens_written": 3, "money": 0.5}'
    file.write_text(old + "\n")
    SpendingLog(file, "one").add("api://h/m", Usage(refused=1, unanswered=1))

    total = SpendingLog(file).total()

    assert total == Usage(2, 9, 3, 0.5, refused=1, unanswered=1)
    assert (total.items, total.unanswered_share) == (3, 1 / 3)
    assert Usage().unanswered_share == 0


def test_spending_log_without_a_file_is_kept_in_memory() -> None:
    log = SpendingLog()
    log.add("api://h/m", Usage(2, 10, 4, 0.5))
    assert log.spent("api://h/m") == 0.5
    assert log.own().each == 0.25
    assert Usage().each == 0
    assert Usage(3, 9, 9, 3.0) - Usage(1, 4, 4, 1.0) == Usage(2, 5, 5, 2.0)
