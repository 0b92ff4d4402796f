from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from goldilocks.errors import InputError
from goldilocks.pretrain.folder import copy_tokenizer, write_card, write_model
from goldilocks.pretrain.settings import PretrainSettings


def test_card_has_the_head_that_the_hub_reads(tmp_path: Path) -> None:
    out = tmp_path / "mymodel"
    out.mkdir()
    write_card(PretrainSettings(licence="mit", languages=("de", "zh-Hant")), {"steps": "10"}, out)
    _, head, body = (out / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) == {"license": "mit", "library_name": "transformers", "language": ["de", "zh-Hant"]}
    assert body == "# mymodel\n\n- steps: 10\n"


def test_tokenizer_files_that_are_there_are_copied(tmp_path: Path) -> None:
    start, out = tmp_path / "start", tmp_path / "out"
    start.mkdir()
    out.mkdir()
    (start / "tokenizer.json").write_text("{}")
    (start / "other.json").write_text("{}")
    copy_tokenizer(start, out)
    assert [path.name for path in out.iterdir()] == ["tokenizer.json"]


def test_model_is_written_beside_first_and_then_moved(tmp_path: Path) -> None:
    class Model:
        def cpu(self) -> Model:
            return self

        def save_pretrained(self, folder: Path) -> None:
            folder.mkdir(parents=True)
            (folder / "config.json").write_text("{}")

    write_model(Model(), tmp_path / "work", tmp_path)  # type: ignore[arg-type]
    assert (tmp_path / "config.json").read_text() == "{}"
    assert not (tmp_path / "work" / "model").exists()


def test_full_disk_is_named(tmp_path: Path) -> None:
    class Model:
        def cpu(self) -> Model:
            return self

        def save_pretrained(self, _: Path) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"No space left on device.*then --resume"):
        write_model(Model(), tmp_path / "work", tmp_path)  # type: ignore[arg-type]
