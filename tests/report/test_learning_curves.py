from __future__ import annotations

import re
from dataclasses import replace

from fake_run import make_run

from goldilocks.records import Footprint, Measured
from goldilocks.report.board import colours_of, labels_of
from goldilocks.report.latency_chart import latency_chart, latency_words
from goldilocks.report.learning_curves import learning_curves


def test_each_candidate_with_two_rungs_has_a_curve() -> None:
    run = make_run()
    rungs: dict[str, int] = {}
    for trial in run.trials:
        rungs[trial.candidate] = rungs.get(trial.candidate, 0) + 1
    several = [name for name, n in rungs.items() if n > 1]

    drawn = learning_curves(
        run.trials, labels_of(run.decision), colours_of(run.decision), run.decision.winner.candidate, "macro_f1"
    )

    assert drawn is not None
    wide = drawn.split("</svg>")[0]
    assert len(re.findall('class="run ', wide)) == len(several)
    assert len(re.findall("<circle", wide)) == sum(rungs[name] for name in several)
    assert "Learning curves" in run.html()


def test_single_rungs_make_no_curve() -> None:
    run = make_run()
    final = [trial for trial in run.trials if trial.share == 1]

    assert learning_curves(final, {}, {}, "", "macro_f1") is None


def footprint(*quantiles: float) -> Footprint:
    median, slow = Measured(4.0, 3.9, 4.1, 100, "ms"), Measured(9.0, 8.0, 10.0, 100, "ms")
    return Footprint(0.4, median, slow, 100.0, 10**8, 10**7, latency_quantiles_ms=quantiles)


def test_distribution_of_the_latency_is_drawn_from_its_quantiles() -> None:
    measured = footprint(2.0, 4.0, 12.0)

    drawn = latency_chart(measured, limit_ms=20.0)

    assert drawn is not None
    assert "p95: 9 ms" in drawn
    assert "half are answered within 4 ms, 95% within 9 ms; fastest 2 ms, slowest 12 ms." in latency_words(measured)
    assert latency_chart(footprint()) is None  # a run of an earlier version


def test_page_shows_the_latency_of_the_winner() -> None:
    run = make_run()
    assert run.decision.winner.footprint is not None
    winner = replace(run.decision.winner, footprint=footprint(2.0, 4.0, 12.0))

    assert "Latency of the winner" in replace(run, decision=replace(run.decision, winner=winner)).html()
    assert "Latency of the winner" not in run.html()
