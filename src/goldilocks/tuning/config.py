"""Whether a network can be trained with the options of a training config."""

from __future__ import annotations

from goldilocks.errors import InputError
from goldilocks.nets.network import LOSS_OPTIONS, Network
from goldilocks.records import Adversarial, TrainingConfig, UnlabelledLoss

_PLAIN = TrainingConfig(epochs=1, learning_rate=0, head_learning_rate=0)


def check_config(config: TrainingConfig, network: Network, *, unlabelled: bool = False, processes: int = 1) -> None:
    """See that the network's loss and backbone have what the options need.

    Args:
        config: The options.
        network: Prepared by its method.
        unlabelled: Whether there are unlabelled rows.
        processes: How many processes share a batch.

    Raises:
        InputError: an option has no effect or cannot be used here; the message names it and says what can.
    """
    for option in sorted(LOSS_OPTIONS - network.loss_options):
        if getattr(config, option) != getattr(_PLAIN, option):
            known = ", ".join(sorted(network.loss_options)) or "none of the loss options"
            raise InputError(
                f"training.{option} is {getattr(config, option)}; it is for single labels, this network's loss takes "
                f"{known}. Leave it out."
            )
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
    if config.r_drop and not config.dropout:
        raise InputError(f"training.r_drop is {config.r_drop:g} without dropout; set dropout too, e.g. to 0.1.")
    frozen = network.frozen_blocks() >= network.backbone.depth
    if config.contrastive_weight and frozen:
        raise InputError(
            "training.contrastive_weight has no effect where only the head is trained; choose a method that trains "
            "the backbone, e.g. full or lora."
        )
    if config.contrastive_weight and config.accumulation > 1:
        raise InputError(
            "training.contrastive_weight compares the items of a batch, which accumulation divides; leave one out."
        )
    if config.contrastive_weight and processes > 1:
        raise InputError(
            "training.contrastive_weight compares the items of a batch, which several processes share; leave one out."
        )
    if config.adversarial is not Adversarial.NONE and network.backbone.input_embedding is None:
        raise InputError(
            f"training.adversarial is {config.adversarial}; this network has no token embeddings to perturb. Leave it "
            "out."
        )
