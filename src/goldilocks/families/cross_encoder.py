"""Cross-encoders trained from scratch: a CNN or LSTM over both texts of a pair, whose words attend to each other.

The families ``cnn`` and ``recurrent`` encode the texts of a pair separately and compare two vectors; here words are
compared with words, which shows a changed number or name in two otherwise equal sentences. For pairs only: among many
candidates each pair would have to be read again (``recurrent`` and ``cnn`` encode a candidate once).

Source: Parikh et al. 2016 and Chen et al. 2017, see ``nets/backbones/pair_attention.py``; Kim 2014 (the filters).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.SCORE})
describe = from_scratch.no_checkpoint

WIDTH = 128
"""Width of word embeddings, of the recurrent state per direction, and of the comparison."""
FILTERS = 64
SPANS = (1, 2, 3)
MAX_WORDS = 256
"""Maximum length of both texts together."""
DROPOUT = 0.3
HIDDEN_WORDS = 0.1
"""Word dropout: share of the words that are left out of a training text."""
_TYPICAL_VOCABULARY = 8_000
_START_SECONDS = 2.0
# One pass of training at 188.6 GFLOPS.
_SECONDS_PER_WORD = {"textcnn": 24e-6, "bilstm": 50e-6}
_SECONDS_PER_TEXT = 150e-6
_ARCHITECTURES = {
    "textcnn": f"{FILTERS} filters each over {', '.join(map(str, SPANS))} words",
    "bilstm": f"bidirectional lstm with {WIDTH} states",
}


def models() -> tuple[ModelInfo, ...]:
    """``textcnn`` and ``bilstm``."""
    return tuple(_info(name) for name in _ARCHITECTURES)


def _info(name: str) -> ModelInfo:
    inner = (
        sum((span * WIDTH + 1) * FILTERS for span in SPANS) if name == "textcnn" else 2 * 4 * WIDTH * (2 * WIDTH + 2)
    )
    width = FILTERS * len(SPANS) if name == "textcnn" else 2 * WIDTH
    parameters = _TYPICAL_VOCABULARY * WIDTH + inner + width * WIDTH + 2 * WIDTH * WIDTH
    return ModelInfo(
        name=name,
        family="cross_encoder",
        source="builtin",
        architecture=f"word vectors ({WIDTH} wide), {_ARCHITECTURES[name]}, attention between the texts",
        pretraining="none",
        languages=("*",),
        licence="none-needed",
        parameters=parameters,
        size_bytes=4 * parameters,
        groups=("embeddings", "mlp", "head"),
        depth=1,
        width=WIDTH,
        max_tokens=MAX_WORDS,
    )


def unsuited(work: Workload) -> str | None:
    """See ``protocols.DeclinesWorkloads``."""
    if work.texts < 2:
        return "compares two texts; the items are single texts"
    return None if work.texts == 2 else "reads both texts of a pair at once; the items are lists of candidates"


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Seconds and memory of the full run. See ``protocols.Family``."""
    words = min(work.words, MAX_WORDS)
    # Attention compares every word with every other one.
    a_pass = work.rows * (_SECONDS_PER_TEXT + _SECONDS_PER_WORD[info.name] * words + 0.1e-6 * words**2)
    seconds = (_START_SECONDS + training_config(info, work).epochs * a_pass) * 188.6 / machine.gflops
    batch = 90e3 * min(32 * 1.2 * work.words, 4_096)
    texts = work.rows * (2 * work.characters + 8 * work.words + 200)
    return Forecast(seconds, 400e6 + batch + 16.0 * info.parameters + texts)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:  # noqa: ARG001
    """8 epochs at 4,000 pairs, more with fewer."""
    epochs = round(min(40.0, max(4.0, 8 * (4_000 / work.n_sequences) ** 0.5)))
    return TrainingConfig(epochs, learning_rate=1e-3, head_learning_rate=1e-3, batch_rows=work.batch_rows, dropout=0.3)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:  # noqa: ARG001
    """An untrained network with the vocabulary of ``part``. See ``protocols.Family``."""
    from goldilocks.nets.assemble import BackboneSpec, word_level_network

    spec = BackboneSpec("cross_encoder", {"encoder": info.name}, _backbone)
    return word_level_network(spec, part, goal, max_words=MAX_WORDS, interactions=True, seed=seed)


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Any:
    from goldilocks.nets.backbones.cnn import CnnBackbone
    from goldilocks.nets.backbones.pair_attention import PairAttentionBackbone
    from goldilocks.nets.backbones.rnn import RnnBackbone

    words = {"vocabulary": config.options["vocabulary"], "dropout": DROPOUT, "hidden_words": HIDDEN_WORDS}
    if config.options["encoder"] == "textcnn":
        return PairAttentionBackbone(
            CnnBackbone(width=WIDTH, filters=FILTERS, spans=list(SPANS), **words), WIDTH, DROPOUT
        )
    return PairAttentionBackbone(
        RnnBackbone(width=WIDTH, cell="lstm", state=WIDTH, both_ways=True, **words), WIDTH, DROPOUT
    )
