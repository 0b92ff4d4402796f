"""The benchmark of peers: what a peer may spend, and what happens without its Python."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from goldilocks.testing.races import races

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])


def test_a_peer_spends_no_more_than_its_share_and_pays_for_nothing_twice() -> None:
    from replay_peers import peer_side

    race = races(sets=2)[0]  # 8 candidates, rungs .1 and 1 of 10 s each: 160 s in all
    asked = iter(["encoder/m5/full", "encoder/m5/full", "encoder/m3/full", "encoder/m0/full"])
    reports: list[tuple[int, float]] = []

    def tell(score: float, step: int) -> bool:
        reports.append((step, score))
        return True

    # 45 s: both rungs of m5 (20 s; once more for nothing), both of m3; the first of m0 does not fit any more.
    chosen = peer_side(race, 45 / race.seconds, lambda: next(asked), tell)

    assert [step for step, _ in reports] == [100, 1000] * 3
    assert reports[:2] == reports[2:4]
    assert chosen == "encoder/m3/full"


def test_a_trial_that_is_stopped_is_not_paid_to_its_end() -> None:
    from replay_peers import peer_side

    race = races(sets=2)[0]
    asked = iter(["encoder/m5/full", "encoder/m3/full", None])
    ended: list[bool] = []

    chosen = peer_side(race, 20 / race.seconds, lambda: next(asked), lambda *_: False, lambda: ended.append(True))

    assert len(ended) == 2  # 10 s each
    assert chosen == "encoder/m3/full"  # nothing is finished: the best at any rung


def test_without_its_python_syne_tune_is_skipped_with_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from replay_peers import syne_tune

    assert syne_tune(None) is None
    assert syne_tune(tmp_path / "none" / "python") is None
    out = capsys.readouterr().out.splitlines()
    assert [line.startswith("syne tune is skipped") for line in out] == [True, True]
    assert "cannot be started" in out[1]
    assert all("--syne-tune" in line for line in out)
