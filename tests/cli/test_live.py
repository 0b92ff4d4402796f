from __future__ import annotations

import signal

import pytest

from goldilocks.cli.live import Live
from goldilocks.records import Failure


def test_ctrl_c_that_was_dropped_is_heeded_at_the_next_event() -> None:
    with Live() as live:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # somebody swallows it
        with pytest.raises(KeyboardInterrupt):
            live("stage", {"name": "race"})


def test_who_falls_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    fell = Failure("api/m/zero_shot", "race", "api://h/v1/m: gave no answer.", 3.0, 12.0)
    with Live() as live:
        live("dropped", {"dropped": fell, "left": 5.0})
    said = capsys.readouterr().err
    assert "api/m/zero_shot fell out in the race; the others go on: api://h/v1/m: gave no answer." in said


def test_ctrl_c_is_left_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Live():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
