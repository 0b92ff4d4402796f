from __future__ import annotations

import math

import pytest
import torch

from goldilocks.nets.training.losses.logit_adjustment import prior_offsets


@pytest.mark.parametrize("tau", [0.5, 1.0])
def test_offset_is_tau_times_the_log_prior(tau: float) -> None:
    got = prior_offsets([0, 0, 0, 1], 2, tau)
    assert got.tolist() == pytest.approx([tau * math.log(0.75), tau * math.log(0.25)])


def test_label_without_a_row_has_a_finite_offset_below_that_of_a_single_row() -> None:
    got = prior_offsets([0, 0, 0, 1], 3, 1.0)
    assert got[2].item() == pytest.approx(math.log(0.5 / 4))
    assert got[2] < got[1]


def test_adjusted_scores_and_scores_give_the_bayes_rules_of_both_errors() -> None:
    # p(x|y) is (.2, .9) and the prior (.9, .1): the likelihood ratio prefers label 1, the posterior label 0.
    likelihood = torch.tensor([0.2, 0.9]).log()
    offsets = prior_offsets([0] * 9 + [1], 2, 1.0)
    posterior = (likelihood + offsets).softmax(0)
    assert posterior.tolist() == pytest.approx([0.18 / 0.27, 0.09 / 0.27])
    assert (int(likelihood.argmax()), int(posterior.argmax())) == (1, 0)
