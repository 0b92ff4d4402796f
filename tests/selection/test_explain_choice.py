from dataclasses import replace

from race_records import SPEC
from test_decide import ACCURACY, GOLD, finished

from goldilocks.records import Objective, Standing
from goldilocks.selection.decide import decide
from goldilocks.selection.explain_choice import advice, sentence


def words(error_cost: float) -> str:
    spec = replace(SPEC, objective=Objective(error_cost=error_cost, requests_per_month=1000))
    rivals = [finished("encoder/m/full", range(0, 10), cost=50), finished("cnn/n/scratch", range(0, 120), cost=1)]
    choice = decide(rivals, GOLD, ACCURACY, spec)
    return sentence(choice.winner, choice.standings, choice.tied, choice.map, spec.objective, "accuracy")


def test_sentence_names_the_winner_its_score_its_rival_and_the_range() -> None:
    # They cost the same at alpha = 49 / (.3 - .025) = 178.2, which is .178 an error at 1,000 requests.
    said = words(1.0)
    assert "Take m (encoder, full): accuracy 0.975" in said
    assert "The next best, cnn/n/scratch, costs 226 USD a month more" in said
    assert "from 0.178 USD an error upwards; below that cnn/n/scratch is the better buy" in said


def test_cheap_errors_turn_the_choice() -> None:
    said = words(0.01)
    assert "Take n (cnn, scratch)" in said
    assert "while an error costs between 0 and 0.178 USD" in said


def test_unfinished_candidate_that_may_be_better_is_advised_with_the_time_it_needs() -> None:
    choice = decide([finished("cnn/n/scratch", range(40), cost=1)], GOLD, ACCURACY, SPEC)
    ahead = Standing(
        "encoder/m/full", "encoder", "m", "full", "stopped", "", share=0.3, p_best=0.4, seconds_to_finish=360
    )
    unlikely = replace(ahead, candidate="encoder/m/lora", p_best=0.02)

    lines = advice([choice.winner, ahead, unlikely], choice.winner, Objective(), regret=12.5)

    assert lines[0] == (
        "encoder/m/full, after 30% of its run, has a probability of 40% of being the best: about 6 min more would "
        "finish it; raise the budget and --resume."
    )
    assert "12.5 USD a month more" in lines[1]
    assert len(lines) == 2
    assert advice([choice.winner, unlikely], choice.winner, Objective(), regret=0.0) == ()
