from __future__ import annotations

import json

from goldilocks.nets.prompts import Prompt, draw, from_plain, read_label, read_labels, to_plain
from goldilocks.records import Goal, Output

GOAL = Goal(labels=("card_arrival", "card", "top_up"), instruction="Give the label.")


def test_prompt_is_instruction_examples_and_item() -> None:
    prompt = Prompt(GOAL, (("where is\nit", "card_arrival"),))

    assert prompt.lead == (
        "Give the label. The labels: card arrival, card, top up.\n\nText: where is it\nLabel: card arrival\n\n"
    )
    assert prompt.ask("no money") == "Text: no money\nLabel:"
    assert prompt.ask(("a", "b")) == "Text 1: a\nText 2: b\nLabel:"


def test_every_label_is_drawn_before_one_comes_twice() -> None:
    gold = ["a"] * 50 + ["b"] * 3 + ["c"]

    chosen = draw(gold, 5, seed=1)

    assert sorted(gold[i] for i in chosen)[:3] != ["a", "a", "a"]
    assert {gold[i] for i in chosen} == {"a", "b", "c"}
    assert chosen == draw(gold, 5, seed=1)
    assert len(draw(gold, 100, seed=1)) == 54


def test_written_answer_is_read_as_the_label_it_means() -> None:
    assert read_label("Card arrival.", GOAL.labels) == "card_arrival"
    assert read_label("The label is: card arrival", GOAL.labels) == "card_arrival"
    assert read_label("top-up", GOAL.labels) == "top_up"
    assert read_label("weather", GOAL.labels) is None
    assert read_labels("top up, card, weather", GOAL.labels) == ("card", "top_up")


def test_prompt_comes_back_from_json() -> None:
    prompt = Prompt(Goal(Output.TEXT, instruction="Go on."), ((("a", "b"), ("x", "y")),), one_line=False)

    assert from_plain(json.loads(json.dumps(to_plain(prompt)))) == prompt
