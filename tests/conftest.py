"""No test reaches the network. Numerical tests run as on a processor with bfloat16 products and as on one without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldilocks.testing.offline import offline

if TYPE_CHECKING:
    from starlette.testclient import TestClient

# A worker a core, and one thread a worker: with a thread for every core each, workers would wait for each other's. Set
# before anything numerical is imported; processes that tests start inherit it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bfloat16",
        choices=("on", "off", "machine"),
        default="machine",
        help="Run as if the processor multiplied bfloat16 in hardware (on), or did not (off); default: as it is.",
    )


@contextmanager
def _processor(*, bfloat16: bool) -> Iterator[None]:
    """Let ``machine()`` describe this machine with or without bfloat16 products, whoever has imported it."""
    from goldilocks.support.machine import hardware

    known, gflops = hardware._cpu_info, hardware.machine().gflops
    flags = "avx512_bf16" if bfloat16 else ""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hardware, "_cpu_info", lambda key: flags if key == "flags" else known(key))
        patch.setattr(hardware, "_gflops", lambda: gflops)
        hardware.machine.cache_clear()
        assert hardware.machine().bf16 is bfloat16
        yield
    hardware.machine.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    with offline():
        yield


@pytest.fixture(autouse=True, scope="session")
def _whole_run_precision(request: pytest.FixtureRequest) -> Iterator[None]:
    chosen = request.config.getoption("--bfloat16")
    with nullcontext() if chosen == "machine" else _processor(bfloat16=chosen == "on"):
        yield


@pytest.fixture(params=[False, True], ids=["float32", "bfloat16"])
def bfloat16(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether the processor multiplies bfloat16: the test runs once without and once with it."""
    with _processor(bfloat16=request.param):
        yield request.param


@pytest.fixture(scope="session")
def weather_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle, for the tests of the service."""
    from served import weather

    return weather(tmp_path_factory.mktemp("weather") / "bundle")


@pytest.fixture(scope="module")
def api(weather_bundle: Path) -> Iterator[TestClient]:
    """A client of a service of that bundle, in this process."""
    from served import client, settings

    with client(settings({"weather": weather_bundle})) as result:
        yield result


@pytest.fixture(scope="module")
def address(weather_bundle: Path) -> Iterator[str]:
    """The address of such a service behind a real socket."""
    from served import live, settings

    with live(settings({"weather": weather_bundle})) as result:
        yield result
