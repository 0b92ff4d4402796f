"""Model card: YAML metadata for the Hub, scores, intended use, limitations, how to reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks import plugins
from goldilocks.bundle.compression_table import markdown
from goldilocks.bundle.layout import BundleInfo
from goldilocks.records import Compression, Decision, Exported, Measured, Output
from goldilocks.records.assumptions import assumed_values
from goldilocks.support.control_characters import visible
from goldilocks.support.text.translation import _, localised

_HUB_METRICS = {"macro_f1": "f1", "micro_f1": "f1", "weighted_f1": "f1"}
_PARTS = {
    "validation": "Validation (used for the decision, so slightly optimistic)",
    "test": "Test (scored after the decision)",
}
_MAX_LABELS = 50
_HUB_TASKS = {
    Output.LABEL: "text-classification",
    Output.TAGS: "token-classification",
    Output.SCORE: "sentence-similarity",
    Output.SPAN: "question-answering",
    Output.TEXT: "text-generation",
    Output.LIKELIHOOD: "text-generation",
}
"""Pipeline tags of the Hub by kind of answer."""
_ANSWERS = {
    Output.SCORE: "a number (for several candidates, one each)",
    Output.SPAN: "a span of the context, or empty if the context holds no answer",
    Output.TEXT: "a text",
    Output.LIKELIHOOD: "the natural logarithm of the text's probability",
}
_ITEMS = {
    Output.TAGS: '("the", "words", "of", "a", "sentence")',
    Output.SCORE: '("a text", "another")',
    Output.SPAN: '("a question", "its context")',
}
_EXAMPLE = """\
## How to use

```python
import goldilocks

bundle = goldilocks.load("path/to/this/folder")
bundle.predict([ITEM])[0].answer
```

```sh
goldilocks predict path/to/this/folder texts.txt
goldilocks verify path/to/this/folder
```"""


def card(info: BundleInfo, decision: Decision | None = None) -> str:
    """``README.md`` of a bundle: YAML head, decision, scores with intervals, use, limitations, how to reproduce."""
    import yaml

    head = yaml.safe_dump(_head(info), allow_unicode=True, sort_keys=False, width=1_000)
    sections = [
        _title(info),
        _scores(info, decision),
        _use(info),
        _limits(info, decision),
        *([_compression(info.compression)] if info.compression else []),
        _example(info),
        _made(info, decision),
    ]
    body = "\n\n".join(sections)
    return visible(f"---\n{head}---\n\n{_translated(body)}\n")


def _translated(body: str) -> str:
    """The card in the language of the context, line by line; cells of tables one by one, code as it is."""
    lines: list[str] = []
    code = False
    for line in body.split("\n"):
        code ^= line.startswith("```")
        if code or line.startswith("```"):
            lines.append(line)
        elif line.startswith("| "):
            lines.append("| " + " | ".join(localised(cell.strip()) for cell in line.strip("| ").split(" | ")) + " |")
        else:
            lines.append(localised(line))
    return "\n".join(lines)


def exported_card(info: BundleInfo, exported: Exported) -> str:
    """``README.md`` of an exported folder: the bundle's YAML head and scores, and how the exported form is used."""
    import yaml

    head = _head(info) | {"library_name": exported.loaded_by}
    text = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=1_000)
    sections = [_title(info), exported.usage, _scores(info, None), _use(info), _limits(info, None), _made(info, None)]
    return visible(f"---\n{text}---\n\n" + "\n\n".join(sections) + "\n")


def _example(info: BundleInfo) -> str:
    item = _ITEMS.get(info.output, '"a text"')
    if info.output is Output.SCORE and any(role.endswith("+") for role in plugins.load("tasks", info.task).LINE):
        item = '("a query", "a candidate", "another")'
    return _EXAMPLE.replace("ITEM", item)


def _head(info: BundleInfo) -> dict[str, Any]:
    head: dict[str, Any] = {}
    if info.licence != "none-needed":
        head["license"] = info.licence
    if info.language not in ("", "und", "unknown"):
        head["language"] = [info.language]
    head["library_name"] = "goldilocks"
    head["pipeline_tag"] = _HUB_TASKS[info.output]
    head["tags"] = ["goldilocks", info.family.replace("_", "-"), info.method.replace("_", "-")]
    if info.facts.source.startswith("hf://"):
        head["base_model"] = info.facts.source.removeprefix("hf://").partition("@")[0]
    head["metrics"] = sorted({_HUB_METRICS.get(name, name) for name in {**info.validation, **info.test}})
    results = [_result(info, part, scores) for part, scores in _parts(info) if scores]
    head["model-index"] = [{"name": f"{info.family}/{info.model}/{info.method}", "results": results}]
    return head


def _parts(info: BundleInfo) -> list[tuple[str, Mapping[str, Measured]]]:
    return [("validation", info.validation), ("test", info.test)]


def _result(info: BundleInfo, part: str, scores: Mapping[str, Measured]) -> dict[str, Any]:
    return {
        "task": {"type": _HUB_TASKS[info.output], "name": info.task},
        "dataset": {
            "name": f"rows with fingerprint {info.data_fingerprint}",
            "type": f"fingerprint-{info.data_fingerprint}",
            "split": part,
            "revision": info.data_fingerprint,
        },
        "metrics": [
            {
                "type": _HUB_METRICS.get(name, name),
                "name": name,
                "value": round(score.value, 6),
                "args": {"low": round(score.low, 6), "high": round(score.high, 6), "confidence": 0.95, "n": score.n},
            }
            for name, score in scores.items()
        ],
    }


def _title(info: BundleInfo) -> str:
    candidate = f"{info.family}/{info.model}/{info.method}"
    title = _("# {candidate} for {task}").format(candidate=candidate, task=localised(info.task.replace("_", " ")))
    return f"{title}\n\n{info.decision}"


def _scores(info: BundleInfo, decision: Decision | None) -> str:
    lines = ["## Scores", "", "| part | metric | value | 95% interval | texts |", "|---|---|---|---|---|"]
    for part, scores in _parts(info):
        for name, score in scores.items():
            mark = " (decides)" if name == info.metric else ""
            interval = f"{score.low:.4f} to {score.high:.4f}"
            lines.append(f"| {_PARTS[part]} | {name}{mark} | {score.value:.4f} | {interval} | {score.n:,} |")
    lines += [f"\n{metric}: {words}." for metric, words in (decision.conditions if decision else {}).items()]
    if info.test_opened:
        lines.append(
            "\nThe test set was scored before this model was chosen (with another candidate, or before the search was "
            "resumed), so its test score is not an unbiased estimate."
        )
    return "\n".join(lines)


def _use(info: BundleInfo) -> str:
    return (
        "## Intended use\n\n"
        f"Texts from the same source as the training data, in the language `{info.language}`. "
        f"The output is {_answer(info)}."
    )


def _answer(info: BundleInfo) -> str:
    if info.output in _ANSWERS:
        return _ANSWERS[info.output]
    shown = ", ".join(f"`{_in_code(label)}`" for label in info.labels[:_MAX_LABELS])
    more = f" and {len(info.labels) - _MAX_LABELS} more" if len(info.labels) > _MAX_LABELS else ""
    listed, count = f"{shown}{more}", len(info.labels)
    if info.output is Output.TAGS:
        return f"one tag per word, out of {count} tags: {listed}"
    return f"any number of {count} labels: {listed}" if info.several else f"one of {count} labels: {listed}"


def _compression(record: Compression) -> str:
    return (
        "## Compression\n\nThe scores above are those of the compressed model on the rows of the compression.\n\n"
        + markdown(record)
    )


def _in_code(label: str) -> str:
    """A label that can be put between backticks, on one line."""
    return " ".join(label.replace("`", "'").split())


def _limits(info: BundleInfo, decision: Decision | None) -> str:
    facts = info.facts
    lines = [
        "## Limitations",
        "",
        "- The scores apply to texts from the same source as the training data. For other texts, measure first: "
        "`goldilocks evaluate`.",
        *(
            ["- The model assigns one of its labels to every text, including texts to which none applies."]
            if info.goal.one_label
            else []
        ),
        f"- Base model: {facts.architecture}; pre-training: {facts.pretraining}; licence: {facts.licence}.",
    ]
    lines += _money(decision) if decision else []
    rule = info.answer_rule
    if rule.error_costs:
        lines.append("- An answer is the label with the lowest expected cost of errors, not always the most probable.")
    if rule.review_below is not None:
        lines.append(f"- Answers with a certainty below {rule.review_below:.3f} are marked `review`: a person decides.")
    footprint = decision.winner.footprint if decision else None
    if decision and footprint:
        lines.append(
            f"- Measured on {decision.machine.name} (CPU cores: {decision.machine.cores}): "
            f"{footprint.latency_p95_ms.value:.1f} ms for one text (95th percentile), "
            f"{footprint.texts_per_second:,.0f} texts per second in batches, "
            f"{footprint.memory_bytes / 1e6:,.0f} MB of memory, {footprint.size_bytes / 1e6:,.1f} MB on disk."
        )
    return "\n".join(lines)


def _money(decision: Decision) -> list[str]:
    """What the choice rests on: the verdict, and values that the user did not state."""
    lines: list[str] = []
    verdict, assumed = decision.verdict, assumed_values(decision)
    if verdict is not None and verdict.useful and verdict.against:
        lines.append(f"- Better than the baselines: {verdict.reason}.")
    if assumed:
        lines.append(f"- Assumed in the decision, not stated: {'; '.join(assumed)}.")
    return lines


def _made(info: BundleInfo, decision: Decision | None) -> str:
    rows = ", ".join(f"{count:,} {part}" for part, count in info.rows.items())
    seed = f" Seed {info.seed}." if info.seed is not None else ""
    versions = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    command = (
        "goldilocks select"
        if decision
        else f"goldilocks tune --candidate {info.facts.family}/{info.model}/{info.method}"
    )
    return (
        "## Reproduce\n\n"
        f"`{command}` with the same task file and the same rows ({rows}; fingerprint `{info.data_fingerprint}`)."
        f"{seed} Written by {info.created_by}{f'; {versions}' if versions else ''}."
    )
