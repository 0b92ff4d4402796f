"""What every plug-in must do, beyond having the right names. One check per shelf; each raises ``AssertionError``.

Our own tests run them over every file of a shelf, so a new plug-in is checked without anybody editing a test. Another
package runs them on its own::

    def test_my_metric_keeps_the_contract():
        check_metric(plugins.load("metrics", "my_metric"))
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from goldilocks import plugins
from goldilocks.answers import Answers
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.nets.generation.prompts import why_not_promptable
from goldilocks.protocols import (
    AddsVirtualTokens,
    CountsErrors,
    DeclinesWorkloads,
    Estimator,
    Family,
    FitsInClosedForm,
    FreezesLayers,
    HasFloors,
    HasTrivialBaselines,
    Method,
    Metric,
    Model,
    OneShotEstimator,
    Policy,
    ReplacesHead,
    RestrictsOutputs,
    Task,
)
from goldilocks.records import Answer, Goal, Machine, ModelInfo, Output, Text, TrainingConfig, Workload
from goldilocks.testing import tiny
from goldilocks.testing.tiny_race import TinyRace

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt"})
MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="tiny")
WORK = Workload(rows=1000, characters=60.0, words=12.0, labels=3)
GROUPS = frozenset({"embeddings", "attention", "mlp", "norm", "head", "prompt"})


# ------------------------------------------------------------------------------------------------------------ metrics


def check_metric(metric: Metric) -> None:
    """Examples come out, sums over items are all that counts, gold answers are best, names of labels do not matter."""
    low, high = metric.RANGE
    assert metric.OUTPUTS, "OUTPUTS is empty; say for which kinds of answer the metric is defined"
    assert low < high, f"RANGE is {metric.RANGE}; the lowest value comes first"
    assert metric.SOURCE.strip(), "SOURCE is empty; name the paper or standard the definition follows"
    assert len(metric.EXAMPLES) >= 2, f"{len(metric.EXAMPLES)} EXAMPLES; give at least two, worked out by hand"
    for gold, predicted, expected in metric.EXAMPLES:
        value = _value(metric, gold, predicted)
        assert math.isclose(value, expected, abs_tol=1e-6), f"{gold} against {predicted}: {value}, not {expected}"
        assert low <= value <= high, f"{value} lies outside RANGE {metric.RANGE}"

    if {Output.LABEL} == metric.OUTPUTS:
        gold, predicted = _made_up_labels()
        _check_label_metric(metric, gold, predicted)
    else:
        gold = [answer for example in metric.EXAMPLES for answer in example[0]]
        predicted = [answer for example in metric.EXAMPLES for answer in example[1]]
    rng = np.random.default_rng(0)
    order = rng.permutation(len(gold)).tolist()
    shuffled = _value(metric, [gold[i] for i in order], [predicted[i] for i in order])
    assert math.isclose(_value(metric, gold, predicted), shuffled, abs_tol=1e-6), "the order of the items matters"
    items = metric.items(gold, predicted)
    assert items.shape[0] == len(gold), f"items gives {items.shape[0]} rows for {len(gold)} items"
    weights = rng.multinomial(len(gold), np.full(len(gold), 1 / len(gold)), size=5).astype(np.float32)
    drawn = metric.total(np.asarray(weights @ items))
    assert drawn.shape == (5,), f"total gives {drawn.shape} for 5 rows of sums"
    for row, value in zip(weights, drawn, strict=True):
        again = [i for i, times in enumerate(row.astype(int)) for _ in range(times)]
        spelled_out = _value(metric, [gold[i] for i in again], [predicted[i] for i in again])
        assert math.isclose(float(value), spelled_out, abs_tol=1e-5), "a resample scores differently when spelled out"


def _made_up_labels() -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c", "d"], 200, p=[0.6, 0.3, 0.08, 0.02]).tolist()
    return gold, [label if rng.random() < 0.7 else str(rng.choice(["a", "b", "c", "d"])) for label in gold]


def _check_label_metric(metric: Metric, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
    """Gold answers are best, and what the labels are called does not matter."""
    low, high = metric.RANGE
    if any(isinstance(answer, tuple) for example in metric.EXAMPLES for answer in example[0]):
        gold, predicted = [(answer,) for answer in gold], [(answer,) for answer in predicted]
    value, perfect = _value(metric, gold, predicted), _value(metric, gold, gold)
    assert math.isclose(perfect, high if metric.HIGHER_IS_BETTER else low), f"right answers throughout score {perfect}"
    assert (value < perfect) == metric.HIGHER_IS_BETTER, "HIGHER_IS_BETTER does not fit the values"
    names = {"a": "zebra", "b": "银行", "c": "", "d": "b"}
    names |= {(key,): (name,) for key, name in names.items()}  # type: ignore[misc]
    renamed = _value(metric, [names[answer] for answer in gold], [names[answer] for answer in predicted])
    assert math.isclose(value, renamed, abs_tol=1e-6), "the names of the labels change the value"


def _value(metric: Metric, gold: Sequence[Any], predicted: Sequence[Any]) -> float:
    sums = np.asarray(metric.items(gold, predicted).sum(axis=0)).reshape(1, -1)
    return float(metric.total(sums)[0])


# ----------------------------------------------------------------------------------------------------------- families


def check_family(family: Family, name: str, folder: Path, checkpoints: Sequence[Path] = ()) -> int:
    """Every model the family makes itself, and those it knows among ``checkpoints``, keep the promises of ``Model``.

    Args:
        family: The plug-in.
        name: Its file name.
        folder: An empty folder to write to.
        checkpoints: Folders with small pretrained checkpoints; those of another kind are passed over.

    Returns:
        How many models were checked; 0 where the family makes none itself and knows none of the checkpoints.
    """
    assert family.OUTPUTS, "OUTPUTS is empty; a family gives at least one kind of answer"
    assert all(isinstance(output, Output) for output in family.OUTPUTS), (
        f"OUTPUTS holds {family.OUTPUTS}, not only Output"
    )
    nothing = folder / "nothing"
    nothing.mkdir(parents=True)
    with contextlib.suppress(GoldilocksError):  # an answer too: it says in words what a checkpoint would need
        assert family.describe(nothing, "local") is None, "describe finds a checkpoint in an empty folder"
    known = [(info, None) for info in family.models()]
    assert len({info.name for info, _ in known}) == len(known), "two models share a name"
    assert all(info.source == "builtin" for info, _ in known), "models() gives models whose source is not 'builtin'"
    descriptions = [(family.describe(checkpoint, str(checkpoint)), checkpoint) for checkpoint in checkpoints]
    models = [*known, *((info, checkpoint) for info, checkpoint in descriptions if info is not None)]
    for number, (info, checkpoint) in enumerate(models):
        assert info.family == name, f"{info.name} says its family is {info.family!r}, the file is {name!r}"
        _check_forecast(family, info)
        given = [
            output
            for output in family.OUTPUTS
            if not (isinstance(family, RestrictsOutputs) and family.unsupported(info, output))
        ]
        assert given, f"{info.name} gives none of the kinds of answer of its family"
        for case in tiny.cases(given):
            form = replace(WORK, output=case.goal.output, texts=_texts(case.part.texts))
            if isinstance(family, DeclinesWorkloads) and family.unsuited(form):
                continue
            _check_model(family, info, checkpoint, case, folder / f"{number}-{case.name}")
    return len(models)


def _texts(items: Sequence[Text]) -> float:
    return sum(1 if isinstance(item, str) else len(item) for item in items) / len(items)


def _check_forecast(family: Family, info: ModelInfo) -> None:
    small, large = (family.forecast(info, replace(WORK, rows=rows), MACHINE) for rows in (1_000, 100_000))
    assert 0 <= small.seconds <= large.seconds < math.inf, f"{info.name}: forecast falls as rows grow"
    assert 0 <= small.memory_bytes <= large.memory_bytes < math.inf, f"{info.name}: memory falls as rows grow"


def _check_model(family: Family, info: ModelInfo, checkpoint: Path | None, case: tiny.Case, folder: Path) -> None:
    part, goal = case.part, case.goal
    model = family.create(info, checkpoint, part, goal, seed=0)
    assert model.labels == goal.labels, f"{info.name}: labels are {model.labels}, made with {goal.labels}"
    config = family.training_config(info, WORK)
    prompted = "prompt" in info.groups and config is not None and why_not_promptable(goal.output) is None
    """Whether it can be both fine-tuned and prompted: then ``fit`` sets the prompt."""
    if isinstance(model, OneShotEstimator) and not prompted:
        assert config is None, f"{info.name} is a one-shot estimator, so its training config must be None"
        prompted = set(info.groups) <= {"prompt"}
        assert prompted, f"{info.name} is a one-shot estimator, so its only group may be 'prompt'"
        model.fit(part.texts, part.gold, seed=0)
        first = model.predict(part.texts)
        model.fit(part.texts, part.gold, seed=0)
        assert alike(model.predict(part.texts), first) < 1e-4, f"{info.name}: fitting again changes answers"
    else:
        assert isinstance(config, TrainingConfig), f"{info.name} is trained by descent, so it needs a config"
        assert set(info.groups) <= GROUPS, f"{info.name}: groups {info.groups} are not all among {sorted(GROUPS)}"
        there = set(info.groups) - {"prompt"}
        assert set(cast(Any, model).groups()) == there, f"{info.name}: info and network differ in their groups"
    check_answers(model, (*part.texts[:12], *case.odd), goal)
    assert model.size_bytes() > 0, f"{info.name}: size_bytes is {model.size_bytes()}"
    check_restores(model, family.restore, part.texts[:12], folder)
    if prompted:
        assert isinstance(model, OneShotEstimator), f"{info.name} has the group 'prompt', so it needs fit"
        model.fit(part.texts, part.gold, seed=0)
        check_answers(model, (*part.texts[:6], *case.odd), goal)
        check_restores(model, family.restore, part.texts[:12], folder / "prompted")


def check_answers(model: Model, texts: Sequence[Text], goal: Goal | None = None) -> None:
    """Answers of the promised kind, the same alone and in a batch, and none for no item."""
    goal = goal or Goal(labels=model.labels)
    together = model.predict(texts)
    assert len(together) == len(together.scores) == len(texts), f"{len(together)} answers to {len(texts)} items"
    if goal.output is Output.LABEL:
        _check_probabilities(together, goal, len(texts))
    else:
        assert together.probabilities.size == 0, f"{goal.output} has no probabilities of labels"
        for item, value in zip(texts, together.values, strict=True):
            _check_value(item, value, goal)
    alone = [model.predict([text]) for text in texts]
    joined = Answers(
        values=tuple(answer.values[0] for answer in alone),
        scores=np.concatenate([answer.scores for answer in alone]),
        labels=together.labels,
        probabilities=np.concatenate([answer.probabilities for answer in alone]),
    )
    worst = alike(joined, together)
    assert worst < 1e-4, f"a text answered alone differs by {worst:.2g} from the same text in a batch"
    assert len(model.predict([])) == 0, "no items must give no answers"


def _check_probabilities(answers: Answers, goal: Goal, n_items: int) -> None:
    probabilities = answers.probabilities
    assert probabilities.shape == (n_items, len(goal.labels)), f"probabilities have shape {probabilities.shape}"
    assert probabilities.dtype == np.float32, f"probabilities are {probabilities.dtype}, not float32"
    assert np.isfinite(probabilities).all(), "some probabilities are not finite"
    assert (probabilities >= 0).all(), "some probabilities are below 0"
    assert (probabilities <= 1 + 1e-4).all(), "some probabilities are above 1"
    if not goal.several:
        assert np.allclose(probabilities.sum(1), 1, atol=1e-4), "the probabilities of some texts do not sum to 1"


def _check_value(item: Text, value: Answer, goal: Goal) -> None:
    """An answer of the kind ``goal`` asks for."""
    match goal.output:
        case Output.TAGS:
            assert isinstance(value, tuple), f"tags are {value!r}"
            assert len(value) == len(item), f"{len(value)} tags for {len(item)} words"
            assert set(value) <= set(goal.labels), f"tags {value} are not all among {goal.labels}"
        case Output.SCORE if len(item) > 2:
            assert isinstance(value, tuple), f"scores of candidates are {value!r}"
            assert len(value) == len(item) - 1, f"{len(value)} scores for {len(item) - 1} candidates"
        case Output.SCORE:
            assert isinstance(value, float), f"a score is {value!r}"
            assert math.isfinite(value), f"a score is {value}"
        case Output.SPAN:
            assert isinstance(value, str), f"a span is {value!r}"
            assert value in item[1], f"the span {value!r} is not in the context"
        case Output.LIKELIHOOD:
            assert isinstance(value, float), f"a log likelihood is {value!r}"
            assert -math.inf < value <= 0, f"a log likelihood is {value}"
        case _:
            assert isinstance(value, str), f"a text is {value!r}"


def alike(first: Answers, second: Answers) -> float:
    """The largest difference of two models' scores; infinite where an answer is another one."""
    if first.labels:
        return float(np.abs(first.probabilities - second.probabilities).max(initial=0.0))
    gaps = np.abs(np.nan_to_num(first.scores) - np.nan_to_num(second.scores))
    for value, other in zip(first.values, second.values, strict=True):
        if isinstance(value, str) or (isinstance(value, tuple) and value and isinstance(value[0], str)):
            if value != other:
                return math.inf
        else:
            gaps = np.append(gaps, np.abs(np.asarray(value, float) - np.asarray(other, float)).max(initial=0.0))
    return float(gaps.max(initial=0.0))


def check_restores(model: Model, restore: Callable[[Path], Model], texts: Sequence[Text], folder: Path) -> None:
    """What was saved answers as before, and is not a pickle."""
    folder.mkdir(parents=True)
    model.save(folder)
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written, "save wrote nothing"
    for path in written:
        assert path.suffix not in PICKLES, f"{path.name}: no pickles; write JSON, safetensors or a tokenizer"
        numbered = path.suffix == ".safetensors"  # begins with the length of its header, which may look like anything
        assert numbered or path.read_bytes()[:1] != b"\x80", f"{path.name} begins like a pickle"
    again = restore(folder)
    assert again.labels == model.labels, f"restored with labels {again.labels}, saved with {model.labels}"
    worst = alike(again.predict(texts), model.predict(texts))
    assert worst < 1e-4, f"the restored model differs by {worst:.2g}"


# ------------------------------------------------------------------------------------------------------------ methods


def check_method(method: Method, networks: Sequence[tuple[ModelInfo, Callable[[], Any]]]) -> int:
    """Options have defaults; misfits are explained; where it fits something learns, and folding changes no answer.

    Args:
        method: The plug-in.
        networks: Facts of a network, and what makes a fresh one.

    Returns:
        How many of the networks it fits.
    """
    assert is_dataclass(method.Options), "Options must be a dataclass"
    assert cast(Any, method.Options).__dataclass_params__.frozen, "Options must be frozen"
    options = method.Options()
    assert all(getattr(options, field.name) is not None or field.default is None for field in fields(options))
    base = TrainingConfig(epochs=2, learning_rate=1e-4, head_learning_rate=1e-3)
    adjusted = method.training_config(base)
    assert adjusted is None or isinstance(adjusted, TrainingConfig), "no TrainingConfig, and not None"
    counted = ModelInfo("n", "f", "builtin", "a", "none", ("*",), "none-needed", 1, 1)
    reason = method.incompatibility(counted)
    assert reason is None or reason.strip(), "incompatibility gives an empty reason for a one-shot estimator"
    fitting = 0
    for info, make in networks:
        reason = method.incompatibility(info)
        assert reason is None or reason.strip(), f"incompatibility gives an empty reason for {info.name}"
        if reason is None:
            fitting += 1
            assert method.effort(info) > 0, f"effort for {info.name} is {method.effort(info)}"
            if isinstance(method, FreezesLayers):
                shares = [method.frozen_share(info, output) for output in Output]
                assert all(0 <= share < 1 for share in shares), f"frozen_share for {info.name} is {max(shares)}"
            if isinstance(method, FitsInClosedForm):
                continue  # for outputs that the untrained networks here do not have; its own tests fit it
            if adjusted is None:
                _check_prompting_method(method, info, make())
            else:
                fitting -= _check_method_on(method, info, make())
    return fitting


def _check_prompting_method(method: Method, info: ModelInfo, model: Any) -> None:
    """A method that trains nothing: what it prepared can be fitted, twice with the same answers."""
    part = tiny.part(12)
    answers = []
    for _ in range(2):
        method.prepare(model, method.Options())
        model.fit(part.texts, part.gold, seed=0)
        answers.append(model.predict(part.texts))
    assert alike(*answers) < 1e-4, f"fitting {info.name} again changes its answers"


def _check_method_on(method: Method, info: ModelInfo, network: Any) -> bool:
    """Check the method on a network; whether it refuses it instead, which must name a method that can be used."""
    texts = tiny.part(6).texts
    before = network.predict(texts).probabilities
    try:
        if isinstance(method, ReplacesHead):
            network = method.with_head(network, method.Options())
        method.prepare(network, method.Options())
    except InputError as error:
        if "; use `" not in str(error):
            raise AssertionError(f"refusing {info.name} names no method that can be used") from error
        return True
    learning = {name for name, weight in network.module.named_parameters() if weight.requires_grad}
    assert learning, f"nothing of {info.name} learns"
    assert any(name.startswith("head.") for name in learning), f"the head of {info.name} does not learn"
    prepared = network.predict(texts).probabilities
    unchanged = isinstance(method, AddsVirtualTokens | ReplacesHead) or np.allclose(prepared, before, atol=1e-4)
    assert unchanged, f"preparing {info.name} changes its answers before any training"
    for name, weight in network.module.named_parameters():
        if name in learning:
            weight.data += 0.01  # as training would
    trained = network.predict(texts).probabilities
    method.fold(network)
    assert np.allclose(network.predict(texts).probabilities, trained, atol=1e-3), (
        f"folding {info.name} changes its answers"
    )
    return False


# --------------------------------------------------------------------------------------- estimators, tasks, policies


def check_estimator(estimator: Estimator) -> None:
    """Separable features are worth more than with shuffled labels; nothing is changed or left to chance."""
    assert estimator.OUTPUTS, "OUTPUTS is empty; say for which kinds of answer the estimate is defined"
    assert estimator.SOURCE.strip(), "SOURCE is empty; name the paper the estimate follows"
    rng = np.random.default_rng(0)
    for n_texts, width in ((150, 16), (60, 128)):
        labels = np.arange(n_texts) % 3
        features = rng.normal(size=(n_texts, width)).astype(np.float32)
        features[:, :3] += 3 * np.eye(3, dtype=np.float32)[labels]
        kept = features.copy()
        good = estimator.estimate(features, labels, seed=0)
        assert math.isfinite(good), f"the estimate of ({n_texts}, {width}) features is {good}"
        assert np.array_equal(features, kept), "the features were changed"
        assert estimator.estimate(features, labels, seed=0) == good, "the same seed gives another estimate"
        poor = estimator.estimate(features, rng.permutation(labels), seed=0)
        assert good > poor, f"separable {good:.3g} is not above shuffled {poor:.3g} at ({n_texts}, {width})"
        scaled: npt.NDArray[np.float32] = features * np.float32(1e-3)
        assert math.isfinite(estimator.estimate(scaled, labels, seed=0)), "small features give no finite estimate"


def check_task(task: Task) -> None:
    """Its metrics exist and fit its kind of answer, and a missing cell of each role is reported as a problem."""
    assert isinstance(task.OUTPUT, Output), f"OUTPUT is {task.OUTPUT!r}, not an Output"
    assert task.FIELDS, "FIELDS is empty; name the columns the task reads"
    answered = task.OUTPUT is Output.LIKELIHOOD or set(task.READS) != set(task.FIELDS)  # a text is its own answer
    assert set(task.READS) <= set(task.FIELDS), f"READS {task.READS} are not all among {list(task.FIELDS)}"
    assert answered, f"READS {task.READS} must be some, not all, of {list(task.FIELDS)}"
    assert set(task.FIELDS) >= task.OPTIONAL, f"OPTIONAL {task.OPTIONAL} are not all among {list(task.FIELDS)}"
    assert not (task.SEVERAL and task.OUTPUT is not Output.LABEL), "SEVERAL is about labels"
    assert task.INSTRUCTION.strip(), "INSTRUCTION is empty; say in a sentence what to do"
    assert len(task.ITEM) == 2, f"ITEM is {task.ITEM!r}; say what one item is called, and several"
    assert all(task.ITEM), f"ITEM is {task.ITEM!r}; say what one item is called, and several"
    assert task.METRICS, "METRICS is empty; the first decides"
    missing = set(task.METRICS) - set(plugins.names("metrics"))
    assert not missing, f"METRICS names {sorted(missing)}, which are not in metrics/"
    for name in task.METRICS:
        given = plugins.load("metrics", name).OUTPUTS
        assert task.OUTPUT in given, f"the metric {name} is defined for {sorted(given)}, not for {task.OUTPUT}"
    for role, words in task.FIELDS.items():
        assert words.strip(), f"FIELDS[{role!r}] is empty; say what the column holds"
        if role in task.OPTIONAL:
            continue
        for empty in (None, float("nan"), "  "):
            row: dict[str, Any] = dict.fromkeys(task.FIELDS, "1") | {role: empty}
            assert task.problem(row), f"problem finds nothing wrong with {role} = {empty!r}"
            if role in task.READS:
                assert task.item_problem(row), f"item_problem finds nothing wrong with {role} = {empty!r}"
        lacking = {other: "1" for other in task.FIELDS if other != role}
        assert task.problem(lacking), f"problem finds nothing wrong where {role} is missing"
    roles = [role.rstrip("+*") for role in task.LINE]
    assert roles, "LINE is empty; say which roles the texts of a line are"
    assert set(roles) <= set(task.READS), f"LINE {task.LINE} are not all among READS {task.READS}"
    assert sum(role != bare for role, bare in zip(task.LINE, roles, strict=True)) <= 1, "LINE: only one takes several"
    assert task.item_problem({}), "item_problem finds nothing wrong with a row that holds nothing"
    _check_verdict_of(task)


def _check_verdict_of(task: Task) -> None:
    """What a task says about errors, baselines and floors, where it says anything."""
    if isinstance(task, HasTrivialBaselines):
        unknown = set(task.TRIVIAL_BASELINES) - {"constant", "copy", "nearest", "random"}
        assert not unknown, f"TRIVIAL_BASELINES names {sorted(unknown)}, which are none"
    if isinstance(task, HasFloors):
        strange = set(task.FLOORS) - set(plugins.names("metrics"))
        assert not strange, f"FLOORS names {sorted(strange)}, which are not in metrics/"
    if isinstance(task, CountsErrors):
        assert task.ERROR.strip(), "ERROR is empty; say what one error is, such as 'a wrong token'"


def check_policy(policy: Policy) -> None:
    """It buys only what there is to buy, gives a reason, decides the same twice, and comes to an end."""
    assert policy.SOURCE.strip(), "SOURCE is empty; name the paper the policy follows"
    race = TinyRace()
    for _ in range(100):
        choice = policy.choose(race)
        assert choice == policy.choose(race), "the same state of the race gives another choice"
        if choice is None:
            assert any(race.bought(name) for name in race.candidates), "it stopped before buying anything"
            return
        candidate, rung, why = choice
        assert candidate in race.candidates, f"{candidate!r} is not in the race"
        assert race.bought(candidate) <= rung < len(race.rungs), f"rung {rung} of {candidate} is not there to buy"
        assert why.strip(), "the reason is empty"
        race.buy(candidate, rung)
    raise AssertionError("100 purchases and no end: nothing is left to buy")
