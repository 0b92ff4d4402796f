"""How an exported Hub folder is used: a Python example for the model card, and what differs from the bundle."""

from __future__ import annotations

from typing import cast

from goldilocks.nets.backbones.bi_encoder import BiEncoderBackbone
from goldilocks.nets.heads.decoder_generator import DecoderGenerator
from goldilocks.nets.heads.pair_scorer import CosineHead, PairScorer
from goldilocks.nets.heads.span_extractor import SpanExtractor
from goldilocks.nets.heads.token_classifier import TokenClassifier
from goldilocks.nets.network import Network
from goldilocks.records import AnswerRule

_CLASSIFY = """\
from transformers import pipeline

classify = pipeline("text-classification", "FOLDER")
classify({item}, truncation=True, top_k=None)"""
_TAG = """\
from transformers import pipeline

tag = pipeline("token-classification", "FOLDER", aggregation_strategy="first")
tag("the words of a sentence")"""
_SPAN = """\
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = AutoModelForQuestionAnswering.from_pretrained("FOLDER").eval()
question, context = "a question", "the context that holds its answer"
inputs = tokenizer(question, context, truncation="only_second", return_offsets_mapping=True, return_tensors="pt")
offsets = inputs.pop("offset_mapping")[0].tolist()
with torch.no_grad():
    logits = model(**inputs)
start, end = logits.start_logits[0].tolist(), logits.end_logits[0].tolist()
places = [place for place, side in enumerate(inputs.sequence_ids(0)) if side == 1]
pairs = [(first, last) for first in places for last in places if 0 <= last - first < {longest}]
best = max(pairs, key=lambda pair: start[pair[0]] + end[pair[1]])
answer = context[offsets[best[0]][0] : offsets[best[1]][1]].strip()"""
_EMPTY = """
if start[best[0]] + end[best[1]] <= start[0] + end[0]:
    answer = ""  # the context holds no answer"""
_COMPARE = """\
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("FOLDER")
first, second = model.encode(["a text", "another"])
cosine = float(model.similarity(first, second)[0, 0])"""
_GENERATE = """\
from transformers import pipeline

generate = pipeline("text-generation", "FOLDER")
prompt = {before} + "a text" + {after}
generate(prompt, max_new_tokens={most}, return_full_text=False)[0]["generated_text"]"""
_LIKELIHOOD = """\
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("FOLDER")
model = AutoModelForCausalLM.from_pretrained("FOLDER").eval()
ids = tokenizer("a text", return_tensors="pt").input_ids
with torch.no_grad():
    logs = model(ids).logits.log_softmax(-1)
logs[0, :-1].gather(1, ids[0, 1:, None]).sum()"""

_POOLING = (
    "Mean pooling is expressed as one more layer, and the linear head as dense layer and classifier, so that no code "
    "is needed. Load the weights in float32 or bfloat16; float16 overflows."
)
_WINDOWS = (
    "The example answers from one window: a longer context is truncated, where the bundle slides a window over it, and "
    "the bundle truncates questions to a quarter of the window."
)
_PAIRS = (
    'A pair is `{"text": "a text", "text_pair": "another"}`. `truncation=True` truncates as the bundle does; '
    "transformers takes a pair with an empty second text as one text."
)


def usage_of(model: Network, rule: AnswerRule) -> tuple[str, str]:
    """The library that loads the folder, and the section of the card."""
    library, code, notes = _parts(model)
    if rule.error_costs:
        notes.append(
            "The answer here is the most probable label; the bundle's answer is the label with the lowest expected "
            "cost of errors."
        )
    text = "\n\n".join([f"## How to use\n\n```python\n{code}\n```", *notes])
    return library, text


def _parts(model: Network) -> tuple[str, str, list[str]]:
    if isinstance(model, DecoderGenerator):
        return "transformers", _decoder_code(model), _decoder_notes(model)
    if isinstance(model, PairScorer) and isinstance(model.backbone, BiEncoderBackbone):
        return "sentence-transformers", _COMPARE, _cosine_notes(model)
    if isinstance(model, TokenClassifier):
        return "transformers", _TAG, []
    if isinstance(model, SpanExtractor):
        options = model.options
        code = _SPAN.replace("{longest}", str(options.max_answer_tokens)) + (_EMPTY if options.may_be_empty else "")
        return "transformers", code, [_WINDOWS]
    notes = [_POOLING] if model.config.pooling == "mean" else []
    if isinstance(model, PairScorer):
        low, high = model.options.low, model.options.high
        if (low, high) != (0.0, 1.0):
            notes.append(f"The bundle's score is {low:g} + {high - low:g} · `score`: the range of the training rows.")
        return "transformers", _CLASSIFY.replace("{item}", '{"text": "a text", "text_pair": "another"}'), notes
    return "transformers", _CLASSIFY.replace("{item}", '"a text"'), [*notes, _PAIRS]


def _cosine_notes(model: PairScorer) -> list[str]:
    head, options = cast(CosineHead, model.head), model.options
    if options.lists:
        prior = head.wanted is not None and bool((head.wanted != 0).any())
        note = (
            "The bundle adds a prior of each candidate to the cosine, which this folder does not hold." if prior else ""
        )
        return [note] if note else []
    scale, offset = float(head.scale.detach()), float(head.offset.detach())
    low, high = options.low, options.high
    return [
        f"The bundle's score is {low:g} + {high - low:g} · ({scale:.6g} · cosine + {offset:.6g}), "
        f"limited to {low:g} to {high:g}."
    ]


def _decoder_code(model: DecoderGenerator) -> str:
    if model.models_text:
        return _LIKELIHOOD
    before, after = model.prompt_around()
    code = _GENERATE.replace("{before}", repr(before)).replace("{after}", repr(after))
    return code.replace("{most}", str(model.answer_tokens))


def _decoder_notes(model: DecoderGenerator) -> list[str]:
    if model.models_text:
        return []
    stops = model.answer_stops
    return [f"The bundle ends an answer at the first of {', '.join(map(repr, stops))}, too."] if stops else []
