from __future__ import annotations

import pytest

from goldilocks.support.endpoints.answer_text import without_fence, without_reasoning


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>It is money.</think>\n\nsport", "sport"),
        ("<THINKING>a</THINKING><think>b</think>sport", "sport"),
        ("the template opened it</think>sport", "sport"),
        ("[THINK]money[/THINK]sport", "sport"),
        ("◁think▷money◁/think▷sport", "sport"),
        ("<think>never closed, money", ""),
        ("sport\n<think>after the answer", "sport"),
        (
            "<|channel|>analysis<|message|>money?<|end|><|start|>assistant<|channel|>final<|message|>sport<|return|>",
            "sport",
        ),
        ("<|channel|>analysis<|message|>money?", ""),
        ("sport<|im_end|>\n<|im_start|>user", "sport"),
        ("a < b and b > c", "a < b and b > c"),
    ],
)
def test_reasoning_is_no_part_of_an_answer(text: str, answer: str) -> None:
    assert without_reasoning(text) == answer


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("```\nBONJOUR\n```", "BONJOUR"),
        ("```python\nx = 1\n\ny = 2\n```\nThis sets x.", "x = 1\n\ny = 2"),
        ("```sql\nSELECT 1", "SELECT 1"),
        ("~~~\na\n~~~", "a"),
        ("`a` is a name", "`a` is a name"),
    ],
)
def test_fence_around_an_answer_is_removed(text: str, content: str) -> None:
    assert without_fence(text) == content
