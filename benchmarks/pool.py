"""Scores of the pool: each candidate on a public data set of each task, with intervals and cost.

Run:    python benchmarks/pool.py --sets mrpc rte --candidates 'tfidf_linear/*' '*/full'
Needs:  the data folder; all sets with the whole pool take a day on 2 cores, so select some. Finished runs are kept in
        the result and not repeated.

Measured for each candidate within --seconds: every metric of the task on the test set with its 95 % interval over
items, the validation score, wall-clock and processor seconds of tuning, latency and memory in a fresh process,
cost in money per month and J = cost + α · loss with the default objective. Nothing is chosen on test.

    chnsenticorp         official splits; 330 of the 1,200 test texts are also in train, in the published data
    tnews                official train; its test set has no labels, so the dev set is the test set
    mrpc, rte, lcqmc     official splits; rte has no test labels, so its dev set is the test set; lcqmc's train is not
                         at hand, so it is trained on its dev set
    semeval2010_task8    official splits; the score is the official one
    stsb                 official splits
    entity_kinds         multi-label, derived from conll2003: which of the four entity types occur in a sentence
    ml_100k              liked films x films by time, see matching_data.py
    cluener, weibo_ner   entities in Chinese; cluener's test set has no tags, so its dev set is the test set
    squad_part           15 articles of SQuAD 1.1 for training, 5 others for testing
    cmrc2018             trained on the trial set (its train is not at hand); the official dev set is the test set
    dialogsum, csl       dialogue summaries, titles of abstracts; trained on the official dev set
    crosswoz             the next reply of a dialogue, among ten candidates; trained on the official dev set
    crosswoz_replies     the same replies, generated
    dialogsum_replies    the next turn of an everyday dialogue, generated; trained on the official dev set
    chinese_poetry       a poem from its title and author; 1,000 of 12,000 poems, drawn by the seed, are the test set
    mbpp                 Python programs, judged by their tests; official splits
    conala               a line of Python from its description; official splits; no tests, so exact match is scored
Without a validation set, a part of train is held out as for any user. The last line of output is one JSON
object.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import matching_data
from bench_data import RESULTS, keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.find import candidates
from goldilocks.data.load import load
from goldilocks.errors import GoldilocksError
from goldilocks.evaluation.score import loss_of, measured
from goldilocks.events import silent
from goldilocks.records import Candidate, Dataset, DataSpec, TaskSpec
from goldilocks.selection.cost import cost
from goldilocks.selection.footprint_process import footprint_of
from goldilocks.selection.tune_single import TuningPlan, tune_candidate
from goldilocks.settings import RunSettings
from goldilocks.support.machine.hardware import machine as this_machine
from goldilocks.support.machine.hardware import set_threads

PAGE = """# Scores of the pool

This page lists the test scores and costs of the candidates that need no hub, on a public data set for each task. It is
written by `benchmarks/pool.py` (`--candidates` without a value rewrites this page from the record). The seed is 0, and
the machine is one core of machine B of [measured.md](measured.md), under other load.

- The first column gives the numbers of training and test rows. Within a data set, candidates are ordered by validation
  score, best first, as a search would rank them.
- Tuning is processor time. Latency is the median of single requests in a fresh process. J is money per month with the
  default objective, at the test loss.
- Candidates that take hours on one core were left out.
- Rows with the multilingual encoder, the method `cosine`, `collaborative` or at most 1,000 test rows of ChnSentiCorp,
  TNEWS and LCQMC were measured on two busy cores of an Intel Xeon without bfloat16.
- For relations, MiniLM is classified from the hidden states at the two entity markers.
"""

SEARCHES = "## One search for each task"
"""Heading of what ``tasks_overview.py`` adds to the page."""

Parts = dict[str, list[dict[str, Any]]]


def official(name: str, **parts: str) -> Callable[[Path], Parts]:
    """Rows of the named parts as they are published."""
    return lambda data: {part: rows(data, name, file) for part, file in parts.items()}


def made(data: Path, name: str, make: Callable[[dict[str, Any]], dict[str, Any]], **parts: str) -> Parts:
    """Rows of the named parts, converted."""
    return {part: [make(row) for row in rows(data, name, file)] for part, file in parts.items()}


def entity_kinds(data: Path) -> Parts:
    """Sentences of conll2003 and the entity types in them."""

    def kinds(row: dict[str, Any]) -> dict[str, Any]:
        types = {tag.split("-", 1)[1] for tag in row["tags"] if tag != "O"}
        return {"text": " ".join(row["tokens"]), "labels": sorted(types)}

    return made(data, "conll2003", kinds, train="train", validation="dev", test="test")


def dialogues(data: Path) -> Parts:
    """Turns of dialogsum's dialogues."""

    def turns(row: dict[str, Any]) -> dict[str, Any]:
        return {"turns": [line.split(": ", 1)[-1] for line in row["source"].splitlines() if line.strip()]}

    return made(data, "dialogsum", turns, train="dev", test="test")


def poems(data: Path) -> Parts:
    """Title and author -> poem."""
    poetry = rows(data, "chinese_poetry", "all")
    items = [{"prompt": f"{poem['title']}　{poem['author']}", "target": poem["text"]} for poem in poetry]
    shuffled = random.Random(0).sample(items, len(items))
    return {"train": shuffled[1_000:], "test": shuffled[:1_000]}


def programs(data: Path) -> Parts:
    """Descriptions, solutions and tests of mbpp."""

    def program(row: dict[str, Any]) -> dict[str, Any]:
        return {
            "prompt": row["text"],
            "solution": row["code"],
            "tests": row["test_list"],
            "setup": row["test_setup_code"],
        }

    return made(data, "mbpp", program, train="train", validation="dev", test="test")


def snippets(data: Path) -> Parts:
    """Intents and Python one-liners of conala, which has no tests."""

    def snippet(row: dict[str, Any]) -> dict[str, Any]:
        return {"prompt": row["source"], "solution": row["target"]}

    return made(data, "conala", snippet, train="train", test="test")


SETS: dict[str, tuple[str, str, str, Callable[[Path], Parts]]] = {
    "chnsenticorp": (
        "ChnSentiCorp (zh), sentiment",
        "text_classification",
        "zh",
        official("chnsenticorp", train="train", validation="dev", test="test"),
    ),
    "tnews": ("TNEWS (zh), news", "text_classification", "zh", official("tnews", train="train", test="dev")),
    "mrpc": (
        "MRPC, paraphrase",
        "pair_classification",
        "en",
        official("mrpc", train="train", validation="dev", test="test"),
    ),
    "rte": ("RTE, entailment", "pair_classification", "en", official("rte", train="train", test="dev")),
    "lcqmc": (
        "LCQMC (zh), question matching",
        "pair_classification",
        "zh",
        official("lcqmc", train="dev", test="test"),
    ),
    "semeval2010_task8": (
        "SemEval-2010 task 8, relations",
        "relation_extraction",
        "en",
        official("semeval2010_task8", train="train", test="test"),
    ),
    "stsb": ("STS-B, similarity", "similarity", "en", official("stsb", train="train", validation="dev", test="test")),
    "entity_kinds": ("Entity types in CoNLL-2003, multi-label", "multi_label_classification", "en", entity_kinds),
    "ml_100k": ("MovieLens 100k, recommendation", "matching", "en", matching_data.lists),
    "cluener": ("CLUENER (zh), entities", "ner", "zh", official("cluener", train="train", test="dev")),
    "weibo_ner": (
        "Weibo (zh), entities",
        "ner",
        "zh",
        official("weibo_ner", train="train", validation="dev", test="test"),
    ),
    "squad_part": (
        "SQuAD part, question answering",
        "extractive_qa",
        "en",
        official("squad_part", train="train", test="dev"),
    ),
    "cmrc2018": (
        "CMRC 2018 (zh), question answering",
        "extractive_qa",
        "zh",
        official("cmrc2018", train="trial", test="dev"),
    ),
    "dialogsum": ("DialogSum, summarisation", "summarisation", "en", official("dialogsum", train="dev", test="test")),
    "csl": ("CSL (zh), title generation", "summarisation", "zh", official("csl", train="ts_dev", test="ts_test")),
    "crosswoz": (
        "CrossWOZ (zh), reply selection",
        "dialogue_retrieval",
        "zh",
        official("crosswoz", train="dev", test="test"),
    ),
    "crosswoz_replies": (
        "CrossWOZ (zh), reply generation",
        "dialogue",
        "zh",
        official("crosswoz", train="dev", test="test"),
    ),
    "dialogsum_replies": ("DialogSum, reply generation", "dialogue", "en", dialogues),
    "chinese_poetry": ("Song poetry (zh), generation", "generation", "zh", poems),
    "mbpp": ("MBPP, code generation", "code_generation", "en", programs),
    "conala": ("CoNaLa, Python one-liners", "code_generation", "en", snippets),
}
"""Name -> title, task, language, rows."""


def prepared(name: str, data: Path, most: int, scored: int, folder: Path) -> tuple[TaskSpec, Dataset]:
    """The task of a data set; its rows are written to ``folder`` and read like a user's."""
    _, task, language, make = SETS[name]
    parts = make(data)
    parts["train"] = sample(parts["train"], most, 0)
    parts["test"] = sample(parts["test"], scored or len(parts["test"]), 0)
    for part, part_rows in parts.items():
        lines = (json.dumps(row, ensure_ascii=False) for row in part_rows)
        (folder / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = DataSpec("train.jsonl", "validation.jsonl" if "validation" in parts else None, "test.jsonl")
    spec = TaskSpec(name, files, task=task, language=language, folder=folder)
    return spec, load(spec, plugins.load("tasks", task))


def one_run(candidate: Candidate, spec: TaskSpec, dataset: Dataset, seed: int) -> dict[str, Any]:
    """Scores, seconds and cost of one candidate."""
    task = plugins.load("tasks", spec.task)
    decides = plugins.load("metrics", task.METRICS[0])
    begun, used = time.perf_counter(), time.process_time()
    model, validation = tune_candidate(candidate, dataset.sealed(), decides, {}, plan=TuningPlan(seed), progress=silent)
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    answers = model.predict(dataset.test.texts).values
    scores = {
        name: measured(plugins.load("metrics", name), dataset.test.gold, answers, seed=seed) for name in task.METRICS
    }
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder))
        needs = footprint_of(candidate.model.family, Path(folder), dataset.validation.texts[:200])
    money = cost(seconds, needs, spec, this_machine()).total
    loss = float(loss_of(decides, scores[task.METRICS[0]].value))
    return {
        "test": {name: [score.value, score.low, score.high] for name, score in scores.items()},
        "validation": validation.value,
        "seconds": seconds,
        "processor_seconds": processor,
        "milliseconds_p50": needs.latency_p50_ms.value,
        "memory_mb": needs.memory_bytes / 1e6,
        "size_mb": needs.size_bytes / 1e6,
        "cost_per_month": money,
        "J": money + spec.objective.alpha * loss,
    }


def table(sets: dict[str, Any]) -> str:
    """The deciding metric and the cost of each candidate as a page in Markdown; best validation score first."""
    head = ("data (training rows, test rows)", "candidate", "metric", "test (95 % interval)")
    lines = [PAGE, f"| {' | '.join((*head, 'tuning', 'latency', 'J per month'))} |", "|---|---|---|---|---|---|---|"]
    order = list(SETS)
    for key in sorted(sets, key=lambda key: (order.index(key.split(",")[0]), -sets[key]["rows"]["train"])):
        size = sets[key]["rows"]
        title = f"{SETS[key.split(',')[0]][0]} ({size['train']:,}, {size['test']:,})"
        for candidate, run in sorted(sets[key]["runs"].items(), key=lambda named: -named[1]["validation"]):
            metric, (value, low, high) = next(iter(run["test"].items()))
            seconds = (
                f"{run['processor_seconds']:,.0f} s"
                if "processor_seconds" in run
                else f"{run['seconds']:,.0f} s (wall)"
            )
            score = f"{value:.3f} ({low:.3f} to {high:.3f})"
            answer = f"{run['milliseconds_p50']:.1f} ms"
            lines.append(f"| {title} | `{candidate}` | {metric} | {score} | {seconds} | {answer} | {run['J']:,.0f} |")
            title = ""
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the requested candidates that have no result yet."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument(
        "--candidates",
        nargs="*",
        default=["*"],
        help="patterns of family/model/method; no value: only write the page",
    )
    parser.add_argument("--rows", type=int, default=10_000, help="maximum number of training rows")
    parser.add_argument("--scored", type=int, default=0, help="maximum number of test rows; 0: all")
    parser.add_argument("--seconds", type=float, default=900, help="skip candidates forecast to take longer")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    set_threads()
    file = RESULTS / "pool.json"
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"sets": {}}
    result |= {"benchmark": "pool"} | machine()
    for name in chosen.sets:
        with tempfile.TemporaryDirectory() as folder:
            spec, dataset = prepared(name, chosen.data, chosen.rows, chosen.scored, Path(folder))
            pool = candidates(spec, plugins.load("tasks", spec.task), dataset, RunSettings(), this_machine())
            sizes = {"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)}
            on = f", {sizes['test']} scored" if chosen.scored else ""
            key = f"{name}, {sizes['train']} training rows{on}, seed {chosen.seed}"
            kept = result["sets"].setdefault(key, {"rows": sizes, "runs": {}})
            for candidate in pool.candidates:
                wanted = any(fnmatchcase(candidate.name, pattern) for pattern in chosen.candidates)
                if not wanted or candidate.name in kept["runs"]:
                    continue
                if pool.forecasts[candidate.name].seconds > chosen.seconds:
                    print(f"{name}: {candidate.name} left out, forecast {pool.forecasts[candidate.name].seconds:.0f} s")
                    continue
                try:
                    kept["runs"][candidate.name] = one_run(candidate, spec, dataset, chosen.seed)
                except GoldilocksError as error:
                    print(f"{name}: {candidate.name} failed: {error}")
                    continue
                file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = Path(__file__).parents[1] / "docs" / "pool.md"
    _, mark, searches = page.read_text(encoding="utf-8").partition(SEARCHES)  # written by tasks_overview.py
    page.write_text(table(result["sets"]) + (f"\n{mark}{searches}" if mark else ""), encoding="utf-8")
    print(page.read_text(encoding="utf-8"))
    keep("pool", result)


if __name__ == "__main__":
    main()
