from __future__ import annotations

import json

from goldilocks.nets.generation.example_selection import ExampleSelector, Settings
from goldilocks.nets.generation.prompt_state import PromptState, prompt_state_from
from goldilocks.nets.generation.prompts import Prompt
from goldilocks.records import Goal, Output
from goldilocks.testing import tiny


def test_state_survives_json() -> None:
    goal = Goal(Output.LABEL, ("dry", "wet"), instruction="Give the label.")
    plain = PromptState(Prompt(goal, (("rain", "wet"),)), (0.5, -0.25), max_tokens=7)
    part = tiny.part(6)
    own = ExampleSelector(Settings("nearest"), 2, part.texts, part.gold, seed=0)

    assert prompt_state_from(json.loads(json.dumps(plain.to_plain()))) == plain
    raw = json.loads(json.dumps(PromptState(plain.prompt, selector=own).to_plain()))
    selector = prompt_state_from(raw).selector
    assert selector is not None
    assert selector.examples(part.texts[0]) == own.examples(part.texts[0])
