"""``goldilocks tune --continue-from … --strategy domain_adapters``: a part for each domain, and routing among them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goldilocks
from goldilocks.bundle.read import Bundle, load
from goldilocks.bundle.verify import verify
from goldilocks.bundle_compression import CompressionSettings, compress_bundle
from goldilocks.bundle_export import export_bundle
from goldilocks.continual import ContinueFrom, continue_tuning
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.fine_tune import tune_one
from goldilocks.nets.domains import DomainNetworks
from goldilocks.nets.export.standalone_predict import load as load_script
from goldilocks.records import ContinualReport, Footprint, Measured, TaskSpec
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing import tiny

STRATEGY = "domain_adapters"
FAST = {"epochs": 6.0, "learning_rate": 3e-3, "head_learning_rate": 3e-3}
_WEATHER = ("rain", "storm", "cloud", "snow")
"""Words of the new domain, which the tokenizer cuts into letters."""


def write(path: Path, texts: list[str], labels: list[str]) -> Path:
    lines = [json.dumps({"text": text, "label": label}) for text, label in zip(texts, labels, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def april(path: Path) -> Path:
    part = tiny.part(150)
    return write(path, [f"{text} {at}" for at, text in enumerate(part.texts)], [str(gold) for gold in part.gold])


def may(path: Path, *, seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    texts = [" ".join([*rng.choice(_WEATHER, 4), ("bread oven", "bank loan")[at % 2], str(at)]) for at in range(120)]
    return write(path, texts, [("summer", "winter")[at % 2] for at in range(120)])


def spec_of(path: Path) -> TaskSpec:
    model = path.parent / "tiny-bert"
    return task_from(
        {"data": {"train": path.name}, "language": "en", "candidates": {"models": [str(model)]}}, folder=path.parent
    )


def update(folder: Path, out: Path, new: str = "may.jsonl", **choices: object) -> ContinualReport:
    chosen: dict[str, object] = {"old_data": (str(folder / "april.jsonl"),), "strategy": STRATEGY, **choices}
    start = ContinueFrom(chosen.pop("bundle", folder / "bundle"), **chosen)  # type: ignore[arg-type]
    return continue_tuning(spec_of(folder / new), start, RunSettings(out=out), FAST)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("domains")
    tiny.encoder_folder(made / "tiny-bert")
    rows = april(made / "april.jsonl")
    may(made / "may.jsonl")
    tune_one(spec_of(rows), "encoder/tiny-bert/full", RunSettings(out=made / "bundle"), FAST)
    report = update(made, made / "updated")
    (made / "report.json").write_text(json.dumps({"forgetting": report.test.forgetting.value}), encoding="utf-8")  # type: ignore[union-attr]
    return made


@pytest.fixture(scope="module")
def updated(folder: Path) -> Bundle:
    return load(folder / "updated")


OLD, NEW = (
    [str(text) for text in tiny.part(40, seed=7).texts],
    [f"rain snow storm cloud bank loan {at}" for at in range(9)],
)


def test_with_the_domain_stated_nothing_is_forgotten(folder: Path, updated: Bundle) -> None:
    before = load(folder / "bundle")
    assert updated.domains == ("first", "may")
    assert updated.labels == ("food", "money", "sport", "summer", "winter")
    assert json.loads((folder / "report.json").read_text())["forgetting"] == 0
    answers = updated.answers(OLD, domains=["first"] * len(OLD))
    assert np.array_equal(answers.probabilities[:, :3], before.answers(OLD).probabilities)
    assert not answers.probabilities[:, 3:].any()
    assert verify(folder / "updated").ok


def test_new_domain_is_learnt_and_shares_the_backbone(updated: Bundle) -> None:
    assert {answer.label for answer in updated.predict(NEW, domain="may")} == {"winter"}
    model = updated.model
    assert isinstance(model, DomainNetworks)
    assert model.base.size_bytes() < model.size_bytes() < 1.5 * model.base.size_bytes()
    shared = {id(weight) for weight in model.base.module.parameters()}
    own = [weight for weight in model.domains[1].network.module.parameters() if id(weight) not in shared]
    assert sum(weight.numel() for weight in own) < 0.5 * sum(
        weight.numel() for weight in model.base.module.parameters()
    )


def test_item_without_a_domain_goes_to_the_nearest_texts_alone_as_in_a_batch(updated: Bundle) -> None:
    model = updated.model
    assert isinstance(model, DomainNetworks)
    routed = model.route([*OLD, *NEW])
    assert routed.count("first") >= 38
    assert routed[len(OLD) :] == ["may"] * len(NEW)
    assert [model.route([text])[0] for text in (OLD[0], NEW[0])] == [routed[0], "may"]
    assert updated.predict([NEW[0]])[0] == updated.predict([NEW[0]], domain="may")[0]
    mixed = updated.predict([OLD[0], NEW[0]], domain=[None, "may"])
    assert mixed[1].label == "winter"


def test_third_domain_leaves_the_first_two_as_they_are(folder: Path, updated: Bundle, tmp_path: Path) -> None:
    june = may(folder / "june.jsonl", seed=5)
    text = june.read_text(encoding="utf-8").replace("summer", "dry").replace("winter", "wet")
    june.write_text(text.replace("bank", "goal"), encoding="utf-8")
    old = (str(folder / "april.jsonl"), str(folder / "may.jsonl"))
    report = update(folder, tmp_path / "third", "june.jsonl", bundle=folder / "updated", old_data=old)

    third = load(tmp_path / "third")
    assert third.domains == ("first", "may", "june")
    for name in ("first", "may"):
        stated = [name] * len(OLD + NEW)
        after, before = third.answers(OLD + NEW, domains=stated), updated.answers(OLD + NEW, domains=stated)
        assert np.array_equal(after.probabilities[:, :5], before.probabilities)
    assert report.test.forgetting is not None
    assert report.test.forgetting.value == 0
    assert report.domain == "june"
    assert report.routed is not None
    with pytest.raises(InputError, match="has a part for each domain; add one with --strategy domain_adapters"):
        update(folder, tmp_path / "no", bundle=folder / "updated", strategy="replay")
    with pytest.raises(InputError, match="there is a domain 'may' already"):
        update(folder, tmp_path / "no", bundle=folder / "updated")


def test_confidence_routes_to_the_surest_part(folder: Path, tmp_path: Path) -> None:
    update(folder, tmp_path / "sure", options={"routing": "confidence", "name": "weather"})
    bundle = load(tmp_path / "sure")
    chosen = bundle.predict(OLD)
    each = [bundle.predict(OLD, domain=name) for name in bundle.domains]
    assert bundle.domains == ("first", "weather")
    for answer, parts in zip(chosen, zip(*each, strict=True), strict=True):
        assert answer.score == pytest.approx(max(part.score for part in parts), abs=1e-5)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"options": {"routing": "nearby"}}, "domain_adapters: routing is 'nearby'"),
        ({"options": {"name": "a", "old_name": "a"}}, "name and old_name are both 'a'"),
        ({"method": "contrastive"}, "the method contrastive cannot train this bundle further"),
    ],
)
def test_bad_choices_are_one_line(folder: Path, tmp_path: Path, choices: dict[str, Any], words: str) -> None:
    with pytest.raises(GoldilocksError, match=words) as caught:
        update(folder, tmp_path / "out", **choices)
    assert "\n" not in str(caught.value)


def test_domain_that_there_is_not_is_named(folder: Path, updated: Bundle) -> None:
    with pytest.raises(InputError, match=r"there is no domain 'mya'. Did you mean 'may'\? There are: first, may\."):
        updated.predict(OLD, domain="mya")
    with pytest.raises(InputError, match="2 domains for 1 texts"):
        updated.predict(["soup"], domain=["may", "first"])
    with pytest.raises(InputError, match="has no domains; leave the domain out"):
        load(folder / "bundle").predict(OLD, domain="may")


def test_taggers_have_domains_routed_by_confidence(tmp_path: Path) -> None:
    tiny.encoder_folder(tmp_path / "tiny-bert")
    for name, seed in (("one", 0), ("two", 1)):
        texts = [str(text).split() for text in tiny.part(60, seed=seed).texts]
        lines = [json.dumps({"tokens": words, "tags": [tiny.tag_of(word) for word in words]}) for words in texts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def spec(name: str) -> TaskSpec:
        models = {"models": [str(tmp_path / "tiny-bert")]}
        return task_from({"task": "ner", "data": {"train": f"{name}.jsonl"}, "candidates": models}, folder=tmp_path)

    tune_one(spec("one"), "encoder/tiny-bert/full", RunSettings(out=tmp_path / "bundle"), {"epochs": 1.0})
    start = ContinueFrom(tmp_path / "bundle", (str(tmp_path / "one.jsonl"),), STRATEGY)
    with pytest.raises(InputError, match=r"no vectors of the texts .* use confidence"):
        continue_tuning(spec("two"), start, RunSettings(out=tmp_path / "out"), {"epochs": 0.2})
    start = ContinueFrom(start.bundle, start.old_data, STRATEGY, {"routing": "confidence"})
    report = continue_tuning(spec("two"), start, RunSettings(out=tmp_path / "out"), {"epochs": 1.0})
    assert report.test.forgetting is not None
    assert report.test.forgetting.value == 0
    words = [("soup", "today")]
    stated = load(tmp_path / "out").answers(words, domains=["first"])
    assert stated.values == load(tmp_path / "bundle").answers(words).values


def test_bundle_with_domains_is_evaluated_by_domain(folder: Path) -> None:
    rows = [{"text": text, "label": "winter"} for text in NEW]
    stated = goldilocks.evaluate(folder / "updated", rows, domain="may")
    assert stated.scores["accuracy"].value == 1
    assert goldilocks.evaluate(folder / "updated", rows, domain="first").scores["accuracy"].value == 0


def test_domain_to_compress_or_export_is_named(folder: Path, tmp_path: Path) -> None:
    rows = str(folder / "may.jsonl")
    for name, words in (
        (None, "has a part for each domain; name one with --domain: first, may"),
        ("mya", r"there is no domain 'mya'. Did you mean 'may'\?"),
    ):
        with pytest.raises(InputError, match=words):
            compress_bundle(folder / "updated", rows, tmp_path / "small", CompressionSettings(domain=name))
        with pytest.raises(InputError, match=words):
            export_bundle(folder / "updated", "hub", tmp_path / "out", domain=name)
    with pytest.raises(InputError, match="has no domains; omit --domain"):
        export_bundle(folder / "bundle", "hub", tmp_path / "out", domain="may")


@pytest.mark.parametrize("domain", ["first", "may"])
def test_one_domain_is_exported_with_its_own_labels_and_answers(
    folder: Path, updated: Bundle, tmp_path: Path, domain: str
) -> None:
    pytest.importorskip("onnx", reason="pip install 'goldilocks-lm[onnx]'")
    exported = export_bundle(folder / "updated", "onnx", tmp_path / "onnx", domain=domain)
    assert f"Of its domains this is {domain}." in (tmp_path / "onnx" / "README.md").read_text()
    assert "predict.py" in exported.command
    model = load_script(tmp_path / "onnx")
    stated = updated.answers(OLD[:4] + NEW[:2], domains=[domain] * 6)
    count = 3 if domain == "first" else 5
    for text, row in zip(OLD[:4] + NEW[:2], stated.probabilities, strict=True):
        probabilities = list(model.predict(text)["probabilities"].values())
        assert probabilities == pytest.approx(row[:count], abs=1e-5)


def measured(family: str, folder: Path, texts: object, *, engine: str) -> Footprint:
    """A footprint without starting a process: the size is that of the files."""
    latency = Measured(1.0, 0.9, 1.1, 10, "ms")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Footprint(0.1, latency, latency, 100.0, 10**8, size)


def test_one_domain_is_compressed_to_a_bundle_of_its_own(
    folder: Path, updated: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'goldilocks-lm[onnx]'")
    monkeypatch.setattr("goldilocks.bundle_compression.footprint_of", measured)
    settings = CompressionSettings(max_loss=0.5, only=("onnx_int8",), domain="may")
    compress_bundle(folder / "updated", str(may(tmp_path / "dev.jsonl", seed=9)), tmp_path / "small", settings)

    small = load(tmp_path / "small")
    assert (small.domains, small.info.family, small.info.engine) == ((), "encoder", "onnxruntime")
    assert small.labels == ("food", "money", "sport", "summer", "winter")
    assert small.info.reference is None
    assert verify(tmp_path / "small").ok
    stated = updated.answers(NEW, domains=["may"] * len(NEW))
    assert small.answers(NEW).values == stated.values
    assert small.answers(NEW).probabilities == pytest.approx(stated.probabilities, abs=0.1)


def test_command_takes_domains_from_a_column(folder: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    cells = [{"text": NEW[0], "from": "may"}, {"text": NEW[0], "from": "first"}, {"text": NEW[0]}]
    rows.write_text("\n".join(map(json.dumps, [*cells, {"text": "x", "from": "june"}])) + "\n", encoding="utf-8")

    def predict(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "goldilocks", "predict", str(folder / "updated"), str(rows), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)

    done = predict("--domain-column", "from")
    stated, other, routed, unknown = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 2
    assert stated == routed == {"label": "winter", "score": stated["score"]}
    assert other["label"] in ("food", "money", "sport")
    assert unknown == {"error": "row 4: there is no domain 'june'. There are: first, may"}
