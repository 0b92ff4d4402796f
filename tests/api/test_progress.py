from __future__ import annotations

import signal
import threading

import pytest

from goldilocks.events import CandidateFailed, StageStarted
from goldilocks.progress import Live
from goldilocks.records import Failure


def test_ctrl_c_that_was_dropped_is_heeded_at_the_next_event() -> None:
    with Live() as live:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # somebody swallows it
        with pytest.raises(KeyboardInterrupt):
            live(StageStarted("race"))


def test_a_failed_candidate_is_named_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure("api/m/zero_shot", "race", "api://h/v1/m: gave no answer.", 3.0, 12.0)
    with Live() as live:
        live(CandidateFailed(failure, 5.0))
    assert "api/m/zero_shot failed (race) and is excluded; the others continue: api://h" in capsys.readouterr().err


def test_ctrl_c_is_left_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Live():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_it_runs_in_a_thread_where_signals_cannot_be_handled() -> None:
    before = signal.getsignal(signal.SIGINT)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            with Live() as live:
                live(StageStarted("race"))
        except BaseException as error:  # noqa: BLE001
            problems.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert problems == []
    assert signal.getsignal(signal.SIGINT) is before
