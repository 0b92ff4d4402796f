import importlib.metadata
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue, source_of, unique
from goldilocks.errors import MissingError
from goldilocks.records import ModelInfo

CATALOGUE = {facts.name: facts for facts in catalogue()}


def test_names_and_sources_are_unique() -> None:
    assert len(CATALOGUE) == len({facts.source for facts in catalogue()}) == len(catalogue())
    assert not any("/" in name for name in CATALOGUE)


@pytest.mark.parametrize("facts", catalogue(), ids=lambda facts: facts.name)
def test_entry_says_all_that_the_rules_ask_for(facts: ModelInfo) -> None:
    assert facts.licence == facts.licence.lower() != ""
    assert facts.languages
    assert facts.parameters > 0
    assert facts.size_bytes > 0
    assert facts.source.startswith(("pypi://", "hf://"))
    assert facts.sha256 or facts.source.startswith("hf://"), "what comes in a package is checked"


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "l2_supercat_256"])
def test_packaged_model_is_what_its_family_finds_in_the_files(name: str) -> None:
    facts = CATALOGUE[name]
    try:
        folder = folder_of(facts, offline=True)
    except MissingError as error:
        pytest.skip(str(error))

    result = plugins.load("families", facts.family).describe(folder, facts.source)

    assert result is not None
    for field in ("family", "architecture", "parameters", "size_bytes", "groups", "depth", "width", "max_tokens"):
        assert getattr(result, field) == getattr(facts, field), field


# BERT's weights: embeddings (vocabulary + 512 positions + 2 types) x width with their norm; a layer has 4 square
# matrices and 2 of width x 4 width, biases of 9 widths and 2 norms; the pooler is one more square matrix.
@pytest.mark.parametrize(
    ("name", "vocabulary"),
    [
        ("all-MiniLM-L6-v2", 30522),
        ("bert-base-uncased", 30522),
        ("bge-small-en-v1.5", 30522),
        ("bge-small-zh-v1.5", 21128),
        ("bert-base-chinese", 21128),
        ("rbt3", 21128),
        ("multilingual-e5-small", 250037),
    ],
)
def test_parameters_follow_from_the_published_shape(name: str, vocabulary: int) -> None:
    facts = CATALOGUE[name]
    w = facts.width

    embeddings = (vocabulary + 512 + 2) * w + 2 * w
    layer = 12 * w**2 + 9 * w + 4 * w
    assert facts.parameters == embeddings + facts.depth * layer + w**2 + w


def test_catalogue_knows_its_models_by_name_and_by_hub_id() -> None:
    assert source_of("rbt3", Path()) == source_of("hfl/rbt3", Path()) == "hf://hfl/rbt3"
    assert source_of("hfl/rbt3@abc", Path()) == "hf://hfl/rbt3@abc"


def test_folder_goes_before_a_hub_id_of_the_same_spelling(tmp_path: Path) -> None:
    (tmp_path / "org" / "name").mkdir(parents=True)

    assert source_of("org/name", tmp_path) == str(tmp_path / "org" / "name")
    assert source_of("org/other", tmp_path) == "hf://org/other"


def test_third_model_of_a_name_gets_a_third_name() -> None:
    def named(source: str) -> ModelInfo:
        return ModelInfo("mine", "fake", source, "", "", (), "mit", 1, 1)

    models = unique([named("a"), named("b"), named("a"), named("c"), named("b")])

    assert [(model.name, model.source) for model in models] == [("mine", "a"), ("mine-2", "b"), ("mine-3", "c")]


def test_reading_a_packaged_model_does_not_import_the_package() -> None:
    import subprocess
    import sys

    if not any(distribution.name == "wordllama" for distribution in importlib.metadata.distributions()):
        pytest.skip("wordllama is not installed")
    code = (
        "import sys; from goldilocks.catalog.fetch import folder_of;"
        "folder_of('pypi://wordllama/wordllama', offline=True); print('wordllama' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
