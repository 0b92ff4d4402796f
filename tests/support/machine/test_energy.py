from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.support.machine.energy import Meter


@pytest.fixture(autouse=True)
def no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.support.machine.energy.device", lambda: "cpu")


def zone(powercap: Path, number: str, name: str, microjoules: int, most: int = 1_000_000_000) -> Path:
    folder = powercap / f"intel-rapl:{number}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_energy_is_that_of_the_packages_and_their_memory(tmp_path: Path) -> None:
    counters = [zone(tmp_path, "0", "package-0", 1_000_000), zone(tmp_path, "0:1", "dram", 500_000)]
    # A core is a part of its package and psys is the whole machine: they would count the same joules again.
    counters += [zone(tmp_path, "0:0", "core", 0), zone(tmp_path, "1", "psys", 0)]
    meter = Meter(tmp_path)
    before = meter.read()

    for counter, now in zip(counters, (4_000_000, 1_500_000, 9_000_000, 9_000_000), strict=True):
        counter.write_text(str(now))

    assert meter.since(before) == pytest.approx(3 + 1)


def test_counter_that_started_again_from_nought_is_carried_on(tmp_path: Path) -> None:
    counter = zone(tmp_path, "0", "package-0", 9_000_000, most=10_000_000)
    meter = Meter(tmp_path)
    before = meter.read()

    counter.write_text("2000000")

    assert meter.since(before) == pytest.approx(1 + 2)  # 1 J up to the end of the range, 2 J after it


def test_machine_that_reports_nothing_says_so(tmp_path: Path) -> None:
    assert Meter(tmp_path / "absent").since(()) is None
    damaged = zone(tmp_path, "0", "package-0", 1)
    damaged.write_text("")
    assert Meter(tmp_path).since(()) is None


def test_counter_that_only_root_may_read_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone(tmp_path, "0", "package-0", 1)
    read = Path.read_text

    def refused(path: Path, *arguments: str, **options: str) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refused)

    assert Meter(tmp_path).since(()) is None


def test_card_of_nvidia_is_read_where_its_package_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pynvml.py").write_text(
        "import os\n"
        "class NVMLError(Exception): pass\n"
        "def nvmlInit(): pass\n"
        "def nvmlDeviceGetHandleByIndex(number): return number\n"
        "def nvmlDeviceGetTotalEnergyConsumption(card):\n"
        "    if card != 2: raise NVMLError('not counted')\n"
        "    return int(os.environ['FAKE_MILLIJOULES'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("goldilocks.support.machine.energy.device", lambda: "cuda")
    monkeypatch.setenv("FAKE_MILLIJOULES", "5000")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    meter = Meter(tmp_path)
    before = meter.read()
    monkeypatch.setenv("FAKE_MILLIJOULES", "12500")

    assert meter.since(before) == pytest.approx(7.5)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert Meter(tmp_path).since(()) is None  # a card that does not count
