from dataclasses import replace

from fake_run import make_run

from goldilocks.report.story import noise


def test_noise_of_items_and_of_seeds_are_distinguished() -> None:
    run = make_run()

    def sentence(**changes: object) -> str:
        winner = replace(run.decision.winner, **changes)  # type: ignore[arg-type]
        return noise(replace(run.decision, winner=winner))

    assert sentence() == ""  # an older decision
    assert sentence(item_error=0.012, seed_error=0.0).endswith("deterministic, so another seed changes nothing.")
    once = sentence(item_error=0.012, seed_error=0.004)
    assert "±0.012 from the choice of items and by about ±0.004 from the training seed" in once
    assert "published runs" in once
    twice = sentence(item_error=0.012, seed_error=0.006, seed_losses=(0.08, 0.1), seed_noise=0.009)
    assert "trained with 2 seeds, its losses were 0.080, 0.100, and their mean is used" in twice


def test_page_shows_both_noises() -> None:
    run = make_run()
    winner = replace(run.decision.winner, item_error=0.012, seed_error=0.004)
    assert "±0.012" in replace(run, decision=replace(run.decision, winner=winner)).html()
