"""Choices for a run, and the task file: read, checked, with the nearest name for every mistake."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from goldilocks.errors import InputError, MissingError
from goldilocks.records import Generation, Serving, TaskSpec, TrainingConfig
from goldilocks.support.options import in_plain_words, options_from, with_lists
from goldilocks.support.suggest import suggest
from goldilocks.support.text.cells import label_of
from goldilocks.support.text.language_names import is_tag, tag_of
from goldilocks.support.yaml_text import read_yaml

PROMPT_LANGUAGES = ("en", "zh", "auto")
"""Values of ``TaskSpec.prompt_language``."""
_HUB_MODELS = 1_000
"""Value of ``candidates: hub``."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class Strategy(StrEnum):
    """How ``label-next`` chooses rows (``support/scoring/acquisition.py``)."""

    ENTROPY = "entropy"
    """The least certain predictions."""
    MARGIN = "margin"
    """The smallest gap between the two most probable labels."""
    BADGE = "badge"
    """Uncertain and different from each other."""
    CORE_SET = "core-set"
    """So that every row is near a labelled one, whatever the model predicts."""
    VALUE = "value"
    """The most expected error cost that a label bears on."""
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Choices that belong to one run and not to the task."""

    out: Path = Path("run")
    """Run folder: everything is written to it."""
    resume: bool = False
    """Continue an interrupted run."""
    offline: bool = True
    """Never contact the Hub; with ``False``, models are fetched from it (``HF_ENDPOINT`` is honoured)."""
    policy: str = "value"
    """File name in policies/: the rule that picks the next purchase of the race."""
    threads: int = 0
    """Compute threads; 0: one per core."""
    unsafe_execution: bool = False
    """Run generated programs even without namespaces: with this user's rights, restricted by Python only."""
    experience: str = "shipped"
    """The prior of the race: ``shipped`` (comes with the package) or ``local`` (the user's own experience in addition;
    see ``goldilocks experience``)."""
    processes: int = 0
    """Number of processes that tune one candidate, each on a part of every batch; 0: this process, no checkpoints."""
    executor: str = "local"
    """File name in executors/: where the purchases of the race are carried out."""
    address: str | None = None
    """Address of the executor's cluster; ``None``: see the executor."""
    shard: bool = False
    """Whether each of these processes keeps only a shard of every weight (fully sharded data parallelism)."""
    max_disk_mb: float | None = None
    """Disk limit of the run folder in MB: the race makes no purchase that would exceed it; ``None``: no limit."""


def is_yaml(path: Path | str) -> bool:
    """Whether a path is called as task files are."""
    return Path(path).suffix.lower() in (".yaml", ".yml")


def read_task(path: Path | str) -> TaskSpec:
    """Read a task file (YAML; see ``docs/design.md`` for the keys).

    Raises:
        MissingError: there is no such file.
        InputError: it is not YAML, a key is unknown (the nearest is named) or a value does not fit.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingError(f"{path}: there is no such task file; `goldilocks demo --task-only` writes one.") from error
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"{path}: not a UTF-8 text file; pass a YAML task file.") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}); pass a YAML task file.") from error
    raw = read_yaml(text, path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: holds {type(raw).__name__}; a task file is a mapping with at least name and data.")
    return task_from(raw, folder=path.absolute().parent)


def task_from(raw: Mapping[str, Any], *, folder: Path = Path()) -> TaskSpec:
    """The task that a mapping with the keys of a task file describes.

    Args:
        raw: Keys as in a task file.
        folder: Where relative file names start.

    Raises:
        InputError: a key is unknown, missing or has a value that does not fit.
    """
    from pydantic import TypeAdapter, ValidationError

    known = {entry.name for entry in fields(TaskSpec)} | {"budget"}
    # A key without a value, such as a section all of whose keys are commented out, was not given.
    given = {key: _plain(value) for key, value in raw.items() if value is not None or key not in known}
    if "budget" in given:
        given["budget_seconds"] = seconds_in(given.pop("budget"))
    chosen = given.get("candidates")
    if chosen == "hub":
        given["candidates"] = chosen = {"hub": _HUB_MODELS}
    if isinstance(chosen, dict):  # "all" is how a person writes "no filter"
        given["candidates"] = {key: None if value == "all" else value for key, value in chosen.items()}
    given["folder"] = given.get("folder", folder)
    data = given.get("data")
    if isinstance(data, dict) and isinstance(data.get("train"), str):
        given.setdefault("name", Path(data["train"]).name.split(".")[0] or "task")
    _refuse_unknown(given, TaskSpec, "")
    given = _with_lists(given)
    refuse_two_prices(given.get("prices", {}))
    given.setdefault("assumed", _not_stated(given.get("objective", {}), given.get("prices", {})))
    if "error_costs" in given.get("objective", {}):
        given["objective"] = {**given["objective"], "error_costs": _matrix(given["objective"]["error_costs"])}
    if "label_descriptions" in given:
        given["label_descriptions"] = _descriptions(given["label_descriptions"])
    try:
        spec: TaskSpec = TypeAdapter(TaskSpec).validate_python(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "missing":
            raise InputError(f"task file: {key} is missing; add it.") from error
        raise InputError(f"task file: {key} is {first['input']!r}: {in_plain_words(first['msg'])}.") from error
    _check_ranges(spec)
    return spec


def with_training(config: TrainingConfig, overrides: Mapping[str, Any], where: str = "training.") -> TrainingConfig:
    """A training config with some of its fields replaced.

    Args:
        config: The config of family and method.
        overrides: Field -> value; text is converted to the field's type.
        where: Stands before the name of a field in an error.

    Raises:
        InputError: there is no such field (the nearest is named), or a value is not of its type or range.

    Example:
        >>> with_training(TrainingConfig(3, 1e-4, 1e-3), {"schedule": "cosine", "epochs": "2"}).epochs
        2.0
    """
    if not overrides:
        return config
    resolved = options_from(TrainingConfig, {**asdict(config), **overrides}, section=where.removesuffix("."))
    for key in overrides:
        low, high = _TRAINING_RANGES.get(key, (0.0, math.inf))
        value = getattr(resolved, key)
        if isinstance(value, int | float) and not low <= value <= high:
            upper = f" and at most {high:g}" if high < math.inf else ""
            raise InputError(f"{where}{key} is {value}; it must be at least {low:g}{upper}.")
    return resolved


_TRAINING_RANGES = {
    "epochs": (0.01, math.inf),
    "batch_rows": (1, math.inf),
    "batch_tokens": (1, math.inf),
    "warmup_share": (0.0, 0.99),
    "dropout": (0.0, 0.95),
    "label_smoothing": (0.0, 0.95),
    "layer_ratio": (0.01, 1e6),
    "accumulation": (1, math.inf),
    "ema_decay": (0.0, 0.99999),
    "swa_start": (0.0, 0.99),
    "adversarial_radius": (1e-6, math.inf),
    "adversarial_steps": (1, 100),
    "mixout": (0.0, 0.95),
    "contrastive_weight": (0.0, 1.0),
    "contrastive_temperature": (0.01, math.inf),
    "unlabelled_confidence": (0.0, 1.0),
}
"""Field -> lowest and highest value; the other numbers start at 0."""


def seconds_in(duration: Any) -> float:
    """``90``, ``"90s"``, ``"20m"`` or ``"1.5h"`` in seconds.

    Raises:
        InputError: anything else, or not above 0.

    Example:
        >>> seconds_in("1.5h")
        5400.0
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh]?)\s*", str(duration))
    seconds = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if not seconds > 0:
        raise InputError(f"budget is {duration!r}; write seconds, minutes or hours above 0, such as 90s, 20m or 1.5h.")
    return seconds


def _not_stated(objective: Mapping[str, Any], prices: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys that the money of a decision rests on and that the user left to their defaults."""
    price = "point_cost" if objective.get("point_cost") is not None else "error_cost"
    stated = {f"objective.{key}" for key in objective} | {f"prices.{key}" for key in prices}
    if "prices.gb_month" in stated:
        stated |= {"prices.memory_gb_month", "prices.storage_gb_month"}
    required = [f"objective.{price}", "objective.requests_per_month", "objective.horizon_months"]
    required += [f"prices.{key}" for key in ("cpu_hour", "memory_gb_month", "storage_gb_month")]
    return tuple(key for key in required if key not in stated)


def _matrix(given: Any) -> Any:
    """``error_costs`` with labels as text: YAML takes 1 for a number, and yes for a truth value."""
    if not isinstance(given, Mapping):
        raise InputError(f"task file: objective.error_costs is {given!r}; write {{gold: {{predicted: money}}}}.")
    for gold, row in given.items():
        if not isinstance(row, Mapping):
            raise InputError(f"task file: objective.error_costs.{gold} is {row!r}; write {{predicted: money}}.")
    return {label_of(gold): {label_of(label): cost for label, cost in row.items()} for gold, row in given.items()}


def _descriptions(given: Any) -> dict[str, str]:
    """``label_descriptions`` with labels as text."""
    if not isinstance(given, Mapping):
        raise InputError(f"task file: label_descriptions is {given!r}; write {{label: what it means}}.")
    return {label_of(label): str(meaning) for label, meaning in given.items()}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def _refuse_unknown(given: Mapping[str, Any], record: Any, prefix: str) -> None:
    known = [field.name for field in fields(record)]
    shown = [{"budget_seconds": "budget"}.get(name, name) for name in known if name not in ("folder", "assumed")]
    types = get_type_hints(record)
    for key, value in given.items():
        if key not in known:
            raise InputError(
                f"task file: unknown key {prefix + str(key)!r}.{suggest(str(key), shown)} "
                f"There are: {', '.join(shown)}."
            )
        if _record_of(types[key]) is not None and value is not None:
            if not isinstance(value, Mapping):
                raise InputError(f"task file: {prefix + key} is {value!r}; it takes keys of its own, one a line.")
            _refuse_unknown(value, _record_of(types[key]), f"{prefix}{key}.")


def _with_lists(given: dict[str, Any]) -> dict[str, Any]:
    """One text in place of a list of one, in the task file and its sections."""
    types = get_type_hints(TaskSpec)
    sections = {key: _record_of(types[key]) for key, value in given.items() if isinstance(value, Mapping)}
    inner = {key: with_lists(record, given[key]) for key, record in sections.items() if record is not None}
    return with_lists(TaskSpec, given) | inner


def _record_of(annotation: Any) -> Any:
    """The dataclass that a field takes, optional or not; ``None``: it takes none."""
    return next((kind for kind in (annotation, *get_args(annotation)) if is_dataclass(kind)), None)


def refuse_two_prices(prices: Mapping[str, Any]) -> None:
    """Check that the price that sets two others is not given together with one of them.

    Raises:
        InputError: it is.
    """
    both = [key for key in ("memory_gb_month", "storage_gb_month") if prices.get(key) is not None]
    if prices.get("gb_month") is not None and both:
        raise InputError(
            f"task file: prices.gb_month sets memory_gb_month and storage_gb_month, and {both[0]} is given too; "
            "leave gb_month out."
        )


_MAX_MONEY = 1e9
"""Upper bound of any price or cost; more is a typing error, and its results would be lost to rounding."""
_MAX = {"objective.requests_per_month": 1e12, "objective.horizon_months": 1200.0}


def check_money(spec: TaskSpec) -> None:
    """Check that everything that costs are made from is a number that can be calculated with.

    Raises:
        InputError: a price, a cost or a limit is negative, not finite or absurdly large, or the serving machine or
            percentile is not one there is.
    """
    objective, prices, limits = spec.objective, spec.prices, spec.limits
    above = {
        "objective.requests_per_month": objective.requests_per_month,
        "objective.horizon_months": objective.horizon_months,
    }
    above |= {
        f"limits.{field.name}": getattr(limits, field.name)
        for field in fields(limits)
        if field.name != "licenses" and getattr(limits, field.name) is not None
    }
    at_least = {"objective.error_cost": objective.error_cost, "objective.indifference": objective.indifference}
    at_least |= {f"objective.{name}": getattr(objective, name) or 0.0 for name in ("point_cost", "review_cost")}
    at_least |= {
        f"objective.error_costs.{gold}.{label}": cost
        for gold, row in objective.error_costs.items()
        for label, cost in row.items()
    }
    at_least |= {
        f"prices.{field.name}": getattr(prices, field.name) for field in fields(prices) if field.name != "gb_month"
    }
    for key, value in (above | at_least).items():
        maximum = _MAX.get(key, _MAX_MONEY)
        if not math.isfinite(value) or value > maximum:
            raise InputError(f"task file: {key} is {value:g}; it must be a number of at most {maximum:g}.")
        if value < 0 or (key in above and value == 0):
            lower = "be above 0" if key in above else "not be below 0"
            raise InputError(f"task file: {key} is {value}; it must {lower}.")
    if not objective.currency.strip():
        raise InputError("task file: objective.currency is empty; write a name such as USD, or leave it out.")
    _check_serving(spec.serving)
    for gold, row in objective.error_costs.items():
        if row.get(gold):
            raise InputError(
                f"task file: objective.error_costs.{gold}.{gold} is {row[gold]:g}; a right answer costs nothing, leave "
                "it out."
            )
    if objective.point_cost is not None and objective.error_costs:
        raise InputError("task file: objective.point_cost and error_costs are for different tasks; leave one out.")


def _check_serving(serving: Serving) -> None:
    known: dict[str, tuple[Any, ...]] = {
        "machine": ("this", "cpu", "gpu"),
        "latency_percentile": (50, 95),
        "batch_size": (1, 32),
    }
    for name, values in known.items():
        value = getattr(serving, name)
        if value not in values:
            allowed = ", ".join(map(str, values[:-1])) + f" or {values[-1]}"
            raise InputError(f"task file: serving.{name} is {value!r}; write {allowed}.")


def check_seed(seed: int) -> None:
    """See that all generators of random numbers take a seed.

    Raises:
        InputError: it is negative, or has more than 32 bits.
    """
    if not 0 <= seed < 2**32:
        raise InputError(f"the seed is {seed}; it must be from 0 to {2**32 - 1}.")


def _check_ranges(spec: TaskSpec) -> None:
    check_money(spec)
    check_seed(spec.seed)
    if spec.data.sentences < 1:
        raise InputError(f"task file: data.sentences is {spec.data.sentences}; it must be at least 1.")
    if spec.data.max_bytes < 1:
        raise InputError(f"task file: data.max_bytes is {spec.data.max_bytes}; it must be at least 1.")
    for key in ("time", "group"):
        column = getattr(spec.data, key)
        if column is not None and not column.strip():
            raise InputError(f"task file: data.{key} is empty; name a column, or leave it out.")
    if not 0 <= spec.candidates.hub <= 10_000:
        raise InputError(f"task file: candidates.hub is {spec.candidates.hub}; it must be from 0 to 10000 models.")
    with_training(
        TrainingConfig(epochs=1, learning_rate=0, head_learning_rate=0), spec.training, "task file: training."
    )
    if spec.augment is not None and not 1 <= spec.augment.copies <= 20:
        raise InputError(f"task file: augment.copies is {spec.augment.copies}; it must be from 1 to 20.")
    max_loss = spec.compress.max_loss
    if max_loss is not None and not 0 < max_loss < math.inf:
        raise InputError(f"task file: compress.max_loss is {max_loss:g}; it is a margin above 0, such as 0.01.")
    if spec.compress.candidates < 1:
        raise InputError(f"task file: compress.candidates is {spec.compress.candidates}; it must be at least 1.")
    _check_prompting(spec)


def _check_prompting(spec: TaskSpec) -> None:
    if spec.instruction is not None and not spec.instruction.strip():
        raise InputError("task file: instruction is empty; say what to do, or leave it out.")
    if spec.prompt_language not in PROMPT_LANGUAGES:
        raise InputError(
            f"task file: prompt_language is {spec.prompt_language!r}; use one of {', '.join(PROMPT_LANGUAGES)}, or "
            "write an instruction of your own."
        )
    target = spec.target_language
    if target is not None and not is_tag(target):
        tag = tag_of(target) or "de"
        raise InputError(f"task file: target_language is {target!r}; write a BCP 47 tag, such as {tag}.")
    check_generation(spec.generation, "task file: generation.")


def check_generation(generation: Generation, where: str) -> None:
    """Check that numbers are within their ranges, and stops not empty.

    Args:
        generation: The requested settings.
        where: Stands before the name of a field in an error.

    Raises:
        InputError: one is not.
    """
    lowest = {"max_tokens": 1, "temperature": 0, "top_k": 0}
    for name, low in lowest.items():
        value = getattr(generation, name)
        if value is not None and not low <= value < float("inf"):
            raise InputError(f"{where}{name} is {value}; it must be at least {low}.")
    if generation.top_p is not None and not 0 < generation.top_p <= 1:
        raise InputError(f"{where}top_p is {generation.top_p}; it must be above 0 and at most 1.")
    if generation.stops is not None and not all(generation.stops):
        raise InputError(f"{where}stops holds an empty text, which would end every answer; leave it out.")
