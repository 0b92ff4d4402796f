"""Personal data: replaced by placeholders that can be turned back, never in a log."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from served import ScriptedEngine, bundle, client, settings
from starlette.testclient import TestClient

from goldilocks.data.addresses import find_addresses
from goldilocks.data.mask import find
from goldilocks.errors import InputError
from goldilocks.records import Goal, Output, Part, Prediction, Text
from goldilocks.serving.engine import Call, Result
from goldilocks.serving.masking import Masker, mask_item, plain_mask
from goldilocks.serving.privacy import joined

CARD, MAIL = "4111 1111 1111 1111", "ann@example.org"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("send it to 221B Baker Street, London NW1 6XE today", "221B Baker Street, London NW1 6XE"),
        ("I live at 350 Fifth Avenue, New York, NY 10118.", "350 Fifth Avenue, New York, NY 10118"),
        ("地址：北京市海淀区中关村大街27号", "北京市海淀区中关村大街27号"),
        ("住在上海市浦东新区世纪大道100号3楼", "上海市浦东新区世纪大道100号3楼"),
    ],
)
def test_addresses_are_found(text: str, address: str) -> None:
    ((kind, start, end),) = find_addresses(text)
    assert kind == "address"
    assert address in text[start:end]  # Chinese does not part what stands before it


@pytest.mark.parametrize(
    "text",
    ["the road was long", "5 Stars", "in 1999 the Street was closed", "第3号文件", "他走在路上", "12 of St. Paul"],
)
def test_other_texts_hold_no_address(text: str) -> None:
    assert find_addresses(text) == []


def test_equal_values_have_equal_placeholders_and_come_back() -> None:
    text = f"{MAIL} or bob@example.org, card {CARD}, {MAIL}"
    masker = Masker()
    (masked, _) = mask_item(text, find, masker)
    assert masked == "<email_1> or <email_2>, card <card_1>, <email_1>"
    assert masker.unmask(str(masked)) == text
    assert masker.counts == {"email": 3, "card": 1}


def test_a_text_that_holds_a_placeholder_itself_keeps_it() -> None:
    text = f"<email_1> is how we write {MAIL}"
    masker = Masker()
    masked, _ = mask_item(text, find, masker)
    assert masked == "<email_1> is how we write <email_2>"
    assert masker.unmask(str(masked)) == text


def test_positions_in_a_masked_text_are_those_of_the_original() -> None:
    text = f"a {MAIL} b {CARD} c"
    masked = Masker().mask(text, find(text))
    assert masked.text == "a <email_1> b <card_1> c"
    assert [text[masked.place(place)] for place in (0, 12, 23)] == ["a", "b", "c"]
    start = masked.text.index("<email")
    assert text[masked.place(start) : masked.place(start + len("<email_1>"), end=True)] == MAIL
    assert masked.place(len(masked.text), end=True) == len(text)


def test_plain_masks_cannot_be_turned_back() -> None:
    assert plain_mask(f"{MAIL} lives at 221B Baker Street", joined(find)) == "<email> lives at <address>"


def echoing(seen: list[Text]) -> ScriptedEngine:
    def answer(_: Call, items: Sequence[Text]) -> list[Result]:
        seen.extend(items)
        return [Prediction(f"you wrote: {item}", float("nan")) for item in items]

    from dataclasses import replace

    engine = ScriptedEngine(answer)
    engine.card = replace(engine.card, output=Output.TEXT, labels=(), task="generation")
    return engine


def said(api: TestClient, text: str) -> str:
    body = {"messages": [{"role": "user", "content": text}]}
    content: str = api.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    return content


def test_a_model_does_not_get_personal_data_and_its_answer_has_them_again(weather_bundle: Path) -> None:
    seen: list[Text] = []
    made = settings({"echo": weather_bundle}, masking={"inputs": True})
    with client(made, lambda _: echoing(seen)) as api:
        got = said(api, f"write to {MAIL}")
        metrics = api.get("/metrics").text
    assert seen == ["write to <email_1>"]
    assert got == f"you wrote: write to {MAIL}"
    assert 'goldilocks_masked_total{kind="email"} 1.0' in metrics


def test_outputs_are_masked_on_demand(weather_bundle: Path) -> None:
    seen: list[Text] = []
    with client(settings({"echo": weather_bundle}, masking={"outputs": True}), lambda _: echoing(seen)) as api:
        assert said(api, f"write to {MAIL}") == "you wrote: write to <email>"
    assert seen == [f"write to {MAIL}"]


def test_without_masking_nothing_is_changed(weather_bundle: Path) -> None:
    seen: list[Text] = []
    with client(settings({"echo": weather_bundle}), lambda _: echoing(seen)) as api:
        assert said(api, f"write to {MAIL}") == f"you wrote: write to {MAIL}"


def test_tags_of_a_masked_text_stand_at_their_places_in_the_original(tmp_path: Path) -> None:
    sentences = tuple(("we", "saw", word, "today") for word in ("soup", "bread", "bank", "loan")) * 6
    tags = tuple(("O", "O", f"B-{word}", "O") for word in ("food", "food", "money", "money")) * 6
    part = Part(sentences, tags, tuple(range(1, 25)))
    goal = Goal(Output.TAGS, ("B-food", "B-money", "O"))
    folder = bundle(tmp_path / "b", part, goal, "crf", "ner")
    text = f"{MAIL} saw soup today"
    with client(settings({"tags": folder}, masking={"inputs": True})) as api:
        (row,) = api.post("/v1/classify", json={"input": text}).json()["data"]
    start = text.index("soup")
    assert {"type": "food", "start": start, "end": start + 4, "text": "soup"} in row["entities"]
    assert row["offsets"][-1] == [len(text) - 5, len(text)]
    assert row["offsets"][0] == [0, len(MAIL)]  # what stands for the address


def test_names_are_masked_by_a_tagger_that_is_served(tmp_path: Path, weather_bundle: Path) -> None:
    sentences = tuple(("we", "saw", name, "today") for name in ("Ann", "Bob", "rain", "snow")) * 6
    tags = tuple(("O", "O", tag, "O") for tag in ("B-PER", "B-PER", "O", "O")) * 6
    goal = Goal(Output.TAGS, ("B-PER", "O"))
    folder = bundle(tmp_path / "b", Part(sentences, tags, tuple(range(1, 25))), goal, "crf", "ner")
    made = settings(
        {"weather": weather_bundle, "people": folder},
        masking={"inputs": True, "names": "people"},
        log={"path": str(tmp_path / "log.sqlite")},
    )
    import sqlite3

    with client(made) as api:
        assert api.post("/v1/classify", json={"model": "weather", "input": "we saw Ann today"}).status_code == 200
    with sqlite3.connect(tmp_path / "log.sqlite") as file:
        assert file.execute("SELECT model, text FROM requests").fetchall() == [("weather", "we saw <name> today")]


def test_the_tagger_for_names_must_be_served(weather_bundle: Path) -> None:
    with (
        pytest.raises(InputError, match=r"masking\.names is 'people', which is not served"),
        client(settings({"weather": weather_bundle}, masking={"names": "people"})),
    ):
        pass


def test_the_program_log_holds_no_personal_data(weather_bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    def answer(_: Call, items: Sequence[Text]) -> list[Result]:
        raise ValueError(f"cannot read {items[0]}")

    with (
        client(settings({"weather": weather_bundle}), lambda _: ScriptedEngine(answer)) as api,
        caplog.at_level(logging.INFO),
    ):
        assert api.post("/v1/classify", json={"input": f"mail {MAIL}"}).status_code == 500
    assert "cannot read mail <email>" in caplog.text
    assert MAIL not in caplog.text
