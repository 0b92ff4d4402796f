"""Recurrent networks (plain, LSTM, GRU; unidirectional and bidirectional), trained from scratch.

For labels the hidden states are max-pooled over the text, so early words count as much as late ones. Word vectors are
learnt from the training texts, so some thousands are needed. As language models (``likelihood``) ``lstm`` and ``gru``
predict each subword from those before it. For ``span`` ``bilstm`` and ``bigru`` are two layers with attention to the
question between them (``nets/backbones/question_aware_rnn.py``). For ``text`` they are the encoder below a recurrent
decoder with attention, which in ``pointer_generator`` can copy;
``lstm_lm`` and ``gru_lm`` are language models trained on item and answer as one text, which continue the item.

Source: Elman 1990 (rnn), Hochreiter & Schmidhuber 1997 (lstm), Cho et al. 2014 (gru), Schuster & Paliwal 1997
(bidirectional); max pooling over the states as in Conneau et al. 2017; language models: Mikolov et al. 2010,
Sundermeyer et al. 2012.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.families._shared import from_scratch
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload, as_text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.SCORE, Output.TAGS, Output.SPAN, Output.TEXT, Output.LIKELIHOOD})
describe = from_scratch.no_checkpoint

WIDTH = 128
STATE = 128
MAX_WORDS = 256
DROPOUT = 0.5
"""Dropout rate of the word embeddings."""
HIDDEN_WORDS = 0.2
"""Word dropout: share of the words that are left out of a training text."""
TEXT_WIDTH = 256
"""State of each direction of the encoder, and of the attention decoder (Luong et al. 2015), for ``text``."""
TEXT_DROPOUT = 0.3
SUBWORDS = 8_000
"""Maximum number of subwords for ``text``."""
SPAN_STATE = 96
"""State of each direction of both layers for ``span``."""
SPAN_DROPOUT = 0.3
SPAN_WORDS = 384
"""Longest row of question and context; longer contexts are split into windows."""
LM_WIDTH = 256
"""Width of word embeddings and states of language models."""
LM_DROPOUT = 0.4
LM_SUBWORDS = (400, 8_000)
"""Fewest and most subwords of language models."""
PROMPT_SUBWORDS = 1_024
"""Last subwords of an item that a continuation is conditioned on."""
POINTER = "pointer_generator"
"""A bidirectional LSTM below a decoder that can copy tokens of the source, for ``text``."""
POINTER_WORDS = 400
"""Tokens of the source that it sees (See et al. 2017)."""
CONTINUING = {"lstm_lm": "lstm", "gru_lm": "gru"}
"""Language models that continue the item, and their cells."""
SPAN_CELLS = {"bilstm": "lstm", "bigru": "gru"}
"""Models that extract spans, and their cells."""
_TYPICAL_VOCABULARY = 8_000
_GATES = {"rnn": 1, "gru": 3, "lstm": 4}
# One pass of training at 188.6 GFLOPS: measured on one thread (8 and 32 words a text), scaled to two by judgement;
# words are read one after another, in each direction.
_START_SECONDS = 2.0
_SECONDS_PER_TEXT = 50e-6
_TOKENS_PER_WORD = 2.1
"""Subwords per English word, punctuation and spaces included; of Chinese one per character."""
_SHARE_OF_SPEED = 0.5
"""Share of the machine's speed that language model training reaches: fitted to 3 runs on one EPYC thread."""
_LM_GATES = {"lstm": 4, "gru": 7}
"""What a cell costs: torch's GRU has three gates but runs at less than half the speed of its LSTM."""
_SECONDS_PER_WORD = {"rnn": 9e-6, "gru": 22e-6, "lstm": 14e-6}


def models() -> tuple[ModelInfo, ...]:
    """``rnn``, ``gru``, ``lstm`` and the same in both directions (``bi...``); those of ``CONTINUING``."""
    plain = (_info(cell, both_ways) for cell in _GATES for both_ways in (False, True))
    return (*plain, _pointer_info(), *map(_lm_info, CONTINUING))


def _info(cell: str, both_ways: bool) -> ModelInfo:
    ways = 2 if both_ways else 1
    parameters = _TYPICAL_VOCABULARY * WIDTH + ways * _GATES[cell] * STATE * (WIDTH + STATE + 2)
    return ModelInfo(
        name=("bi" if both_ways else "") + cell,
        family="recurrent",
        source="builtin",
        architecture=f"word vectors ({WIDTH} wide), {cell} with {STATE} states"
        + (", bidirectional" if both_ways else ""),
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


def _pointer_info() -> ModelInfo:
    width = TEXT_WIDTH
    # Word vectors of both sides; three cells (two below); attention, output and the choice to copy.
    parameters = SUBWORDS * (WIDTH + width) + 2 * 4 * width * (WIDTH + width + 2) + 4 * width * (2 * width + 2)
    parameters += 2 * (2 * width) * width + 3 * width * width + 5 * width + 1
    return replace(
        _info("lstm", both_ways=True),
        name=POINTER,
        architecture=f"bidirectional lstm encoder, lstm decoder with {width} states, attention and copying",
        parameters=parameters,
        size_bytes=4 * parameters,
        width=2 * width,
        max_tokens=POINTER_WORDS,
    )


def _lm_info(name: str) -> ModelInfo:
    cell, width, vocabulary = CONTINUING[name], LM_WIDTH, LM_SUBWORDS[1]
    # The word table is the output matrix too, with a bias for each subword.
    parameters = vocabulary * (width + 1) + _GATES[cell] * width * (2 * width + 2) + width * width
    return replace(
        _info(cell, both_ways=False),
        name=name,
        architecture=f"language model: word vectors ({width} wide), {cell} with {width} states",
        parameters=parameters,
        size_bytes=4 * parameters,
        width=width,
        max_tokens=PROMPT_SUBWORDS,
    )


def unsupported(info: ModelInfo, output: Output) -> str | None:
    """See ``protocols.RestrictsOutputs``."""
    if info.name == POINTER:
        return None if output is Output.TEXT else "generates text only; use bilstm"
    if info.name in CONTINUING:
        other = f"an autoregressive language model only; use {CONTINUING[info.name]}"
        return None if output is Output.TEXT else other
    if output is Output.SPAN and info.name not in SPAN_CELLS:
        return "does not see what follows a word, or forgets it; use bilstm or bigru"
    if output is not Output.LIKELIHOOD:
        return None
    if info.name.startswith("bi"):
        return "is bidirectional, so it cannot be an autoregressive language model; use lstm or gru"
    return (
        None if info.name != "rnn" else "has no gates, so its memory is too short for a language model; use lstm or gru"
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Seconds and memory of the full run. See ``protocols.Family``."""
    if work.output is Output.LIKELIHOOD or info.name in CONTINUING:
        return _lm_forecast(info, _with_answers(work), machine)
    if work.output is Output.TEXT:
        max_words = POINTER_WORDS if info.name == POINTER else MAX_WORDS
        return _text_forecast(work, training_config(info, work).epochs, machine, max_words)
    if work.output is Output.SPAN:
        return _span_forecast(info, work, machine)
    per_word = _SECONDS_PER_WORD.get(info.name.removeprefix("bi"), 14e-6) * (2 if info.name.startswith("bi") else 1)
    a_pass = work.rows * (_SECONDS_PER_TEXT + per_word * min(work.words, MAX_WORDS))
    seconds = (_START_SECONDS + training_config(info, work).epochs * a_pass) * 188.6 / machine.gflops
    # Libraries; one batch; weights four times over (gradient, two means of the optimiser); texts and their token ids.
    batch = 40e3 * min(32 * 1.2 * work.words, 4_096)
    texts = work.rows * (2 * work.characters + 8 * work.words + 200)
    return Forecast(seconds, 280e6 + batch + 16.0 * info.parameters + texts)


def _span_forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """Two bidirectional layers over question and context, and the attention between them."""
    words = min(1.15 * work.words, 1.5 * SPAN_WORDS)  # punctuation counts too; windows overlap
    per_word = 4 * _SECONDS_PER_WORD[SPAN_CELLS.get(info.name, "lstm")] + 0.05e-6 * words
    seconds = (_START_SECONDS + _span_config(work).epochs * work.rows * words * per_word) * 188.6 / machine.gflops
    rows = work.rows * (2 * work.characters + 40 * work.words + 500)
    return Forecast(seconds, 700e6 + 16.0 * info.parameters + rows)


def _with_answers(work: Workload) -> Workload:
    """The workload of a language model: items with their answers."""
    return replace(work, characters=work.characters + work.answer_characters, words=work.words + work.answer_words)


def _lm_forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    tokens = work.rows * (1 + min(work.characters, _TOKENS_PER_WORD * work.words))
    vocabulary = _vocabulary_size(work.rows * work.characters)
    gates = _LM_GATES.get(CONTINUING.get(info.name, info.name), 4)
    weights = LM_WIDTH * (2 * gates * LM_WIDTH + LM_WIDTH + vocabulary)
    operations = 6.0 * weights * tokens * _lm_config(work).epochs
    seconds = _START_SECONDS + operations / (_SHARE_OF_SPEED * machine.gflops * 1e9)
    return Forecast(seconds, 400e6 + 16.0 * weights + work.rows * (2 * work.characters + 200) + 4 * tokens)


def _text_forecast(work: Workload, epochs: float, machine: Machine, max_words: int) -> Forecast:
    """A bidirectional encoder, and an attention decoder with an output layer over all subwords."""
    sides = 2 * 2 * 4 * TEXT_WIDTH**2, 4 * 3 * TEXT_WIDTH**2 + SUBWORDS * TEXT_WIDTH
    lengths = (
        min(work.characters, _TOKENS_PER_WORD * work.words, max_words),
        min(work.answer_characters, _TOKENS_PER_WORD * work.answer_words),
    )
    weights = sum(weights * (1 + tokens) for weights, tokens in zip(sides, lengths, strict=True))
    operations = 6.0 * weights * work.rows * epochs
    seconds = _START_SECONDS + operations / (machine.gflops * 1e9)  # fitted to one run, of Chinese poems
    texts = work.rows * 2 * (work.characters + work.answer_characters + 100)
    return Forecast(seconds, 500e6 + 16.0 * 3 * SUBWORDS * TEXT_WIDTH + texts)


def _vocabulary_size(characters: float) -> int:
    """Vocabulary of a language model: a subword for every 140 training characters."""
    fewest, limit = LM_SUBWORDS
    return round(min(limit, max(fewest, characters / 140)))


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:
    """12 epochs at 4,000 rows (chosen on mr, ag_news and the Chinese csl), more with fewer; see ``TrainingConfig``."""
    if work.output is Output.LIKELIHOOD or info.name in CONTINUING:
        return _lm_config(_with_answers(work))
    if work.output is Output.SPAN:
        return _span_config(work)
    epochs = round(min(60.0, max(4.0, 12 * (4_000 / work.n_sequences) ** 0.5)))
    return TrainingConfig(epochs, learning_rate=3e-3, head_learning_rate=3e-3, batch_rows=work.batch_rows, dropout=0.5)


def _span_config(work: Workload) -> TrainingConfig:
    """10 epochs at 3,000 questions, more with fewer."""
    epochs = round(min(25.0, max(3.0, 10 * (3_000 / max(1, work.rows)) ** 0.5)))
    return TrainingConfig(epochs, learning_rate=2e-3, head_learning_rate=2e-3, batch_rows=32, batch_tokens=8_192)


def _lm_config(work: Workload) -> TrainingConfig:
    # Chosen on a held-out sixth of 140,000 characters of Shakespeare, one seed (benchmarks/language_models.py).
    epochs = round(min(60.0, max(3.0, 20 * (140_000 / max(1.0, work.rows * work.characters)) ** 0.5)))
    rate = 8e-3
    return TrainingConfig(
        epochs=epochs, learning_rate=rate, head_learning_rate=rate, batch_rows=16, batch_tokens=1024, dropout=0.5
    )


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:  # noqa: ARG001
    """An untrained network with the vocabulary of ``part``. See ``protocols.Family``."""
    from goldilocks.nets.assemble import BackboneSpec, language_model_network, seq2seq_network, word_level_network
    from goldilocks.nets.heads.seq2seq_generator import DecoderOptions

    options: dict[str, Any] = {
        "width": WIDTH,
        "cell": "lstm" if info.name == POINTER else CONTINUING.get(info.name) or info.name.removeprefix("bi"),
        "state": STATE,
        "both_ways": info.name.startswith("bi") or info.name == POINTER,
        "dropout": DROPOUT,
        "hidden_words": HIDDEN_WORDS,
    }
    if goal.output is Output.SPAN:
        return _span_network(info, part, goal, seed)
    if goal.output is Output.TEXT and info.name not in CONTINUING:
        decoder = DecoderOptions(TEXT_WIDTH, options["cell"], TEXT_DROPOUT, copies=info.name == POINTER)
        options |= {"state": TEXT_WIDTH, "dropout": TEXT_DROPOUT, "hidden_words": 0.0}
        max_words = POINTER_WORDS if info.name == POINTER else MAX_WORDS
        spec = BackboneSpec("recurrent", options, _backbone)
        return seq2seq_network(spec, part, goal, max_tokens=max_words, vocabulary=SUBWORDS, decoder=decoder, seed=seed)
    if goal.output is Output.LIKELIHOOD or info.name in CONTINUING:
        options |= {"width": LM_WIDTH, "state": LM_WIDTH, "dropout": LM_DROPOUT, "hidden_words": 0.0}
        spec = BackboneSpec("recurrent", options, _backbone)
        size = _vocabulary_size(sum(map(len, _learnt(part, goal))))
        return language_model_network(spec, part, goal, vocabulary=size, context_tokens=PROMPT_SUBWORDS, seed=seed)
    return word_level_network(BackboneSpec("recurrent", options, _backbone), part, goal, max_words=MAX_WORDS, seed=seed)


def _span_network(info: ModelInfo, part: Part, goal: Goal, seed: int) -> Network:
    from goldilocks.nets.assemble import BackboneSpec, span_network

    options = {
        "width": WIDTH,
        "cell": SPAN_CELLS[info.name],
        "state": SPAN_STATE,
        "dropout": SPAN_DROPOUT,
        "hidden_words": 0.05,
    }
    return span_network(BackboneSpec("recurrent", options, _backbone), part, goal, max_words=SPAN_WORDS, seed=seed)


def _learnt(part: Part, goal: Goal) -> list[str]:
    """The training texts of a language model, with the answers where it generates them."""
    answers = [references(answer)[0] for answer in part.gold] if goal.output is Output.TEXT else []
    return [*map(as_text, part.texts), *answers]


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Any:
    if config.output == Output.SPAN.value:
        from goldilocks.nets.backbones.question_aware_rnn import QuestionAwareRnnBackbone

        return QuestionAwareRnnBackbone(**config.options)
    from goldilocks.nets.backbones.rnn import RnnBackbone

    return RnnBackbone(**config.options)
