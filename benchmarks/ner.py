"""How well do the pool's taggers recognise named entities? CoNLL-2003 test, by tokens and by entities.

Run:    python benchmarks/ner.py --seeds 1
        python benchmarks/ner.py --rows 2000 --on dev --candidates crf/words/scratch   (a quick look)
        python benchmarks/ner.py --context 8 --candidates decoder/gemma-3-270m/head_only   (rows of 8 sentences)
Needs:  the data folder; about 30 minutes on 2 cores. An interrupted run continues where it stopped.

Measured: micro average and macro F1 over the nine tags (O included) word by word, entity F1 as seqeval counts it, each
with its 95 % interval over sentences; seconds of training. A candidate is written family/model/method, behind a ? with
fields of its recipe (epochs, learning_rate, dropout ...), chain=0 or wide=0 for a head without these parts, heads=3 for
three heads side by side: encoder/all-MiniLM-L6-v2/full?epochs=8&chain=0&wide=0. Recipes are chosen with --on held-out
(a tenth of the training rows that takes no part in training) or --on dev; nothing is chosen on test. --with-dev trains
on the dev part too, when all is chosen: as for a model that goes into use. With --context N a row is N sentences, one
after another as they stand in the file: a part of a document, as BERT was given (Devlin et al. 2019, section 5.3, "the
maximal document context provided by the data"). The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.evaluation.score import measured
from goldilocks.records import Candidate, Goal, ModelInfo, Output, Part, Workload, as_text, labels_of
from goldilocks.settings import with_training
from goldilocks.support.machine.hardware import set_threads
from goldilocks.support.text.sentences import sentences_of
from goldilocks.tuning.run import Run, RunSetup

CANDIDATES = (
    "majority/shares/scratch",
    "crf/words/scratch",
    "recurrent/bilstm/scratch",
    "cnn/textcnn/scratch",
    "encoder/all-MiniLM-L6-v2/full",
)
METRICS = ("token_micro_f1", "token_macro_f1", "entity_f1", "entity_precision", "entity_recall")
PIECES = 8
"""A run is written down after each such piece."""


def part_of(result: list[dict[str, Any]]) -> Part:
    """Rows as the task reads them."""
    task = plugins.load("tasks", "ner")
    return Part(
        tuple(task.item(match) for match in result),
        tuple(task.gold(match) for match in result),
        tuple(range(1, len(result) + 1)),
    )


def together(result: list[dict[str, Any]], context: int) -> list[dict[str, Any]]:
    """Rows of ``context`` sentences each."""
    pieces = [result[start : start + context] for start in range(0, len(result), context)]
    return [{name: [row[name] for row in piece] for name in ("tokens", "tags")} for piece in pieces]


def parts(data: Path, name: str, on: str, most: int, context: int = 1, *, with_dev: bool = False) -> tuple[Part, Part]:
    """Training rows, at most ``most``, and those that are scored."""
    train = rows(data, name, "train") + (rows(data, name, "dev") if with_dev else [])
    if on == "held-out":
        aside = {id(entry) for entry in sample(train, len(train) // 10, seed=0)}
        scored = [entry for entry in train if id(entry) in aside]
        train = [entry for entry in train if id(entry) not in aside]
    else:
        scored = rows(data, name, on)
    if context > 1:
        train, scored = together(train, context), together(scored, context)
    return part_of(sample(train, most or len(train), seed=0)), part_of(scored)


def facts_of(family: str, model: str) -> ModelInfo:
    """Of a model of the catalogue, or one the family makes."""
    known = [*catalogue(), *plugins.load("families", family).models()]
    return next(entry for entry in known if (entry.family, entry.name) == (family, model))


class HeadRun(Run):
    """A run whose network has another head than its family's: with or without a chain, with or without a wide part."""

    head: dict[str, bool]

    def _created(self, part: Part) -> Any:
        import torch

        from goldilocks.nets.heads.token_classifier import TokenClassifier

        made = super()._created(part)
        torch.manual_seed(self.seed)
        return TokenClassifier(
            made.backbone, made.tokenizer, replace(made.config, head=replace(made.config.head, **self.head))
        )


def run_of(spelled: str, train: Part, goal: Goal, seed: int) -> Run:
    """The run of a candidate as written on the command line."""
    name, _, given = spelled.partition("?")
    wanted = {key: float(value) for key, value in parse_qsl(given)}
    parts_named: tuple[str, ...] = ("chain", "wide")
    head = {part: bool(wanted.pop(part)) for part in parts_named if part in wanted}
    heads = int(wanted.pop("heads", 1))
    family, model, method = name.split("/")
    facts = facts_of(family, model)
    lengths = [len(as_text(text)) for text in train.texts]
    words = [len(text) for text in train.texts]
    work = Workload(
        len(train),
        float(np.mean(lengths)),
        float(np.mean(words)),
        len(goal.labels),
        Output.TAGS,
        sentences=float(np.mean([len(sentences_of(text)) for text in train.texts])),
    )
    folder = folder_of(facts, offline=True) if facts.pretrained else None
    recipe = None
    if wanted:
        usual = plugins.load("families", family).training_config(facts, work)
        own = plugins.load("methods", method).training_config(usual) if usual else None
        assert own is not None, f"{name} is a one-shot estimator: it takes no training config"
        whole = {key: int(value) if isinstance(getattr(own, key), int) else value for key, value in wanted.items()}
        recipe = with_training(own, whole)
    options_ = plugins.load("methods", method).Options(heads=heads) if heads > 1 else None
    made: dict[str, Any] = {"model_folder": folder, "work": work, "seed": seed, "config": recipe, "options": options_}
    if not head:
        return Run(Candidate(facts, method), train, goal, RunSetup(**made))
    run = HeadRun(Candidate(facts, method), train, goal, RunSetup(**made))
    run.head = head
    return run


def one_run(spelled: str, train: Part, scored: Part, seed: int, folder: Path) -> dict[str, Any]:
    """Scores with intervals, and training seconds; goes on from ``folder`` where it was stopped."""
    goal = Goal(Output.TAGS, tuple(sorted({tag for tags in train.gold for tag in labels_of(tags, Output.TAGS)})))
    run = run_of(spelled, train, goal, seed)
    if (folder / "run.json").exists():
        run.resume_from(folder)
    for piece in range(1, PIECES + 1) if run.config else (PIECES,):
        if run.share >= piece / PIECES:
            continue
        run.advance(piece / PIECES)
        run.save(folder)
        print(f"  {spelled} seed {seed}: {run.share:.0%} after {run.seconds:.0f} s", flush=True)
    begun = time.perf_counter()
    answers = run.predict(scored.texts)
    answering = time.perf_counter() - begun
    result: dict[str, Any] = {
        name: asdict(measured(plugins.load("metrics", name), scored.gold, answers.values)) for name in METRICS
    }
    recipe = asdict(run.config) if run.config else None
    return result | {"seconds": run.seconds, "answer_seconds": answering, "recipe": recipe}


def main() -> None:
    """Train and score what has not been yet."""
    parser = options(__doc__)
    parser.add_argument("--set", default="conll2003", help="conll2003, cluener or weibo_ner (or another with tags)")
    parser.add_argument("--on", default="test", choices=("test", "dev", "held-out"))
    parser.add_argument("--rows", type=int, default=0, help="at most this many training rows; 0: all")
    parser.add_argument("--context", type=int, default=1, help="sentences in a row")
    parser.add_argument("--with-dev", action="store_true", help="train on the dev part too; only with --on test")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--candidates", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--work", type=Path, default=Path("bench-work/ner"), help="where runs are written down")
    chosen = parser.parse_args()
    if chosen.with_dev and chosen.on != "test":
        parser.error("--with-dev goes with --on test: what is trained on is not scored")
    set_threads()
    train, scored = parts(chosen.data, chosen.set, chosen.on, chosen.rows, chosen.context, with_dev=chosen.with_dev)
    setting = f"{chosen.set}-{chosen.on}-{len(train)}-context{chosen.context}" + (
        "-with-dev" if chosen.with_dev else ""
    )
    chosen.work.mkdir(parents=True, exist_ok=True)
    done_file = chosen.work / f"{setting}.jsonl"
    done = [json.loads(line) for line in done_file.read_text().splitlines()] if done_file.exists() else []
    for spelled in chosen.candidates:
        for seed in range(chosen.seeds):
            if any((trial["candidate"], trial["seed"]) == (spelled, seed) for trial in done):
                continue
            place = chosen.work / f"{setting}-{spelled.replace('/', '_')}-{seed}"
            trial = {"candidate": spelled, "seed": seed} | one_run(spelled, train, scored, seed, place)
            done.append(trial)
            with done_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(trial) + "\n")
    print(f"{setting}, {len(scored)} sentences\n{'micro':>7}{'macro':>7}{'entity':>7}{'s':>7}")
    for trial in done:
        figures = "".join(f"{trial[name]['value']:7.4f}" for name in METRICS[:3])
        print(f"{figures}{trial['seconds']:7.0f}  {trial['candidate']} seed {trial['seed']}")
    result = {
        "benchmark": "ner",
        "set": chosen.set,
        "scored_on": chosen.on,
        "sentences_in_a_row": chosen.context,
        "trained_on_dev_too": chosen.with_dev,
        "train_rows": len(train),
        "scored_rows": len(scored),
        "runs": done,
    }
    if chosen.on == "test" and not chosen.rows:
        name = "ner" if chosen.set == "conll2003" else f"ner_{chosen.set}"
        name += f"-context{chosen.context}" if chosen.context > 1 else ""
        keep(f"{name}-with-dev" if chosen.with_dev else name, result | machine())
    else:
        print(json.dumps(result | machine(), ensure_ascii=False))


if __name__ == "__main__":
    main()
