from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from goldilocks.errors import BudgetError, EndpointError, InputError, IntegrityError, LimitError, MissingError
from goldilocks.events import CandidateFailed, Event, silent
from goldilocks.selection.failures import Guard, own_fault
from goldilocks.selection.workspace import Workspace
from goldilocks.support.files import write_text
from goldilocks.support.machine.clock import Clock


def guard(folder: Path, log: list[Event] | None = None) -> Guard:
    return Guard(Workspace(folder), Clock(), silent if log is None else log.append)


def too_large_for_torch() -> None:
    torch.empty(10**15)


def full_disk() -> None:
    cause = OSError(errno.ENOSPC, "No space left on device")
    raise InputError("run: cannot be written (No space left on device).") from cause


@pytest.mark.parametrize(
    "error",
    [
        EndpointError("api://h/v1/m: gave no answer."),
        MissingError("m: there is no such file."),
        IntegrityError("m: damaged."),
        InputError("m: shots is 0."),
    ],
)
def test_error_of_one_candidate_is_its_own_reason(error: Exception) -> None:
    assert own_fault(error) == str(error)


def test_too_little_memory_is_the_candidates_own_whatever_raises_it() -> None:
    assert own_fault(MemoryError()) == "not enough memory on this machine"
    assert own_fault(torch.OutOfMemoryError("CUDA out of memory.")) == own_fault(MemoryError())
    with pytest.raises(RuntimeError) as caught:
        too_large_for_torch()
    assert own_fault(caught.value) == own_fault(MemoryError())


@pytest.mark.parametrize(
    "error", [KeyError("x"), RuntimeError("x"), ValueError("x"), LimitError("x"), BudgetError("x")]
)
def test_programming_error_and_end_of_the_search_exclude_no_candidate(tmp_path: Path, error: Exception) -> None:
    assert own_fault(error) is None
    with pytest.raises(type(error)), guard(tmp_path).watch("race", ["f/m/full"]):
        raise error
    assert Workspace(tmp_path).read_failures() == {}


def test_full_disk_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"), guard(tmp_path).watch("race", ["f/m/full"]):
        full_disk()


def test_folder_that_cannot_be_written_to_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), guard(tmp_path).watch("race", ["f/m/full"]):
        write_text(tmp_path / "file" / "below", "x")


def test_who_falls_out_is_written_down_and_said(tmp_path: Path) -> None:
    log: list[Event] = []
    with guard(tmp_path, log).watch("screening", ["f/m/full", "f/m/lora"]) as fallen:
        raise IntegrityError("m: damaged.")

    assert [name.candidate for name in fallen] == ["f/m/full", "f/m/lora"]
    failed = [event.failure.candidate for event in log if isinstance(event, CandidateFailed)]
    assert failed == ["f/m/full", "f/m/lora"]
    written = Workspace(tmp_path).read_failures()
    assert [(text.stage, text.reason) for text in written.values()] == [("screening", "m: damaged.")] * 2
    assert Workspace(tmp_path).elapsed() == written["f/m/lora"].elapsed


def test_no_candidate_is_excluded_without_a_failure(tmp_path: Path) -> None:
    with guard(tmp_path).watch("race", ["f/m/full"]) as fallen:
        pass
    assert fallen == []


@pytest.mark.parametrize("raise_", [too_large_for_torch, full_disk])
def test_where_only_endpoints_may_fail_nothing_else_is_caught(tmp_path: Path, raise_: Callable[[], None]) -> None:
    with (
        pytest.raises((RuntimeError, InputError)),
        guard(tmp_path).watch("test", ["f/m/full"], only=(EndpointError,)),
    ):
        raise_()
