from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
import torch

from goldilocks.nets.training.denormals import flushed_denormals


@pytest.fixture(autouse=True)
def _mode_is_put_back() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


def is_flushed() -> bool:
    return sys.float_info.min / 2 == 0.0


def test_denormal_products_are_zero_inside_and_kept_outside() -> None:
    small = torch.full((4,), 1e-30)
    assert float((small * 1e-10).max()) > 0  # 1e-40 is a denormal float32
    with flushed_denormals():
        assert float((small * 1e-10).max()) == 0
    assert float((small * 1e-10).max()) > 0


def test_mode_is_restored_after_an_error() -> None:
    with pytest.raises(ValueError, match="stop"), flushed_denormals():
        raise ValueError("stop")
    assert not is_flushed()


def test_callers_own_mode_stays() -> None:
    torch.set_flush_denormal(True)
    with flushed_denormals(), flushed_denormals():
        pass
    assert is_flushed()


def test_threads_that_run_already_keep_theirs() -> None:
    inside = threading.Event()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(inside.wait() and is_flushed()))
    thread.start()
    with flushed_denormals():
        inside.set()
        thread.join()
    assert seen == [False]
