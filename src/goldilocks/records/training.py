"""How a network is trained: one flat record, set by family, method, task file, command line and search in turn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Schedule(StrEnum):
    """The learning rate after the warm-up (``nets/training/schedules.py``)."""

    LINEAR = "linear"
    """Falls linearly to 0."""
    COSINE = "cosine"
    """Falls to 0 along half a cosine (Loshchilov and Hutter 2017, without restarts)."""
    CONSTANT = "constant"
    """Stays."""


class OptimizerName(StrEnum):
    """The optimiser; all but AdamW are torch's own classes."""

    ADAMW = "adamw"
    ADAFACTOR = "adafactor"
    """Shazeer and Stern 2018: factored second moments, so that its state is a small part of AdamW's."""
    SGD = "sgd"
    """With Nesterov momentum 0.9; its rates are some hundred times those of AdamW."""


class Averaging(StrEnum):
    """Average of the weights that answers instead of the last weights (``nets/training/averaging.py``)."""

    NONE = "none"
    EMA = "ema"
    """Exponential moving average over all steps."""
    SWA = "swa"
    """Plain mean over the last part of training (Izmailov et al. 2018)."""


class Adversarial(StrEnum):
    """Adversarial training on the token embeddings (``nets/training/adversarial.py``)."""

    NONE = "none"
    FGM = "fgm"
    """One step along the gradient (Miyato et al. 2017): twice the time per step."""
    PGD = "pgd"
    """Several projected steps (Madry et al. 2018)."""
    FREELB = "freelb"
    """Several steps whose gradients are all used (Zhu et al. 2020)."""


class ClassWeights(StrEnum):
    """Weights of the classes in the loss."""

    NONE = "none"
    BALANCED = "balanced"
    """Inversely proportional to the rows of a class, with mean 1 over the training rows (King and Zeng 2001)."""


class UnlabelledLoss(StrEnum):
    """What unlabelled rows (``data.unlabelled``) add to the loss (``nets/training/losses/unlabelled.py``)."""

    NONE = "none"
    PSEUDO_LABELS = "pseudo_labels"
    """Cross entropy with the label that the network itself predicts (Lee 2013)."""
    CONSISTENCY = "consistency"
    """Divergence between the predictions of a text and of a varied copy of it (Xie et al. 2020)."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a network is trained. Made by its family for the data, then adjusted by the method.

    A task file (``training:``) and ``tune --training`` replace single fields.
    """

    epochs: float
    learning_rate: float
    """Peak rate of everything below the head; with ``layer_ratio`` that of the middle."""
    head_learning_rate: float
    batch_rows: int = 32
    batch_tokens: int = 4096
    """A batch is full at ``batch_rows`` texts or this many tokens (padding included), whichever comes first."""
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    """Share of the steps over which the rate climbs; ``schedule`` says what follows."""
    dropout: float = 0.0
    """Dropout before the head."""
    label_smoothing: float = 0.0
    """Share of the target distribution spread evenly over all labels (Szegedy et al. 2016)."""
    clip_norm: float = 1.0
    """Gradients are scaled down to this global norm (Pascanu et al. 2013); 0: they are not."""
    layer_ratio: float = 1.0
    """How many times as fast the topmost block learns as the lowest; the others in equal steps between, the embeddings
    one below. 1: all alike."""
    deep_head: bool = False
    """Whether the head has layers of its own, which learn at a network's pace and not at a linear model's."""
    patience: int = 0
    """Early stopping: validations without improvement before training stops; 0: off."""
    schedule: Schedule = Schedule.LINEAR
    rate_test: bool = False
    """Learning-rate range test (Smith 2017) before training: both rates are scaled by the factor that it finds."""
    optimizer: OptimizerName = OptimizerName.ADAMW
    accumulation: int = 1
    """Forward and backward passes that a batch is divided into; the gradient is that of the whole batch, the memory
    that of a pass."""
    checkpoint_activations: bool = False
    """Recompute each block's activations in the backward pass (Chen et al. 2016): equal gradients, less memory, about
    a third more time."""
    average: Averaging = Averaging.NONE
    ema_decay: float = 0.99
    """Decay of the exponential moving average per step; smaller in the first steps."""
    swa_start: float = 0.6
    """Share of training after which the plain average begins."""
    adversarial: Adversarial = Adversarial.NONE
    adversarial_radius: float = 1.0
    """Largest Euclidean norm of the perturbation of an item's token embeddings."""
    adversarial_steps: int = 3
    """Gradient steps of ``pgd`` and ``freelb``."""
    class_weights: ClassWeights = ClassWeights.NONE
    focal_gamma: float = 0.0
    """Focal loss (Lin et al. 2017): exponent that lowers the weight of items that are predicted well; 0: off."""
    logit_adjustment: float = 0.0
    """Logit adjustment for rare classes (Menon et al. 2021): factor (tau) of the log prior; the paper's is 1,
    0: off."""
    r_drop: float = 0.0
    """R-Drop (Liang et al. 2021): weight (alpha) of the divergence between two predictions with different dropout
    masks; needs ``dropout``. 0: off."""
    mixout: float = 0.0
    """Mixout (Lee et al. 2020): probability that a weight of a block is replaced by its pretrained value in a step."""
    contrastive_weight: float = 0.0
    """Supervised contrastive loss (Gunel et al. 2021): its share of the loss (lambda), 0 to 1; 0: off."""
    contrastive_temperature: float = 0.3
    unlabelled_loss: UnlabelledLoss = UnlabelledLoss.NONE
    unlabelled_weight: float = 1.0
    """Weight of the loss of unlabelled rows; it rises linearly from 0 over training."""
    unlabelled_confidence: float = 0.9
    """Probability of a prediction below which an unlabelled row does not count."""
