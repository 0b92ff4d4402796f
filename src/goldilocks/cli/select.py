"""``goldilocks select``: the main job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from goldilocks.cli.candidates import print_pool
from goldilocks.cli.console import say
from goldilocks.cli.select_options import (
    AddressOption,
    BudgetOption,
    CompressOption,
    DryRunOption,
    ExecutorOption,
    ExperienceOption,
    ExperienceSource,
    MaxDiskOption,
    OutOption,
    PolicyOption,
    Preset,
    PresetOption,
    ResumeOption,
    SeedOption,
    ThreadsOption,
)
from goldilocks.cli.task_file import (
    FieldOption,
    KindOption,
    LanguageOption,
    MaxBytesOption,
    MetricOption,
    OnlineOption,
    TaskArgument,
    UnsafeOption,
    spec_of,
)
from goldilocks.cli.verdict import AcceptOption, require_useful
from goldilocks.errors import InputError

_MAX_LOSS = 0.01
_BUDGETS = {Preset.FAST: "2m", Preset.BALANCED: "10m", Preset.THOROUGH: "60m"}


def select(
    task: TaskArgument,
    out: OutOption = Path("run"),
    field: FieldOption = None,
    kind: KindOption = None,
    language: LanguageOption = None,
    metric: MetricOption = None,
    max_bytes: MaxBytesOption = None,
    budget: BudgetOption = None,
    preset: PresetOption = None,
    seed: SeedOption = None,
    resume: ResumeOption = False,
    policy: PolicyOption = "value",
    executor: ExecutorOption = "local",
    address: AddressOption = None,
    experience: ExperienceOption = ExperienceSource.SHIPPED,
    online: OnlineOption = False,
    threads: ThreadsOption = 0,
    max_disk: MaxDiskOption = None,
    unsafe_execution: UnsafeOption = False,
    compress: CompressOption = False,
    accept_baseline: AcceptOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Choose and tune the model that is just right for the task, and write it as a bundle ready to serve.

    Writes OUT/ with task.yaml, data.json, candidates.json, screening.json, trials.jsonl, decision.json,
    evaluation.json, report.html and bundle/. A run that was killed continues with --resume; at most the training run in
    progress is lost. Nothing is sent over the network without --online.

    Exit code 0: decided; 2: bad input; 3: no candidate meets the limits, or none is better than the baselines and the
    incumbent (all files are written nevertheless); 4: the budget ended first; 130: interrupted.

    Example: goldilocks select task.yaml --out run --budget 20m

    Example: goldilocks select tickets.csv --field text=body --field label=topic --preset fast

    Example: goldilocks select train.conll --task ner --language de --out run

    Example: goldilocks select task.yaml --executor ray --address 10.0.0.5:6379
    """
    from goldilocks.cli.tables import print_decision
    from goldilocks.flow import select as choose
    from goldilocks.progress import Live
    from goldilocks.settings import RunSettings

    if budget is not None and preset is not None:
        raise InputError(f"--budget {budget} and --preset {preset} both set the budget; give one of them.")
    spec = spec_of(
        task,
        field,
        _BUDGETS[preset] if preset else budget,
        kind=kind,
        language=language,
        metric=metric,
        max_bytes=max_bytes,
    )
    spec = spec if seed is None else replace(spec, seed=seed)
    if compress and spec.compress.max_loss is None:
        spec = replace(spec, compress=replace(spec.compress, max_loss=_MAX_LOSS))
    settings = RunSettings(
        out=out,
        resume=resume,
        offline=not online,
        policy=policy,
        experience=experience,
        executor=executor,
        address=address,
        threads=threads,
        unsafe_execution=unsafe_execution,
        max_disk_mb=max_disk,
    )
    if dry_run:
        print_pool(spec, offline=not online)
        say(f"Dry run: nothing was trained or written. The search would take at most {spec.budget_seconds:g} s.")
        return
    with Live(spec.budget_seconds) as live:
        decision = choose(spec, settings, live)
    print_decision(decision, out)
    require_useful(decision, accept_baseline=accept_baseline)
