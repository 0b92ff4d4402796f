"""How well do networks trained from scratch translate Multi30k, English to German, within 60 processor minutes?

Run:    python benchmarks/translation.py --models seq2seq/transformer_small
        python benchmarks/translation.py --epochs 8   (where the processor does not multiply bfloat16)
        python benchmarks/translation.py --models decoder/gemma-3-270m/in_context   (a language model shown 8 rows)
Needs:  the data folder and sacrebleu; about 60 minutes of processor for each model. ``--epochs 0.05`` is a trial.
        What the result already holds of other models stays in it.

Measured: BLEU and chrF (sacrebleu, with signatures) of the answers to the test parts of 2016 and 2017 after training on
the 29,000 rows of train with the family's own recipe (or after being shown some of them); wall-clock and processor
seconds of reading, training and answering together. Nothing is chosen on test; dev is not used. The interval is that of
1,000 resamples of the rows. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options, rows

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Candidate, Goal, Output, Part, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tasks.translation import instruction

TESTS = {"test_2016": "test", "test_2017": "test_2017"}


def part_of(data: Path, name: str) -> Part:
    """A part of Multi30k."""
    result = rows(data, "multi30k", name)
    texts, gold = tuple(match["source"] for match in result), tuple(match["target"] for match in result)
    return Part(texts, gold, tuple(range(1, len(result) + 1)))


def scores(gold: list[str], answers: list[str]) -> dict[str, Any]:
    """BLEU and chrF with their signatures, and the interval of BLEU."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu, chrf = BLEU(), CHRF()
    result = bleu.corpus_score(answers, [gold], n_bootstrap=1)
    counts = np.array([bleu._extract_corpus_statistics([answer], [[right]])[0] for answer, right in zip(answers, gold)])  # noqa: B905
    rng = np.random.default_rng(0)
    draws = rng.multinomial(len(gold), np.full(len(gold), 1 / len(gold)), size=1_000)
    drawn = [bleu._compute_score_from_stats(row.tolist()).score for row in draws @ counts]
    return {
        "bleu": result.score,
        "bleu_interval_95": np.percentile(drawn, [2.5, 97.5]).tolist(),
        "bleu_signature": str(bleu.get_signature()),
        "chrf": chrf.corpus_score(answers, [gold]).score,
        "chrf_signature": str(chrf.get_signature()),
    }


def one_model(data: Path, name: str, *, epochs: float | None, seed: int) -> dict[str, Any]:
    """Train on train, answer the test parts."""
    from goldilocks.tuning.run import Run, RunSetup

    family, model, *method = name.split("/")
    plugin = plugins.load("families", family)
    known = [*catalogue(), *plugin.models()]
    facts = next(entry for entry in known if (entry.family, entry.name) == (family, model))
    candidate = Candidate(facts, method[0] if method else "scratch")
    begun, used = time.perf_counter(), time.process_time()
    train = part_of(data, "train")
    words = float(np.mean([len(str(text).split()) for text in train.texts]))
    characters = float(np.mean([len(text) for text in train.texts]))
    work = Workload(len(train), characters, words, 0)
    own = plugin.training_config(facts, work)
    recipe = plugins.load("methods", candidate.method).training_config(own) if own else None
    if recipe is not None and epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    goal = Goal(Output.TEXT, instruction=instruction("English", "German"))
    place = folder_of(facts, offline=True) if facts.pretrained else None
    run = Run(candidate, train, goal, RunSetup(model_folder=place, work=work, seed=seed, config=recipe))
    report_at = [0.0]

    def on_step(share: float) -> None:
        if share >= report_at[0]:
            print(f"  {name}: {share:4.0%} after {time.process_time() - used:.0f} s of processor", flush=True)
            report_at[0] += 0.05

    run.advance(1.0, on_step=on_step)
    trained, trained_used = time.perf_counter() - begun, time.process_time() - used
    model_now = run.model
    result: dict[str, Any] = {"recipe_epochs": recipe.epochs if recipe else 0, "model_bytes": model_now.size_bytes()}
    for label, file in TESTS.items():
        test = part_of(data, file)
        answers = [str(value) for value in model_now.predict(test.texts).values]
        result[label] = scores([str(answer) for answer in test.gold], answers) | {"first_answers": answers[:3]}
    result |= {
        "training_seconds": trained,
        "training_processor_seconds": trained_used,
        "seconds": time.perf_counter() - begun,
        "processor_seconds": time.process_time() - used,
    }
    return result


def main() -> None:
    """Score every model."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="*", default=["seq2seq/transformer_small"])
    parser.add_argument("--epochs", type=float, help="instead of the family's own; below 1 the result is not kept")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    set_threads()
    file = RESULTS / "translation.json"
    kept = json.loads(file.read_text(encoding="utf-8"))["models"] if file.exists() else {}
    result: dict[str, Any] = {"benchmark": "translation", "data": "multi30k en-de", "seed": chosen.seed, "models": kept}
    for name in chosen.models:
        got = one_model(chosen.data, name, epochs=chosen.epochs, seed=chosen.seed)
        result["models"][name] = got
        low, high = got["test_2016"]["bleu_interval_95"]
        print(
            f"{name}: BLEU {got['test_2016']['bleu']:.1f} ({low:.1f} to {high:.1f}), chrF "
            f"{got['test_2016']['chrf']:.1f} on test 2016; BLEU {got['test_2017']['bleu']:.1f} on test 2017; "
            f"{got['seconds']:.0f} s, {got['processor_seconds']:.0f} s of processor\n"
            f"  {got['test_2016']['bleu_signature']}"
        )
    if chosen.epochs is None or chosen.epochs >= 1:
        keep("translation", result | machine())


if __name__ == "__main__":
    main()
