"""The plug-in protocols. A module on a shelf *is* the plug-in: no class to write, nothing to register."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers
from goldilocks.answers import Floats as Floats
from goldilocks.records import (
    Answer,
    Candidate,
    DataIssue,
    Exported,
    ExportSettings,
    Forecast,
    Generation,
    Goal,
    Gold,
    Machine,
    ModelInfo,
    Output,
    Part,
    Text,
    TrainingConfig,
    Workload,
)
from goldilocks.support.endpoints.spending_log import SpendingLog

if TYPE_CHECKING:
    import scipy.sparse as sp

Ints = npt.NDArray[np.integer[Any]]


class Model(Protocol):
    """Anything that predicts answers for a batch of items."""

    labels: tuple[str, ...]
    """Labels or tags it may give, in the order of the columns of the probabilities; empty for other kinds of output."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers in the order of the items; an item gets the same answer alone and in a batch (scores to 1e-4)."""

    def size_bytes(self) -> int:
        """Bytes of weights (and counts) in memory now."""

    def save(self, folder: Path) -> None:
        """Write everything its family's ``restore`` needs into the empty ``folder``: JSON, safetensors, tokenizer."""


@runtime_checkable
class OneShotEstimator(Model, Protocol):
    """A model that is not trained by gradient descent but in a single fit: counts, a linear model, a prompt."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Fit items and their right answers from scratch; every gold label is in ``labels``."""


class TrainableNetwork(Model, Protocol):
    """A neural network that is trained by gradient descent (``nets.network.Network``)."""

    module: Any
    """A ``torch.nn.Module`` with all weights."""

    def groups(self) -> dict[str, list[str]]:
        """Weight group (embeddings, attention, mlp, norm, head) -> parameter names of ``module``."""

    def block_of(self, parameter: str) -> int:
        """Block of a parameter of ``module``: -1 for embeddings, the number of blocks for the head."""

    def features(self, texts: Sequence[Text]) -> Floats:
        """Frozen features of every layer for the screening, ``(n_texts, depth + 1, width)``."""


@runtime_checkable
class TracksSpending(Protocol):
    """A model behind an endpoint, each of whose requests costs money."""

    spending_log: SpendingLog
    """Spending log; replaced by the caller."""

    def rest(self) -> None:
        """Wait until the next request is not delayed by rate limits: for latency measurements."""


@runtime_checkable
class SupportsGeneration(Protocol):
    """A model that generates text token by token."""

    @property
    def generation(self) -> Generation:
        """Default settings; never changed, as requests carry their own."""

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """As ``Model.predict``; the settings of the request take precedence over the model's.

        Raises:
            InputError: the model cannot generate as many tokens as are requested.
        """


@runtime_checkable
class SupportsTokenLikelihoods(Protocol):
    """A language model (``Output.LIKELIHOOD``) that tells how probable each token of a text is."""

    def token_likelihoods(self, item: Text) -> list[tuple[str, float]]:
        """The tokens of a text and the natural logarithm of the probability of each, its end (``""``) included.

        Of several texts, those of the last one. Their sum is what ``predict`` answers; empty: it cannot tell for this
        text.
        """


@runtime_checkable
class SupportsEmbeddings(Protocol):
    """A model that can give a vector for each item."""

    def embed(self, texts: Sequence[Text]) -> Floats | None:
        """Vectors ``(n_items, width)``, float32, as the model's head sees them; ``None``: its head sees no vector."""


@runtime_checkable
class SupportsTemperature(Protocol):
    """A model whose probabilities are calibrated by a temperature."""

    def divide_logits(self, temperature: float) -> bool:
        """Divide the scores before softmax (or sigmoid) by a temperature from now on; ``False``: it has none."""

    def save(self, folder: Path) -> None:
        """As ``Model.save``; may replace files that are there."""


class Task(Protocol):
    """tasks/NAME.py: what the user wants, in terms of columns and kinds of output."""

    @property
    def OUTPUT(self) -> Output:  # noqa: N802
        """The kind of output this task needs from a model."""

    @property
    def SEVERAL(self) -> bool:  # noqa: N802
        """Whether an item may have any number of labels."""

    @property
    def FIELDS(self) -> Mapping[str, str]:  # noqa: N802
        """Role -> what its column holds, for error messages."""

    @property
    def READS(self) -> tuple[str, ...]:  # noqa: N802
        """Roles that are the model's input, whether a row is labelled or not; the other roles hold the right answer."""

    @property
    def LINE(self) -> tuple[str, ...]:  # noqa: N802
        """Which of ``READS`` texts without names are, in their order: those of a line of text, or of a tuple in Python.

        One may take several texts: ``candidates+`` at least one, parted by tabs in a line; ``tokens*`` of a tuple any
        number, while a line is one text.
        """

    @property
    def OPTIONAL(self) -> frozenset[str]:  # noqa: N802
        """Roles whose column may be missing."""

    @property
    def ITEM(self) -> tuple[str, str]:  # noqa: N802
        """What one item is called, and several: ``("question", "questions")``."""

    @property
    def METRICS(self) -> tuple[str, ...]:  # noqa: N802
        """File names in metrics/. The first decides unless the task file names another; the others are reported."""

    @property
    def INSTRUCTION(self) -> str:  # noqa: N802
        """The instruction for prompted models, a sentence."""

    def item_problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with the model's input in a row (role -> cell), for the user; only ``READS`` are checked."""

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with a row and its right answer, for the user; ``None``: nothing.

        Problems of ``item_problem`` are problems here too.
        """

    def item(self, row: Mapping[str, Any]) -> Text:
        """The model's input in a row without an ``item_problem``; only ``READS`` are used."""

    def gold(self, row: Mapping[str, Any]) -> Gold:
        """The right answer of a row without problems."""


@runtime_checkable
class ReportsDataStats(Protocol):
    """A task (beside ``Task``) with statistics of its own beside label counts and lengths."""

    def statistics(self, part: Part) -> Mapping[str, float]:
        """Name of a statistic -> its value in a part that is not empty."""


@runtime_checkable
class ReportsDataIssues(Protocol):
    """A task (beside ``Task``) with data checks of its own."""

    def issues(self, part: Part) -> Iterable[DataIssue]:
        """Findings that deserve a look in a part that is not empty."""


@runtime_checkable
class ReportsRowRepairs(Protocol):
    """A task (beside ``Task``) that repairs some rows."""

    def repair(self, row: Mapping[str, Any]) -> str | None:
        """How a row without problems was repaired, for the user; ``None``: it was not."""


@runtime_checkable
class SupportsLanguagePairs(Protocol):
    """A task (beside ``Task``) from one language into another."""

    def instruction(self, source: str, target: str) -> str:
        """``INSTRUCTION`` with the languages' English names; empty: unknown."""


@runtime_checkable
class HasBaselines(Protocol):
    """A task (beside ``Task``) whose scores mean little without those of simple baselines."""

    @property
    def BASELINES(self) -> tuple[str, ...]:  # noqa: N802
        """File names in families/: where they are candidates, the race runs them to the end first."""


@runtime_checkable
class CountsErrors(Protocol):
    """A task (beside ``Task``) whose errors are not those of its kind of output (``evaluation/error_cost.py``)."""

    @property
    def ERROR(self) -> str:  # noqa: N802
        """One error, for the user: ``a wrong token``."""

    def errors(self, gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Errors of each item, ``(n_items,)``."""


@runtime_checkable
class HasTrivialBaselines(Protocol):
    """A task (beside ``Task``) whose trivial baselines are not those of its kind of output."""

    @property
    def TRIVIAL_BASELINES(self) -> tuple[str, ...]:  # noqa: N802
        """Some of ``constant``, ``copy``, ``nearest``, ``random`` (``evaluation/trivial_baselines.py``): a winner that
        is not better than each of them is of no use.
        """


@runtime_checkable
class HasFloors(Protocol):
    """A task (beside ``Task``) with scores that are of no use, whatever the baselines."""

    @property
    def FLOORS(self) -> Mapping[str, float]:  # noqa: N802
        """Metric -> value that a useful model must be better than."""


class Family(Protocol):
    """families/NAME.py: how one kind of model is described, created, trained and restored."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output this family can give."""

    def models(self) -> tuple[ModelInfo, ...]:
        """The models this family builds from scratch (``source == "builtin"``). Cheap: loads nothing."""

    def describe(self, folder: Path, source: str) -> ModelInfo | None:
        """``ModelInfo`` of the checkpoint in ``folder`` from its configuration alone; ``None``: not of this family."""

    def forecast(self, info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
        """Seconds and memory of a full run in which every weight is trained."""

    def training_config(self, info: ModelInfo, work: Workload) -> TrainingConfig | None:
        """Hyperparameters for this much data; ``None``: not trained by gradient descent."""

    def create(
        self, info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int
    ) -> OneShotEstimator | TrainableNetwork:
        """A model that is not yet trained for the task.

        ``folder`` holds the checkpoint of a pretrained one; ``part`` are the training rows, for those that build their
        vocabulary from them; ``goal.output`` is one of ``OUTPUTS``.
        """

    def restore(self, folder: Path) -> Model:
        """What ``save`` wrote, ready for inference."""


@runtime_checkable
class RestrictsOutputs(Protocol):
    """A family (beside ``Family``) whose models do not all support every output in its ``OUTPUTS``."""

    def unsupported(self, info: ModelInfo, output: Output) -> str | None:
        """Why this model does not support an output, for the user; ``None``: it does."""


class Method(Protocol):
    """methods/NAME.py: which weights are trained. Addresses weight groups, never an architecture."""

    @property
    def Options(self) -> type[Any]:  # noqa: N802
        """Frozen dataclass of this method's options, each with a default."""

    def incompatibility(self, info: ModelInfo) -> str | None:
        """Why the method cannot be used with this model, for the user; ``None``: it can."""

    def effort(self, info: ModelInfo) -> float:
        """Seconds of a run as a share of those of full fine-tuning (from recorded runs)."""

    def prepare(self, model: Any, options: Any) -> None:
        """Prepare a model in place: of a network freeze weights and add adapters.

        Of one-shot estimators only those with the weight group ``prompt`` are prepared, before ``fit``.
        """

    def fold(self, network: TrainableNetwork) -> None:
        """Merge adapters in place, so that inference costs what the base model costs."""

    def training_config(self, config: TrainingConfig) -> TrainingConfig | None:
        """The family's config, adjusted (a higher rate where few weights are trained); ``None``: no training."""


@runtime_checkable
class FitsInClosedForm(Protocol):
    """A method (beside ``Method``) that fits networks without gradient descent: its ``training_config`` is ``None``."""

    def fitted(self, network: Any, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> Model:
        """The network fitted to items and their right answers; its own weights may be used again."""


@runtime_checkable
class HasObjective(Protocol):
    """A method (beside ``Method``) that minimises something else than the loss of the network's head."""

    def objective(self, network: Any, texts: Sequence[Text], gold: Sequence[Gold], options: Any) -> Any:
        """What is minimised (``tuning.loop.Objective``) for a prepared network and its training items."""


@runtime_checkable
class FitsHead(Protocol):
    """A method (beside ``Method``) that fits the head in closed form once the weights below have been trained."""

    def fit_head(self, network: Any, texts: Sequence[Text], gold: Sequence[Gold]) -> None:
        """Fit the head of a network in place to the training items and their right answers."""


@runtime_checkable
class NeedsTeacher(Protocol):
    """A method (beside ``Method``) that learns from another candidate: it can begin once one has finished."""

    def learns_from(self, info: ModelInfo, teacher: Candidate) -> bool:
        """Whether a finished candidate is one to learn from."""

    def taught(
        self,
        network: Any,
        texts: Sequence[Text],
        gold: Sequence[Gold],
        probabilities: Floats,
        options: Any,
    ) -> Any:
        """What is minimised (``tuning.loop.Objective``), given the teacher's probabilities ``(n_texts, n_labels)``."""


@runtime_checkable
class AddsVirtualTokens(Protocol):
    """A method (beside ``Method``) that adds trained vectors to the input: answers change before any training."""

    def virtual_tokens(self, options: Any) -> int:
        """How many vectors it puts before the tokens of an item."""


@runtime_checkable
class OnRequest(Protocol):
    """A method (beside ``Method``) that is a candidate only where ``candidates.methods`` of the task file names it."""

    @property
    def ON_REQUEST(self) -> str:  # noqa: N802
        """Why it is not in the default pool, for the user."""


@runtime_checkable
class DeclinesOutputs(Protocol):
    """A method (beside ``Method``) that makes no sense for some outputs."""

    def declined(self, output: Output) -> str | None:
        """Why it makes no sense for this output, for the user; ``None``: it does."""


@runtime_checkable
class DeclinesWorkloads(Protocol):
    """A family or method (beside ``Family``, ``Method``) that is made for some forms of items only, such as lists."""

    def unsuited(self, work: Workload) -> str | None:
        """Why it makes no sense for items of this form, for the user; ``None``: it does."""


@runtime_checkable
class FreezesLayers(Protocol):
    """A method (beside ``Method``) that freezes layers, whose output is computed once and not in every epoch."""

    def frozen_share(self, info: ModelInfo, output: Output) -> float:
        """Share of a run's seconds that is spent on frozen layers (from recorded runs), 0 to 1."""


class Metric(Protocol):
    """metrics/NAME.py: one number from gold and predicted answers, as a function of sums over items.

    Splitting it into summands of each item and a function of the sums makes every bootstrap one matrix product.
    """

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output it is defined for."""

    @property
    def HIGHER_IS_BETTER(self) -> bool:  # noqa: N802
        """False for an error rate."""

    @property
    def RANGE(self) -> tuple[float, float]:  # noqa: N802
        """Lowest and highest possible value."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper or standard the definition follows, and where we differ."""

    @property
    def EXAMPLES(self) -> Sequence[tuple[Sequence[Gold], Sequence[Answer], float]]:  # noqa: N802
        """(gold, predicted, expected): at least two, worked out by hand."""

    def items(self, gold: Sequence[Any], predicted: Sequence[Any]) -> Floats | sp.csr_array:
        """Summands of each item, shape ``(n_items, width)``; numpy or scipy.sparse."""

    def total(self, sums: Floats) -> Floats:
        """The metric for each row of ``sums``, shape ``(n_draws, width)`` -> ``(n_draws,)``."""


@runtime_checkable
class ReportsConditions(Protocol):
    """A metric (beside ``Metric``) that depends on settings which must be reported with it."""

    def conditions(self, gold: Sequence[Gold]) -> str:
        """The settings that apply to these right answers, for the user."""


@runtime_checkable
class ExplainsErrors(Protocol):
    """A metric (beside ``Metric``) that can show where an answer goes wrong."""

    def explanation(self, gold: Gold, answer: Answer) -> tuple[str, str] | None:
        """What fails (such as a test), and why in words; ``None``: nothing to show."""


@runtime_checkable
class SupportsSampling(Protocol):
    """A metric (beside ``Metric``) of several sampled answers to each item (pass@k)."""

    def at(self, k: int) -> Metric:
        """The metric of k samples; its predictions are tuples of at least k answers for each item."""


class Engine(Protocol):
    """engines/NAME.py: what runs the model of a bundle."""

    def unavailable(self) -> str | None:
        """Why it cannot run on this machine, for the user; ``None``: it can. Imports nothing heavy."""

    def load(self, folder: Path, family: str) -> Model:
        """The model in a bundle's ``model/`` folder, ready for inference.

        Raises:
            MissingError: a package it needs is not installed.
        """


@runtime_checkable
class ReadsFolders(Protocol):
    """An engine (beside ``Engine``) that runs the folders of another one: an alternative that measuring decides on."""

    @property
    def READS(self) -> str:  # noqa: N802
        """File name in engines/ of the one whose folders it runs."""

    def incompatibility(self, model: Model) -> str | None:
        """Why it cannot run a model that the other engine loaded, for the user; ``None``: it can."""


class Distil(Protocol):
    """Trains a network to answer as another one does."""

    def __call__(self, student: Any, teacher: Any, texts: Sequence[Text], config: TrainingConfig) -> None:
        """Train all weights of ``student`` on the answers, and where they match the hidden states, of ``teacher``.

        Args:
            student: A ``TrainableNetwork``; it is changed.
            teacher: A ``Model`` with the same labels.
            texts: What both answer.
            config: Of the training.
        """


@dataclass(frozen=True, slots=True)
class Calibration:
    """What compressors measure importance or ranges on, and train on: texts whose labels are not known."""

    texts: tuple[Text, ...]
    """None of them is a row of the gate."""
    distil: Distil


@runtime_checkable
class NeedsTexts(Protocol):
    """A compressor (beside ``Compressor``) that is of no use without calibration texts."""

    @property
    def FEWEST_TEXTS(self) -> int:  # noqa: N802
        """With fewer it is not tried."""


@runtime_checkable
class ChangesFamily(Protocol):
    """A compressor (beside ``Compressor``) whose result is a model of another family."""

    @property
    def FAMILY(self) -> str:  # noqa: N802
        """File name in families/ of what restores the result."""


class Compressor(Protocol):
    """compressors/NAME.py: one way to make a tuned model smaller or faster. Labels are never used."""

    @property
    def KIND(self) -> str:  # noqa: N802
        """``distil`` (a smaller network answers in its place), ``prune`` (fewer weights), ``vocabulary`` (fewer tokens)
        or ``quantise`` (fewer bits, another engine); compressors of a kind are alternatives, and the kinds follow each
        other in this order.
        """

    @property
    def ENGINE(self) -> str:  # noqa: N802
        """File name in engines/ of what runs the result."""

    @property
    def LEVELS(self) -> tuple[float, ...]:  # noqa: N802
        """How much is kept, as a share (0 to 1) of what the compressor removes; each level is a trial of its own.
        ``(1.0,)`` where there is nothing to choose.
        """

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper or standard the compressor follows, and where we differ."""

    def incompatibility(self, model: Model) -> str | None:
        """Why the model cannot be compressed this way, for the user; ``None``: it can."""

    def compress(self, model: Model, level: float, folder: Path, calibration: Calibration) -> None:
        """Write the compressed model into the empty ``folder``, for ``ENGINE``. ``model`` may be changed."""


class Exporter(Protocol):
    """exporters/NAME.py: one format that other software runs. It gives the bundle's answers, or says what it cannot."""

    def unavailable(self) -> str | None:
        """Why it cannot write on this machine, for the user; ``None``: it can. Imports nothing heavy."""

    def incompatibility(self, model: Model) -> str | None:
        """Why the model cannot be exported with the same answers, for the user; ``None``: it can."""

    def export(self, model: Model, settings: ExportSettings, folder: Path) -> Exported:
        """Write a model that ``incompatibility`` says nothing against into the empty ``folder``."""


class TrackedRun(Protocol):
    """One run in an experiment tracker. Its methods may raise any error: the caller then writes no more."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write values at a step."""

    def close(self) -> None:
        """Finish the run."""


class Tracker(Protocol):
    """trackers/NAME.py: writes the progress of runs for an experiment tracker (an extra of the same name)."""

    def start(self, folder: Path, name: str, settings: Mapping[str, str], *, offline: bool) -> TrackedRun:
        """Begin a run called ``name``; ``offline``: in files inside ``folder``, without any connection."""


class AugmentationResources(Protocol):
    """What augmenters may use beside the texts. Folders are relative to the task file's."""

    def embed_words(self, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
        """Vectors of words, ``(n_words, width)``, from a table of static embeddings; ``None``: none is installed."""

    def model_folder(self, name: str) -> Path:
        """The folder of a pretrained model: a local folder, or ``org/name`` from the Hub.

        Raises:
            MissingError: it is not on this machine and cannot be fetched.
        """

    def is_bundle(self, folder: str) -> bool:
        """Whether a folder holds a bundle."""

    def translated(self, bundle: str, texts: Sequence[str], *, temperature: float, seed: int) -> list[str]:
        """Translations of texts by a bundle.

        Raises:
            InputError: the bundle does not translate.
        """


class Augmenter(Protocol):
    """augmenters/NAME.py: varied copies of training texts whose right answer stays right."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output whose right answer survives. For tags it is given single words without an entity."""

    @property
    def PARAPHRASES(self) -> bool:  # noqa: N802
        """Whether a copy may have other words throughout; otherwise at least half of the words must stay."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the augmenter follows, and where we differ."""

    @property
    def Options(self) -> type[Any]:  # noqa: N802
        """Frozen dataclass of its options, each with a default."""

    def unavailable(self, options: Any, resources: AugmentationResources) -> str | None:
        """Why it cannot be used here, for the user; ``None``: it can."""

    def varied(self, texts: Sequence[str], options: Any, resources: AugmentationResources, *, seed: int) -> list[str]:
        """A copy of each text, in order, blank only where the text is; a text that cannot be varied comes back
        unchanged.

        The same texts and seed give the same copies.
        """


class Demonstrations(Protocol):
    """demonstrations/NAME.py: which training rows a prompt shows as few-shot examples (demonstrations)."""

    @property
    def PER_ITEM(self) -> bool:  # noqa: N802
        """Whether examples are chosen for each item; otherwise once for all items, which a decoder encodes once."""

    @property
    def USES_VECTORS(self) -> bool:  # noqa: N802
        """Whether it compares vectors; otherwise it may be given arrays of width 0."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the strategy follows, and where we differ."""

    def select(
        self,
        pool_texts: tuple[Text, ...],
        pool_gold: tuple[Gold, ...],
        query: Text | None,
        count: int,
        *,
        vectors: Floats,
        query_vector: Floats,
        seed: int,
    ) -> list[int]:
        """Distinct positions in the pool, best first: ``count``, or all of a smaller pool.

        The same arguments give the same positions. The query itself is not in the pool.

        Args:
            pool_texts: Training items.
            pool_gold: Their right answers.
            query: The item to answer; ``None`` unless ``PER_ITEM``.
            count: Examples wanted.
            vectors: Of the pool, ``(n_pool, width)``, float32, each of length 1, or 0 where a text has no known word.
            query_vector: Of the query, ``(width,)``; zeros unless ``PER_ITEM``.
            seed: Of what is drawn.
        """


@runtime_checkable
class HasPrecisions(Protocol):
    """An exporter (beside ``Exporter``) that writes weights in several precisions."""

    @property
    def PRECISIONS(self) -> tuple[str, ...]:  # noqa: N802
        """Values of ``ExportSettings.precision``; the first is the default."""


class Estimator(Protocol):
    """estimators/NAME.py: transferability estimate from frozen features and labels, without training the model."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output the estimate is defined for."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the estimate follows, and where we differ."""

    def estimate(self, features: Floats, labels: Ints, *, seed: int) -> float:
        """Higher is better. ``features`` (n_texts, width) float32, ``labels`` (n_texts,) from 0."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """All that can be bought in a race, as arrays: one row a candidate that is not finished, one column a rung."""

    candidates: tuple[str, ...]
    seconds: Floats
    """Predicted seconds from where the candidate stands up to and including the rung, ``(n, rungs)``; 0 where it has
    the rung."""
    whole: Floats
    """Predicted seconds of the budget that finishing the candidate needs, measuring its model included, ``(n,)``."""
    time_error: Floats
    """Standard deviation of the logarithm of ``whole``, ``(n,)``: small once a run has begun and its pace is known."""
    savings: Floats
    """Money over the horizon by which the score at the rung is expected to lower J of the best candidate, provided that
    the candidate is then finished where the score is good, ``(n, rungs)``; 0 where it has the rung."""
    promising: Floats
    """Probability that the score at the rung will be good: that the candidate's expected J is then below that of the
    best finished one, ``(n, rungs)``."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Finished candidates that can be trained again with another seed, as arrays with one entry a candidate."""

    candidates: tuple[str, ...]
    seconds: Floats
    """Predicted seconds of the whole run, ``(n,)``."""
    savings: Floats
    """Money over the horizon by which the mean over one more seed is expected to lower J of the best candidate: 0 where
    no seed could change which candidate that is, ``(n,)``."""


class Race(Protocol):
    """The state of a race that a policy decides from. Losses are those of the task's metric."""

    @property
    def candidates(self) -> Sequence[str]:
        """Names of those that can be bought or are finished, in the order of the pool."""

    @property
    def rungs(self) -> Sequence[float]:
        """Shares of the full run at which a candidate can be scored, rising, the last is 1."""

    def bought(self, candidate: str) -> int:
        """How many rungs the candidate has."""

    def losses(self, candidate: str) -> Mapping[int, float]:
        """Rung -> validation loss, for each rung the candidate was scored at (rungs may be skipped)."""

    def parameters(self, candidate: str) -> int:
        """Weights of the candidate's model, embeddings included."""

    def forecast(self, candidate: str) -> tuple[float, float]:
        """Posterior mean and standard deviation of the candidate's final loss."""

    def price(self, candidate: str, rung: int) -> float:
        """Predicted seconds from the candidate's last rung up to and including ``rung`` (from 0)."""

    def purchases(self) -> Purchases:
        """All that can be bought, with prices and expected savings."""

    def repeats(self) -> Repeats:
        """Further seeds that can be bought; naming a finished candidate in ``Policy.choose`` buys one."""

    def saving_of_all(self, candidates: Sequence[str]) -> float:
        """Money over the horizon that finishing all of these is expected to save, as the best of them would be used."""

    @property
    def best(self) -> str | None:
        """The finished candidate with the lowest expected J; ``None``: none is finished."""

    @property
    def reserved(self) -> str | None:
        """The pretrained candidate for whose full run time is reserved: the one with the lowest expected J among those
        that are finished or still fit into the budget; ``None``: it is finished, or there is none.
        """

    @property
    def seconds_left(self) -> float:
        """What is left of the budget, less the time that measuring the finished candidates will take."""

    @property
    def second_price(self) -> float:
        """Money that a second of the search costs: the price of waiting, and of the machine."""

    @property
    def indifference(self) -> float:
        """Money per month that does not matter to the user."""

    @property
    def horizon_months(self) -> float:
        """Months that a decision holds for."""

    @property
    def currency(self) -> str:
        """Of all money."""

    @property
    def seed(self) -> int:
        """For randomised policies."""


class Policy(Protocol):
    """policies/NAME.py: which purchase the race makes next."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the policy follows, and where we differ."""

    def choose(self, race: Race) -> tuple[str, int, str] | None:
        """(candidate, rung to run it up to, reason), or ``None`` to stop. A pure function of the race's state.

        A candidate that is finished is run again with another seed (one of ``Race.repeats``, to the last rung).
        """


@runtime_checkable
class ExplainsStopping(Protocol):
    """A policy (beside ``Policy``) that may stop before everything is bought, and says why."""

    def stopped(self, race: Race) -> str:
        """Why ``choose`` returns ``None`` for this state, in words: "nothing is left to buy"."""
