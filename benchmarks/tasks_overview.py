"""What does a search of a few minutes find for each of the 16 tasks, and is it better than trivial answers?

Run:    python benchmarks/tasks_overview.py --minutes 3
        python benchmarks/tasks_overview.py --tasks similarity ner --minutes 1
        python benchmarks/tasks_overview.py --tasks            (no value: only rewrites the section of docs/pool.md)
Needs:  the data folder; 16 times the budget and as much again for scoring and footprints. A finished task is kept in
        the result and not repeated (--again repeats it); an interrupted search is continued from its folder in --work.

For each task ``goldilocks select`` runs with its defaults on a public data set (rows as in pool.py), at most --rows
training and --scored test rows, drawn by the seed. Measured: the winner, its test score with the 95 % interval over
items, the best trivial baseline (constant, copying, nearest training answer) on the same test rows, the verdict of the
search (on validation rows), finished candidates, and seconds. Nothing is chosen on test.

    text_classification       TREC questions, 6 classes
    multi_label_classification, ner, pair_classification, similarity, matching, relation_extraction, extractive_qa,
    summarisation, generation, dialogue, dialogue_retrieval, code_generation      sets of pool.py
    pos_tagging               no set with parts of speech is at hand: the entity tags of CoNLL-2003, scored word by word
    language_modelling        poems of the Song dynasty, one text each
    translation               Multi30k, English to German

The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pool
from bench_data import RESULTS, keep, machine, options, rows, sample
from pool import SEARCHES, Parts

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.errors import GoldilocksError
from goldilocks.evaluation.score import measured
from goldilocks.evaluation.trivial_baselines import trivial_answers
from goldilocks.flow import select
from goldilocks.records import DataSpec, Decision, Pool, TaskSpec
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings
from goldilocks.support.files import read_record

PAGE = """
The table shows the result of one `goldilocks select` with its defaults for each task, on the candidates that need no
hub: {minutes:g} minutes each, at most {rows:,} training rows; {processor}, {cores} cores; seed {seed}. It is written by
`benchmarks/tasks_overview.py`. The baseline is the best trivial one (constant, copying, nearest training answer) on the
same test rows. The verdict is that of the search, by a test on the validation rows.

| task: data (rows to train, to test) | winner | metric | test (95 % interval) | trivial baseline | verdict | finished |
|---|---|---|---|---|---|---|
"""


def tags(data: Path) -> Parts:
    """The entity tags of conll2003 as tags of single words."""
    return pool.made(
        data,
        "conll2003",
        lambda row: {"tokens": row["tokens"], "tags": [tag.split("-", 1)[-1] for tag in row["tags"]]},
        train="train",
        validation="dev",
        test="test",
    )


def poems(data: Path) -> Parts:
    """Poems, each a text."""
    sampled = sample(rows(data, "chinese_poetry", "all"), 4_000, 0)
    texts = [{"text": poem["text"]} for poem in sampled]
    return {"train": texts[800:], "test": texts[:800]}


def question_types(data: Path) -> Parts:
    """TREC's questions with their coarse types."""
    return pool.made(
        data,
        "trec",
        lambda row: {"text": row["text"], "label": str(row["label"]).split(":")[0]},
        train="train",
        test="test",
    )


def of_pool(name: str) -> tuple[str, str, Callable[[Path], Parts]]:
    """Title, language and rows of a set of pool.py."""
    title, _, language, make = pool.SETS[name]
    return title, language, make


TASKS: dict[str, tuple[str, str, Callable[[Path], Parts]]] = {
    "text_classification": ("TREC, question types", "en", question_types),
    "multi_label_classification": of_pool("entity_kinds"),
    "pair_classification": of_pool("mrpc"),
    "similarity": of_pool("stsb"),
    "matching": of_pool("ml_100k"),
    "ner": of_pool("cluener"),
    "pos_tagging": ("CoNLL-2003, entity tags word by word", "en", tags),
    "relation_extraction": of_pool("semeval2010_task8"),
    "extractive_qa": of_pool("squad_part"),
    "summarisation": of_pool("csl"),
    "translation": (
        "Multi30k, English to German",
        "en",
        pool.official("multi30k", train="train", validation="dev", test="test"),
    ),
    "generation": of_pool("chinese_poetry"),
    "dialogue": of_pool("crosswoz_replies"),
    "dialogue_retrieval": of_pool("crosswoz"),
    "language_modelling": ("Song poetry (zh)", "zh", poems),
    "code_generation": of_pool("mbpp"),
}
"""Task -> title, language, rows of its data set."""


def written(task: str, chosen: Any, folder: Path) -> TaskSpec:
    """The task of a data set; its rows are written to ``folder`` as a user's would be."""
    _, language, make = TASKS[task]
    most = {"train": chosen.rows, "validation": chosen.scored, "test": chosen.scored}
    parts = {name: sample(own, most[name], chosen.seed) for name, own in make(chosen.data).items()}
    for name, own in parts.items():
        lines = (json.dumps(row, ensure_ascii=False) for row in own)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = DataSpec("train.jsonl", "validation.jsonl" if "validation" in parts else None, "test.jsonl")
    return TaskSpec(
        task,
        files,
        task=task,
        language=language,
        folder=folder,
        budget_seconds=60 * chosen.minutes,
        seed=chosen.seed,
        target_language="de" if task == "translation" else None,
    )


def searched(task: str, chosen: Any) -> dict[str, Any]:
    """One search, and the trivial baselines on its test rows."""
    folder = chosen.work / task
    folder.mkdir(parents=True, exist_ok=True)
    spec = written(task, chosen, folder)
    run = folder / "run"
    workspace = Workspace(run)
    begun = time.perf_counter()
    if (run / "report.html").exists():  # the search ended, but its outcome was not kept
        decision = read_record(Decision, workspace.decision)
    else:
        decision = select(spec, RunSettings(out=run, resume=run.exists()))
    seconds = time.perf_counter() - begun
    return outcome(decision) | {
        "title": TASKS[task][0],
        "seconds": max(seconds, decision.search.seconds),
        "budget_seconds": spec.budget_seconds,
        "candidates": len(read_record(Pool, workspace.pool).candidates),
        "baselines": baselines_on_test(spec, decision.metric, chosen.seed),
        "rows": sizes(spec),
    }


def outcome(decision: Decision) -> dict[str, Any]:
    """What is kept of a decision."""
    score, verdict = decision.test_score, decision.verdict
    assert score is not None
    return {
        "winner": decision.winner.candidate,
        "metric": decision.metric,
        "test": [score.value, score.low, score.high],
        "scores": {name: [own.value, own.low, own.high] for name, own in decision.test_scores.items()},
        "useful": None if verdict is None else verdict.useful,
        "against": "" if verdict is None else verdict.against,
        "reason": "" if verdict is None else verdict.reason,
        "finished": [standing.candidate for standing in decision.candidates if standing.J is not None],
        "best_set": list(decision.tied),
        "p_best": decision.p_best,
        "stopped": decision.search.stopped,
    }


def sizes(spec: TaskSpec) -> dict[str, int]:
    """Rows of each part as they are read."""
    dataset = load(spec, plugins.load("tasks", spec.task))
    return {"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)}


def baselines_on_test(spec: TaskSpec, metric: str, seed: int) -> dict[str, list[float]]:
    """Score of each trivial baseline on the test rows, with its interval."""
    task = plugins.load("tasks", spec.task)
    dataset = load(spec, task)
    given = trivial_answers(task, replace(dataset, validation=dataset.test))
    plugin = plugins.load("metrics", metric)
    scores = {name: measured(plugin, dataset.test.gold, answers, seed=seed) for name, answers in given.answers.items()}
    return {name: [score.value, score.low, score.high] for name, score in scores.items()}


def section(result: dict[str, Any]) -> str:
    """The table in Markdown."""
    lines = [PAGE.format(**result)]
    for task in TASKS:
        if task not in result["tasks"]:
            continue
        own = result["tasks"][task]
        title = f"{task}: {own['title']} ({own['rows']['train']:,}, {own['rows']['test']:,})"
        better = max if plugins.load("metrics", own["metric"]).HIGHER_IS_BETTER else min
        named = [(score[0], name) for name, score in own["baselines"].items()]
        value, name = better(named) if named else (None, "")
        baseline = f"{value:.3f} ({name})" if name else "none"
        verdict = "useful" if own["useful"] else f"not better than {own['against']}"
        score, low, high = own["test"]
        lines.append(
            f"| {title} | `{own['winner']}` | {own['metric']} | {score:.3f} ({low:.3f} to {high:.3f}) | {baseline} "
            f"| {verdict} | {len(own['finished'])} of {own['candidates']} |\n"
        )
    return "".join(lines)


def main() -> None:
    """Search for the chosen tasks that have no result yet, and write the section."""
    parser = options(__doc__)
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--minutes", type=float, default=3.0, help="budget of each search")
    parser.add_argument("--rows", type=int, default=4_000, help="maximum number of training rows")
    parser.add_argument("--scored", type=int, default=1_000, help="maximum number of validation and of test rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--again", action="store_true", help="repeat tasks that have a result")
    parser.add_argument("--name", default="tasks_overview", help="name of the result; only the default writes docs")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "goldilocks-tasks-overview")
    chosen = parser.parse_args()
    file = RESULTS / f"{chosen.name}.json"
    result: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"tasks": {}}
    settings = {name: getattr(chosen, name) for name in ("minutes", "rows", "scored", "seed")}
    if chosen.tasks and result["tasks"] and any(result[name] != value for name, value in settings.items()):
        parser.error(f"{file.name} is of other settings; pass the same, another --name, or remove the file")
    if chosen.tasks:
        result |= {"benchmark": "tasks_overview"} | settings | machine()
    for task in chosen.tasks:
        if task in result["tasks"] and not chosen.again:
            continue
        print(f"== {task}", flush=True)
        try:
            result["tasks"][task] = searched(task, chosen)
        except GoldilocksError as error:
            print(f"{task} failed: {error}")
            continue
        file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print({key: result["tasks"][task][key] for key in ("winner", "metric", "test", "baselines", "useful")})
    print(section(result))
    if chosen.name == "tasks_overview":
        page = Path(__file__).parents[1] / "docs" / "pool.md"
        before, _, _ = page.read_text(encoding="utf-8").partition(SEARCHES)
        page.write_text(f"{before.rstrip()}\n\n{SEARCHES}\n{section(result)}", encoding="utf-8")
    keep(chosen.name, result)


if __name__ == "__main__":
    main()
