"""/v1/decisions with the ``openai`` client, /v1/systemone with requests as its documentation shows them."""

from pathlib import Path
from typing import Any

import pytest
from served import ScriptedEngine, bundle, client, live, settings
from starlette.testclient import TestClient

import goldilocks
from goldilocks.records import Goal, Part
from goldilocks.serving.decisions import Distribution
from goldilocks.serving.settings import settings_from

WORDS = {"1": "awful", "2": "poor", "3": "fair", "4": "fine"}
STARS = Part(tuple(f"the soup was {word} today" for word in WORDS.values()) * 6, tuple(WORDS) * 6, tuple(range(1, 25)))


@pytest.fixture(scope="module")
def rating(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rating") / "bundle"
    return bundle(folder, STARS, Goal(labels=tuple(WORDS)), "naive_bayes", "text_classification")


def ask(api: TestClient, question: dict[str, Any], text: str = "rain falls") -> Any:
    body = {"input": text, "questions": [{"instructions": "?", **question}]}
    return api.post("/v1/decisions", json=body)


def test_all_three_kinds_with_the_openai_client(rating: Path) -> None:
    openai = pytest.importorskip("openai")
    text = "the soup was poor today"
    scores = goldilocks.load(rating).predict([text])[0].scores
    with live(settings({"stars": rating})) as address, openai.OpenAI(base_url=f"{address}/v1", api_key="none") as made:
        got = made.decisions.create(
            model="stars",
            input=[{"role": "user", "content": [{"type": "input_text", "text": text}]}],
            questions=[
                {"type": "predicate", "name": "2", "instructions": "Two stars?"},
                {
                    "type": "choice",
                    "instructions": "How many stars?",
                    "choices": [{"value": entry} for entry in "4321"],
                },
                {
                    "type": "score",
                    "name": "stars",
                    "instructions": "Rate.",
                    "levels": [{"label": entry} for entry in "1234"],
                },
            ],
        )
    predicate, choice, score = got.answers
    assert (predicate.type, predicate.name) == ("predicate", "2")
    assert predicate.probability == pytest.approx(scores["2"], abs=1e-6)
    assert choice.choice == "2"
    assert [probability.value for probability in choice.probabilities] == ["4", "3", "2", "1"]
    assert choice.name is None
    # Levels count from 0; the score is their mean.
    expected = 0 * scores["1"] + 1 * scores["2"] + 2 * scores["3"] + 3 * scores["4"]
    assert score.score == pytest.approx(expected, abs=1e-5)
    assert [(probability.value, probability.label) for probability in score.probabilities] == [
        (0, "1"),
        (1, "2"),
        (2, "3"),
        (3, "4"),
    ]
    assert got.usage.input_tokens == 5
    assert got.model == "stars"


def test_system_one_answers_by_name(rating: Path) -> None:
    with client(settings({"stars": rating})) as api:
        body = {
            "model": "stars",
            "state": "the soup was poor today",
            "questions": {
                "is_poor": {"type": "noul", "instructions": "2"},
                "stars": {
                    "type": "choice",
                    "instructions": "?",
                    "criteria": {"1": "bad", "2": None, "3": None, "4": "good"},
                },
                "mood": {"type": "score", "instructions": "?", "criteria": ["1", "2", "3", "4"]},
            },
        }
        got = api.post("/v1/systemone", json=body).json()
    assert set(got) == {"model", "answers", "usage"}  # all labels were offered: nothing was renormalised
    answers = got["answers"]
    assert set(answers["is_poor"]) == {"type", "noul"}
    assert answers["stars"]["choice"] == "2"
    assert sum(answers["stars"]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert answers["mood"]["legend"] == {"0": "1", "1": "2", "2": "3", "3": "4"}
    assert set(answers["mood"]) == {"type", "score", "legend", "probabilities", "confidence"}
    assert answers["is_poor"]["noul"] == answers["stars"]["probabilities"]["2"]


def test_some_of_the_labels_are_renormalised_and_that_is_said(rating: Path) -> None:
    scores = goldilocks.load(rating).predict(["rain falls"])[0].scores
    with client(settings({"stars": rating})) as api:
        got = ask(api, {"type": "choice", "name": "low", "choices": [{"value": "1"}, {"value": "2"}]}).json()
    mass = scores["1"] + scores["2"]
    shares = [entry["probability"] for entry in got["answers"][0]["probabilities"]]
    assert shares == pytest.approx([scores["1"] / mass, scores["2"] / mass], abs=1e-5)
    assert got["goldilocks"] == {"renormalised": {"low": pytest.approx(mass, abs=1e-5)}}


def test_other_choices_are_400_with_the_labels_there_are(api: TestClient) -> None:
    got = ask(api, {"type": "choice", "choices": [{"value": "dry"}, {"value": "snow"}]})
    assert got.status_code == 400
    assert "'snow' is not a label of this model; its labels are: dry, wet" in got.json()["error"]["message"]


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"type": "choice", "choices": [{"value": f"c{number}"} for number in range(300)]}, 422),
        ({"type": "choice", "choices": [{"value": "dry"}]}, 422),
        ({"type": "choice", "choices": [{"value": "dry"}, {"value": "dry"}]}, 422),
        ({"type": "score", "levels": [{"label": "dry"}] * 11}, 422),
        ({"type": "guess"}, 422),
        ({"type": "choice", "choices": [{"value": True}, {"value": False}]}, 400),
    ],
)
def test_questions_that_are_none(api: TestClient, question: dict[str, Any], status: int) -> None:
    assert ask(api, question).status_code == status


def test_which_of_two_labels_means_yes_is_said_by_name_or_by_the_operator(weather_bundle: Path) -> None:
    wet = goldilocks.load(weather_bundle).predict(["rain falls"])[0].scores["wet"]
    made = {"weather": {"bundle": str(weather_bundle), "positive": "wet"}}
    with client(settings({"weather": weather_bundle})) as api:
        open_question = ask(api, {"type": "predicate", "instructions": "Does it rain?"})
        assert open_question.status_code == 400
        assert "which label means yes" in open_question.json()["error"]["message"]
        by_name = ask(api, {"type": "predicate", "name": "wet"}).json()
    with client(settings_from({"models": made})) as api:
        by_operator = ask(api, {"type": "predicate", "instructions": "Does it rain?"}).json()
    for got in (by_name, by_operator):
        assert got["answers"][0]["probability"] == pytest.approx(wet, abs=1e-6)


def test_true_and_false_are_labels_of_that_spelling(weather_bundle: Path, tmp_path: Path) -> None:
    part = Part(STARS.texts, ("False", "True") * 12, STARS.rows)
    folder = bundle(tmp_path / "b", part, Goal(labels=("False", "True")), "naive_bayes", "text_classification")
    with client(settings({"yes": folder})) as api:
        got = ask(api, {"type": "choice", "choices": [{"value": True}, {"value": False}]}).json()["answers"][0]
        yes = ask(api, {"type": "predicate"}).json()["answers"][0]["probability"]
    assert got["choice"] in (True, False)
    assert got["probabilities"][0] == {"value": True, "probability": yes}


def test_pictures_are_not_read(api: TestClient) -> None:
    picture = [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]
    got = api.post(
        "/v1/decisions", json={"input": picture, "questions": [{"type": "predicate", "instructions": "wet"}]}
    )
    assert (got.status_code, got.json()["error"]["code"]) == (400, "not_supported")
    nothing = [{"role": "system", "content": "be brief"}]
    got = api.post(
        "/v1/decisions", json={"input": nothing, "questions": [{"type": "predicate", "instructions": "wet"}]}
    )
    assert (got.status_code, got.json()["error"]["code"]) == (422, "empty_input")


def test_confidence_is_that_of_the_published_example() -> None:
    # docs.litellm.ai, 20 October 2026: probabilities .07, .91, .02 have score .95 and confidence .86.
    result = Distribution((0.07, 0.91, 0.02), 1.0)
    assert result.expected == pytest.approx(0.95)
    assert result.confidence == pytest.approx(0.86, abs=0.01)
    assert Distribution((0.5, 0.5), 1.0).confidence == 0
    assert Distribution((1.0, 0.0), 1.0).confidence == 1


def test_a_model_without_labels_answers_no_questions(weather_bundle: Path) -> None:
    from dataclasses import replace

    from goldilocks.records import Output

    engine = ScriptedEngine()
    engine.card = replace(engine.card, output=Output.TEXT, labels=())
    with client(settings({"weather": weather_bundle}), lambda _: engine) as api:
        got = ask(api, {"type": "predicate"})
    assert got.status_code == 400
    assert "gives text, no labels" in got.json()["error"]["message"]


def test_labels_that_are_not_exclusive_take_a_question_each(weather_bundle: Path) -> None:
    from dataclasses import replace

    engine = ScriptedEngine()
    engine.card = replace(engine.card, several=True)
    with client(settings({"weather": weather_bundle}), lambda _: engine) as api:
        refused = ask(api, {"type": "choice", "choices": [{"value": "dry"}, {"value": "wet"}]})
        assert refused.status_code == 400
        assert "not exclusive" in refused.json()["error"]["message"]
        assert ask(api, {"type": "predicate", "name": "dry"}).json()["answers"][0]["probability"] == 0.75
