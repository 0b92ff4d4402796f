"""The first screen of the report: for somebody who decides about money."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from fake_run import Run, make_run

from goldilocks.records import AlphaRange, ErrorRow, Measured, Verdict
from goldilocks.report import summary

ASSUMED = ("objective.error_cost", "objective.requests_per_month", "prices.cpu_hour")
LABEL = "a wrong label"


def run_with(**changed: Any) -> Run:
    run = make_run()
    fields = {"error": LABEL, "verdict": Verdict(True, "nearest", "fewer errors"), **changed}
    return replace(run, decision=replace(run.decision, **fields))


def first_screen(run: Run) -> str:
    """The text of the summary, without tags."""
    section = re.search(r'<section id="summary".*?</section>', run.html(), re.DOTALL)
    assert section is not None
    shown = re.sub(r"<svg.*?</svg>", " ", section[0], flags=re.DOTALL)
    return re.sub(r" (?=[.,;)])", "", " ".join(re.sub(r"<[^>]*>", " ", shown).split()))


def test_stated_values_name_the_model_its_cost_and_its_errors_without_terms_of_the_trade() -> None:
    run = run_with(p_best=0.71, expected_regret=12.34)

    text = first_screen(run)

    # 76 of the 1,000 test texts are wrong; Wilson's interval of that is 6.1 to 9.4 %, by hand.
    wrong = 1000 - sum(row[i] for i, row in enumerate(run.evaluation.confusion))
    rate = summary.error_rate(run.decision, replace(run.evaluation, scores={}))
    assert rate is not None
    assert rate.value == pytest.approx(wrong / 1000)
    assert text.startswith("banking-intents · text classification Take all-MiniLM-L6-v2 encoder · top_layers")
    assert "Costs to run 1.6 USD per month" in text
    assert "It is likely (71%) that no other candidate would be cheaper in total" in text
    assert "12 USD per month on average" in text
    assert "Most often it answers" in text
    assert not re.search(r"α|\bJ\b|Holm|alpha|bootstrap|p-value|macro", text)
    assert "assumed" not in text


def test_a_winner_that_others_would_most_probably_beat_is_the_best_so_far() -> None:
    decision = run_with().decision
    winner = replace(decision.winner, p_best=0.01)
    stopped = replace(winner, candidate="encoder/other/full", status="stopped", p_best=0.9)

    text = first_screen(run_with(winner=winner, candidates=(winner, stopped)))

    assert "Take" not in text
    assert "Best so far: all-MiniLM-L6-v2" in text
    assert "The budget ended before the candidates that are most probably better had finished." in text


def test_decision_map_leads_where_the_user_stated_no_values() -> None:
    run = run_with(assumed=ASSUMED)

    text = first_screen(run)

    assert "Take" not in text.split("The right model depends on what an error costs you")[0]
    assert text.index("take all-MiniLM-L6-v2 · full") < text.index("With the assumed values: take all-MiniLM-L6-v2")
    # tfidf: 0.707 USD and .094 errors per request; MiniLM: 1.571 USD and .0668. They meet at
    # (1.571 - 0.707) / (.094 - .0668) / 200,000 requests = 0.00016 USD per error.
    assert "Above 0.00016 USD per error: take all-MiniLM-L6-v2 · full." in text
    assert "Below 0.0000189 USD per error: one of 3 cheaper models; see the decision map." in text
    assert text.count("assumed") >= 4  # the heading, requests, price, and where the case is marked
    assert "goldilocks decide RUN --error-cost" in text


def test_one_candidate_for_every_cost_needs_no_map() -> None:
    run = run_with(assumed=ASSUMED)
    winner = run.decision.winner.candidate

    text = first_screen(replace(run, decision=replace(run.decision, map=(AlphaRange(winner, 0.0, None),))))

    assert "Take all-MiniLM-L6-v2, whatever an error costs" in text
    assert "depends" not in text


@pytest.mark.parametrize(
    ("against", "title"),
    [
        ("nearest", "Do not use a model yet None of the 10 models that were tried is clearly better than an answer"),
        ("floor", "Do not use a model yet None of the 10 models that were tried does the task"),
        ("incumbent", "Keep your present solution None of the 10 models that were tried is better than what you use"),
    ],
)
def test_useless_winner_is_not_recommended(against: str, title: str) -> None:
    verdict = Verdict(False, against, "no fewer errors", ("labels: add training rows",))

    text = first_screen(run_with(verdict=verdict, assumed=ASSUMED))

    assert title in text
    assert "labels: add training rows" in text
    assert "Try it on your own texts" not in text


def test_outputs_without_errors_to_count_are_priced_by_the_hundredth() -> None:
    run = run_with(error="a hundredth of the metric", assumed=ASSUMED)

    text = first_screen(run)

    # An error of 0.00016 USD is 0.0000016 USD for a hundredth of it.
    assert "Above 0.0000016 USD per hundredth of macro F1: take all-MiniLM-L6-v2 · full." in text
    assert "Quality (macro F1) 0.921" in text
    assert "higher is better" in text


def test_share_of_wrong_answers_is_that_of_the_metric_that_counts_them() -> None:
    run = run_with(error="an answer that is no exact match")
    scores = {"span_exact_match": Measured(0.6, 0.55, 0.65, 400, "score")}

    rate = summary.error_rate(run.decision, replace(run.evaluation, scores=scores))

    assert rate is not None
    assert (rate.value, rate.low, rate.high, rate.n) == pytest.approx((0.4, 0.35, 0.45, 400))


def test_examples_differ_before_they_repeat() -> None:
    errors = [ErrorRow(n, f"text {n}", *pair, 0.9) for n, pair in enumerate([("a", "b"), ("a", "b"), ("b", "c")])]

    assert [example.row for example in summary.examples(errors, 2)] == [0, 2]
    assert [example.row for example in summary.examples(errors, 3)] == [0, 1, 2]
