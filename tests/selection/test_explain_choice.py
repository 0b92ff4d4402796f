from dataclasses import replace

from race_records import SPEC
from test_decide import ACCURACY, GOLD, finished

from goldilocks.records import Objective
from goldilocks.selection.decide import decide
from goldilocks.selection.explain_choice import sentence


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
