"""Whether a network and an objective can be trained with the options of a training config."""

from __future__ import annotations

from goldilocks.errors import InputError
from goldilocks.nets.network import LOSS_OPTIONS, Network
from goldilocks.records import Adversarial, OptimizerName, Output, TrainingConfig, UnlabelledLoss
from goldilocks.tuning.objective import Objective, PlansBatches, SupportsLossOptions
from goldilocks.tuning.working_copy import mixed_names

_PLAIN = TrainingConfig(epochs=1, learning_rate=0, head_learning_rate=0)
_NEEDS = {
    "ema_decay": ("average", ("ema",)),
    "swa_start": ("average", ("swa",)),
    "adversarial_radius": ("adversarial", ("fgm", "pgd", "freelb")),
    "adversarial_steps": ("adversarial", ("pgd", "freelb")),
    "unlabelled_weight": ("unlabelled_loss", ("pseudo_labels", "consistency")),
    "unlabelled_confidence": ("unlabelled_loss", ("pseudo_labels", "consistency")),
}
"""Options that have an effect only together with another one: its name, and the values with which they do."""


def check_config(
    config: TrainingConfig,
    network: Network,
    *,
    objective: Objective | None = None,
    unlabelled: bool = False,
    processes: int = 1,
) -> None:
    """Check that loss, objective and backbone have what the options need.

    Args:
        config: The options.
        network: Prepared by its method.
        objective: What the method minimises; ``None``: the loss of the network's head.
        unlabelled: Whether there are unlabelled rows.
        processes: How many processes share a batch.

    Raises:
        InputError: an option has no effect or cannot be used here; the message names it and says what can.
    """
    _check_dependent(config)
    _check_loss(config, network, objective)
    if config.unlabelled_loss is not UnlabelledLoss.NONE:
        if not unlabelled:
            raise InputError(
                f"training.unlabelled_loss is {config.unlabelled_loss}, but there are no unlabelled rows; name them in "
                "the task file as data: {unlabelled: FILE}."
            )
        if not network.loss_options >= LOSS_OPTIONS:
            raise InputError(
                f"training.unlabelled_loss is {config.unlabelled_loss}; it is for tasks with one label per item, leave "
                "it out."
            )
    _check_batches(config, objective, processes)
    if config.r_drop and not config.dropout:
        raise InputError(f"training.r_drop is {config.r_drop:g} without dropout; set dropout too, e.g. to 0.1.")
    frozen = network.frozen_blocks() >= network.backbone.depth
    if config.contrastive_weight and frozen:
        raise InputError(
            "training.contrastive_weight has no effect where only the head is trained; choose a method that trains "
            "the backbone, e.g. full or lora."
        )
    if config.mixout and not mixed_names(network):
        raise InputError(
            "training.mixout has no effect where no matrix of attention or MLP is trained; leave it out, or choose a "
            "method that trains them, e.g. full or lora."
        )
    if config.adversarial is not Adversarial.NONE and network.backbone.input_embedding is None:
        raise InputError(
            f"training.adversarial is {config.adversarial}; this network has no token embeddings to perturb. Leave it "
            "out."
        )


def check_sharding(config: TrainingConfig, network: Network, objective: Objective | None) -> None:
    """Check that a run can be divided among processes that each hold a part of the weights.

    Raises:
        InputError: it cannot; the message says what to leave out.
    """
    labels = network.pools and (network.config.several or network.loss_options >= LOSS_OPTIONS)
    if not labels and network.config.output != Output.TAGS:
        raise InputError("--shard is for networks that give labels or tags; leave it out, --processes works alone.")
    if objective is not None:
        raise InputError(
            "--shard is for methods that minimise the loss of the head; leave it out, or choose full or lora."
        )
    wrong = {
        "accumulation": config.accumulation > 1,
        "adversarial": config.adversarial is not Adversarial.NONE,
        "checkpoint_activations": config.checkpoint_activations,
        "unlabelled_loss": config.unlabelled_loss is not UnlabelledLoss.NONE,
        "optimizer": config.optimizer is OptimizerName.ADAFACTOR,
    }
    option = next((name for name, is_wrong in wrong.items() if is_wrong), None)
    if option is not None:
        raise InputError(f"training.{option} is {getattr(config, option)}, which --shard cannot divide; leave one out.")


def _check_dependent(config: TrainingConfig) -> None:
    """Check that no option is set that only changes another one, which is off."""
    for option, (other, values) in _NEEDS.items():
        value, known = getattr(config, option), str(getattr(config, other))
        if value != getattr(_PLAIN, option) and known not in values:
            raise InputError(
                f"training.{option} is {value:g}, which has no effect while {other} is {known}; set {other} to "
                f"{' or '.join(values)}, or leave {option} out."
            )
    if config.contrastive_temperature != _PLAIN.contrastive_temperature and not config.contrastive_weight:
        raise InputError(
            f"training.contrastive_temperature is {config.contrastive_temperature:g}, which has no effect while "
            "contrastive_weight is 0; set it too, e.g. to 0.5."
        )


def _check_loss(config: TrainingConfig, network: Network, objective: Objective | None) -> None:
    """Check that the loss that is minimised knows the options that change it."""
    for option in sorted(LOSS_OPTIONS - network.loss_options):
        if getattr(config, option) != getattr(_PLAIN, option):
            known = ", ".join(sorted(network.loss_options)) or "none of the loss options"
            raise InputError(
                f"training.{option} is {getattr(config, option)}; it is for single labels, this network's loss takes "
                f"{known}. Leave it out."
            )
    if objective is None:
        return
    supported = objective.loss_options if isinstance(objective, SupportsLossOptions) else frozenset()
    for option in sorted((LOSS_OPTIONS | {"unlabelled_loss"}) - supported):
        if getattr(config, option) != getattr(_PLAIN, option):
            known = ", ".join(sorted(supported & network.loss_options)) or "none of the loss options"
            raise InputError(
                f"training.{option} is {getattr(config, option)}; the objective of this method takes {known}. Leave it "
                "out, or choose a method that minimises the loss of the head, e.g. full or lora."
            )


def _check_batches(config: TrainingConfig, objective: Objective | None, processes: int) -> None:
    """Check that a batch whose items are compared stays whole."""
    if config.contrastive_weight:
        compares, instead = "training.contrastive_weight", "leave one out"
    elif isinstance(objective, PlansBatches):
        compares, instead = "this method", "leave it out, or choose another method, e.g. full"
    else:
        return
    if config.accumulation > 1:
        raise InputError(f"{compares} compares the items of a batch, which accumulation divides; {instead}.")
    if processes > 1:
        raise InputError(f"{compares} compares the items of a batch, which several processes share; {instead}.")
