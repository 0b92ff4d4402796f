from dataclasses import replace

from race_records import SPEC
from test_decide import ACCURACY, GOLD, finished

from goldilocks.records import AlphaRange, Objective, Standing
from goldilocks.selection.decide import decide
from goldilocks.selection.explain_choice import advice, sentence


def words(error_cost: float) -> str:
    spec = replace(SPEC, objective=Objective(error_cost=error_cost, requests_per_month=1000))
    rivals = [finished("encoder/m/full", range(0, 10), cost=50), finished("cnn/n/scratch", range(0, 120), cost=1)]
    choice = decide(rivals, GOLD, ACCURACY, spec)
    return sentence(choice.winner, choice.standings, choice.tied, choice.map, spec.objective, "accuracy")


def test_sentence_names_the_winner_its_score_its_rival_and_the_range() -> None:
    # They cost the same at alpha = 49 / (.3 - .025) = 178.2, which is .178 an error at 1,000 requests.
    text = words(1.0)
    assert "Use encoder/m/full: accuracy 0.975" in text
    assert "The next best, cnn/n/scratch, costs 226 USD more per month" in text
    assert "if an error costs at least 0.178 USD; below that cnn/n/scratch is better" in text


def test_winner_that_is_not_better_than_a_baseline_is_not_recommended() -> None:
    choice = decide([finished("cnn/n/scratch", range(40), cost=1)], GOLD, ACCURACY, SPEC)

    text = sentence(choice.winner, choice.standings, choice.tied, choice.map, SPEC.objective, "accuracy", useful=False)

    assert text.startswith("The best so far is cnn/n/scratch")


def test_cheap_errors_turn_the_choice() -> None:
    text = words(0.01)
    assert "Use cnn/n/scratch" in text
    assert "if an error costs between 0 and 0.178 USD" in text


def test_price_below_a_millionth_is_no_threshold() -> None:
    spec = replace(SPEC, objective=Objective(error_cost=1.0, requests_per_month=1000))
    choice = decide([finished("cnn/n/scratch", range(40), cost=1)], GOLD, ACCURACY, spec)

    def explained(threshold: float, end: float | None = None) -> str:
        ranges = [AlphaRange("majority/m/scratch", 0.0, threshold), AlphaRange("cnn/n/scratch", threshold, end)]
        return sentence(choice.winner, choice.standings, choice.tied, ranges, spec.objective, "accuracy")

    # At 1,000 requests, α of 0.0005 and 0.002 per month are 0.5 and 2 millionths per error.
    assert explained(0.0005).endswith("The winner has the lowest total cost J at any plausible cost of an error.")
    assert explained(0.0005, 2000.0).endswith("has the lowest total cost J if an error costs between 0 and 2 USD.")
    assert explained(0.002).endswith(
        "if an error costs at least 0.000002 USD; below that majority/m/scratch is better."
    )


def test_unfinished_candidates_hold_the_rest_of_the_probability_and_the_sentence_says_so() -> None:
    choice = decide([finished("cnn/n/scratch", range(40), cost=1)], GOLD, ACCURACY, SPEC)
    winner = replace(choice.winner, p_best=0.04)
    others = [
        Standing("encoder/m/full", "encoder", "m", "full", "stopped", "", p_best=0.5, seconds_to_finish=360),
        Standing("encoder/m/lora", "encoder", "m", "lora", "stopped", "", p_best=0.4, seconds_to_finish=90),
    ]

    def explained(p_best: float, rows: list[Standing]) -> str:
        first = replace(winner, p_best=p_best)
        return sentence(first, [first, *rows], choice.tied, choice.map, SPEC.objective, "accuracy")

    assert (
        "The probability of being the best of all candidates is 4% for the winner and 6% for the other finished ones; "
        "the remaining 90% is shared by the unfinished candidates, and about 6 min more of budget would "
        "finish the most probable of these, encoder/m/full."
    ) in explained(0.04, others)
    assert "The probability that the winner is the best of all candidates is 100%." in explained(1.0, [])
    assert explained(0.04, others).startswith("The best so far is cnn/n/scratch: accuracy")
    assert explained(0.4, others).startswith("Use cnn/n/scratch: accuracy")
    assert explained(0.04, []).startswith("Use ")  # what finished is better, not what is left


def test_unfinished_candidate_that_may_be_better_is_advised_with_the_time_it_needs() -> None:
    choice = decide([finished("cnn/n/scratch", range(40), cost=1)], GOLD, ACCURACY, SPEC)
    ahead = Standing(
        "encoder/m/full", "encoder", "m", "full", "stopped", "", share=0.3, p_best=0.4, seconds_to_finish=360
    )
    unlikely = replace(ahead, candidate="encoder/m/lora", p_best=0.02)

    lines = advice([choice.winner, ahead, unlikely], choice.winner, Objective(), regret=12.5)

    assert lines[0] == (
        "encoder/m/full (30% of its run) is the best with a probability of 40%; to finish it, raise the budget by "
        "about 6 min and pass --resume."
    )
    assert "now: 12.5 USD per month." in lines[1]
    assert len(lines) == 2
    assert advice([choice.winner, unlikely], choice.winner, Objective(), regret=0.0) == ()
    short = replace(ahead, budget_to_finish=120.0, share_to_finish=0.08)
    (line, _) = advice([choice.winner, short], choice.winner, Objective(), regret=12.5)
    assert "to finish it with 8% of its training schedule, raise the budget by about 2 min" in line


def test_the_budget_to_add_counts_what_a_resumed_search_does_besides() -> None:
    choice = decide([finished("cnn/n/scratch", range(40), cost=1)], GOLD, ACCURACY, SPEC)
    ahead = Standing(
        "encoder/m/full",
        "encoder",
        "m",
        "full",
        "stopped",
        "",
        p_best=0.4,
        seconds_to_finish=26.0,
        budget_to_finish=70.0,
    )
    assert "raise the budget by about 70 s" in advice([ahead], choice.winner, Objective(), regret=1.0)[0]
    explained = sentence(choice.winner, [choice.winner, ahead], choice.tied, choice.map, SPEC.objective, "accuracy")
    assert "about 70 s more of budget would finish" in explained
