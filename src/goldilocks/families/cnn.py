"""TextCNN: convolutions over word vectors with max-over-time pooling (Kim 2014), trained from scratch.

It detects phrases of up to five words wherever they are. Word vectors are learnt from the training texts, so it needs
some thousands of them. Texts in Chinese are split by character.

Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification" (CNN-rand). We use AdamW instead of
Adadelta, word dropout, and no norm constraint on the head.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.SCORE, Output.TAGS})
describe = from_scratch.no_checkpoint

WIDTH = 128
FILTERS = 128
SPANS = (2, 3, 4, 5)
MAX_WORDS = 512
DROPOUT = 0.3
"""Dropout rate of the word embeddings."""
HIDDEN_WORDS = 0.2
"""Word dropout: share of the words that are left out of a training text."""
_TYPICAL_VOCABULARY = 8_000
# One pass of training at 188.6 GFLOPS: measured on one thread (8 and 32 words a text), scaled to two by judgement.
_START_SECONDS = 2.0
_SECONDS_PER_TEXT = 110e-6
_SECONDS_PER_WORD = 18e-6
_PARAMETERS = _TYPICAL_VOCABULARY * WIDTH + sum((span * WIDTH + 1) * FILTERS for span in SPANS)


def models() -> tuple[ModelInfo, ...]:
    """``textcnn``."""
    return (
        ModelInfo(
            name="textcnn",
            family="cnn",
            source="builtin",
            architecture=f"word vectors ({WIDTH} wide), {FILTERS} filters each over {', '.join(map(str, SPANS))} words",
            pretraining="none",
            languages=("*",),
            licence="none-needed",
            parameters=_PARAMETERS,
            size_bytes=4 * _PARAMETERS,
            groups=("embeddings", "mlp", "head"),
            depth=1,
            width=FILTERS * len(SPANS),
            max_tokens=MAX_WORDS,
        ),
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Seconds and memory of the full run. See ``protocols.Family``."""
    a_pass = work.rows * (_SECONDS_PER_TEXT + _SECONDS_PER_WORD * min(work.words, MAX_WORDS))
    seconds = (_START_SECONDS + training_config(info, work).epochs * a_pass) * 188.6 / machine.gflops
    # Libraries; one batch; weights four times over (gradient, two means of the optimiser); texts and their token ids.
    batch = 90e3 * min(32 * 1.2 * work.words, 4_096)
    texts = work.rows * (2 * work.characters + 8 * work.words + 200)
    return Forecast(seconds, 380e6 + batch + 16.0 * info.parameters + texts)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:  # noqa: ARG001
    """12 epochs at 4,000 rows (chosen on mr, ag_news and the Chinese csl), more with fewer; see ``TrainingConfig``."""
    epochs = round(min(60.0, max(4.0, 12 * (4_000 / work.n_sequences) ** 0.5)))
    return TrainingConfig(epochs, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=work.batch_rows, dropout=0.5)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:  # noqa: ARG001
    """An untrained net with the vocabulary of ``part``. See ``protocols.Family``."""
    from goldilocks.nets.assemble import BackboneSpec, word_level_network

    options = {
        "width": WIDTH,
        "filters": FILTERS,
        "spans": list(SPANS),
        "dropout": DROPOUT,
        "hidden_words": HIDDEN_WORDS,
    }
    return word_level_network(BackboneSpec("cnn", options, _backbone), part, goal, max_words=MAX_WORDS, seed=seed)


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Any:
    from goldilocks.nets.backbones.cnn import CnnBackbone

    return CnnBackbone(**config.options)
