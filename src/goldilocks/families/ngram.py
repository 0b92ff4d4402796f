"""N-gram language models: counts of words or characters with modified Kneser-Ney smoothing. Trained in seconds.

A text is cut into tokens that give it back when joined, so that every text has a probability, white space and all:

word  a run of letters or digits, a run of signs, each with the space before it; a Chinese character; other white space
char  single characters

A token that train holds once at most is spelled: the probability of an unknown token times that of its characters in
a smaller model of the same kind, made from the tokens that train holds once. A character never seen is one of all
1,114,112 there may be. (What may be spelled could also be in the vocabulary; this share is lost, never counted twice.)

For ``text`` an item and its answer are counted as one text, and answers are sampled (at temperature 1 by default, since
greedy decoding loops), with a seed of their own for each item: the same item gets the same answer.
The unknown token is never sampled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goldilocks.answers import Answers, of_values
from goldilocks.classical.kneser_ney import BEGIN, END, FIRST, Ids, KneserNey, fitted, from_arrays
from goldilocks.errors import InputError
from goldilocks.families._shared import from_scratch
from goldilocks.nets.generation.prompts import generation_from, generation_to_plain
from goldilocks.nets.generation.sampling import Logits, NextTokenModel, Sampling, TokenSequence, generate_sequences
from goldilocks.records import (
    Forecast,
    Generation,
    Goal,
    Gold,
    Machine,
    ModelInfo,
    Output,
    Part,
    Text,
    Workload,
)
from goldilocks.support.safetensors_file import write_arrays
from goldilocks.support.text.units import (
    FIRST_SEGMENTATION,
    SEGMENTATION,
    UNSPACED_1,
    character,
    references,
    word,
)

if TYPE_CHECKING:
    from goldilocks.protocols import OneShotEstimator

OUTPUTS = frozenset({Output.TEXT, Output.LIKELIHOOD})
describe = from_scratch.no_checkpoint
training_config = from_scratch.no_training_config
ORDERS = {"word": 5, "char": 8}
SPELLING_ORDER = 6
UNKNOWN = FIRST
CODE_POINTS = 0x110000
MAX_TOKENS = 10_000_000
"""Tokens of train that are counted; what comes after them is left out. Bounds the memory to about 1.5 GB."""
MAX_GENERATED = 400
"""Tokens of an answer at most, and twice as many as answers of train have on average."""
_BLOCK = 256
"""Texts whose likelihood is looked up at once."""
_OTHER_TOKENS = r" ?[^\w\s]+| ?_+|\s+(?=\s)|\s"


def models() -> tuple[ModelInfo, ...]:
    """Word and character models."""
    return tuple(
        from_scratch.info(
            "ngram", name, f"{name} {order}-grams, modified Kneser-Ney", parameters=1_000_000, size_bytes=12_000_000
        )
        for name, order in ORDERS.items()
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Sorting n-grams: grows with words or characters."""
    tokens = min(MAX_TOKENS, work.rows * (work.words if info.name == "word" else work.characters))
    return Forecast(
        seconds=0.1 + 1.2e-6 * ORDERS[info.name] * tokens, memory_bytes=5e7 + 30 * ORDERS[info.name] * tokens
    )


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """An unfitted model."""
    return NgramModel(info.name, goal.output, goal.generation)


def restore(folder: Path) -> NgramModel:
    """What ``save`` wrote, ready for inference."""
    from safetensors.numpy import load_file

    raw = json.loads((folder / "ngram.json").read_text(encoding="utf-8"))
    arrays = load_file(folder / "counts.safetensors")
    model = NgramModel(raw["unit"], Output(raw["output"]), generation_from(raw.get("generation", {})))
    model.segmentation = int(raw.get("segmentation", FIRST_SEGMENTATION))
    model.seed, model.max_tokens = raw["seed"], raw["most"]
    model.vocabulary, model.alphabet = Vocabulary(raw["pieces"]), Vocabulary(raw["letters"])
    model.grams = from_arrays(arrays, "grams", ORDERS[model.unit], model.vocabulary.size)
    model.spelling = from_arrays(arrays, "spelling", SPELLING_ORDER, model.alphabet.size)
    return model


class Vocabulary:
    """Tokens and their numbers; ``UNKNOWN`` is the number of every other token."""

    def __init__(self, known: Iterable[str]) -> None:
        """Tokens in the order of their numbers."""
        self.known = list(known)
        self.number = {token: UNKNOWN + 1 + place for place, token in enumerate(self.known)}
        self.size = UNKNOWN + 1 + len(self.known)

    def of(self, tokens: Sequence[str]) -> Ids:
        """The numbers of tokens."""
        return np.fromiter((self.number.get(token, UNKNOWN) for token in tokens), dtype=np.int64, count=len(tokens))


class NgramModel:
    """Counts of one kind of token, and how unknown tokens are spelled."""

    labels: tuple[str, ...] = ()

    def __init__(self, unit: str, output: Output, generation: Generation | None = None) -> None:
        """Before ``fit`` every character is equally likely."""
        self.unit = unit
        self.output = output
        self.generation = generation or Generation()
        """See ``protocols.SupportsGeneration``."""
        self.segmentation = SEGMENTATION
        """Version of the words (``support/text/units.py``); nothing is normalised, since tokens give back the text."""
        self.seed = 0
        self.max_tokens = MAX_GENERATED
        self.vocabulary, self.alphabet = Vocabulary(()), Vocabulary(())
        self.grams: KneserNey = fitted([], order=ORDERS[unit], size=self.vocabulary.size)
        self.spelling: KneserNey = fitted([], order=SPELLING_ORDER, size=self.alphabet.size)

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Count.

        Raises:
            InputError: there are no texts.
        """
        if not gold:
            raise InputError("fit got no texts; pass at least one.")
        self.seed = seed
        contexts = [self._before(item) for item in texts]
        answers = [self.cut(references(right)[0]) for right in gold]
        texts_as_tokens = _at_most(
            [before + after for before, after in zip(contexts, answers, strict=True)], MAX_TOKENS
        )
        counts = Counter(token for tokens in texts_as_tokens for token in tokens)
        once = [token for token, count in counts.items() if count == 1]
        self.vocabulary = Vocabulary(token for token, count in counts.items() if count > 1)
        self.grams = fitted(
            [self.vocabulary.of(tokens) for tokens in texts_as_tokens],
            order=ORDERS[self.unit],
            size=self.vocabulary.size,
        )
        seen = Counter(letter for token in once for letter in token) if self.unit == "word" else Counter[str]()
        self.alphabet = Vocabulary(letter for letter, count in seen.items() if count > 1)
        spelled = [self.alphabet.of(token) for token in once] if self.unit == "word" else []
        self.spelling = fitted(spelled, order=SPELLING_ORDER, size=self.alphabet.size)
        self.max_tokens = min(MAX_GENERATED, 1 + 2 * sum(map(len, answers)) // len(answers))

    def cut(self, text: str) -> list[str]:
        """The tokens of a text; joined they are the text.

        Example:
            >>> NgramModel("word", Output.TEXT).cut("It's 很好 , <unk>")
            ['It', "'", 's', ' ', '很', '好', ' ,', ' <unk>']
        """
        return _token_pattern(self.segmentation).findall(text) if self.unit == "word" else list(text)

    def _before(self, item: Text) -> list[str]:
        """Tokens of what precedes the answer."""
        if self.output is Output.LIKELIHOOD:
            item = "" if isinstance(item, str) else "\n".join((*item[:-1], ""))
        return self.cut(item if isinstance(item, str) else "\n".join((*item, "")))

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """A sampled continuation of each item, or the log-likelihood of each."""
        if self.output is Output.LIKELIHOOD:
            blocks = [texts[start : start + _BLOCK] for start in range(0, len(texts), _BLOCK)]
            return of_values([log_likelihood for block in blocks for log_likelihood in self.log_likelihoods(block)])
        return of_values([self.continued(item, self.generation.updated(generation)) for item in texts])

    def log_likelihoods(self, items: Sequence[Text]) -> list[float]:
        """Natural log of the probability of each text and its end; of several texts, of the last after the others."""
        contexts = [self._before(item) for item in items]
        answers = [self.cut(item if isinstance(item, str) else item[-1]) for item in items]
        logs = self.grams.log_probabilities(
            [self.vocabulary.of(before + text) for before, text in zip(contexts, answers, strict=True)]
        )
        known = self.vocabulary.number
        spelled = self._spelled([token for text in answers for token in text if token not in known])
        log_likelihoods = []
        for before, text, log in zip(contexts, answers, logs, strict=True):
            unknown = sum(spelled[token] for token in text if token not in known)
            log_likelihoods.append(min(0.0, float(log[len(before) :].sum()) + unknown))
        return log_likelihoods

    def token_likelihoods(self, item: Text) -> list[tuple[str, float]]:
        """See ``protocols.SupportsTokenLikelihoods``; the characters of an unknown token count with it."""
        before, own = self._before(item), self.cut(item if isinstance(item, str) else item[-1])
        (log,) = self.grams.log_probabilities([self.vocabulary.of(before + own)])
        spelled = self._spelled([token for token in own if token not in self.vocabulary.number])
        values = log[len(before) :].tolist()
        return [(token, value + spelled.get(token, 0.0)) for token, value in zip([*own, ""], values, strict=True)]

    def _spelled(self, tokens: Sequence[str]) -> dict[str, float]:
        """Natural log of the probability of the characters of each token."""
        strange = float(np.log(CODE_POINTS))
        if self.unit == "char":
            return dict.fromkeys(tokens, -strange)
        different = list(dict.fromkeys(tokens))
        numbers = [self.alphabet.of(token) for token in different]
        logs = self.spelling.log_probabilities(numbers)
        strangers = [int((number == UNKNOWN).sum()) for number in numbers]
        return {
            token: float(log.sum()) - strange * n_strangers
            for token, log, n_strangers in zip(different, logs, strangers, strict=True)
        }

    def continued(self, item: Text, generation: Generation) -> str:
        """A sampled continuation of an item, to the end of the text or to ``generation.max_tokens`` tokens."""
        sampling = Sampling(
            **{"max_tokens": self.max_tokens, "temperature": 1.0, "seed": self.seed, **generation_to_plain(generation)}
        )
        joined = item if isinstance(item, str) else "\x1f".join(item)
        digest = hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        rng = np.random.default_rng([sampling.seed % 2**64, int.from_bytes(digest)])
        before = self.vocabulary.of(self._before(item)[-self.grams.order :]).tolist()
        source = _NgramRow(self.grams, self.grams.after(self.grams.begin(), before))
        sequences = [TokenSequence(0, sampling.max_tokens, rng)]
        (sequence,) = generate_sequences(source, sequences, sampling, self._spelled_out, (END,))
        return sequence.text(self._spelled_out, sampling.stops)

    def _spelled_out(self, numbers: Sequence[int]) -> str:
        return "".join(self.vocabulary.known[number - UNKNOWN - 1] for number in numbers)

    def size_bytes(self) -> int:
        """Bytes of counts and tokens."""
        return self.grams.size_bytes() + self.spelling.size_bytes() + sum(map(len, self.vocabulary.known))

    def save(self, folder: Path) -> None:
        """Write ``ngram.json`` (vocabularies) and ``counts.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        raw: dict[str, Any] = {"unit": self.unit, "output": self.output, "seed": self.seed, "most": self.max_tokens}
        raw["generation"] = generation_to_plain(self.generation)
        raw["segmentation"] = self.segmentation
        raw |= {"pieces": self.vocabulary.known, "letters": self.alphabet.known}
        (folder / "ngram.json").write_text(json.dumps(raw), encoding="utf-8")
        arrays = self.grams.arrays("grams") | self.spelling.arrays("spelling")
        write_arrays(folder / "counts.safetensors", arrays)


class _NgramRow(NextTokenModel):
    """One text, continued by an n-gram model."""

    def __init__(self, grams: KneserNey, place: list[int]) -> None:
        self.grams, self.place = grams, place

    def logits(self) -> Logits:
        share = self.grams.distribution(self.place)
        share[[BEGIN, UNKNOWN]] = 0.0
        with np.errstate(divide="ignore"):
            return np.log(share)[None, :]

    def sample(self, sequences: Sequence[TokenSequence], sampling: Sampling) -> list[int]:
        if sampling.temperature == 1 and sampling.top_k == 0 and sampling.top_p == 1:
            number = self.grams.sample(self.place, sequences[0].rng)  # without the whole vocabulary
            if number != UNKNOWN:
                return [number]
        return super().sample(sequences, sampling)

    def select(self, rows: Sequence[int]) -> None:
        """There is one row, and it stays."""

    def step(self, ids: Sequence[int]) -> None:
        self.place = self.grams.after(self.place, ids)


@cache
def _token_pattern(segmentation: int) -> re.Pattern[str]:
    if segmentation == FIRST_SEGMENTATION:
        return re.compile(rf"[{UNSPACED_1}]| ?<\w+>| ?[^\W_{UNSPACED_1}]+|{_OTHER_TOKENS}")
    return re.compile(rf"{character()}| ?<\w+>| ?{word()}|{_OTHER_TOKENS}")


def _at_most(texts: Sequence[list[str]], tokens: int) -> list[list[str]]:
    """The first texts that have this many tokens in total."""
    room, kept = tokens, []
    for text in texts:
        kept.append(text[:room])
        room -= len(kept[-1])
        if room <= 0:
            break
    return kept
