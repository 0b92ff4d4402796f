from __future__ import annotations

import sys
from dataclasses import replace

import matplotlib as mpl
import pytest
from fake_run import make_run

from goldilocks.errors import MissingError
from goldilocks.records import DataProfile, Dataset, Part

mpl.use("Agg")
RUN = make_run()


def test_repr_of_a_decision_is_one_line_with_winner_and_best_set() -> None:
    shown = repr(RUN.decision)
    assert shown.startswith(f"Decision(winner={RUN.decision.winner.candidate!r}, {RUN.decision.metric}=")
    assert shown.endswith(f"best_set={len(RUN.decision.tied)})")
    assert "\n" not in shown


def test_html_of_a_decision_names_every_candidate_that_ran_and_escapes() -> None:
    sentence = replace(RUN.decision, sentence="<b>x</b>")
    html = sentence._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert html.count("<tr style=") == sum(candidate.score is not None for candidate in RUN.decision.candidates)


def test_frame_of_a_decision_has_a_row_for_each_candidate() -> None:
    frame = RUN.decision.to_frame()
    assert frame["candidate"].tolist() == [candidate.candidate for candidate in RUN.decision.candidates]
    winner = frame[frame["status"] == "winner"].iloc[0]
    assert winner["score"] == RUN.decision.winner.score.value  # type: ignore[union-attr]


def test_plot_of_a_decision_shows_cost_against_score() -> None:
    axes = RUN.decision.plot()
    assert axes.get_xlabel() == f"cost, {RUN.decision.objective.currency} per month"
    finished = [
        candidate for candidate in RUN.decision.candidates if candidate.cost is not None and candidate.score is not None
    ]
    assert {text.get_text() for text in axes.texts} == {standing.candidate for standing in finished}


def test_evaluation_shows_its_metrics() -> None:
    evaluation = RUN.evaluation
    assert repr(evaluation).startswith(f"Evaluation({evaluation.metric}=")
    assert repr(evaluation).endswith(f", n={evaluation.score.n}, part={evaluation.part!r})")
    assert evaluation.to_frame()["metric"].tolist() == list(evaluation.scores)
    assert all(name in evaluation._repr_html_() for name in evaluation.scores)
    assert len(evaluation.plot().patches) == len(evaluation.classes or evaluation.scores)


def test_repr_of_a_dataset_names_every_value() -> None:
    part = Part(("a", "b"), ("x", "y"))
    dataset = Dataset(part, part, Part(), ("x", "y"), "0123456789abcdef", DataProfile({}, {}, {}, {}, "en", {}))

    expected = "Dataset(train=2, validation=2, test=0, labels=2, findings=0, fingerprint='0123456789abcdef')"
    assert repr(dataset) == expected


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingError, match=r"this needs pandas, .*: pip install 'goldilocks-lm\[notebook\]'"):
        RUN.decision.to_frame()
