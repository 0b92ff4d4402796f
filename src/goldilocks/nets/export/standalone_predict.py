"""Answers from the model next to this file. Needs numpy, tokenizers and onnxruntime (or openvino); nothing else.

Run:  python predict.py "a text" ["the second text of a pair", or further candidates]
      python predict.py "a question" "the context that holds its answer"
      python predict.py the words of a sentence      (taggers)

In Python:  model = load(Path("this folder")); model.predict("a text")
"""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import os
import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before onnxruntime is imported

Floats = npt.NDArray[np.float32]
Graph = tuple[list[str], Callable[[dict[str, npt.NDArray[np.int64]]], Floats]]
"""Names of the inputs, and what runs the graph."""

_CHARACTERS_PER_TOKEN = 12
_MAX_WINDOWS = 64
_TEXT_PLACES = re.compile(r"(\{text\d*\})")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


def open_graph(folder: Path) -> Graph:
    """The graph in the folder: on OpenVINO where its file is there, else on ONNX Runtime."""
    if not (folder / "model.xml").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        return [node.name for node in session.get_inputs()], lambda feeds: session.run(None, feeds)[0]
    core = _openvino_core()
    compiled = core.compile_model(
        core.read_model(str(folder / "model.xml")), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return [port.any_name for port in compiled.inputs], lambda feeds: compiled(feeds)[0]


@functools.cache
def _openvino_core() -> Any:
    """One for the life of the process: with several that come and go, the next signal may end it (AMX processors)."""
    if "openvino" not in sys.modules:  # importing it would send telemetry, unless that package cannot be imported
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core()


class Model:
    """A graph, its tokenizer and ``model.json``."""

    def __init__(self, folder: Path, graph: Graph | None = None) -> None:
        """Read the folder; ``graph``: another way to run the graph than ``open_graph``."""
        self.config: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.inputs, self.run_graph = graph or open_graph(folder)

    def predict(self, *texts: str) -> dict[str, Any]:
        """The answer to one item: a text, several that belong together, or the words of a sentence."""
        raise NotImplementedError

    def clean(self, text: str) -> str:
        """The text in the Unicode form of the training texts."""
        form = self.config["normalisation"]
        return unicodedata.normalize(form, text) if form else text

    def run(self, ids: list[int], **others: Any) -> Floats:
        """The graph's output for one row."""
        tables = {"ids": ids, "mask": [1] * len(ids), "types": [0] * len(ids), **others}
        feeds = {name: np.array([tables[name]], dtype=np.int64) for name in self.inputs}
        output: Floats = self.run_graph(feeds)[0]
        return output

    def run_texts(self, *texts: str) -> Floats:
        """The graph's output for one text or a pair."""
        limit = _CHARACTERS_PER_TOKEN * self.config["max_tokens"]
        clean = [self.clean(text)[:limit] for text in texts]
        encoded = self.tokenizer.encode(clean[0], clean[1] if len(clean) > 1 else None)
        return self.run(encoded.ids or [self.config["pad_id"]], types=encoded.type_ids or [0])


class Classifier(Model):
    """``label`` (``labels`` where there may be several) and ``probabilities``."""

    def predict(self, *texts: str) -> dict[str, Any]:
        """The answer to one text, or to a pair."""
        probabilities = self.run_texts(*texts[:2])
        labels = self.config["labels"]
        answer: dict[str, Any] = {"probabilities": dict(zip(labels, probabilities.tolist(), strict=True))}
        if self.config["several"]:
            return answer | {"labels": [label for label, p in answer["probabilities"].items() if p >= 0.5]}
        costs = self.config["error_costs"]  # a row for each true label, a column for each answer
        best = np.argmin(probabilities @ np.array(costs)) if costs else np.argmax(probabilities)
        return answer | {"label": labels[int(best)]}


class LabelWords(Classifier):
    """As ``Classifier``, of a text or pair in a pattern with mask tokens, at which the label words are scored."""

    def run_texts(self, *texts: str) -> Floats:
        """The graph's output for one text or a pair, which is cut where the pattern leaves too little room."""
        room, limit = self.config["item_tokens"], self.config["max_tokens"]
        ids = self._ids(texts, room)
        while len(ids) > limit and room > 1:  # tokens at the ends of the item were split by the pattern
            room -= len(ids) - limit
            ids = self._ids(texts, max(1, room))
        return self.run(ids, places=[place for place, token in enumerate(ids) if token == self.config["mask_id"]])

    def _ids(self, texts: tuple[str, ...], room: int) -> list[int]:
        share = max(1, room // len(texts))
        # A mask token in an item would be taken for one of the pattern.
        parts = [self._cut(self.clean(text).replace(self.config["mask"], " "), share) for text in texts]
        values = {"{text}": " ".join(" ".join(parts).split())}
        values |= {f"{{text{place}}}": " ".join(part.split()) for place, part in enumerate(parts, 1)}
        pattern = self.config["pair_pattern" if len(parts) > 1 else "pattern"]
        row = "".join(values.get(piece, piece) for piece in _TEXT_PLACES.split(pattern))
        ids: list[int] = self.tokenizer.encode(row).ids
        return ids

    def _cut(self, text: str, tokens: int) -> str:
        text = text[: _CHARACTERS_PER_TOKEN * tokens]
        if len(text) <= tokens:
            return text
        encoded = self.tokenizer.encode(text, add_special_tokens=False)
        return text[: encoded.offsets[tokens - 1][1]] if len(encoded.ids) > tokens else text


class Scorer(Model):
    """``score`` of a pair, ``scores`` of a query's candidates."""

    def predict(self, *texts: str) -> dict[str, Any]:
        """The score of the first text with each of the others."""
        if self.config["bi_encoder"]:
            query, *others = (self.run_texts(text) for text in texts)
            scores = [self._compared(query, other) for other in others]
        else:
            scores = [float(self.run_texts(texts[0], other)[0]) for other in texts[1:]]
        if self.config["lists"] or len(scores) != 1:
            return {"scores": scores}
        low, high = self.config["low"], self.config["high"]
        return {"score": min(max(low + (high - low) * scores[0], low), high)}

    def _compared(self, first: Floats, second: Floats) -> float:
        prior = self.config["prior"]
        offset = self.config["offset"] + (float(second @ np.array(prior, dtype=np.float32)) if prior else 0.0)
        return float(self.config["scale"] * (first @ second) + offset)


class SpanExtractor(Model):
    """``answer``, a span of the context, empty where it holds none, and its ``start`` there."""

    def predict(self, *texts: str) -> dict[str, Any]:
        """The answer to a question from its context; windows slide over a long one."""
        config, limit = self.config, self.config["max_tokens"]
        reach = _CHARACTERS_PER_TOKEN * limit
        question, context = self.clean(texts[0])[:reach], self.clean(" ".join(texts[1:]))[: _MAX_WINDOWS * reach]
        question_ids = self.tokenizer.encode(question, add_special_tokens=False).ids
        question_ids = question_ids[: max(1, int(config["question_share"] * limit))]
        given = self.tokenizer.encode(context, add_special_tokens=False)
        head = [*config["before"], *question_ids, *config["between"]]
        room = max(1, limit - len(head) - len(config["after"]))
        step = max(1, room - int(config["overlap_share"] * room))
        best, answer, start = -math.inf, "", -1
        for number in range(min(_MAX_WINDOWS, 1 + max(0, math.ceil((len(given.ids) - room) / step)))):
            window = slice(number * step, number * step + room)
            gain, first, last = self._best(head, given.ids[window])
            if gain > best and (gain > 0 or not config["may_be_empty"]):
                offsets = given.offsets[window]
                piece = context[offsets[first][0] : offsets[last][1]]
                best, answer = gain, piece.strip()
                start = offsets[first][0] + len(piece) - len(piece.lstrip())
        return {"answer": answer, "start": start}

    def _best(self, head: list[int], ids: list[int]) -> tuple[float, int, int]:
        """By how much the best span outscores position 0, and its first and last token in the window."""
        row = [*head, *ids, *self.config["after"]]
        types = self.config["types"]
        scores = self.run(row, types=[types[0]] * len(head) + [types[1]] * (len(row) - len(head)))
        first, last = scores[len(head) : len(head) + len(ids)].T if ids else np.zeros((2, 0), np.float32)
        best = (-math.inf, 0, 0)
        for more in range(min(self.config["max_answer_tokens"], len(ids))):  # tokens after the first
            sums = first[: len(ids) - more] + last[more:]
            place = int(sums.argmax())
            if sums[place] > best[0]:
                best = (float(sums[place]), place, place + more)
        return best[0] - float(scores[0].sum()), best[1], best[2]


class Tagger(Model):
    """``tags``, one for each word."""

    def __init__(self, folder: Path, graph: Graph | None = None) -> None:
        """Read the folder, and the features of words."""
        super().__init__(folder, graph)
        spec = importlib.util.spec_from_file_location("word_shape", folder / "word_shape.py")
        assert spec is not None
        assert spec.loader is not None
        self.shapes = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.shapes)

    def predict(self, *texts: str) -> dict[str, Any]:
        """The tags of the words of one sentence."""
        words = [self.clean(word) for word in texts]
        if not words:
            return {"tags": []}
        tokens = self._tokens(words)
        features = self.shapes.numbers(words)
        room = max(1, self.config["max_tokens"] - len(self.config["before"]) - len(self.config["after"]))
        scores, start = [], 0
        while start < len(words):
            end, filled = start, 0
            while end < len(words) and filled + len(tokens[end]) <= room:
                filled += len(tokens[end])
                end += 1
            end = max(end, start + 1)
            scores.append(self._scores(words[start:end], tokens[start:end], features[start:end]))
            start = end
        labels = self.config["labels"]
        return {"tags": [labels[number] for number in self._path(np.concatenate(scores))]}

    def _tokens(self, words: list[str]) -> list[list[int]]:
        """The token ids of each word, as it appears in running text."""
        blank = "" if _CJK.search("".join(words)) else " "
        spelled = [f"{blank if place else ''}{w[: self.config['word_characters']]}" for place, w in enumerate(words)]
        limit = min(self.config["word_tokens"], self.config["max_tokens"])
        encoded = self.tokenizer.encode_batch(spelled, add_special_tokens=False)
        return [(encoding.ids or self.config["no_token_ids"])[:limit] for encoding in encoded]

    def _scores(self, words: list[str], tokens: list[list[int]], features: Any) -> Floats:
        before, after = self.config["before"], self.config["after"]
        counts = [len(ids) for ids in tokens]
        row = [*before, *(token for ids in tokens for token in ids), *after]
        places = len(before) + np.cumsum([0, *counts[:-1]])
        channels = {
            name: [0] * len(before) + np.repeat([number(word) for word in words], counts).tolist() + [0] * len(after)
            for name, (_, number) in self.shapes.CASING.items()
        }
        return self.run(row, places=places, features=features, **channels)

    def _path(self, scores: Floats) -> list[int]:
        """The best tag sequence (Viterbi)."""
        moves, first = (np.array(self.config[name]) for name in ("transitions", "start_transitions"))
        best, back = scores[0] + first, []
        for emission in scores[1:]:
            reached = best[:, None] + moves
            back.append(reached.argmax(0))
            best = reached.max(0) + emission
        path = [int(best.argmax())]
        for pointers in reversed(back):
            path.append(int(pointers[path[-1]]))
        return path[::-1]


_KINDS: dict[str, type[Model]] = {
    "classifier": Classifier,
    "masked_lm_classifier": LabelWords,
    "pair_scorer": Scorer,
    "span_extractor": SpanExtractor,
    "token_classifier": Tagger,
}


def load(folder: Path, graph: Graph | None = None) -> Model:
    """The model in a folder; ``graph``: another way to run its graph."""
    kind: str = json.loads((folder / "model.json").read_text(encoding="utf-8"))["kind"]
    return _KINDS[kind](folder, graph)


if __name__ == "__main__":
    answer = load(Path(__file__).parent).predict(*sys.argv[1:])
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
