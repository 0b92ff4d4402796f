"""TextCNN: filters over the words of a text, and the strongest answer of each (Kim 2014). Starts from nothing.

It knows phrases of up to five words, and not where in the text they stand. It learns its vectors from the training
texts, so it wants some thousands of them. Any language that writes words apart will do, and Chinese by character.

Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification" (CNN-rand). We learn with AdamW instead of
Adadelta, hide words in training, and have no norm constraint on the head.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.TAGS})

WIDTH = 128
FILTERS = 128
SPANS = (2, 3, 4, 5)
MAX_WORDS = 512
DROPOUT = 0.3
"""Of the word vectors."""
HIDDEN_WORDS = 0.2
"""Share of the words a training text is read without."""
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


def describe(folder: Path, source: str) -> ModelInfo | None:  # noqa: ARG001
    """Nobody publishes checkpoints of it: always ``None``."""
    return None


def forecast(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Seconds and memory of the full run. See ``protocols.Family``."""
    a_pass = work.rows * (_SECONDS_PER_TEXT + _SECONDS_PER_WORD * min(work.words, MAX_WORDS))
    seconds = (_START_SECONDS + recipe(facts, work).epochs * a_pass) * 188.6 / machine.gflops
    # Libraries; one batch; weights four times over (gradient, two means of the optimiser); texts and their token ids.
    batch = 90e3 * min(32 * 1.2 * work.words, 4_096)
    texts = work.rows * (2 * work.characters + 8 * work.words + 200)
    return Forecast(seconds, 380e6 + batch + 16.0 * facts.parameters + texts)


def recipe(facts: ModelInfo, work: Workload) -> TrainingConfig:  # noqa: ARG001
    """12 passes at 4,000 rows (chosen on mr, ag_news and the Chinese csl), more with fewer; see ``TrainingConfig``."""
    epochs = round(min(60.0, max(4.0, 12 * (4_000 / work.lessons) ** 0.5)))
    return TrainingConfig(epochs, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=work.batch_rows, dropout=0.5)


def create(facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:  # noqa: ARG001
    """An untrained net with the vocabulary of ``part``. See ``protocols.Family``."""
    from goldilocks.nets.assemble import from_words

    options = {
        "width": WIDTH,
        "filters": FILTERS,
        "spans": list(SPANS),
        "dropout": DROPOUT,
        "hidden_words": HIDDEN_WORDS,
    }
    return from_words("cnn", options, _backbone, part, goal, max_words=MAX_WORDS, seed=seed)


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(shape: NetworkConfig) -> Any:
    from goldilocks.nets.backbones.cnn import CnnBackbone

    return CnnBackbone(**shape.options)
