"""What of a generated text is the answer: without reasoning, special tokens, and the code fence around it."""

from __future__ import annotations

import re

_NAMES = "think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad|seed:think"
_OPENED = re.compile(rf"<(?:{_NAMES})>|\[THINK\]|◁think▷|<\|begin_of_thought\|>", re.IGNORECASE)
_CLOSED = re.compile(rf"</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>", re.IGNORECASE)
_FINAL = re.compile(r"<\|channel\|>\s*final\b[^<]*<\|message\|>")
"""The final channel of the Harmony format (gpt-oss)."""
_CHANNEL = re.compile(r"<\|channel\|>")
_END_TOKENS = re.compile(
    r"<\|(?:im_end|eot_id|end|endoftext|return|eom_id)\|>|</s>|<end_of_turn>|<｜end▁of▁sentence｜>"
)
_FENCE = re.compile(r"(?ms)^[ \t]*(```+|~~~+)[^\n`]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)")


def without_reasoning(text: str) -> str:
    """The text after the last end of reasoning; empty where reasoning was never ended and nothing precedes it.

    Example:
        >>> without_reasoning("<think>Money? No, sport.</think> sport"), without_reasoning("<think>It could be")
        ('sport', '')
    """
    finals = list(_FINAL.finditer(text))
    if finals:
        text = text[finals[-1].end() :]
    elif _CHANNEL.search(text):
        return ""
    closed = list(_CLOSED.finditer(text))
    if closed:
        text = text[closed[-1].end() :]
    opened = _OPENED.search(text)
    if opened:
        text = text[: opened.start()]
    ended = _END_TOKENS.search(text)
    return (text[: ended.start()] if ended else text).strip()


def without_fence(text: str) -> str:
    r"""The content of the code fence with which a text begins; other texts as they are.

    Example:
        >>> without_fence("```python\nprint(1)\n```\nThis prints 1.")
        'print(1)'
    """
    begins = text.lstrip()
    if not begins.startswith(("```", "~~~")):
        return text
    match = _FENCE.match(begins)
    return match[2].rstrip("\n") if match else begins.strip("`~ \n")
