"""The instruction that prompted models get: the task file's, or the task's own with the languages."""

from __future__ import annotations

from collections.abc import Sequence

from goldilocks.data.language import UNDETERMINED, languages
from goldilocks.errors import InputError
from goldilocks.protocols import HasChineseInstruction, SupportsLanguagePairs, Task
from goldilocks.records import Gold, TaskSpec
from goldilocks.support.text.language_names import language_name
from goldilocks.support.text.units import references

LOOKED_AT = 500
"""Gold answers whose language is detected."""
SURE = 0.5
"""Share of them that must be in one language for it to be named."""


def prompt_language_of(spec: TaskSpec, language: str) -> str:
    """Language of the prompts, ``en`` or ``zh``, for items in a language (BCP 47).

    Example:
        >>> from goldilocks.records import DataSpec
        >>> spec = TaskSpec("t", DataSpec("t.csv"), prompt_language="auto")
        >>> prompt_language_of(spec, "zh-Hans"), prompt_language_of(spec, "de")
        ('zh', 'en')
    """
    if spec.prompt_language != "auto":
        return spec.prompt_language
    return "zh" if language.split("-")[0] == "zh" else "en"


def instruction_for(spec: TaskSpec, task: Task, gold: Sequence[Gold], language: str) -> str:
    """The instruction.

    Args:
        spec: Its ``instruction`` has precedence, then ``target_language``; ``prompt_language`` says how the task's own
            is worded.
        task: Words its own (``protocols.SupportsLanguagePairs``) where it is about languages.
        gold: Gold answers of the training rows: they show the language where the task file does not say it.
        language: BCP 47 tag of the items.

    Raises:
        InputError: a target language is given where it is said by the instruction, or for a task that has none.
    """
    if spec.target_language is not None and not isinstance(task, SupportsLanguagePairs):
        raise InputError(f"task file: target_language goes with translation; {spec.task} has none, leave it out.")
    if spec.instruction is not None:
        if spec.target_language is not None:
            raise InputError(
                "task file: instruction replaces the task's own, so target_language would be ignored; "
                "leave one of them out."
            )
        return spec.instruction.strip()
    if not isinstance(task, SupportsLanguagePairs):
        if prompt_language_of(spec, language) == "zh" and isinstance(task, HasChineseInstruction):
            return task.INSTRUCTION_ZH
        return task.INSTRUCTION
    wanted = spec.target_language or _language_of(gold)
    # The table may lack a language that a model knows by its tag.
    target = language_name(wanted) or (wanted if spec.target_language else "")
    source = language_name(language)
    return task.instruction("" if source == target else source, target)


def _language_of(gold: Sequence[Gold]) -> str:
    shares = languages([references(answer)[0] for answer in gold[:LOOKED_AT]])
    language = max(shares, key=shares.__getitem__, default=UNDETERMINED)
    return language if language != UNDETERMINED and shares[language] > SURE else ""
