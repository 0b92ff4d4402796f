from __future__ import annotations

import signal

import pytest

from goldilocks.cli.live import Live


def test_ctrl_c_that_was_dropped_is_heeded_at_the_next_event() -> None:
    with Live() as live:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)  # somebody swallows it
        with pytest.raises(KeyboardInterrupt):
            live("stage", {"name": "race"})


def test_ctrl_c_is_left_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Live():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
