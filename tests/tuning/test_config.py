from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.network import Network
from goldilocks.nets.objectives.start_point import StartPointObjective
from goldilocks.records import Adversarial, ClassWeights, OptimizerName, Output, TrainingConfig, UnlabelledLoss
from goldilocks.testing import tiny
from goldilocks.tuning.config import check_config, check_sharding

PLAIN = TrainingConfig(epochs=1, learning_rate=1e-3, head_learning_rate=1e-3)


def network(folder: Path, output: Output = Output.LABEL, method: str = "full") -> Network:
    family = plugins.load("families", "encoder")
    checkpoint = tiny.encoder_folder(folder / "tiny")
    case = tiny.cases({output})[0]
    made = family.create(family.describe(checkpoint, str(checkpoint)), checkpoint, case.part, case.goal, seed=0)  # type: ignore[arg-type]
    assert isinstance(made, Network)
    chosen = plugins.load("methods", method)
    chosen.prepare(made, chosen.Options())
    return made


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"r_drop": 1.0}, "r_drop is 1 without dropout"),
        ({"unlabelled_loss": UnlabelledLoss.CONSISTENCY}, "there are no unlabelled rows"),
        ({"contrastive_weight": 0.5, "accumulation": 2}, "accumulation divides"),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_config(replace(PLAIN, **changes), network(tmp_path))


@pytest.mark.parametrize("output", [Output.TAGS, Output.SPAN, Output.SCORE])
def test_losses_of_single_labels_are_refused_for_other_outputs(tmp_path: Path, output: Output) -> None:
    made = network(tmp_path, output)
    check_config(PLAIN, made)
    with pytest.raises(InputError, match=r"focal_gamma is 2\.0; it is for single labels"):
        check_config(replace(PLAIN, focal_gamma=2.0), made)
    with pytest.raises(InputError, match="class_weights is balanced"):
        check_config(replace(PLAIN, class_weights=ClassWeights.BALANCED), made)


def test_contrastive_loss_needs_a_backbone_that_is_trained(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no effect where only the head is trained"):
        check_config(replace(PLAIN, contrastive_weight=0.5), network(tmp_path, method="head_only"))


def test_all_options_together_are_accepted_where_they_fit(tmp_path: Path) -> None:
    many = replace(PLAIN, dropout=0.1, r_drop=1.0, focal_gamma=1.0, adversarial=Adversarial.FGM, mixout=0.1)
    check_config(many, network(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accumulation": 2}, "accumulation is 2, which --shard cannot divide"),
        ({"checkpoint_activations": True}, "checkpoint_activations is True, which --shard"),
        ({"optimizer": OptimizerName.ADAFACTOR}, "optimizer is adafactor, which --shard"),
    ],
)
def test_what_cannot_be_divided_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    check_sharding(PLAIN, network(tmp_path), None)
    with pytest.raises(InputError, match=message):
        check_sharding(replace(PLAIN, **changes), network(tmp_path), None)


def test_networks_and_objectives_that_cannot_be_divided_are_refused(tmp_path: Path) -> None:
    check_sharding(PLAIN, network(tmp_path, Output.TAGS), None)
    with pytest.raises(InputError, match="labels or tags; leave it out"):
        check_sharding(PLAIN, network(tmp_path, Output.SCORE), None)
    made = network(tmp_path, method="l2_sp")
    objective = StartPointObjective(made, [], strength=0.1)
    with pytest.raises(InputError, match="minimise the loss of the head; leave it out"):
        check_sharding(PLAIN, made, objective)
