"""How much slower is word segmentation with combining marks, on texts without and with such marks?

Run:    python benchmarks/segmentation_speed.py --texts 10000 --repeats 9
Needs:  CPU only, about a minute. The result of record is benchmarks/results/segmentation_speed.json.

Measured: seconds to segment this many texts of 20 words by version 1 (no normalisation, no marks) and by version 2, in
turn, the median of the repeats with the fastest and slowest; for English in ASCII, English with typographic
quotation marks, German, and Hindi. Then the seconds to fit naive_bayes/word12 and tfidf_linear/word on the English
texts with either version. Words are drawn with a seed from made-up vocabularies, so no data are needed.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata

from goldilocks.classical.ngram_linear import NgramConfig, NgramLinear
from goldilocks.families import naive_bayes, tfidf_linear
from goldilocks.support.text.units import units, words

LETTERS = {
    "english": "eeeettaaooiinnsshhrrddllcumwfgypbvk",
    "german": "eeeenniissrraattdhulcgmobwfkzüäöß",
    "hindi": ["क", "म", "न", "र", "त", "स", "ह", "का", "की", "मे", "ने", "रि", "तु", "न्द", "स्त"],
}
WORDS_IN_A_TEXT = 20


def made(letters: str, n_texts: int, seed: int, *, quoted: bool = False) -> list[str]:
    """Sentences of words drawn from a vocabulary of 5,000."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices(LETTERS[letters], k=rng.randint(2, 9))) for _ in range(5_000)]
    texts = []
    for _ in range(n_texts):
        chosen = rng.choices(vocabulary, k=WORDS_IN_A_TEXT)
        if quoted:
            chosen[3], chosen[9] = f"“{chosen[3]}”", f"{chosen[9]}’s"
        texts.append(" ".join(chosen).capitalize() + ".")
    return texts


def seconds(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each job, run in turn; one untimed run each before."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for repeat in range(repeats + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if repeat:
                taken[name].append(time.perf_counter() - start)
    return taken


def segmenting(segment: Callable[[str, int], list[str]], version: int, texts: list[str]) -> Callable[[], object]:
    """Segmentation of all texts."""
    return lambda: [segment(text, version) for text in texts]


def fitting(family: str, version: int, texts: list[str]) -> Callable[[], object]:
    """Training of a family's word model with a version of the segmentation."""
    module, name = (naive_bayes, "word12") if family == "naive_bayes" else (tfidf_linear, "word")
    grams = naive_bayes.GRAMS[name] if family == "naive_bayes" else tfidf_linear.GRAMS[name][0]
    config = NgramConfig((replace(grams, segmentation=version),), family != "naive_bayes", module.MAX_TERMS)
    labels = [str(place % 10) for place in range(len(texts))]

    def fit() -> None:
        NgramLinear(tuple(map(str, range(10))), config, module.solve).fit(texts, labels, seed=0)

    return fit


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    sets = {name: made(name, options.texts, options.seed) for name in LETTERS}
    sets["english, quoted"] = made("english", options.texts, options.seed, quoted=True)
    results = {}
    for name, texts in sets.items():
        for segment in (units, words):
            jobs = {f"version {version}": segmenting(segment, version, texts) for version in (1, 2)}
            results[f"{segment.__name__}, {name}"] = seconds(jobs, options.repeats)
    for family in ("naive_bayes", "tfidf_linear"):
        jobs = {f"version {version}": fitting(family, version, sets["english"]) for version in (1, 2)}
        results[f"fit {family}, english"] = seconds(jobs, options.repeats)
    for name, taken in results.items():
        line = [
            f"{version} {statistics.median(runs):.3f} s ({min(runs):.3f} to {max(runs):.3f})"
            for version, runs in taken.items()
        ]
        print(f"{name:32} {'   '.join(line)}")
    record = {
        "n_texts": options.texts,
        "seed": options.seed,
        "runs": results,
        "versions": {name: metadata.version(name) for name in ("goldilocks-lm", "numpy", "scipy")},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
