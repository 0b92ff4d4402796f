"""A frozen network with a part of its own for each further domain: adapters and a head, trained on that domain's rows.

The network that was there first never changes, and neither does the part of a domain once it is trained: with the
domain stated, an item gets the answer that it got when its domain was learnt. Without one it is routed.

Source: Bapna & Firat 2019, "Simple, Scalable Adaptation for Neural Machine Translation" (adapters per domain); Lee et
al. 2018, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks" (distances to
means under one covariance).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.answers import Answers, of_labels
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.additions import build
from goldilocks.nets.network import Network, NetworkConfig, own_weights
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.records import Answer, Output, Text
from goldilocks.support.suggest import suggest

NEAREST, CONFIDENCE = "nearest", "confidence"
BASE, FILE, WEIGHTS, REFERENCES = "base", "domains.json", "part.safetensors", "references.safetensors"
EMBEDDED = 1_024
"""Maximum number of texts that mean and covariance are computed from."""
_SHRINKAGE = 0.1
"""Share of the covariance that is replaced by a multiple of the identity: few texts leave it singular."""

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the texts of a domain are among the vectors of the frozen network."""

    mean: Floats
    """``(width,)``"""
    covariance: Floats
    """``(width, width)``"""


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain and what answers its items."""

    name: str
    network: Network
    """The frozen network itself, or one that shares its weights and has a part of its own."""
    fingerprints: tuple[str, ...] = ()
    """Fingerprints of the data that it was trained on."""
    reference: Reference | None = None
    """``None``: not known, so that items are routed by confidence."""


class DomainNetworks:
    """See above. A ``Model`` (see protocols) for labels and tags."""

    def __init__(self, domains: Sequence[Domain], family: str, routing: str) -> None:
        """Put the domains together.

        Args:
            domains: The first is that of the frozen network. The labels of each begin with those of the one before.
            family: File name in families/ of the frozen network.
            routing: ``nearest`` or ``confidence``; see ``route``.

        Raises:
            InputError: two domains have one name, or the vectors that ``nearest`` needs are not there.
        """
        self.domains, self.family, self.routing = tuple(domains), family, routing
        self.labels = max((domain.network.labels for domain in domains), key=len)
        names = self.domain_names
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise InputError(f"there is a domain {repeated!r} already; give the new one another name.")
        if routing == NEAREST and any(domain.reference is None for domain in domains):
            raise InputError(
                "routing is nearest, but this network has no vectors of the texts of each domain to compare with; use "
                "confidence."
            )
        self._inverse = self._inverse_covariance() if routing == NEAREST else None

    @property
    def domain_names(self) -> list[str]:
        """The domains, in the order in which they were learnt."""
        return [domain.name for domain in self.domains]

    @property
    def base(self) -> Network:
        """The frozen network."""
        return self.domains[0].network

    # ---------------------------------------------------------------------------------------------------------- answers

    def predict(self, texts: Sequence[Text], *, domains: Sequence[str | None] | None = None) -> Answers:
        """Answers in the order of the items.

        Args:
            texts: The items.
            domains: The domain of each; ``None``: the item is routed.

        Raises:
            InputError: there is no domain of this name.
        """
        places = self._places(texts, domains)
        values: list[Answer] = [""] * len(texts)
        scores = np.full(len(texts), np.nan, np.float32)
        labelled = Output(self.base.config.output) is Output.LABEL
        table = np.zeros((len(texts), len(self.labels) if labelled else 0), np.float32)
        for number in sorted(set(places)):
            rows = [row for row, place in enumerate(places) if place == number]
            answers = self.domains[number].network.predict([texts[row] for row in rows])
            scores[rows] = answers.scores
            for row, value in zip(rows, answers.values, strict=True):
                values[row] = value
            if labelled:
                table[rows, : len(answers.labels)] = answers.probabilities
        if labelled:
            return of_labels(table, self.labels, several=self.base.config.several)
        return Answers(tuple(values), scores)

    def route(self, texts: Sequence[Text]) -> list[str]:
        """The domain that each item is taken to be of.

        ``nearest``: the smallest Mahalanobis distance of its vector, under the frozen network, from the mean of a
        domain's texts, with the mean of the domains' covariances. ``confidence``: the part that is surest of its
        answer; all of them run.
        """
        return [self.domains[place].name for place in self._routed(texts)]

    def part_of(self, name: str) -> Network:
        """See ``protocols.SupportsDomains``; it shares its weights with the others."""
        return self.domains[self._place(name)].network

    def embed(self, texts: Sequence[Text]) -> Floats | None:
        """See ``protocols.SupportsEmbeddings``: the vectors of the frozen network."""
        return self.base.embed(texts)

    def _places(self, texts: Sequence[Text], domains: Sequence[str | None] | None) -> list[int]:
        stated = list(domains) if domains is not None else [None] * len(texts)
        number = {name: self._place(name) for name in dict.fromkeys(stated) if name is not None}
        places = [-1 if name is None else number[name] for name in stated]
        open_rows = [row for row, place in enumerate(places) if place < 0]
        for row, place in zip(open_rows, self._routed([texts[row] for row in open_rows]), strict=True):
            places[row] = place
        return places

    def _place(self, name: str) -> int:
        known = self.domain_names
        if name not in known:
            raise InputError(f"there is no domain {name!r}.{suggest(name, known)} There are: {', '.join(known)}.")
        return known.index(name)

    def _routed(self, texts: Sequence[Text]) -> list[int]:
        if not texts:
            return []
        if self._inverse is None:
            sure = np.stack([domain.network.predict(texts).scores for domain in self.domains])
            surest: list[int] = np.nan_to_num(sure, nan=-1.0).argmax(0).tolist()
            return surest
        vectors = np.asarray(self.base.embed(texts), dtype=np.float64)
        distances = []
        for domain in self.domains:
            assert domain.reference is not None
            apart = vectors - domain.reference.mean
            distances.append(((apart @ self._inverse) * apart).sum(1))
        nearest: list[int] = np.stack(distances).argmin(0).tolist()
        return nearest

    def _inverse_covariance(self) -> Floats:
        known = [domain.reference.covariance for domain in self.domains if domain.reference is not None]
        shared = np.mean([np.asarray(matrix, dtype=np.float64) for matrix in known], axis=0)
        width = len(shared)
        level = max(float(np.trace(shared)) / width, 1e-12)
        inverse: Floats = np.linalg.inv((1 - _SHRINKAGE) * shared + _SHRINKAGE * level * np.eye(width))
        return inverse

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights; those that domains share count once."""
        parts = (own_part(self.base, domain.network) for domain in self.domains[1:])
        return self.base.size_bytes() + sum(w.numel() * w.element_size() for part in parts for w in part.values())

    def save(self, folder: Path) -> None:
        """Write the frozen network, and of each further domain what it does not share."""
        from safetensors.numpy import save_file as save_arrays
        from safetensors.torch import save_file

        self.base.save(folder / BASE)
        for number, domain in enumerate(self.domains[1:], start=1):
            part_folder = folder / str(number)
            part_folder.mkdir()
            part = own_part(self.base, domain.network)
            save_file(
                {name: weight.detach().cpu().contiguous() for name, weight in part.items()}, part_folder / WEIGHTS
            )
            domain.network.save_config(part_folder)
        references = {
            f"{number}.{name}": np.asarray(array, dtype=np.float32)
            for number, domain in enumerate(self.domains)
            if domain.reference is not None
            for name, array in asdict(domain.reference).items()
        }
        if references:
            save_arrays(references, folder / REFERENCES)
        content = {
            "family": self.family,
            "routing": self.routing,
            "domains": [{"name": domain.name, "fingerprints": domain.fingerprints} for domain in self.domains],
        }
        (folder / FILE).write_text(json.dumps(content, ensure_ascii=False, indent=2), encoding="utf-8")


def saved_family(folder: Path) -> str:
    """Family of the frozen network of what ``DomainNetworks.save`` wrote."""
    return str(_content(folder)["family"])


def restored(folder: Path, base: Network) -> DomainNetworks:
    """What ``DomainNetworks.save`` wrote, around the frozen network, which was read from ``folder / BASE``.

    Raises:
        IntegrityError: ``domains.json`` is damaged.
    """
    from safetensors.numpy import load_file

    from goldilocks.nets.assemble import read_config

    content = _content(folder)
    arrays = load_file(folder / REFERENCES) if (folder / REFERENCES).is_file() else {}
    domains = []
    try:
        for number, entry in enumerate(content["domains"]):
            network = base
            if number:
                part_folder = folder / str(number)
                network = attached(base, read_config(part_folder), read_weights(part_folder / WEIGHTS))
            mean, covariance = arrays.get(f"{number}.mean"), arrays.get(f"{number}.covariance")
            reference = None if mean is None or covariance is None else Reference(mean, covariance)
            domains.append(Domain(str(entry["name"]), network, tuple(map(str, entry["fingerprints"])), reference))
        return DomainNetworks(domains, str(content["family"]), str(content["routing"]))
    except (KeyError, TypeError, IndexError, InputError) as error:
        raise IntegrityError(f"{folder / FILE}: damaged ({error}); make the bundle again.") from error


def _content(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise IntegrityError(f"{folder / FILE}: damaged ({error}); make the bundle again.") from error
    if not isinstance(content, dict):
        raise IntegrityError(f"{folder / FILE}: damaged (no object); make the bundle again.")
    return content


# -------------------------------------------------------------------------------------------------------------- weights


def reference_of(network: Network, texts: Sequence[Text]) -> Reference | None:
    """Mean and covariance of the vectors of texts, a sample of at most ``EMBEDDED``; ``None``: it gives no vectors."""
    step = max(1.0, len(texts) / EMBEDDED)
    sample = [texts[int(number * step)] for number in range(min(EMBEDDED, len(texts)))]
    vectors = network.embed(sample) if len(sample) > 1 else None
    if vectors is None:
        return None
    table = np.asarray(vectors, dtype=np.float64)
    return Reference(table.mean(0).astype(np.float32), np.atleast_2d(np.cov(table, rowvar=False)).astype(np.float32))


def own_part(base: Network, network: Network) -> dict[str, Tensor]:
    """Weights and buffers of a network, by name, that are not those of the frozen one."""
    frozen = own_weights(base.module)
    part = {}
    for name, weight in own_weights(network.module).items():
        stored = frozen.get(name, frozen.get(_unwrapped(name)))
        if (
            stored is None
            or stored.shape != weight.shape
            or not (stored is weight or torch.equal(stored, weight.to(stored)))
        ):
            part[name] = weight
    return part


def attached(base: Network, config: NetworkConfig, part: Mapping[str, Tensor]) -> Network:
    """A network that shares the weights of the frozen one but for a part of its own.

    Args:
        base: The frozen network, which does not change.
        config: Config of the new network: further labels and additions after those of ``base``.
        part: Its weights and buffers by name that ``base`` does not have, or has others for.

    Raises:
        InputError: text is truncated at another length than in the frozen network, as some additions need.
    """
    if config.max_tokens != base.config.max_tokens:
        raise InputError("this method shortens the texts to make room, which a part of a network cannot; use adapter.")
    shared = {id(weight): weight for weight in (*base.module.parameters(), *base.module.buffers())}
    network = copy.copy(base)
    network.module = copy.deepcopy(base.module, shared)  # the modules are copied, their weights are not
    network.backbone = network.module["backbone"]  # type: ignore[assignment]
    network.head = network.module["head"]
    network.extend_labels(config.labels)
    for addition in config.additions[len(base.config.additions) :]:
        build(network, addition)
    network.config = config
    for name, weight in part.items():
        parent, _, leaf = name.rpartition(".")
        module = network.module.get_submodule(parent)
        if leaf in module._parameters:  # replaced: in place it would change the weights of the frozen network
            setattr(module, leaf, nn.Parameter(weight, requires_grad=False))
        else:
            setattr(module, leaf, weight)
    network.module.requires_grad_(False)
    network.module.eval()
    return network


def _unwrapped(name: str) -> str:
    """The name of a weight before its layer was wrapped (``nets/layers/wrapped_linear``)."""
    return name.replace(".base.", ".")
