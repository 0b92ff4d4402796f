import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from goldilocks.selection.watchdog import StepTimeoutError, limit_of, time_limit


def test_what_ends_in_time_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(30.0, "a step"):
        pass
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("hang", [threading.Event().wait, lambda: time.sleep(600), lambda: os.read(os.pipe()[0], 1)])
def test_waiting_is_interrupted(hang: object) -> None:
    with (
        pytest.raises(StepTimeoutError, match=r"^a step: did not end within 0 s; try it alone with"),
        time_limit(0.05, "a step"),
    ):
        hang()  # type: ignore[operator]


def test_other_error_that_the_interruption_causes_is_still_the_time_limit() -> None:
    def careless() -> None:
        try:
            time.sleep(600)
        except StepTimeoutError as error:
            raise KeyError("lost") from error

    with pytest.raises(StepTimeoutError, match="a step"), time_limit(0.05, "a step"):
        careless()


def test_child_that_was_there_before_lives_on() -> None:
    with subprocess.Popen(["sleep", "600"]) as before:
        with pytest.raises(StepTimeoutError), time_limit(0.2, "a step"):
            subprocess.run(["sleep", "600"], check=True)
        assert before.poll() is None
        before.kill()


def test_step_that_cannot_be_interrupted_is_written_down_and_ends_the_process() -> None:
    # A blocked signal stands for native code that never returns to Python.
    program = """
import signal, sys, time
from goldilocks.selection.watchdog import time_limit
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
with time_limit(0.1, "a step", grace=0.1, give_up=lambda reason: print("written:", reason, flush=True)):
    while True:
        time.sleep(0.05)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130
    assert done.stdout.startswith("written: a step: did not end within 0 s")
    assert "does not answer to an interruption: continue with --resume" in done.stderr


def test_other_threads_are_left_to_the_stop_between_steps() -> None:
    ended: list[bool] = []

    def run() -> None:
        with time_limit(0.01, "a step"):
            time.sleep(0.05)
        ended.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == [True]


def test_limit_is_never_much_beyond_the_budget() -> None:
    assert limit_of(-1.0, 1e9) == (120.0, False)
    assert limit_of(1e9, 10.0) == (70.0, True)  # the budget's: the step has not failed
