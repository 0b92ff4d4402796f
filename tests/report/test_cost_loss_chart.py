from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fake_run import envelope, make_run

from goldilocks.records import AlphaRange, Objective
from goldilocks.report.board import colours_of, labels_of, points_of
from goldilocks.report.cost_loss_chart import Point, front, lower_hull
from goldilocks.report.map_chart import alpha_axis, decision_map
from goldilocks.report.race_chart import race_chart
from goldilocks.report.svg import Label, line_boxes, place_labels, point_box


def test_hull_keeps_only_corners_that_are_best_for_some_alpha() -> None:
    # (2, .4) lies on the straight line from (1, .5) to (3, .3); (2, .45) above it; (4, .3) is dearer and no better.
    points = [(4.0, 0.3), (2.0, 0.45), (3.0, 0.3), (1.0, 0.5), (2.0, 0.4), (5.0, 0.25)]

    assert lower_hull(points) == [(1.0, 0.5), (3.0, 0.3), (5.0, 0.25)]


def test_hull_of_one_cost_is_its_lowest_loss() -> None:
    assert lower_hull([(1.0, 0.5), (1.0, 0.2), (1.0, 0.4)]) == [(1.0, 0.2)]


def test_hull_and_decision_map_name_the_same_candidates() -> None:
    run = make_run()
    points = {entry.name: (entry.cost, entry.loss) for entry in points_of(run.decision, run.trials)}

    hull = lower_hull(list(points.values()))

    assert [points[entry.candidate] for entry in envelope(points)] == hull


def test_cheap_and_good_lies_down_and_to_the_left() -> None:
    points = [
        Point("cheap", "cheap", 1.0, 0.2, 0.1, 0.3, "winner"),
        Point("dear", "dear", 10.0, 0.25, 0.2, 0.3, "raced"),
    ]

    wide = front(points, {"cheap": 0}, "USD").split("</svg>")[0]

    dots = re.findall(r'class="dot (\w+)" cx="([\d.]+)" cy="([\d.]+)"', wide)
    where = {colour: (float(x), float(y)) for colour, x, y in dots}
    assert where["c0"][0] < where["plain"][0]
    assert where["c0"][1] > where["plain"][1]  # y grows downwards


def test_interval_of_the_loss_mirrors_that_of_the_score() -> None:
    run = make_run()
    winner = run.decision.winner
    assert winner.score is not None

    point = next(entry for entry in points_of(run.decision, run.trials) if entry.name == winner.candidate)

    assert point.loss == pytest.approx(1 - winner.score.value)
    assert (point.low, point.high) == pytest.approx((1 - winner.score.high, 1 - winner.score.low))


def test_free_candidates_are_drawn_too() -> None:
    points = [
        Point("a", "a", 0.0, 0.2, 0.1, 0.3, "winner"),
        Point("b", "b", 0.0, 0.0, 0.0, 0.0, "raced"),
    ]

    assert front(points, {}, "USD").count('class="dot plain"') == 4  # two dots, wide and narrow


def test_map_draws_each_range_as_wide_as_its_decades() -> None:
    ranges = (AlphaRange("a", 0.0, 10.0), AlphaRange("b", 10.0, 1000.0), AlphaRange("c", 1000.0, None))
    work = Objective(error_cost=1.0, requests_per_month=100.0)

    wide = decision_map(ranges, {}, {}, 100.0, work).split("</svg>")[0]

    widths = [float(match) for match in re.findall(r'class="piece c0" x="[\d.]+" y="44" width="([\d.]+)"', wide)]
    low, high = alpha_axis(ranges, 100.0)
    assert len(widths) == 3
    assert widths[0] == pytest.approx(widths[2], abs=0.1)  # the same air on both sides
    assert (low * high) ** 0.5 == pytest.approx(100.0)
    assert "this task: α = 100 (1 USD per error)" in wide


def test_alpha_of_nothing_is_marked_at_the_left_edge() -> None:
    drawn = decision_map((AlphaRange("a", 0.0, None),), {}, {}, 0.0, Objective(error_cost=0.0))

    assert "this task: α = 0" in drawn


def test_race_has_a_line_for_each_candidate_and_a_dot_for_each_purchase() -> None:
    run = make_run()
    decision = run.decision

    wide = race_chart(run.trials, labels_of(decision), colours_of(decision), decision.winner.candidate, "USD")
    wide = wide.split("</svg>")[0]

    assert wide.count('class="run ') == len({trial.candidate for trial in run.trials})
    assert wide.count('class="dot ') + wide.count('class="hollow ') == len(run.trials)
    assert wide.count('class="worth ') == sum(trial.value > 0 for trial in run.trials)


def test_label_keeps_off_a_line_where_there_is_room() -> None:
    label = Label("a name", 100.0, 100.0, "", must=False)
    line = line_boxes([(60.0, 100.0), (200.0, 100.0)])

    free = place_labels([label], [point_box(100, 100)], (0, 0, 300, 300))[0]
    off = place_labels([label], [point_box(100, 100)], (0, 0, 300, 300), line)[0]
    narrow = place_labels([label], [point_box(100, 100)], (0, 92, 300, 108), line)[0]

    assert 'y="104"' in free
    assert 'y="104"' not in off
    assert 'y="104"' in narrow  # better on the line than nowhere


def test_worthless_purchase_does_not_press_the_others_flat() -> None:
    run = make_run()
    first, *rest = run.trials
    trials = (replace(first, value=1e-14), *(replace(entry, value=100.0) for entry in rest))

    drawn = race_chart(trials, {}, {}, "", "USD").split("</svg>")[0]

    heights = [float(match) for match in re.findall(r'class="worth plain"[^>]*height="([\d.]+)"', drawn)]
    assert heights[0] == 1.0
    assert min(heights[1:]) > 30


def test_names_cannot_break_out_of_a_drawing() -> None:
    evil = Point('</svg><script>"&', '</svg><script>"&', 1.0, 0.2, 0.1, 0.3, "winner")

    drawn = front([evil], {}, "USD")

    assert "<script" not in drawn
    assert "&lt;/svg&gt;" in drawn
