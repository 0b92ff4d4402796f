from pathlib import Path

import pytest

import goldilocks.metrics
from goldilocks import plugins
from goldilocks.errors import InputError, MissingError


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(MissingError, match="Did you mean 'macro_f1'"):
        plugins.load("metrics", "macro-f1")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A second folder on the metrics shelf, for files that live only during one test."""
    monkeypatch.setattr(goldilocks.metrics, "__path__", [*goldilocks.metrics.__path__, str(tmp_path)])
    return tmp_path


def test_half_written_plugin_lists_what_it_lacks(shelf: Path) -> None:
    (shelf / "half.py").write_text("RANGE = (0.0, 1.0)\n")

    with pytest.raises(
        InputError, match="metrics/half lacks EXAMPLES, HIGHER_IS_BETTER, OUTPUTS, SOURCE, items, total"
    ):
        plugins.load("metrics", "half")


def test_missing_package_is_named_with_the_command_that_installs_it(shelf: Path) -> None:
    (shelf / "needy.py").write_text("import not_a_package\n")

    with pytest.raises(MissingError, match="pip install not_a_package"):
        plugins.load("metrics", "needy")


def test_names_and_summaries_import_nothing(shelf: Path) -> None:
    (shelf / "explodes.py").write_text('"""One sentence: what it is.\n\nMore."""\nraise RuntimeError\n')

    assert "explodes" in plugins.names("metrics")
    assert plugins.summary("metrics", "explodes") == "One sentence: what it is."


def test_every_plugin_says_in_a_sentence_what_it_is() -> None:
    for shelf in plugins.PROTOCOLS:
        for name in plugins.names(shelf):
            assert len(plugins.summary(shelf, name)) > 10, f"{shelf}/{name}"
