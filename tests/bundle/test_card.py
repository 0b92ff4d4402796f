from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from made import bundle, decision, facts

from goldilocks.bundle.card import card
from goldilocks.bundle.read import load
from goldilocks.records import Candidate, Footprint, Measured, Output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("card") / "bundle")


def test_hub_reads_the_head(folder: Path) -> None:
    data = ModelCard.load(folder / "README.md").data

    assert data.pipeline_tag == "text-classification"
    assert data.language == ["en"]
    assert vars(data)["library_name"] == "goldilocks"
    assert data.license is None, "nothing pretrained is in it"
    results = {
        (eval_result.dataset_split, eval_result.metric_name): eval_result for eval_result in data.eval_results or ()
    }
    assert set(results) == {("validation", "macro_f1"), ("test", "macro_f1"), ("test", "accuracy")}
    test = results["test", "macro_f1"]
    assert (test.metric_type, test.metric_value) == ("f1", 0.8)
    assert test.metric_args == {"low": 0.7, "high": 0.9, "confidence": 0.95, "n": 30}
    assert test.dataset_revision == "0123456789abcdef"


def test_licence_and_base_model_of_a_hub_model_are_in_the_head(folder: Path) -> None:
    info = load(folder).info
    hub = replace(info, licence="apache-2.0", facts=replace(info.facts, source="hf://anna/model@abc"))

    data = vars(ModelCard(card(hub)).data)

    assert (data["license"], data["base_model"]) == ("apache-2.0", "anna/model")


def test_card_has_decision_scores_use_limitations_and_origin(folder: Path) -> None:
    text, info = (folder / "README.md").read_text(), load(folder).info

    assert f"\n# {info.family}/{info.model}/{info.method} for " in text
    for section in ("## Scores", "## Intended use", "## Limitations", "## How to use", "## Reproduce"):
        assert section in text
    assert "is worth its price." in text
    assert "| Test (scored after the decision) | macro_f1 (decides) | 0.8000 | 0.7000 to 0.9000 | 30 |" in text
    assert "fingerprint `0123456789abcdef`" in text
    chosen = decision(Candidate(facts("naive_bayes"), "scratch"))
    assert f" {chosen.seed}." in text.split("## Reproduce")[1]


def test_footprint_names_the_machine_it_was_measured_on(folder: Path) -> None:
    chosen = decision(Candidate(facts("naive_bayes"), "scratch"))
    latency = Measured(1.25, 1.0, 1.5, 64, "ms")
    measured = Footprint(0.1, latency, latency, 1_234.0, 50_000_000, 2_500_000)

    text = card(load(folder).info, replace(chosen, winner=replace(chosen.winner, footprint=measured)))

    machine = chosen.machine
    assert f"Measured on {machine.name} (CPU cores: {machine.cores}): 1.2 ms for one text" in text
    assert "1,234 texts per second in batches, 50 MB of memory, 2.5 MB on disk." in text


def test_card_states_the_scoring_conditions(folder: Path) -> None:
    ruled = replace(decision(Candidate(facts("naive_bayes"), "scratch")), conditions={"bleu": "sacrebleu nrefs:1|x"})

    assert "\n\nbleu: sacrebleu nrefs:1|x.\n" in card(load(folder).info, ruled)


def test_card_states_the_kind_of_output(folder: Path) -> None:
    info = load(folder).info
    tags = card(replace(info, task="ner", output=Output.TAGS, labels=("B-x", "O")))
    assert "pipeline_tag: token-classification" in tags
    assert "one tag per word, out of 2 tags: `B-x`, `O`." in tags
    assert "to every text" not in tags
    span = card(replace(info, task="extractive_qa", output=Output.SPAN, labels=()))
    assert "The output is a span of the context, or empty if the context holds no answer." in span
    assert 'bundle.predict([("a question", "its context")])[0].answer' in span
    ranking = card(replace(info, task="matching", output=Output.SCORE, labels=()))
    assert 'bundle.predict([("a query", "a candidate", "another")])[0].answer' in ranking
