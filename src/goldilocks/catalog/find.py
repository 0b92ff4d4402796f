"""Eligible candidates: all models (built in, in the catalogue, in the task file), each with every method that fits.

No exclusion is silent: every excluded candidate is in ``Pool.excluded`` with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from goldilocks import plugins
from goldilocks.catalog import hub, hub_catalogue, reasons
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.fit import workload
from goldilocks.catalog.known import catalogue, described, source_of, unique
from goldilocks.catalog.options import check_options
from goldilocks.catalog.reasons import Reason
from goldilocks.errors import GoldilocksError, InputError, LimitError, MissingError
from goldilocks.protocols import (
    DeclinesOutputs,
    DeclinesWorkloads,
    Family,
    FreezesLayers,
    Method,
    OnRequest,
    ReadsHubListings,
    RestrictsOutputs,
    Task,
)
from goldilocks.records import Candidate, Dataset, Excluded, Forecast, Machine, ModelInfo, Pool, TaskSpec, Workload
from goldilocks.settings import RunSettings
from goldilocks.support.endpoints import address
from goldilocks.support.suggest import suggest

_NOT_LOCAL_RANK = (4, 0.0)
"""Rank (``Reason.far``) of models that are not on this machine."""
_ASKED_AT_ONCE = 8


@dataclass(slots=True)
class _Search:
    """Candidates so far, and what is excluded."""

    eligible: dict[str, tuple[Candidate, Forecast]] = field(default_factory=dict)
    excluded: list[tuple[str, Reason]] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    """Sources of models known from the Hub's list."""
    unfetched: set[str] = field(default_factory=set)
    """Those whose files are not on this machine."""

    def exclude(self, name: str, reason: Reason | None) -> bool:
        """Record the reason, if there is one; whether there was one."""
        if reason is not None:
            self.excluded.append((name, reason))
        return reason is not None


def candidates(spec: TaskSpec, task: Task, dataset: Dataset, settings: RunSettings, machine: Machine) -> Pool:
    """Eligible candidates, smallest first, and why the others are excluded.

    Offline, nothing is asked of the network: Hub models count as far as they are in the Hub's cache on this machine.

    Args:
        spec: The task: its limits and its filter are applied.
        task: Its plug-in, for the kind of answer wanted.
        dataset: For its language and its size.
        settings: Whether the run is offline.
        machine: For the forecasts, and the memory there is.

    Raises:
        InputError: the filter names a family, method or model that does not exist; the nearest is named.
        MissingError: a model the task file names is not there and cannot be fetched.
        LimitError: no candidate is eligible; the nearest is named with the limit it breaks.
    """
    check_options(spec.options)
    search = _Search()
    families = _families(spec, search)
    methods = _methods(spec, search)
    models = unique(_models(spec, families, settings) + _hub_models(spec, families, dataset, search))
    _check_patterns(spec, models, families)
    giving = _giving(task, families, search)
    allowed = [model for model in models if model.family in giving and _admitted(model, spec, dataset, search)]
    work = workload(dataset)
    for info in _there(allowed, families, settings, search):
        _pair(info, families[info.family], methods, spec, work, machine, search)
    if not search.eligible:
        raise LimitError(_no_candidate(search.excluded))
    # By size, not by forecast: the forecast moves with the machine's mood, the order must not.
    order = sorted(search.eligible.values(), key=lambda pair: (pair[0].model.size_bytes, pair[0].name))
    return Pool(
        candidates=tuple(candidate for candidate, _ in order),
        forecasts={candidate.name: forecast for candidate, forecast in order},
        excluded=_excluded(search.excluded),
    )


def _families(spec: TaskSpec, search: _Search) -> dict[str, Family]:
    chosen = _chosen("families", spec.candidates.families)
    loaded: dict[str, Family] = {}
    for name in plugins.names("families"):
        if name not in chosen:
            search.exclude(name, Reason("not among candidates.families in the task file", (7, 0.0)))
            continue
        try:
            loaded[name] = plugins.load("families", name)
        except MissingError as error:  # a package it needs is not installed
            if spec.candidates.families is not None:
                raise
            search.exclude(name, Reason(str(error)))
    return loaded


def _methods(spec: TaskSpec, search: _Search) -> dict[str, Method]:
    chosen = _chosen("methods", spec.candidates.methods)
    loaded: dict[str, Method] = {}
    for name in plugins.names("methods"):
        if name not in chosen:
            search.exclude(f"*/*/{name}", Reason("not among candidates.methods in the task file", (8, 0.0)))
            continue
        method = plugins.load("methods", name)
        if spec.candidates.methods is None and isinstance(method, OnRequest):
            words = f"{method.ON_REQUEST}; name it under candidates.methods to include it"
            search.exclude(f"*/*/{name}", Reason(words, (8, 0.0)))
            continue
        loaded[name] = method
    return loaded


def _chosen(shelf: plugins.Shelf, wanted: Sequence[str] | None) -> Sequence[str]:
    known = plugins.names(shelf)
    for name in wanted or ():
        if name not in known:
            raise InputError(
                f"task file: candidates.{shelf} names {name!r}.{suggest(name, known)} There are: {', '.join(known)}."
            )
    return known if wanted is None else wanted


def _models(spec: TaskSpec, families: Mapping[str, Family], settings: RunSettings) -> list[ModelInfo]:
    """Those of the chosen families: made here, in the catalogue, named by the task file."""
    models = [info for family in families.values() for info in family.models()]
    known = {info.source: info for info in catalogue()}
    models += [info for info in known.values() if info.family in families]
    for named in spec.candidates.models:
        source = source_of(named, spec.folder)
        if source.startswith("api://"):
            source = address.priced(source, spec.prices.api_input, spec.prices.api_output, spec.prices.api_cap)
        if source in known:
            folder_of(known[source], offline=settings.offline, make=False)  # asked for by name: its absence is an error
        else:
            models.append(described(source, families, offline=settings.offline))
    return unique(models)


def _hub_models(spec: TaskSpec, families: Mapping[str, Family], dataset: Dataset, search: _Search) -> list[ModelInfo]:
    """Models of the Hub's list that the limits allow; the others are counted, with one reason for all of a kind."""
    if not spec.candidates.hub:
        return []
    readers = [family for family in families.values() if isinstance(family, ReadsHubListings)]
    known = hub_catalogue.catalogue_of(dataset.profile.language, spec.candidates.hub)
    limits = spec.limits
    if limits.licenses is None:
        limits = replace(limits, licenses=hub_catalogue.PERMISSIVE)
    refused = {"their architecture is read by no family": 0, "their licence is not allowed, or not stated": 0}
    refused |= {"their weights alone are above limits.size_mb or limits.memory_mb": 0}
    refused |= {f"they were not trained for {dataset.profile.language}": 0}
    models = []
    for listing in {listing.name: listing for listing in (*known.listings, *hub_catalogue.added())}.values():
        info = next((info for reader in readers if (info := reader.listed(listing)) is not None), None)
        fits = (
            info is not None,
            info is None or reasons.licence(info, limits) is None,
            info is None or reasons.size(info, limits) is None,
            info is None or reasons.language(info, dataset.profile.language) is None,
        )
        why = next((words for words, fit in zip(refused, fits, strict=True) if not fit), None)
        if why is not None:
            refused[why] += 1
        elif info is not None:
            models.append(info)
    refused["they lack safetensors, tokenizer.json or a stated size, or are gated"] = known.passed_over
    for words, count in refused.items():
        search.exclude("hub", Reason(f"{count:,} models of the Hub: {words}", (5, 0.0)) if count else None)
    search.listed.update(info.source for info in models)
    return models


def _check_patterns(spec: TaskSpec, models: Sequence[ModelInfo], families: Mapping[str, Family]) -> None:
    """A pattern that can match no candidate is a typing error."""
    names = sorted({*plugins.names("families"), *(f"{model.family}/{model.name}" for model in models)})
    full = [f"{model.family}/{model.name}/{method}" for model in models for method in plugins.names("methods")]
    for pattern in spec.candidates.exclude:
        if pattern.split("/")[0] in plugins.names("families") and pattern.split("/")[0] not in families:
            continue  # of a family that is out already: its models were not looked up
        if not any(fnmatchcase(name, pattern) for name in [*names, *full]):
            hint = suggest(pattern, [*names, *full])
            raise InputError(
                f"task file: candidates.exclude has {pattern!r}, which matches no candidate.{hint} "
                "Candidates are called family/model/method; `goldilocks candidates` lists them."
            )


def _giving(task: Task, families: Mapping[str, Family], search: _Search) -> list[str]:
    """Names of the families that give the kind of answer the task needs."""
    giving = []
    for name, family in families.items():
        if task.OUTPUT in family.OUTPUTS:
            giving.append(name)
        else:
            given = ", ".join(sorted(family.OUTPUTS)) or "nothing"
            search.exclude(name, Reason(f"outputs {given}; the task needs {task.OUTPUT}"))
    return giving


def _admitted(info: ModelInfo, spec: TaskSpec, dataset: Dataset, search: _Search) -> bool:
    """Whether the model keeps every limit that can be checked without its files."""
    name = f"{info.family}/{info.name}"
    reason = (
        reasons.pattern(spec.candidates.exclude, info.family, name)
        or reasons.licence(info, spec.limits)
        or reasons.language(info, dataset.profile.language)
        or reasons.size(info, spec.limits)
    )
    return not search.exclude(name, reason)


def _there(
    models: Sequence[ModelInfo], families: Mapping[str, Family], settings: RunSettings, search: _Search
) -> list[ModelInfo]:
    """Those whose files are on this machine or, online, could be fetched."""
    refused: dict[str, str] = {}
    ask: list[str] = []
    for source, info in {model.source: model for model in models if model.pretrained}.items():
        hub_model = source.startswith("hf://")
        try:
            asked = source.startswith("api://")  # there are no files: it is there, or may not be asked
            folder = folder_of(info, offline=settings.offline if asked else True, make=False)
            lacks = hub.lacking(path.name for path in folder.iterdir()) if hub_model or _like_hub(folder) else None
            if lacks:
                refused[source] = f"{source}: there is no {lacks} for it"
            elif hub_model and families[info.family].describe(folder, source) is None:
                refused[source] = f"the family {info.family} does not read this architecture"
        except MissingError as error:
            if source in search.listed:
                search.unfetched.add(source)
                continue
            refused[source] = str(error)
            if hub_model and not settings.offline:
                ask.append(source)
        except GoldilocksError as error:
            refused[source] = str(error)
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as threads:
        for source, words in zip(ask, threads.map(hub.refusal, ask), strict=True):
            if words is None:
                del refused[source]
            else:
                refused[source] = words
    for info in models:
        if info.source in refused:
            search.exclude(f"{info.family}/{info.name}", Reason(refused[info.source], _NOT_LOCAL_RANK))
    return [info for info in models if info.source not in refused]


def _like_hub(folder: Path) -> bool:
    """Whether a folder on this machine is laid out as the Hub's; wordllama's or one with a GGUF file is not."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def _pair(
    info: ModelInfo,
    family: Family,
    methods: Mapping[str, Method],
    spec: TaskSpec,
    work: Workload,
    machine: Machine,
    search: _Search,
) -> None:
    """The model with each method: eligible, or excluded with the reason."""
    lacking = (family.unsupported(info, work.output) if isinstance(family, RestrictsOutputs) else None) or (
        family.unsuited(work) if isinstance(family, DeclinesWorkloads) else None
    )
    if search.exclude(f"{info.family}/{info.name}", Reason(lacking) if lacking else None):
        return
    whole = family.forecast(info, work, machine)
    fetching = info.size_bytes / hub_catalogue.BYTES_PER_SECOND if info.source in search.unfetched else 0.0
    for method_name, method in methods.items():
        candidate = Candidate(info, method_name)
        incompatible = method.incompatibility(info) or (
            method.declined(work.output) if isinstance(method, DeclinesOutputs) else None
        )
        if isinstance(method, DeclinesWorkloads):
            incompatible = incompatible or method.unsuited(work)
        reason = (
            (Reason(incompatible) if incompatible else None)
            or reasons.pattern(spec.candidates.exclude, candidate.name)
            or reasons.memory(whole, machine)
        )
        if not search.exclude(candidate.name, reason):
            once = method.frozen_share(info, work.output) if isinstance(method, FreezesLayers) else 0.0
            forecast = Forecast(whole.seconds * method.effort(info) + fetching, whole.memory_bytes, once)
            search.eligible[candidate.name] = (candidate, forecast)


def _excluded(out: Iterable[tuple[str, Reason]]) -> tuple[Excluded, ...]:
    """One line (``family/*/method``) where a method fits several models of a family for the same reason not."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name, reason in out:
        parts = name.split("/")
        key = (parts[0], parts[2], reason.words) if len(parts) == 3 else (name, "", reason.words)
        grouped.setdefault(key, []).append(name)
    return tuple(
        Excluded(names[0] if len(names) == 1 else f"{family}/*/{method}", words)
        for (family, method, words), names in grouped.items()
    )


def _no_candidate(out: Sequence[tuple[str, Reason]]) -> str:
    if not out:
        return "no candidate: the shelf of families or that of methods is empty; install goldilocks-lm again."
    name, reason = min(out, key=lambda named: named[1].far)
    return f"no candidate meets the limits; the nearest is {name}: {reason.words}. Relax this limit in the task file."
