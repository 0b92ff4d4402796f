"""The first screen of the report: for somebody who decides about money."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_run import Run, make_run

from goldilocks.records import AlphaRange, ErrorRow, Measured, Verdict
from goldilocks.report import summary
from goldilocks.report.map_chart import PriceAxis, price_map

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


@pytest.mark.parametrize("assumed", [(), ASSUMED])
def test_a_winner_that_others_would_most_probably_beat_is_the_best_so_far(assumed: tuple[str, ...]) -> None:
    decision = run_with().decision
    winner = replace(decision.winner, p_best=0.01)
    stopped = replace(
        winner, candidate="encoder/other/full", model="other", method="full", status="stopped", p_best=0.9,
        seconds_to_finish=2340,
    )  # fmt: skip

    text = first_screen(run_with(winner=winner, candidates=(winner, stopped), assumed=assumed, alpha=100.0))

    assert "ake all-MiniLM" not in text
    assert "depends" not in text
    assert "USD per error: encoder/all-MiniLM-L6-v2/full is the best so far." in text
    assert "A larger budget would settle it: 39 min more would finish other · full (encoder)" in text
    assert "Best so far: all-MiniLM-L6-v2" in text
    assert "The budget ended before the candidates that are most likely to be better were fully trained." in text


def test_the_time_to_finish_is_that_of_the_shortest_schedule_and_says_so() -> None:
    winner = replace(run_with().decision.winner, p_best=0.01)
    stopped = replace(
        winner, candidate="encoder/other/full", model="other", method="full", status="stopped", p_best=0.9,
        seconds_to_finish=4740, budget_to_finish=120, share_to_finish=0.08,
    )  # fmt: skip

    text = first_screen(run_with(winner=winner, candidates=(winner, stopped), alpha=100.0))

    assert "With 2 min more, other · full (encoder), the likeliest of the others, could finish" in text
    assert "with 8% of its training schedule" in text
    assert "79 min" not in text


def test_decision_map_leads_where_the_user_stated_no_values() -> None:
    run = run_with(assumed=ASSUMED, alpha=100.0)  # 0.0005 USD per error: 3 times the threshold

    text = first_screen(run)

    assert "Take" not in text.split("The right model depends on what an error costs you")[0]
    chosen = text.index("With the assumed values: take all-MiniLM-L6-v2")
    assert text.index("take all-MiniLM-L6-v2 · full (encoder)") < chosen
    # tfidf: 0.707 USD and .094 errors per request; MiniLM: 1.571 USD and .0668. They meet at
    # (1.571 - 0.707) / (.094 - .0668) / 200,000 requests = 0.00016 USD per error.
    assert "Above 0.00016 USD per error: take all-MiniLM-L6-v2 · full (encoder)." in text
    assert text.count("assumed") >= 4  # the heading, requests, price, and where the case is marked
    assert "goldilocks decide RUN --error-cost" in text


def test_assumed_price_far_from_every_threshold_does_not_lead() -> None:
    run = run_with(assumed=ASSUMED)  # 0.05 USD per error: 300 times the last threshold

    text = first_screen(run)

    assert text.split("·")[1].startswith(" text classification Take all-MiniLM-L6-v2")
    assert "depends" not in text
    assert "not stated, but a tenth or ten times what was assumed would not change the answer" in text
    assert "Below 0.0000189 USD per error: one of 3 cheaper models; see the decision map." in text
    assert "goldilocks decide RUN --error-cost" in text


@pytest.mark.parametrize(("factor", "decides"), [(0.09, False), (0.11, True), (9.0, True), (11.0, False)])
def test_price_decides_within_a_factor_of_ten_of_a_threshold(factor: float, decides: bool) -> None:
    ranges = (AlphaRange("a", 0.0, 50.0), AlphaRange("b", 50.0, None))

    assert summary.price_decides(replace(run_with().decision, map=ranges, alpha=50.0 * factor)) is decides


def test_commands_name_the_folder_of_the_run(tmp_path: Path) -> None:
    page = run_with(assumed=ASSUMED).write(tmp_path / "my run" / "report.html").read_text(encoding="utf-8")

    assert "goldilocks serve &#39;my run&#39;/bundle" in page
    assert "goldilocks decide &#39;my run&#39; --error-cost" in page
    assert str(tmp_path) not in page


def test_leftmost_price_is_not_clipped() -> None:
    ranges = (AlphaRange("a", 0.0, 0.03), AlphaRange("b", 0.03, None))

    drawn = price_map(ranges, {}, {}, 10_000.0, PriceAxis(200_000.0, "USD per error"))

    ticks = re.findall(r'<text class="tick" x="([\d.]+)" y="[\d.]+" text-anchor="(\w+)">([^<]*)<', drawn)
    assert len(ticks) == drawn.count('class="tick"') > 8
    assert max(len(text) for *_, text in ticks) > 8
    for place, anchor, text in ticks:  # a digit is about 6.4 px wide
        assert float(place) - {"start": 0.0, "middle": 3.2, "end": 6.4}[anchor] * len(text) >= 0


def test_other_candidates_are_probably_cheaper_is_said_without_two_negations() -> None:
    text = first_screen(run_with(p_best=0.07, warnings=("cnn/n/scratch: latency changed by a factor of 0.71",)))

    assert "It is very likely (93%) that another candidate would be cheaper in total, errors included." in text
    assert "that no other" not in text
    assert "factor of 0.71" not in text
    assert "Something else used the machine while speed was measured" in text


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
    assert "Above 0.0000016 USD per hundredth of macro F1: take all-MiniLM-L6-v2 · full (encoder)." in text
    assert "Quality (macro F1) 0.921" in text
    assert "higher is better" in text


def test_share_of_wrong_answers_is_that_of_the_metric_that_counts_them() -> None:
    run = run_with(error="an answer that is not an exact match")
    scores = {"span_exact_match": Measured(0.6, 0.55, 0.65, 400, "score")}

    rate = summary.error_rate(run.decision, replace(run.evaluation, scores=scores))

    assert rate is not None
    assert (rate.value, rate.low, rate.high, rate.n) == pytest.approx((0.4, 0.35, 0.45, 400))


def test_examples_differ_before_they_repeat() -> None:
    errors = [ErrorRow(n, f"text {n}", *pair, 0.9) for n, pair in enumerate([("a", "b"), ("a", "b"), ("b", "c")])]

    assert [example.row for example in summary.examples(errors, 2)] == [0, 2]
    assert [example.row for example in summary.examples(errors, 3)] == [0, 1, 2]
