from __future__ import annotations

import json
from pathlib import Path

import pytest

from goldilocks.nets.generation.prompts import Prompt, from_plain, to_plain
from goldilocks.nets.hub.chat_template import chat_frame
from goldilocks.records import Goal

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_template_file_frames_a_message(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(CHATML, encoding="utf-8")

    assert chat_frame(tmp_path) == ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")


def test_template_in_the_tokenizer_configuration_counts_too_and_bos_is_left_out(tmp_path: Path) -> None:
    template = "{{ bos_token }}[INST] {{ messages[0]['content'] }} [/INST]{{ eos_token }}"
    config = {"chat_template": template, "bos_token": "<s>", "eos_token": {"content": "</s>"}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")

    assert chat_frame(tmp_path) == ("[INST] ", " [/INST]</s>")


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no user') }}",
        "{{ messages[0]['content'].__class__.__mro__ }}",  # what the sandbox forbids
        "{% for %}",
        "no message",
        "{{ messages[0]['content'] }}{{ messages[0]['content'] }}",
    ],
)
def test_template_that_cannot_be_rendered_counts_as_none(tmp_path: Path, template: str) -> None:
    (tmp_path / "chat_template.jinja").write_text(template, encoding="utf-8")

    assert chat_frame(tmp_path) == ("", "")


def test_folder_without_a_template_has_none(tmp_path: Path) -> None:
    assert chat_frame(tmp_path) == ("", "")


def test_prompt_is_one_message_and_the_answer_is_the_assistants() -> None:
    goal = Goal(labels=("food", "sport"), instruction="Give the label.")
    prompt = Prompt(goal, (("soup", "food"),), chat=("<user>", "<end><assistant>"))

    assert prompt.lead == "<user>Give the label. The labels: food, sport.\n\nText: soup\nLabel: food\n\n"
    assert prompt.ask("goal") == "Text: goal\nLabel:<end><assistant>"
    assert prompt.reply("sport") == "sport"
    assert from_plain(json.loads(json.dumps(to_plain(prompt)))) == prompt


def test_program_is_completed_without_a_frame() -> None:
    prompt = Prompt(Goal(), completes_code=True, chat=("<user>", "<assistant>"))

    assert prompt.lead + prompt.ask("def f():") == "def f():"
