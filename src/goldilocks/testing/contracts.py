"""What every plug-in must do, beyond having the right names. One check per shelf; each raises ``AssertionError``.

Our own tests run them over every file of a shelf, so a new plug-in is checked without anybody editing a test. Another
package runs them on its own::

    def test_my_metric_keeps_the_contract():
        check_metric(plugins.load("metrics", "my_metric"))
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from goldilocks import plugins
from goldilocks.errors import GoldilocksError
from goldilocks.protocols import Estimator, Family, Fitted, Method, Metric, Model, Policy, Task
from goldilocks.records import Facts, Machine, Output, Recipe, Workload
from goldilocks.testing import tiny

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin", ".ckpt"})
MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="tiny")
WORK = Workload(rows=1000, characters=60.0, words=12.0, labels=3)
GROUPS = frozenset({"embeddings", "attention", "mlp", "norm", "head"})


# ------------------------------------------------------------------------------------------------------------ metrics


def check_metric(metric: Metric) -> None:
    """Examples come out, sums over items are all that counts, right answers are best, names of labels do not matter."""
    low, high = metric.RANGE
    assert low < high, f"RANGE is {metric.RANGE}; the lowest value comes first"
    assert metric.SOURCE.strip(), "SOURCE is empty; name the paper or standard the definition follows"
    assert len(metric.EXAMPLES) >= 2, f"{len(metric.EXAMPLES)} EXAMPLES; give at least two, worked out by hand"
    for gold, predicted, expected in metric.EXAMPLES:
        value = _value(metric, gold, predicted)
        assert math.isclose(value, expected, abs_tol=1e-6), f"{gold} against {predicted}: {value}, not {expected}"
        assert low <= value <= high, f"{value} lies outside RANGE {metric.RANGE}"

    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c", "d"], 200, p=[0.6, 0.3, 0.08, 0.02]).tolist()
    predicted = [label if rng.random() < 0.7 else str(rng.choice(["a", "b", "c", "d"])) for label in gold]
    value = _value(metric, gold, predicted)
    perfect = _value(metric, gold, gold)
    assert math.isclose(perfect, high if metric.HIGHER_IS_BETTER else low), f"right answers throughout score {perfect}"
    assert (value < perfect) == metric.HIGHER_IS_BETTER, "HIGHER_IS_BETTER does not fit the values"
    order = rng.permutation(200)
    shuffled = _value(metric, [gold[i] for i in order], [predicted[i] for i in order])
    assert math.isclose(value, shuffled, abs_tol=1e-6), "the order of the items changes the value"
    names = {"a": "zebra", "b": "银行", "c": "", "d": "b"}
    renamed = _value(metric, [names[one] for one in gold], [names[one] for one in predicted])
    assert math.isclose(value, renamed, abs_tol=1e-6), "the names of the labels change the value"

    items = metric.items(gold, predicted)
    assert items.shape[0] == len(gold), f"items gives {items.shape[0]} rows for {len(gold)} items"
    weights = rng.multinomial(len(gold), np.full(len(gold), 1 / len(gold)), size=5).astype(np.float32)
    drawn = metric.total(np.asarray(weights @ items))
    assert drawn.shape == (5,), f"total gives {drawn.shape} for 5 rows of sums"
    for row, one in zip(weights, drawn, strict=True):
        again = [i for i, times in enumerate(row.astype(int)) for _ in range(times)]
        spelled_out = _value(metric, [gold[i] for i in again], [predicted[i] for i in again])
        assert math.isclose(float(one), spelled_out, abs_tol=1e-6), "a resample scores differently when spelled out"


def _value(metric: Metric, gold: Sequence[str], predicted: Sequence[str]) -> float:
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
    assert all(isinstance(one, Output) for one in family.OUTPUTS), f"OUTPUTS holds {family.OUTPUTS}, not only Output"
    nothing = folder / "nothing"
    nothing.mkdir(parents=True)
    with contextlib.suppress(GoldilocksError):  # an answer too: it says in words what a checkpoint would need
        assert family.describe(nothing, "local") is None, "describe finds a checkpoint in an empty folder"
    known = [(facts, None) for facts in family.models()]
    assert len({facts.name for facts, _ in known}) == len(known), "two models share a name"
    assert all(facts.source == "builtin" for facts, _ in known), "models() gives models whose source is not 'builtin'"
    found = [(family.describe(checkpoint, str(checkpoint)), checkpoint) for checkpoint in checkpoints]
    models = [*known, *((facts, checkpoint) for facts, checkpoint in found if facts is not None)]
    for number, (facts, checkpoint) in enumerate(models):
        assert facts.family == name, f"{facts.name} says its family is {facts.family!r}, the file is {name!r}"
        _check_forecast(family, facts)
        for language in ("en", "zh"):
            _check_model(family, facts, checkpoint, language, folder / f"{number}-{language}")
    return len(models)


def _check_forecast(family: Family, facts: Facts) -> None:
    small, large = (family.forecast(facts, replace(WORK, rows=rows), MACHINE) for rows in (1_000, 100_000))
    assert 0 <= small.seconds <= large.seconds < math.inf, f"{facts.name}: forecast falls as rows grow"
    assert 0 <= small.memory_bytes <= large.memory_bytes < math.inf, f"{facts.name}: memory falls as rows grow"


def _check_model(family: Family, facts: Facts, checkpoint: Path | None, language: str, folder: Path) -> None:
    part = tiny.part(language=language)
    model = family.create(facts, checkpoint, part, tiny.LABELS, seed=0)
    assert model.labels == tiny.LABELS, f"{facts.name}: labels are {model.labels}, made with {tiny.LABELS}"
    recipe = family.recipe(facts, WORK)
    if isinstance(model, Fitted):
        assert recipe is None, f"{facts.name} is fitted in one go, so its recipe must be None"
        assert facts.groups == (), f"{facts.name} is fitted in one go, so its groups must be empty"
        model.fit(part.texts, part.gold, seed=0)
        first = model.predict(part.texts)
        model.fit(part.texts, part.gold, seed=0)
        assert np.allclose(model.predict(part.texts), first, atol=1e-4), f"{facts.name}: fitting again changes answers"
    else:
        assert isinstance(recipe, Recipe), f"{facts.name} is trained by descent, so it needs a recipe"
        assert set(facts.groups) <= GROUPS, f"{facts.name}: groups {facts.groups} are not all among {sorted(GROUPS)}"
        assert set(model.groups()) == set(facts.groups), f"{facts.name}: facts and network differ in their groups"
    check_answers(model, (*part.texts[:12], *tiny.odd_texts()))
    assert model.size_bytes() > 0, f"{facts.name}: size_bytes is {model.size_bytes()}"
    check_restores(model, family.restore, part.texts[:12], folder)


def check_answers(model: Model, texts: Sequence[str]) -> None:
    """Probabilities in the promised shape, the same alone and in a batch, and none for no text."""
    together = model.predict(texts)
    assert together.shape == (len(texts), len(model.labels)), f"probabilities have shape {together.shape}"
    assert together.dtype == np.float32, f"probabilities are {together.dtype}, not float32"
    assert np.isfinite(together).all(), "some probabilities are not finite"
    assert (together >= 0).all(), "some probabilities are below 0"
    assert np.allclose(together.sum(1), 1, atol=1e-4), "the probabilities of some texts do not sum to 1"
    alone = np.concatenate([model.predict([text]) for text in texts])
    worst = float(np.abs(alone - together).max())
    assert worst < 1e-4, f"a text answered alone differs by {worst:.2g} from the same text in a batch"
    assert model.predict([]).shape == (0, len(model.labels)), "no texts must give an array of no rows"


def check_restores(model: Model, restore: Callable[[Path], Model], texts: Sequence[str], folder: Path) -> None:
    """What was saved answers as before, and is no pickle."""
    folder.mkdir(parents=True)
    model.save(folder)
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert written, "save wrote nothing"
    for path in written:
        assert path.suffix not in PICKLES, f"{path.name}: no pickles; write JSON, safetensors or a tokenizer"
        assert not path.read_bytes()[:2].startswith(b"\x80"), f"{path.name} begins like a pickle"
    again = restore(folder)
    assert again.labels == model.labels, f"restored with labels {again.labels}, saved with {model.labels}"
    worst = float(np.abs(again.predict(texts) - model.predict(texts)).max())
    assert worst < 1e-4, f"the restored model differs by {worst:.2g}"


# ------------------------------------------------------------------------------------------------------------ methods


def check_method(method: Method, networks: Sequence[tuple[Facts, Callable[[], Any]]]) -> int:
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
    assert all(getattr(options, one.name) is not None or one.default is None for one in fields(options))
    base = Recipe(epochs=2, learning_rate=1e-4, head_learning_rate=1e-3)
    assert isinstance(method.recipe(base), Recipe), "recipe must give a Recipe"
    counted = Facts("n", "f", "builtin", "a", "none", ("*",), "none-needed", 1, 1)
    reason = method.misfit(counted)
    assert reason is None or reason.strip(), "misfit gives an empty reason for a model that is fitted in one go"
    fitting = 0
    for facts, make in networks:
        reason = method.misfit(facts)
        assert reason is None or reason.strip(), f"misfit gives an empty reason for {facts.name}"
        if reason is None:
            fitting += 1
            assert method.effort(facts) > 0, f"effort for {facts.name} is {method.effort(facts)}"
            _check_method_on(method, facts, make())
    return fitting


def _check_method_on(method: Method, facts: Facts, network: Any) -> None:
    texts = tiny.part(6).texts
    before = network.predict(texts)
    method.prepare(network, method.Options())
    learning = {name for name, weight in network.module.named_parameters() if weight.requires_grad}
    assert learning, f"nothing of {facts.name} learns"
    assert any(name.startswith("head.") for name in learning), f"the head of {facts.name} does not learn"
    prepared = network.predict(texts)
    assert np.allclose(prepared, before, atol=1e-4), f"preparing {facts.name} changes its answers before any training"
    for name, weight in network.module.named_parameters():
        if name in learning:
            weight.data += 0.01  # as training would
    trained = network.predict(texts)
    method.fold(network)
    assert np.allclose(network.predict(texts), trained, atol=1e-3), f"folding {facts.name} changes its answers"


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
    """Its metrics exist, and an empty cell of each role is a problem told in words."""
    assert isinstance(task.OUTPUT, Output), f"OUTPUT is {task.OUTPUT!r}, not an Output"
    assert task.FIELDS, "FIELDS is empty; name the columns the task reads"
    assert task.METRICS, "METRICS is empty; the first decides"
    missing = set(task.METRICS) - set(plugins.names("metrics"))
    assert not missing, f"METRICS names {sorted(missing)}, which are not in metrics/"
    for role, words in task.FIELDS.items():
        assert words.strip(), f"FIELDS[{role!r}] is empty; say what the column holds"
        for empty in (None, float("nan"), "  "):
            row: dict[str, Any] = dict.fromkeys(task.FIELDS, "1") | {role: empty}
            assert task.problem(row), f"problem finds nothing wrong with {role} = {empty!r}"
        lacking = {other: "1" for other in task.FIELDS if other != role}
        assert task.problem(lacking), f"problem finds nothing wrong where {role} is missing"


def check_policy(policy: Policy) -> None:
    """It buys only what there is to buy, gives a reason, decides the same twice, and comes to an end."""
    assert policy.SOURCE.strip(), "SOURCE is empty; name the paper the policy follows"
    race = TinyRace()
    for _ in range(100):
        choice = policy.choose(race)
        assert choice == policy.choose(race), "the same state of the race gives another choice"
        if choice is None:
            assert any(race.bought(one) for one in race.candidates), "it stopped before buying anything"
            return
        candidate, rung, why = choice
        assert candidate in race.candidates, f"{candidate!r} is not in the race"
        assert race.bought(candidate) <= rung < len(race.rungs), f"rung {rung} of {candidate} is not there to buy"
        assert why.strip(), "the reason is empty"
        race.buy(candidate, rung)
    raise AssertionError("100 purchases and no end: nothing is left to buy")


class TinyRace:
    """Four candidates with made-up learning curves; the dearest is the best. See ``protocols.Race``."""

    CURVES = {"a": (0.5, 0.45, 0.44), "b": (0.4, 0.2, 0.12), "c": (0.6, 0.15, 0.05), "d": (0.7, 0.7, 0.7)}  # noqa: RUF012
    SECONDS = {"a": 1.0, "b": 5.0, "c": 20.0, "d": 2.0}  # noqa: RUF012
    rungs = (0.1, 0.3, 1.0)
    candidates = tuple(CURVES)
    worth_least = 0.1
    second_price = 1e-5
    seed = 0

    def __init__(self) -> None:
        """Nothing is bought; there is time for everything."""
        self._bought = dict.fromkeys(self.CURVES, 0)
        self.seconds_left = 1000.0

    def buy(self, candidate: str, rung: int) -> None:
        """Run a candidate up to and including ``rung``."""
        self.seconds_left -= self.price(candidate, rung)
        self._bought[candidate] = rung + 1

    def bought(self, candidate: str) -> int:
        """Rungs it has."""
        return self._bought[candidate]

    def losses(self, candidate: str) -> Mapping[int, float]:
        """Rung -> loss, of the rungs it has."""
        return dict(enumerate(self.CURVES[candidate][: self._bought[candidate]]))

    def forecast(self, candidate: str) -> tuple[float, float]:
        """A guess that the rungs bought make surer."""
        done = self._bought[candidate]
        return (self.CURVES[candidate][done - 1] if done else 0.3), 0.1 * (len(self.rungs) - done)

    def price(self, candidate: str, rung: int) -> float:
        """Seconds up to ``rung``."""
        done = self._bought[candidate]
        return self.SECONDS[candidate] * (self.rungs[rung] - (self.rungs[done - 1] if done else 0.0))

    def value(self, candidate: str) -> float:
        """Money: worth something until finished."""
        return 0.0 if self._bought[candidate] == len(self.rungs) else 100 * self.forecast(candidate)[1]
