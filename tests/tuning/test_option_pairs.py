"""Every two training options, and every option beside every method with an objective of its own, either both have their
effect or are refused in one line.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations
from typing import Any

import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.network import Network
from goldilocks.protocols import HasObjective, NeedsTeacher
from goldilocks.records import (
    Adversarial,
    Averaging,
    ClassWeights,
    OptimizerName,
    Schedule,
    TrainingConfig,
    UnlabelledLoss,
)
from goldilocks.testing import tiny
from goldilocks.testing.method_training import teacher_for
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.rate_range import rate_range_test
from goldilocks.tuning.training_set import TrainingSet

# An uneven share of the labels, so that class weights and priors matter.
PART = tiny.part(40).take([*range(0, 40, 3), *range(1, 40, 9), *range(2, 40, 9)])
UNLABELLED = tuple((text, f"{text} again") for text in tiny.part(60).texts[40:])
CONFIG = TrainingConfig(
    epochs=1, learning_rate=1e-3, head_learning_rate=1e-2, batch_rows=6, dropout=0.2, clip_norm=0, weight_decay=0
)
OPTIONS: dict[str, dict[str, Any]] = {
    "label_smoothing": {"label_smoothing": 0.2},
    "class_weights": {"class_weights": ClassWeights.BALANCED},
    "focal": {"focal_gamma": 2.0},
    "logit_adjustment": {"logit_adjustment": 1.0},
    "r_drop": {"r_drop": 1.0},
    "contrastive": {"contrastive_weight": 0.5},
    "mixout": {"mixout": 0.3},
    "fgm": {"adversarial": Adversarial.FGM},
    "pgd": {"adversarial": Adversarial.PGD, "adversarial_steps": 2},
    "freelb": {"adversarial": Adversarial.FREELB, "adversarial_steps": 2},
    "ema": {"average": Averaging.EMA, "ema_decay": 0.5},
    "swa": {"average": Averaging.SWA, "swa_start": 0.1},
    "pseudo_labels": {"unlabelled_loss": UnlabelledLoss.PSEUDO_LABELS, "unlabelled_confidence": 0.0},
    "consistency": {"unlabelled_loss": UnlabelledLoss.CONSISTENCY, "unlabelled_confidence": 0.0},
    "adafactor": {"optimizer": OptimizerName.ADAFACTOR},
    "sgd": {"optimizer": OptimizerName.SGD},
    "cosine": {"schedule": Schedule.COSINE},
    "layer_ratio": {"layer_ratio": 3.0},
    "clip_norm": {"clip_norm": 0.05},
    "weight_decay": {"weight_decay": 0.3},
    # These two promise the same gradients, with the same draws of dropout; both are tried without it.
    "accumulation": {"accumulation": 2},
    "checkpoint_activations": {"checkpoint_activations": True},
}
EQUAL = {"accumulation", "checkpoint_activations"}
PAIRS = [
    pair
    for pair in combinations(OPTIONS, 2)
    if not OPTIONS[pair[0]].keys() & OPTIONS[pair[1]].keys()  # two values of one option
]
REFUSED = {("contrastive", "accumulation")}


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Network]:
    """A prepared network of each method."""
    folder = tiny.encoder_folder(tmp_path_factory.mktemp("pairs") / "tiny-encoder")
    family = plugins.load("families", "encoder")
    made: dict[str, Network] = {}
    for name in ("full", "head_only", "l2_sp", "adalora", "distil", "contrastive"):
        method = plugins.load("methods", name)
        network = family.create(family.describe(folder, str(folder)), folder, PART, tiny.GOAL, seed=0)  # type: ignore[arg-type]
        assert isinstance(network, Network)
        torch.manual_seed(0)
        method.prepare(network, method.Options())
        made[name] = network
    return made


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 throughout, also where the machine has bfloat16."""
    monkeypatch.setattr(BertBackbone, "bf16", False)


def objective_of(name: str, network: Network) -> Any:
    method = plugins.load("methods", name)
    if isinstance(method, NeedsTeacher):
        return method.taught(network, PART.texts, PART.gold, teacher_for(PART)(PART.texts), method.Options())
    if isinstance(method, HasObjective):
        return method.objective(network, PART.texts, PART.gold, method.Options())
    return None


def trained(networks: dict[str, Network], method: str, *options: str, dropout: float = 0.2) -> torch.Tensor:
    """All weights after a few steps, in one vector."""
    config = replace(CONFIG, dropout=dropout)
    for option in options:
        config = replace(config, **OPTIONS[option])
    unlabelled = UNLABELLED if config.unlabelled_loss is not UnlabelledLoss.NONE else ()

    network = networks[method].twin()
    objective = objective_of(method, network)
    learner = Learner(network, config, TrainingSet(PART.texts, PART.gold, unlabelled), seed=0, objective=objective)
    learner.advance(1.0)
    return torch.cat([weight.flatten() for weight in learner.snapshot().module.state_dict().values()])


@pytest.fixture(scope="module")
def alone(networks: dict[str, Network]) -> Any:
    """Weights after training with one option, or none (``""``)."""

    @cache
    def weights(option: str, dropout: float = 0.2) -> torch.Tensor:
        return trained(networks, "full", *([option] if option else []), dropout=dropout)

    return weights


def same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return float((first - second).abs().max()) < 1e-6


@pytest.mark.parametrize("option", [name for name in OPTIONS if name not in EQUAL])
def test_an_option_alone_has_an_effect(option: str, alone: Any) -> None:
    assert not same(alone(option), alone(""))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_options_both_have_their_effect_or_are_refused(
    first: str, second: str, networks: dict[str, Network], alone: Any
) -> None:
    if (first, second) in REFUSED:
        with pytest.raises(InputError, match="leave one out"):
            trained(networks, "full", first, second)
        return
    if second in EQUAL:  # mixout draws, and R-Drop needs dropout: what is drawn differs between passes
        both = trained(networks, "full", first, second, dropout=0.0 if first != "r_drop" else 0.2)
        if first in ("r_drop", "mixout", "pseudo_labels", "consistency") and second == "accumulation":
            assert bool(torch.isfinite(both).all())
        else:
            expected = alone(first, 0.0 if first != "r_drop" else 0.2)
            assert float((both - expected).abs().max()) < 1e-4, f"{second} changes what {first} trains"
        return
    both = trained(networks, "full", first, second)
    assert not same(both, alone(first)), f"{second} has no effect beside {first}"
    assert not same(both, alone(second)), f"{first} has no effect beside {second}"


LOSSES = ("label_smoothing", "class_weights", "focal", "logit_adjustment", "r_drop", "contrastive")
NOT_TAKEN = {
    "contrastive": {*LOSSES, "pseudo_labels", "consistency", "accumulation"},
    "distil": {"logit_adjustment"},
}


@pytest.mark.parametrize("method", ["l2_sp", "adalora", "distil", "contrastive"])
def test_every_option_has_its_effect_beside_an_objective_or_is_refused(
    method: str, networks: dict[str, Network]
) -> None:
    without = trained(networks, method)
    for option in OPTIONS:
        if option in NOT_TAKEN.get(method, ()):
            with pytest.raises(InputError, match=r"[Ll]eave it\s+out, or choose"):
                trained(networks, method, option)
        elif option not in EQUAL:
            assert not same(trained(networks, method, option), without), f"{option} has no effect with {method}"


def test_class_weights_of_an_objective_are_those_of_the_labels(networks: dict[str, Network]) -> None:
    network = networks["distil"].twin()
    config = replace(CONFIG, class_weights=ClassWeights.BALANCED)
    learner = Learner(
        network, config, TrainingSet(PART.texts, PART.gold), seed=0, objective=objective_of("distil", network)
    )
    counts = [PART.gold.count(label) for label in network.labels]
    expected = [len(PART.gold) / (len(counts) * count) for count in counts]
    assert learner._work.criterion.class_weights is not None
    assert learner._work.criterion.class_weights.tolist() == pytest.approx(expected)


def test_the_rate_test_minimises_what_training_does(networks: dict[str, Network]) -> None:
    network = networks["contrastive"].twin()
    learner = Learner(
        network, CONFIG, TrainingSet(PART.texts, PART.gold), seed=0, objective=objective_of("contrastive", network)
    )
    rate_range_test(learner, steps=2)
    # Pairs are compared by the backbone: of the head no rate can be tested.
    slots = learner._optimizer.slots
    head = {slot.name for slot in slots if slot.name.startswith("head.")}
    moved = {slot.name for slot in slots if bool(slot.first.any())}
    assert moved
    assert not moved & head


def test_mixout_needs_a_trained_matrix(networks: dict[str, Network]) -> None:
    with pytest.raises(InputError, match="mixout has no effect where no matrix"):
        trained(networks, "head_only", "mixout")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ema_decay": 0.9}, "ema_decay is 0.9, which has no effect while average is none; set average to ema"),
        ({"swa_start": 0.5, "average": Averaging.EMA}, "no effect while average is ema; set average to swa"),
        ({"adversarial_steps": 5, "adversarial": Adversarial.FGM}, "set adversarial to pgd or freelb"),
        ({"unlabelled_weight": 2.0}, "set unlabelled_loss to pseudo_labels or consistency"),
        ({"contrastive_temperature": 0.1}, "contrastive_weight is 0; set it too"),
    ],
)
def test_an_option_of_an_option_that_is_off_is_refused(
    changes: dict[str, Any], message: str, networks: dict[str, Network]
) -> None:
    with pytest.raises(InputError, match=message):
        Learner(networks["full"].twin(), replace(CONFIG, **changes), TrainingSet(PART.texts, PART.gold), seed=0)
