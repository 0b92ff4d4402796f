"""The chat template of a checkpoint: what precedes a user's message, and what follows it up to the assistant's answer.

A template is a Jinja program that comes with the checkpoint. It is rendered once, in Jinja's sandbox, for a single
message; what it puts around the message is kept as text. Where it cannot be rendered the checkpoint counts as one
without a template.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_MESSAGE = "GOLDILOCKS-MESSAGE"


def chat_frame(folder: Path) -> tuple[str, str]:
    """The text before and after a user's message; two empty texts where there is no template that can be rendered.

    The BOS token is left out: the tokenizer's own template adds it.
    """
    template, special = _template(folder)
    if not template:
        return "", ""
    import jinja2.sandbox

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = _refuse
    try:
        rendered = environment.from_string(template).render(
            messages=[{"role": "user", "content": _MESSAGE}],
            add_generation_prompt=True,
            bos_token="",
            eos_token=special,
        )
    except Exception:  # noqa: BLE001 (a template is a program: it may fail in any way)
        return "", ""
    before, message, after = rendered.partition(_MESSAGE)
    return (before, after) if message and after and _MESSAGE not in after else ("", "")


def _refuse(message: str) -> str:
    """What templates call where they do not like the messages."""
    raise ValueError(message)


def _template(folder: Path) -> tuple[str, str]:
    """The template and the EOS token; an empty template where there is none."""
    try:
        config: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        config = {}
    token = config.get("eos_token") if isinstance(config, dict) else None
    special = str(token.get("content", "") if isinstance(token, dict) else token or "")
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8", errors="replace"), special
    template = config.get("chat_template") if isinstance(config, dict) else None
    if isinstance(template, list):  # several by name
        template = next((named.get("template") for named in template if named.get("name") == "default"), None)
    return (template if isinstance(template, str) else ""), special
