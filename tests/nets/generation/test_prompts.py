from __future__ import annotations

import json
from dataclasses import replace

from goldilocks.nets.generation.prompts import (
    Prompt,
    completes_code,
    from_plain,
    one_line,
    sample_examples,
    to_plain,
)
from goldilocks.records import Goal, Output
from goldilocks.support.sandbox.harness import with_tests

GOAL = Goal(labels=("card_arrival", "card", "top_up"), instruction="Give the label.")


def test_prompt_is_instruction_examples_and_item() -> None:
    prompt = Prompt(GOAL, (("where is\nit", "card_arrival"),))

    assert prompt.lead == (
        "Give the label. The labels: card arrival, card, top up.\n\nText: where is it\nLabel: card arrival\n\n"
    )
    assert prompt.ask("no money") == "Text: no money\nLabel:"
    assert prompt.ask(("a", "b")) == "Text 1: a\nText 2: b\nLabel:"


def test_chinese_prompts_are_chinese_throughout() -> None:
    goal = Goal(labels=("积极", "消极"), instruction="给出标签。", descriptions={"积极": "好"}, prompt_language="zh")
    prompt = Prompt(goal, (("很 好", "积极"),))

    assert prompt.lead == "给出标签。标签有：积极（好）、消极。\n\n文本：很 好\n标签：积极\n\n"
    assert prompt.ask("差") == "文本：差\n标签："
    assert prompt.ask(("甲", "乙")) == "文本1：甲\n文本2：乙\n标签："
    assert prompt.stops == ("\n", "\n文本：", "\n文本1：")
    assert from_plain(json.loads(json.dumps(to_plain(prompt)))) == prompt
    several = Prompt(replace(goal, several=True))
    assert [several.reply(()), several.reply(("积极", "消极"))] == ["无", "积极、消极"]
    assert Prompt(Goal(Output.TEXT, prompt_language="zh")).ask("甲") == "文本：甲\n回答："


def test_prompt_of_an_older_bundle_is_english() -> None:
    raw = to_plain(Prompt(GOAL))
    del raw["goal"]["prompt_language"]
    assert from_plain(raw) == Prompt(GOAL)


def test_lines_of_an_item_stay_where_answers_have_lines() -> None:
    goal = Goal(Output.TEXT)

    assert Prompt(goal, one_line=False).ask("sort\n  assert a\n") == "Text: sort\n  assert a\nAnswer:"
    assert Prompt(goal, one_line=True).ask("sort\n  assert a\n") == "Text: sort assert a\nAnswer:"


def test_item_that_begins_a_program_is_the_whole_prompt() -> None:
    item, rest = "def inc(x):\n    '''Add one.'''\n", "    return x + 1\n"
    right = (rest, with_tests(item, "check(inc)"))
    prompt = Prompt(Goal(Output.TEXT, instruction="Write."), one_line=False, completes_code=True)

    assert (prompt.lead, prompt.ask(item)) == ("", item)
    # The stop words of Chen et al. 2021, section 3.1.
    assert set(prompt.stops) == {"\nclass", "\ndef", "\n#", "\nif", "\nprint"}
    shown = Prompt(Goal(Output.TEXT), ((item, right),), completes_code=True)
    assert shown.lead == "def inc(x):\n    '''Add one.'''\n    return x + 1\n\n"


def test_tests_say_whether_items_begin_programs() -> None:
    whole, rest = ("x = 1", with_tests("", "assert x")), ("    return 1", with_tests("def f():\n", "check(f)"))

    assert completes_code(["def f():\n"], [rest])
    assert not completes_code(["def f():\n", "Set x."], [rest, whole])
    assert not completes_code(["Set x."], ["x = 1"])
    assert not completes_code([], [])


def test_answers_of_one_line_have_no_line_end_in_any_reference() -> None:
    assert one_line(["a", ("b", "c")])
    assert not one_line(["a", ("b", "c\nd")])


def test_line_that_is_answered_ends_where_the_next_item_begins() -> None:
    assert Prompt(Goal(Output.TEXT)).stops == ("\n", "\nText:", "\nText 1:")
    assert "\n" not in Prompt(Goal(Output.TEXT), one_line=False).stops


def test_every_label_is_drawn_before_one_comes_twice() -> None:
    gold = ["a"] * 50 + ["b"] * 3 + ["c"]

    chosen = sample_examples(gold, 5, seed=1)

    assert sorted(gold[i] for i in chosen)[:3] != ["a", "a", "a"]
    assert {gold[i] for i in chosen} == {"a", "b", "c"}
    assert chosen == sample_examples(gold, 5, seed=1)
    assert len(sample_examples(gold, 100, seed=1)) == 54


def test_prompt_comes_back_from_json() -> None:
    prompt = Prompt(
        Goal(Output.TEXT, instruction="Go on."), ((("a", "b"), ("x", "y")),), one_line=False, completes_code=True
    )

    assert from_plain(json.loads(json.dumps(to_plain(prompt)))) == prompt


def test_examples_of_an_item_come_behind_those_of_all_items() -> None:
    prompt = Prompt(GOAL, (("where is it", "card_arrival"),))
    own = prompt.lead_with([("my card", "card")])
    assert own == "Text: my card\nLabel: card\n\n"
    assert prompt.lead + own == Prompt(GOAL, (*prompt.examples, ("my card", "card"))).lead
    assert prompt.lead_with([]) == ""


def test_examples_may_come_before_the_instruction() -> None:
    prompt = Prompt(GOAL, (("where is it", "card_arrival"),), chat=("<user>", "<end>"), examples_first=True)
    instruction = "Give the label. The labels: card arrival, card, top up.\n\n"
    assert prompt.lead == f"<user>Text: where is it\nLabel: card arrival\n\n{instruction}"
    assert prompt.common == "<user>Text: where is it\nLabel: card arrival\n\n"
    assert prompt.lead_with([("my card", "card")]) == f"Text: my card\nLabel: card\n\n{instruction}"
    assert from_plain(json.loads(json.dumps(to_plain(prompt)))) == prompt
