"""L2-SP: weights are pulled to where they started, in a resumed run too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from method_models import CONFIG, ENCODER, UNTRAINED

from goldilocks.errors import InputError
from goldilocks.methods import full, l2_sp
from goldilocks.nets.network import Network
from goldilocks.records import TrainingConfig
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

ROWS = tiny.part(60)
TRAINING = TrainingConfig(epochs=6, learning_rate=3e-3, head_learning_rate=3e-3)


@pytest.fixture
def network(tmp_path: Path) -> Network:
    torch.manual_seed(0)
    return tiny.encoder(tiny.encoder_folder(tmp_path / "tiny-bert"), ROWS)


def distance(before: Network, after: Network) -> float:
    start = before.module.state_dict()
    moved = after.module.state_dict()
    return sum(float((moved[name] - start[name]).pow(2).sum()) for name in start if name.startswith("backbone."))


def learner(network: Network, strength: float | None) -> Learner:
    l2_sp.prepare(network, l2_sp.Options()) if strength else full.prepare(network, full.Options())
    own = l2_sp.objective(network, ROWS.texts, ROWS.gold, l2_sp.Options(strength)) if strength else None
    return Learner(network, TRAINING, TrainingSet(ROWS.texts, ROWS.gold), seed=0, objective=own)


def test_backbone_stays_nearer_than_with_full_fine_tuning_and_still_learns(network: Network) -> None:
    before, moved = network.twin(), []
    for strength in (None, 1.0):
        trained = learner(before.twin(), strength)
        trained.advance(1.0)
        moved.append(distance(before, trained.snapshot()))
        answers = trained.predict(ROWS.texts).values
        assert sum(a == b for a, b in zip(answers, ROWS.gold, strict=True)) / len(ROWS) > 0.6
    assert moved[1] < 0.7 * moved[0]


def test_resumed_run_is_pulled_to_where_it_began(network: Network) -> None:
    whole, half, resumed = (learner(network.twin(), 1.0) for _ in range(3))
    whole.advance(1.0)
    half.advance(0.5)
    resumed.load_state({name: value.clone() for name, value in half.state().items()}, half.place())
    resumed.advance(1.0)
    for name, weight in whole.snapshot().module.state_dict().items():
        assert torch.allclose(resumed.snapshot().module.state_dict()[name], weight, atol=1e-5), name


def test_penalty_replaces_weight_decay() -> None:
    assert l2_sp.training_config(CONFIG).weight_decay == 0


def test_only_pretrained_networks_have_a_start() -> None:
    assert l2_sp.incompatibility(ENCODER) is None
    assert l2_sp.incompatibility(UNTRAINED) == "not pretrained; use `scratch`"


@pytest.mark.parametrize("strength", [0.0, -1.0, float("inf"), float("nan")])
def test_strength_that_is_no_penalty_is_refused(strength: float, network: Network) -> None:
    with pytest.raises(InputError, match=r"strength is .*; it must be above 0; without a penalty use `full`"):
        l2_sp.prepare(network, l2_sp.Options(strength))
