"""Search over the numbers among the training options of one candidate: ``goldilocks tune --search N``.

Trials are proposed by Optuna's tree-structured Parzen estimator through its ask-and-tell interface; the first one is
the candidate's own config. A trial is scored at the rungs of the race, and ends where its score is below the median of
the earlier trials at that rung. Every finished trial is a line on disk, from which an interrupted search continues with
the proposals it would have made. Only the validation set is used, so the winner's score is optimistic.

Sources: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; Akiba et al. 2019, "Optuna"; pruning by
the median as in Golovin et al. 2017, "Google Vizier".
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks import plugins
from goldilocks.answers import by_rule
from goldilocks.catalog.options import options_of
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.evaluation.score import measured, score
from goldilocks.events import Progress, PurchaseStarted, TrainingStep
from goldilocks.protocols import HasSearchSpace, Metric, Model
from goldilocks.records import Candidate, Dataset, Measured, TrainingConfig
from goldilocks.selection.footprint_process import stored_model
from goldilocks.selection.record_lines import read_lines
from goldilocks.selection.standings import RUNGS
from goldilocks.selection.tune_single import TuningPlan, run_of
from goldilocks.support.files import append_line, read_object, remove, sha256_of_folder, with_checksum, write_text

if TYPE_CHECKING:
    import optuna

    from goldilocks.tuning.run import Run

_STARTUP = 4
"""Trials before the first is pruned, and before proposals depend on the scores."""


@dataclass(frozen=True, slots=True)
class Range:
    """Values of one searched option."""

    low: float
    high: float
    log: bool = False
    """Drawn evenly on the logarithm."""
    whole: bool = False
    """Whole numbers only."""

    def value(self, drawn: float) -> float:
        """A drawn value as the option takes it."""
        return int(drawn) if self.whole else float(drawn)


@dataclass(frozen=True, slots=True)
class SearchTrial:
    """One finished trial; a line of ``trials.jsonl``."""

    number: int
    """From 0."""
    options: Mapping[str, float]
    """Value of each searched option."""
    scores: Mapping[str, float]
    """Share of the run -> validation score there, higher is better."""
    seconds: float
    pruned: bool = False
    model_sha256: str = ""
    """Over the files in ``best/``, of a trial that was the best so far; see ``support.files.sha256_of_folder``."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """How long to search, and where to keep the trials."""

    trials: int
    folder: Path
    """``search.json`` (what is searched), ``trials.jsonl`` and ``best/`` (the best model so far)."""
    resume: bool = False


@dataclass(slots=True)
class TuningSearch:
    """One search: proposals, trials and the best model."""

    candidate: Candidate
    dataset: Dataset
    metric: Metric
    overrides: Mapping[str, Any]
    """Options that the user fixed; they are not searched."""
    plan: TuningPlan
    search: SearchPlan
    progress: Progress
    finished: list[SearchTrial] = field(default_factory=list)

    def run(self) -> tuple[Model, Measured, SearchTrial]:
        """Run the trials that are missing; the best model, its validation score, and its trial.

        Raises:
            InputError: the candidate is not trained by gradient descent, or the folder holds another search.
            MissingError: Optuna is not installed.
        """
        need_optuna()
        config = self._own_config()
        ranges = searched(config, {**self.plan.training, **self.overrides}) | self._of_method()
        if not ranges:
            raise InputError("--search: all options that it searches are given; leave one out.")
        self._begin(ranges)
        study = _study(ranges, self._own_values(config), self.finished)
        for number in range(len(self.finished), self.search.trials):
            self._try(study, number, ranges, config)
        best = max((trial for trial in self.finished if not trial.pruned), key=lambda trial: trial.scores["1"])
        model = self._best_model(best, config)
        validation = self.dataset.validation
        answers = by_rule(model.predict(validation.texts), self.plan.answer_rule)
        return model, measured(self.metric, validation.gold, answers.values, seed=self.plan.seed), best

    def _of_method(self) -> dict[str, Range]:
        """Ranges of the method's own numbers, as ``METHOD.OPTION``; those that were given are left out."""
        method = plugins.load("methods", self.candidate.method)
        space = method.SEARCH_SPACE if isinstance(method, HasSearchSpace) else {}
        defaults, width = method.Options(), self.candidate.model.width
        ranges = {}
        for option, (low, high) in space.items():
            whole = isinstance(getattr(defaults, option), int)
            highest = max(low, min(high, width or high)) if whole else high  # no rank is above the width of a layer
            ranges[f"{self.candidate.method}.{option}"] = Range(low, highest, log=True, whole=whole)
        given = {f"{self.candidate.method}.{option}" for option in self._given_options()}
        return {name: span for name, span in ranges.items() if name not in given}

    def _given_options(self) -> Mapping[str, Any]:
        return (self.plan.options or {}).get(self.candidate.method, {})

    def _own_values(self, config: TrainingConfig) -> dict[str, float]:
        """Values of the searched options in the candidate's own config."""
        defaults_of_ranges = {
            "rate_factor": 1.0,
            "epoch_factor": 1.0,
            "weight_decay": config.weight_decay,
            "dropout": config.dropout,
        }
        options = asdict(options_of(self.candidate.method, self.plan.options or {}))
        return defaults_of_ranges | {f"{self.candidate.method}.{name}": value for name, value in options.items()}

    def _plan_with(self, options: Mapping[str, float]) -> TuningPlan:
        """The plan with the values of the method's own options."""
        prefix = f"{self.candidate.method}."
        method_options = {
            name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)
        }
        chosen = dict(self.plan.options or {}) | {self.candidate.method: {**self._given_options(), **method_options}}
        return replace(self.plan, options=chosen)

    def _own_config(self) -> TrainingConfig:
        run = run_of(self.candidate, self.dataset, self.plan, self.overrides)
        if run.config is None:
            raise InputError(
                f"{self.candidate.name} is not trained by gradient descent; --search has nothing to search, leave it "
                "out."
            )
        if run.config.patience:
            raise InputError(
                f"training.patience is {run.config.patience}; --search searches the epochs and ends trials early "
                "itself, leave patience out."
            )
        return run.config

    # ---------------------------------------------------------------------------------------------------------- on disk

    def _begin(self, ranges: Mapping[str, Range]) -> None:
        """Write what is searched, or read the trials of the search that was interrupted."""
        head, lines = self.search.folder / "search.json", self.search.folder / "trials.jsonl"
        identity = json.loads(
            json.dumps(
                {
                    "candidate": self.candidate.name,
                    "data": self.dataset.fingerprint,
                    "seed": self.plan.seed,
                    "given": {key: str(value) for key, value in {**self.plan.training, **self.overrides}.items()},
                    "options": self._given_options(),
                    "ranges": {name: asdict(span) for name, span in ranges.items()},
                }
            )
        )
        if not head.exists():
            self.search.folder.mkdir(parents=True, exist_ok=True)
            write_text(head, with_checksum(identity))
            return
        if not self.search.resume:
            raise InputError(
                f"{self.search.folder}: holds a search; continue it with --resume, or choose another --out."
            )
        before = read_object(head)
        other = next((key for key in identity if before.get(key) != identity[key]), None)
        if other is not None:
            raise InputError(
                f"{self.search.folder}: was a search with another {other} ({before.get(other)!r}, now "
                f"{identity[other]!r}); choose another --out."
            )
        self.finished += read_lines(lines, SearchTrial)
        for number, trial in enumerate(self.finished):
            if problem := _problem(trial, number, ranges):
                raise IntegrityError(
                    f"{lines} line {number + 1}: damaged ({problem}); remove it and the lines after it, then --resume."
                )

    def _keep(self, trial: SearchTrial, model: Model | None) -> None:
        """Write the trial, and before it the model where it is the best so far."""
        complete = [earlier.scores["1"] for earlier in self.finished if not earlier.pruned]
        if model is not None and trial.scores["1"] > max(complete, default=float("-inf")):
            trial = replace(trial, model_sha256=self._keep_best(model))
        self.finished.append(trial)
        append_line(self.search.folder / "trials.jsonl", with_checksum(trial, indent=None))

    def _keep_best(self, model: Model) -> str:
        """Write the best model; the SHA-256 over its files."""
        beside, best = self.search.folder / "best.part", self.search.folder / "best"
        remove(beside)
        beside.mkdir(parents=True)
        model.save(beside)
        remove(best)
        beside.rename(best)
        return sha256_of_folder(best)

    def _best_model(self, best: SearchTrial, config: TrainingConfig) -> Model:
        """The model of the best trial; where its files are not those that were written, it is trained once more."""
        folder = self.search.folder / "best"
        whole = folder.is_dir() and best.model_sha256 in ("", sha256_of_folder(folder))
        if not whole:
            run = self._run_with(best.options, config)
            run.advance(1.0)
            self._keep_best(run.model)
        return stored_model("native", self.candidate.model.family, folder)

    # ----------------------------------------------------------------------------------------------------------- trials

    def _run_with(self, options: Mapping[str, float], config: TrainingConfig) -> Run:
        training = {**self.overrides, **as_fields(options, config)}
        return run_of(self.candidate, self.dataset, self._plan_with(options), training)

    def _try(self, study: optuna.Study, number: int, ranges: Mapping[str, Range], config: TrainingConfig) -> None:
        import optuna

        # A sampler for each trial, seeded by its number: a search that was interrupted proposes what it would have.
        study.sampler = _sampler(self.plan.seed + number)
        optuna_trial = study.ask(_distributions(ranges))
        options = {name: ranges[name].value(value) for name, value in optuna_trial.params.items()}
        shown = ", ".join(f"{name} {value:.3g}" for name, value in options.items())
        self.progress(
            PurchaseStarted(self.candidate.name, 1.0, 0.0, f"trial {number + 1} of {self.search.trials}: {shown}")
        )
        started = time.monotonic()
        run = self._run_with(options, config)
        scores: dict[str, float] = {}
        for rung, share in enumerate(RUNGS):
            run.advance(share, on_step=lambda done: self.progress(TrainingStep(self.candidate.name, done, run.loss)))
            answers = by_rule(run.predict(self.dataset.validation.texts), self.plan.answer_rule)
            scores[f"{share:g}"] = score(self.metric, self.dataset.validation.gold, answers.values)
            optuna_trial.report(scores[f"{share:g}"], rung)
            if share < 1 and optuna_trial.should_prune():
                study.tell(optuna_trial, state=optuna.trial.TrialState.PRUNED)
                self._keep(SearchTrial(number, options, scores, time.monotonic() - started, pruned=True), None)
                return
        study.tell(optuna_trial, scores["1"])
        self._keep(SearchTrial(number, options, scores, time.monotonic() - started), run.model)


def _problem(trial: SearchTrial, number: int, ranges: Mapping[str, Range]) -> str:
    """What cannot be true of the trial in a line; empty if nothing is wrong."""
    if trial.number != number:
        return f"trial {trial.number} where {number} was due"
    if trial.options.keys() != ranges.keys():
        return "other options than are searched"
    outside = [name for name, span in ranges.items() if not span.low <= trial.options[name] <= span.high]
    if outside:
        return f"{outside[0]} is {trial.options[outside[0]]:g}"
    wrong = [share for share, value in trial.scores.items() if not math.isfinite(value)]
    if wrong or ("1" not in trial.scores and not trial.pruned):
        return f"no score at {wrong[0] if wrong else '1'}"
    return ""


def searched(config: TrainingConfig, given: Mapping[str, Any]) -> dict[str, Range]:
    """Option -> range, around the config of family and method; options that the user gave are left out.

    ``rate_factor`` multiplies both learning rates, ``epoch_factor`` the epochs. Weight decay is not searched where
    family or method has switched it off, as ``l2_sp`` does.

    Example:
        >>> list(searched(TrainingConfig(3, 1e-4, 1e-3), {"epochs": 2}))
        ['rate_factor', 'weight_decay', 'dropout']
    """
    ranges = {
        "rate_factor": Range(0.2, 5.0, log=True),
        "epoch_factor": Range(0.5, 2.0, log=True),
        **({"weight_decay": Range(1e-3, 0.3, log=True)} if config.weight_decay else {}),
        "dropout": Range(0.0, min(0.9, max(0.3, config.dropout + 0.2))),
    }
    fields_of = {"rate_factor": {"learning_rate", "head_learning_rate", "rate_test"}, "epoch_factor": {"epochs"}}
    return {name: span for name, span in ranges.items() if not fields_of.get(name, {name}) & given.keys()}


def as_fields(options: Mapping[str, float], config: TrainingConfig) -> dict[str, float]:
    """Fields of the training config that the values of the searched options determine.

    Example:
        >>> as_fields({"epoch_factor": 0.5, "dropout": 0.1}, TrainingConfig(3, 1e-4, 1e-3))
        {'epochs': 1.5, 'dropout': 0.1}
    """
    fields: dict[str, float] = {}
    for name, value in options.items():
        if name == "rate_factor":
            fields["learning_rate"] = value * config.learning_rate
            fields["head_learning_rate"] = value * config.head_learning_rate
        elif name == "epoch_factor":
            fields["epochs"] = value * config.epochs
        elif "." not in name:
            fields[name] = value
    return fields


# ------------------------------------------------------------------------------------------------------------- Optuna


def need_optuna() -> None:
    """Check that a search can be made, before anything is read or written for it.

    Raises:
        MissingError: Optuna is not installed.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise MissingError("--search needs Optuna: pip install 'goldilocks-lm[search]'.") from error


def _distributions(ranges: Mapping[str, Range]) -> dict[str, Any]:
    import optuna

    return {
        name: optuna.distributions.IntDistribution(int(span.low), int(span.high), log=span.log)
        if span.whole
        else optuna.distributions.FloatDistribution(span.low, span.high, log=span.log)
        for name, span in ranges.items()
    }


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=_STARTUP)


def _study(ranges: Mapping[str, Range], own: Mapping[str, float], finished: list[SearchTrial]) -> optuna.Study:
    """A study in memory that knows the finished trials and begins with the candidate's ``own`` values."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP, n_warmup_steps=0)
    study = optuna.create_study(direction="maximize", sampler=_sampler(0), pruner=pruner)
    for trial in finished:
        state = optuna.trial.TrialState.PRUNED if trial.pruned else optuna.trial.TrialState.COMPLETE
        values = dict(enumerate(trial.scores.values()))
        study.add_trial(
            optuna.trial.create_trial(
                params={name: ranges[name].value(drawn) for name, drawn in trial.options.items()},
                distributions=_distributions(ranges),
                intermediate_values=values,
                value=trial.scores["1"] if not trial.pruned else None,
                state=state,
            )
        )
    if not finished:
        first = {name: span.value(min(max(own[name], span.low), span.high)) for name, span in ranges.items()}
        study.enqueue_trial(first)
    return study
