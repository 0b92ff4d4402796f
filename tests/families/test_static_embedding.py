from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from goldilocks.errors import InputError
from goldilocks.families import static_embedding
from goldilocks.records import Candidate, Goal, ModelInfo, Workload
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

WORDS = ["<unk>", "<s>", "</s>", "a", "b", "c"]
TABLE = np.array([[0, 0], [9, 9], [8, 8], [1, 0], [0, 1], [2, 2]], dtype=np.float16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Laid out as wordllama's package, with six tokens and a start token that texts must not get."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    for name in ("weights", "tokenizers"):
        (tmp_path / name).mkdir()
    tokenizer.save(str(tmp_path / "tokenizers" / "tiny_tokenizer_config.json"))
    save_file({"embedding.weight": TABLE}, tmp_path / "weights" / "tiny_2.safetensors")
    return tmp_path


def _facts(folder: Path) -> ModelInfo:
    info = static_embedding.describe(folder, str(folder))
    assert info is not None
    return info


def test_a_text_is_the_mean_of_its_tokens_without_a_start_token(folder: Path) -> None:
    network = static_embedding.create(_facts(folder), folder, tiny.part(), Goal(labels=("x", "y")), seed=0)
    features = network.features(["a b c", "c c", "a"])[:, 0]
    # Root mean square of the table: squares 0 0 81 81 64 64 1 0 0 1 4 4 sum to 300 over 12 numbers -> 5.
    assert features == pytest.approx(np.array([[1, 1], [2, 2], [1, 0]]) / 5)


def test_facts_come_from_the_header_of_the_table(folder: Path) -> None:
    info = _facts(folder)
    assert (info.parameters, info.width, info.depth) == (12, 2, 0)
    assert info.groups == ("embeddings", "head")
    assert info.licence == "unknown"


@pytest.mark.parametrize("spoil", ["no table", "no tokenizer", "another table", "not safetensors", "two tables"])
def test_other_folders_are_not_its_kind(folder: Path, spoil: str) -> None:
    table = folder / "weights" / "tiny_2.safetensors"
    if spoil == "no table":
        table.unlink()
    elif spoil == "no tokenizer":
        (folder / "tokenizers" / "tiny_tokenizer_config.json").unlink()
    elif spoil == "another table":
        save_file({"other": TABLE}, table)
    elif spoil == "not safetensors":
        table.write_bytes(b"PK\x03\x04 something else")
    else:
        save_file({"embedding.weight": TABLE}, folder / "weights" / "tiny_3.safetensors")
    assert static_embedding.describe(folder, "local") is None


def test_without_its_folder_it_says_what_it_wants(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pip install wordllama"):
        static_embedding.create(_facts(folder), tmp_path / "elsewhere", tiny.part(), Goal(labels=("x", "y")), seed=0)


def test_it_is_saved_and_restored(folder: Path, tmp_path: Path) -> None:
    network = static_embedding.create(_facts(folder), folder, tiny.part(), Goal(labels=("x", "y")), seed=0)
    network.save(tmp_path / "saved")
    restored = static_embedding.restore(tmp_path / "saved")
    texts = ["a b", "", "c", "zzz a"]
    assert np.array_equal(restored.predict(texts).probabilities, network.predict(texts).probabilities)


def _wordllama() -> Path:
    try:
        return Path(str(importlib.metadata.distribution("wordllama").locate_file("wordllama")))
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package wordllama is not installed (pip install goldilocks-lm[models])")


def test_wordllamas_own_files_give_wordllamas_vectors_up_to_scale() -> None:
    folder = _wordllama()
    info = static_embedding.describe(folder, "pypi://wordllama/wordllama")
    assert info is not None
    assert (info.parameters, info.width, info.licence) == (8_192_000, 256, "mit")
    network = static_embedding.create(info, folder, tiny.part(), tiny.GOAL, seed=0)
    text = "My card has not arrived yet."

    table = load_file(next(folder.glob("weights/*.safetensors")))["embedding.weight"].astype(np.float32)
    tokens = Tokenizer.from_str(next(folder.glob("tokenizers/*_tokenizer_config.json")).read_text(encoding="utf-8"))
    theirs = table[tokens.encode(text, add_special_tokens=False).ids].mean(0)  # as its inference.py does
    ours = network.features([text])[0, 0]
    assert ours @ theirs / np.linalg.norm(ours) / np.linalg.norm(theirs) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("method", ["head_only", "full"])
def test_wordllama_learns_a_task_of_words(method: str) -> None:
    folder = _wordllama()
    info = static_embedding.describe(folder, "pypi://wordllama/wordllama")
    assert info is not None
    part, unseen = tiny.part(90), tiny.part(60, seed=1)
    work = Workload(rows=90, characters=30, words=6, labels=3)
    run = Run(Candidate(info, method), part, tiny.GOAL, RunSetup(model_folder=folder, work=work, seed=0))
    run.advance(1.0)
    right = np.array(tiny.LABELS)[run.model.predict(unseen.texts).probabilities.argmax(1)] == np.array(unseen.gold)
    assert right.mean() > 0.9


def test_a_damaged_tokenizer_file_is_named(folder: Path) -> None:
    (folder / "tokenizers" / "tiny_tokenizer_config.json").write_text(json.dumps({"version": "1.0"}))
    with pytest.raises(InputError, match="tiny_tokenizer_config"):
        static_embedding.create(_facts(folder), folder, tiny.part(), Goal(labels=("x", "y")), seed=0)
