"""Recurrent nets that read a text word by word: plain, LSTM and GRU, in one direction or both. They start from nothing.

The hidden states are pooled over the text (the strongest of each number), so early words count as much as late ones.
They learn their vectors from the training texts and want some thousands of them. As language models (``likelihood``)
``lstm`` and ``gru`` foretell each piece of a word from those before it. Where a ``text`` is wanted they read the item
and a decoder that looks back at it writes the answer; ``lstm_lm`` and ``gru_lm`` are language models that learn item
and answer as one text and go on from the item.

Source: Elman 1990 (rnn), Hochreiter & Schmidhuber 1997 (lstm), Cho et al. 2014 (gru), Schuster & Paliwal 1997 (both
ways); max pooling over the states as in Conneau et al. 2017; language models: Mikolov et al. 2010, Sundermeyer et al.
2012.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload, as_text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.TEXT, Output.LIKELIHOOD})

WIDTH = 128
STATE = 128
MAX_WORDS = 256
DROPOUT = 0.5
"""Of the word vectors."""
HIDDEN_WORDS = 0.2
"""Share of the words a training text is read without."""
WRITTEN_WIDTH = 256
"""State of each direction, and of the decoder that looks back at them, where a text is wanted (Luong et al. 2015)."""
WRITTEN_DROPOUT = 0.3
PIECES = 8_000
"""Most pieces of words where a text is wanted."""
FORETOLD_WIDTH = 256
"""Of vectors and states where a likelihood is wanted."""
FORETOLD_DROPOUT = 0.4
FORETOLD_PIECES = (400, 8_000)
"""Fewest and most pieces of words where a likelihood is wanted."""
PROMPT_PIECES = 1_024
"""Pieces of an item that a language model reads before it goes on: the last."""
ONWARD = {"lstm_lm": "lstm", "gru_lm": "gru"}
"""Language models that go on from a text, and their cells."""
_TYPICAL_VOCABULARY = 8_000
_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
# One pass of training at 188.6 GFLOPS: measured on one thread (8 and 32 words a text), scaled to two by judgement;
# words are read one after another, in each direction.
_START_SECONDS = 2.0
_SECONDS_PER_TEXT = 50e-6
_TOKENS_PER_WORD = 2.1
"""Pieces of an English word, with signs and spaces, where a likelihood is wanted; of Chinese one per character."""
_SHARE_OF_SPEED = 0.5
"""Of the machine's that training a language model reaches: fitted to three runs on one thread of an EPYC."""
_FORETOLD_GATES = {"lstm": 4, "gru": 7}
"""What a cell costs: torch's GRU has three gates but runs at less than half the speed of its LSTM."""
_SECONDS_PER_WORD = {"rnn": 9e-6, "gru": 22e-6, "lstm": 14e-6}


def models() -> tuple[ModelInfo, ...]:
    """``rnn``, ``gru``, ``lstm`` and the same in both directions (``bi...``); those of ``ONWARD``."""
    return (*(_facts(cell, both_ways) for cell in _GATES for both_ways in (False, True)), *map(_facts_onward, ONWARD))


def _facts(cell: str, both_ways: bool) -> ModelInfo:
    ways = 2 if both_ways else 1
    parameters = _TYPICAL_VOCABULARY * WIDTH + ways * _GATES[cell] * STATE * (WIDTH + STATE + 2)
    return ModelInfo(
        name=("bi" if both_ways else "") + cell,
        family="recurrent",
        source="builtin",
        architecture=f"word vectors ({WIDTH} wide), {cell} with {STATE} states" + (", both ways" if both_ways else ""),
        pretraining="none",
        languages=("*",),
        licence="none-needed",
        parameters=parameters,
        size_bytes=4 * parameters,
        groups=("embeddings", "mlp", "head"),
        depth=1,
        width=ways * STATE,
        max_tokens=MAX_WORDS,
    )


def _facts_onward(name: str) -> ModelInfo:
    cell, width, pieces = ONWARD[name], FORETOLD_WIDTH, FORETOLD_PIECES[1]
    # The word table is the last matrix too, with a number of its own for each piece.
    parameters = pieces * (width + 1) + _GATES[cell] * width * (2 * width + 2) + width * width
    return replace(
        _facts(cell, both_ways=False),
        name=name,
        architecture=f"language model: word vectors ({width} wide), {cell} with {width} states",
        parameters=parameters,
        size_bytes=4 * parameters,
        width=width,
        max_tokens=PROMPT_PIECES,
    )


def describe(folder: Path, source: str) -> ModelInfo | None:  # noqa: ARG001
    """Nobody publishes checkpoints of it: always ``None``."""
    return None


def lacks(facts: ModelInfo, output: Output) -> str | None:
    """See ``protocols.RestrictsOutputs``."""
    if facts.name in ONWARD:
        other = f"goes on from texts and nothing else; {ONWARD[facts.name]} gives the other kinds of answer"
        return None if output is Output.TEXT else other
    if output is not Output.LIKELIHOOD:
        return None
    if facts.name.startswith("bi"):
        return "reads both ways, and what comes next cannot be foretold by who has seen it; lstm and gru read one way"
    return None if facts.name != "rnn" else "has no gates and soon forgets; lstm and gru say how probable a text is"


def forecast(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Seconds and memory of the full run. See ``protocols.Family``."""
    if work.output is Output.LIKELIHOOD or facts.name in ONWARD:
        return _forecast_foretelling(facts, _foretold(work), machine)
    if work.output is Output.TEXT:
        return _forecast_writing(work, recipe(facts, work).epochs, machine)
    per_word = _SECONDS_PER_WORD[facts.name.removeprefix("bi")] * (2 if facts.name.startswith("bi") else 1)
    a_pass = work.rows * (_SECONDS_PER_TEXT + per_word * min(work.words, MAX_WORDS))
    seconds = (_START_SECONDS + recipe(facts, work).epochs * a_pass) * 188.6 / machine.gflops
    # Libraries; one batch; weights four times over (gradient, two means of the optimiser); texts and their token ids.
    batch = 40e3 * min(32 * 1.2 * work.words, 4_096)
    texts = work.rows * (2 * work.characters + 8 * work.words + 200)
    return Forecast(seconds, 280e6 + batch + 16.0 * facts.parameters + texts)


def _foretold(work: Workload) -> Workload:
    """The same with what there is to foretell: an item and its answer."""
    return replace(work, characters=work.characters + work.answer_characters, words=work.words + work.answer_words)


def _forecast_foretelling(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    tokens = work.rows * (1 + min(work.characters, _TOKENS_PER_WORD * work.words))
    pieces = _pieces(work.rows * work.characters)
    gates = _FORETOLD_GATES.get(ONWARD.get(facts.name, facts.name), 4)
    weights = FORETOLD_WIDTH * (2 * gates * FORETOLD_WIDTH + FORETOLD_WIDTH + pieces)
    operations = 6.0 * weights * tokens * _recipe_foretelling(work).epochs
    seconds = _START_SECONDS + operations / (_SHARE_OF_SPEED * machine.gflops * 1e9)
    return Forecast(seconds, 400e6 + 16.0 * weights + work.rows * (2 * work.characters + 200) + 4 * tokens)


def _forecast_writing(work: Workload, epochs: float, machine: Machine) -> Forecast:
    """An encoder both ways, and a decoder that looks back and has all pieces of words to choose from."""
    sides = 2 * 2 * 4 * WRITTEN_WIDTH**2, 4 * 3 * WRITTEN_WIDTH**2 + PIECES * WRITTEN_WIDTH
    lengths = (
        min(work.characters, _TOKENS_PER_WORD * work.words),
        min(work.answer_characters, _TOKENS_PER_WORD * work.answer_words),
    )
    weights = sum(weights * (1 + tokens) for weights, tokens in zip(sides, lengths, strict=True))
    operations = 6.0 * weights * work.rows * epochs
    seconds = _START_SECONDS + operations / (machine.gflops * 1e9)  # fitted to one run, of Chinese poems
    texts = work.rows * 2 * (work.characters + work.answer_characters + 100)
    return Forecast(seconds, 500e6 + 16.0 * 3 * PIECES * WRITTEN_WIDTH + texts)


def _pieces(characters: float) -> int:
    """Pieces of words where a likelihood is wanted: one for each 140 characters there are to learn from."""
    fewest, most = FORETOLD_PIECES
    return round(min(most, max(fewest, characters / 140)))


def recipe(facts: ModelInfo, work: Workload) -> TrainingConfig:
    """12 passes at 4,000 rows (chosen on mr, ag_news and the Chinese csl), more with fewer; see ``TrainingConfig``."""
    if work.output is Output.LIKELIHOOD or facts.name in ONWARD:
        return _recipe_foretelling(_foretold(work))
    epochs = round(min(60.0, max(4.0, 12 * (4_000 / work.lessons) ** 0.5)))
    return TrainingConfig(epochs, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=work.batch_rows, dropout=0.5)


def _recipe_foretelling(work: Workload) -> TrainingConfig:
    # Chosen on a held-out sixth of 140,000 characters of Shakespeare, one seed (benchmarks/language_models.py).
    epochs = round(min(60.0, max(3.0, 20 * (140_000 / max(1.0, work.rows * work.characters)) ** 0.5)))
    rate = 8e-3
    return TrainingConfig(
        epochs=epochs, learning_rate=rate, head_learning_rate=rate, batch_rows=16, batch_tokens=1024, dropout=0.5
    )


def create(facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:  # noqa: ARG001
    """An untrained net with the vocabulary of ``part``. See ``protocols.Family``."""
    from goldilocks.nets.assemble import from_pieces, from_running_text, from_words

    options = {
        "width": WIDTH,
        "cell": ONWARD.get(facts.name) or facts.name.removeprefix("bi"),
        "state": STATE,
        "both_ways": facts.name.startswith("bi"),
        "dropout": DROPOUT,
        "hidden_words": HIDDEN_WORDS,
    }
    if goal.output is Output.TEXT and facts.name not in ONWARD:
        decoder = {"width": WRITTEN_WIDTH, "cell": options["cell"], "dropout": WRITTEN_DROPOUT}
        options |= {"state": WRITTEN_WIDTH, "dropout": WRITTEN_DROPOUT, "hidden_words": 0.0}
        sizes = {"max_pieces": MAX_WORDS, "vocabulary": PIECES}
        return from_pieces("recurrent", options, _backbone, part, goal, **sizes, decoder=decoder, seed=seed)
    if goal.output is Output.LIKELIHOOD or facts.name in ONWARD:
        options |= {"width": FORETOLD_WIDTH, "state": FORETOLD_WIDTH, "dropout": FORETOLD_DROPOUT, "hidden_words": 0.0}
        pieces = _pieces(sum(map(len, _learnt(part, goal))))
        return from_running_text(
            "recurrent", options, _backbone, part, goal, vocabulary=pieces, max_read=PROMPT_PIECES, seed=seed
        )
    return from_words("recurrent", options, _backbone, part, goal, max_words=MAX_WORDS, seed=seed)


def _learnt(part: Part, goal: Goal) -> list[str]:
    """The texts a language model learns from: the answers too, where it is to write them."""
    answers = [references(one)[0] for one in part.gold] if goal.output is Output.TEXT else []
    return [*map(as_text, part.texts), *answers]


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(shape: NetworkConfig) -> Any:
    from goldilocks.nets.backbones.rnn import RnnBackbone

    return RnnBackbone(**shape.options)
