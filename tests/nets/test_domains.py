"""Networks with a part for each domain; trained from the command line: ``tests/paths/test_domain_adapters.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from goldilocks.answers import Answers, of_labels, of_values
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.additions import Addition, add
from goldilocks.nets.domains import (
    BASE,
    CONFIDENCE,
    EMBEDDED,
    FILE,
    NEAREST,
    Domain,
    DomainNetworks,
    Reference,
    attached,
    own_part,
    reference_of,
    restored,
    saved_family,
)
from goldilocks.nets.network import Network
from goldilocks.records import Goal, Text
from goldilocks.testing import tiny

PART = tiny.part(12)
ADAPTERS = Addition("adapters", {"layers": ["backbone.blocks.0.down", "backbone.blocks.1.down"], "width": 4})


class Fake:
    """A network with two-dimensional vectors for its texts, "x y", and one sure answer."""

    def __init__(self, answer: str, sure: float = 0.9, labels: tuple[str, ...] = ("a", "b"), output: str = "label"):
        self.answer, self.sure, self.labels = answer, sure, labels
        self.config = SimpleNamespace(output=output, several=False)
        self.asked: list[Text] = []

    def predict(self, texts: Sequence[Text]) -> Answers:
        self.asked += texts
        if self.config.output == "tags":
            return of_values([(self.answer,)] * len(texts), np.full(len(texts), self.sure))
        rest = (1 - self.sure) / (len(self.labels) - 1)
        row = [self.sure if label == self.answer else rest for label in self.labels]
        return of_labels(np.array([row] * len(texts)).reshape(len(texts), len(self.labels)), self.labels)

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        return np.array([[float(word) for word in str(text).split()] for text in texts], dtype=np.float32)


def reference(mean: tuple[float, float], variances: tuple[float, float] = (1.0, 1.0)) -> Reference:
    return Reference(np.array(mean), np.diag(variances))


def domains(*networks: Fake, routing: str = CONFIDENCE, references: Sequence[Reference | None] = ()) -> DomainNetworks:
    known = [*references, *[None] * (len(networks) - len(references))]
    entries = [
        Domain(f"d{number}", network, (), known[number])  # type: ignore[arg-type]
        for number, network in enumerate(networks)
    ]
    return DomainNetworks(entries, "encoder", routing)


# -------------------------------------------------------------------------------------------------------------- answers


def test_stated_domain_answers_and_others_are_not_asked() -> None:
    first, second = Fake("a"), Fake("b")
    got = domains(first, second).predict(["1 1", "2 2", "3 3"], domains=["d1", "d0", "d1"])
    assert got.values == ("b", "a", "b")
    assert (first.asked, second.asked) == (["2 2"], ["1 1", "3 3"])


def test_label_that_an_older_domain_does_not_know_has_probability_zero_there() -> None:
    model = domains(Fake("a"), Fake("c", labels=("a", "b", "c")))
    got = model.predict(["1 1", "2 2"], domains=["d0", "d1"])
    assert got.labels == model.labels == ("a", "b", "c")
    assert got.probabilities[0].tolist() == pytest.approx([0.9, 0.1, 0.0])
    assert got.probabilities[1].tolist() == pytest.approx([0.05, 0.05, 0.9])


def test_tags_are_answered_too() -> None:
    got = domains(Fake("O", output="tags"), Fake("B-x", output="tags")).predict(["x", "y"], domains=["d1", "d0"])
    assert got.values == (("B-x",), ("O",))
    assert got.scores.tolist() == pytest.approx([0.9, 0.9])


def test_no_texts_have_no_answers() -> None:
    assert len(domains(Fake("a"), Fake("b")).predict([])) == 0


def test_surest_part_answers_and_a_part_without_an_answer_is_never_surest() -> None:
    model = domains(Fake("a", 0.8), Fake("b", 0.95), Fake("a", float("nan")))
    assert model.route(["1 1", "2 2"]) == ["d1", "d1"]
    assert model.predict(["1 1"]).values == ("b",)


def test_nearest_domain_is_that_of_the_smallest_mahalanobis_distance() -> None:
    # Along the first axis texts vary by 10, along the second by 0.1: "4 0" is nearer to (0, 0) than to (4, 3).
    means, variances = ((0.0, 0.0), (4.0, 3.0)), (100.0, 0.01)
    model = domains(Fake("a"), Fake("b"), routing=NEAREST, references=[reference(mean, variances) for mean in means])
    assert model.route(["4 0", "0 3", "0 0"]) == ["d0", "d1", "d0"]


def test_distances_are_taken_under_the_shrunken_mean_of_the_covariances() -> None:
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=(40, 2)) @ rng.normal(size=(2, 2)) + rng.normal(size=2) for _ in range(3)]
    references = [Reference(sample.mean(0), np.cov(sample.T)) for sample in samples]
    model = domains(*(Fake("a") for _ in samples), routing=NEAREST, references=references)
    shared = np.mean([np.cov(sample.T) for sample in samples], axis=0)
    inverse = np.linalg.inv(0.9 * shared + 0.1 * np.trace(shared) / 2 * np.eye(2))
    texts = [f"{x} {y}" for x, y in rng.normal(scale=2, size=(50, 2)).round(3)]
    apart = Fake("a").embed(texts)[:, None] - np.stack([sample.mean(0) for sample in samples])
    expected = np.einsum("nki,ij,nkj->nk", apart, inverse, apart).argmin(1)
    assert model.route(texts) == [f"d{place}" for place in expected]
    assert len(set(expected.tolist())) == 3


def test_domain_without_variance_is_routed_all_the_same() -> None:
    references = [reference(mean, (0.0, 0.0)) for mean in ((0.0, 0.0), (5.0, 5.0))]
    model = domains(Fake("a"), Fake("b"), routing=NEAREST, references=references)
    assert model.route(["1 1", "4 4"]) == ["d0", "d1"]


def test_only_items_without_a_domain_are_routed() -> None:
    model = domains(Fake("a", 0.6), Fake("b", 0.9))
    assert model.predict(["1 1", "2 2"], domains=["d0", None]).values == ("a", "b")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: domains(Fake("a"), Fake("b")).predict(["1 1"], domains=["d9"]), r"no domain 'd9'\..* are: d0, d1\."),
        (lambda: DomainNetworks([Domain("x", Fake("a"))] * 2, "f", CONFIDENCE), "there is a domain 'x' already"),  # type: ignore[arg-type]
        (lambda: domains(Fake("a"), routing=NEAREST), "no vectors of the texts of each domain .* use confidence"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


# -------------------------------------------------------------------------------------------------------------- weights


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Network:
    network = tiny.encoder(tmp_path_factory.mktemp("base") / "checkpoint", PART)
    network.module.requires_grad_(False)
    network.module.eval()
    return network


def grown(base: Network) -> Network:
    """A network with adapters and one more label, whose added weights and head have been trained."""
    network = base.twin()
    network.extend_labels((*base.labels, "weather"))
    add(network, ADAPTERS)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in network.module.named_parameters():
            if name.startswith("head.") or ".down.up." in name:
                torch.nn.init.normal_(weight, std=0.5)
    network.module.eval()
    return network


def answers(model: Any) -> npt.NDArray[np.float32]:
    probabilities: npt.NDArray[np.float32] = model.predict(PART.texts).probabilities
    return probabilities


def test_part_is_what_the_frozen_network_does_not_have(base: Network) -> None:
    assert own_part(base, base.twin()) == {}
    part = own_part(base, grown(base))
    adapters = {
        f"{layer}.{half}.{kind}"
        for layer in ADAPTERS.options["layers"]
        for half in ("down", "up")
        for kind in ("weight", "bias")
    }
    assert set(part) == adapters | {"head.weight", "head.bias"}


def test_attached_part_answers_as_the_network_it_is_of_and_shares_the_rest(base: Network) -> None:
    network, before = grown(base), answers(base)
    again = attached(base, network.config, own_part(base, network))
    np.testing.assert_allclose(answers(again), answers(network), atol=1e-6)
    assert np.array_equal(answers(base), before)
    assert base.labels == tiny.LABELS
    assert again.labels == (*tiny.LABELS, "weather")
    ours, theirs = dict(again.module.named_parameters()), dict(base.module.named_parameters())
    shared = [name for name in theirs if name in ours and not name.startswith("head.")]
    assert shared
    assert all(ours[name] is theirs[name] for name in shared)
    assert ours["backbone.blocks.0.down.base.weight"] is theirs["backbone.blocks.0.down.weight"]
    assert not any(weight.requires_grad for weight in again.module.parameters())


def test_part_of_a_part_of_the_backbone_leaves_the_frozen_network_alone(base: Network) -> None:
    network, before = base.twin(), answers(base)
    with torch.no_grad():
        network.module.get_parameter("backbone.blocks.1.norm.weight").mul_(3)
    again = attached(base, network.config, own_part(base, network))
    np.testing.assert_allclose(answers(again), answers(network), atol=1e-6)
    assert np.abs(answers(again) - before).max() > 1e-3
    assert np.array_equal(answers(base), before)


def test_method_that_shortens_texts_is_refused(base: Network) -> None:
    with pytest.raises(InputError, match=r"this method shortens the texts to make room.*; use adapter"):
        attached(base, replace(base.config, max_tokens=base.config.max_tokens - 4), {})


def test_reference_is_mean_and_covariance_of_the_vectors(base: Network) -> None:
    got = reference_of(base, PART.texts)
    assert got is not None
    vectors = base.pooled(PART.texts).double().numpy()
    np.testing.assert_allclose(got.mean, vectors.mean(0), atol=1e-5)
    np.testing.assert_allclose(got.covariance, np.cov(vectors.T), atol=1e-5)
    assert reference_of(base, PART.texts[:1]) is None  # no covariance


def test_reference_of_many_texts_is_that_of_a_sample_over_all_of_them() -> None:
    network = Fake("a")
    got = reference_of(network, [f"{number} 0" for number in range(10 * EMBEDDED)])  # type: ignore[arg-type]
    assert got is not None
    assert got.mean[0] == pytest.approx(5 * EMBEDDED, rel=0.01)


# -------------------------------------------------------------------------------------------------------------- on disk


@pytest.fixture(scope="module")
def saved(base: Network, tmp_path_factory: pytest.TempPathFactory) -> tuple[DomainNetworks, Path]:
    network, folder = grown(base), tmp_path_factory.mktemp("saved")
    part = attached(base, network.config, own_part(base, network))
    other = Reference(np.ones(32, np.float32), np.eye(32, dtype=np.float32))
    entries = [
        Domain("tickets", base, ("f1",), reference_of(base, PART.texts)),
        Domain("weather", part, ("f2", "f3"), other),
    ]
    model = DomainNetworks(entries, "encoder", NEAREST)
    model.save(folder)
    return model, folder


def test_restored_domains_answer_and_route_as_the_saved_ones(saved: tuple[DomainNetworks, Path], base: Network) -> None:
    model, folder = saved
    again = restored(folder, base)
    assert saved_family(folder) == again.family == "encoder"
    assert again.domain_names == ["tickets", "weather"]
    assert [domain.fingerprints for domain in again.domains] == [("f1",), ("f2", "f3")]
    assert again.route(PART.texts) == model.route(PART.texts)
    for name in again.domain_names:
        stated = [name] * len(PART.texts)
        wanted = model.predict(PART.texts, domains=stated).probabilities
        np.testing.assert_allclose(again.predict(PART.texts, domains=stated).probabilities, wanted, atol=1e-6)
    assert again.domains[1].network.config.additions == (ADAPTERS,)


def test_shared_weights_are_stored_and_counted_once(saved: tuple[DomainNetworks, Path], base: Network) -> None:
    model, folder = saved
    part = sum(weight.numel() * 4 for weight in own_part(base, model.domains[1].network).values())
    assert model.size_bytes() == base.size_bytes() + part
    assert (folder / "1" / "part.safetensors").stat().st_size < part + 2_000
    assert (folder / BASE / "weights.safetensors").exists()


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"domains": [{}], "family": "x", "routing": "confidence"}'])
def test_damaged_file_is_named_in_one_line(tmp_path: Path, base: Network, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(IntegrityError, match=r"domains\.json: damaged .*; make the bundle again") as caught:
        restored(tmp_path, base)
    assert "\n" not in str(caught.value)


def test_goal_of_the_first_domain_decides_what_kind_of_answer_it_is(base: Network) -> None:
    model = DomainNetworks([Domain("only", base)], "encoder", CONFIDENCE)
    assert base.config.goal == Goal(labels=tiny.LABELS)
    np.testing.assert_allclose(answers(model), answers(base), atol=1e-6)
