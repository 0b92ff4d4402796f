"""A tokenizer as a Hub folder's: ``tokenizer.json``, and ``tokenizer_config.json`` that transformers loads it by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_ROLES = {
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]",),
    "sep_token": ("[SEP]",),
    "mask_token": ("[MASK]", "<mask>"),
}
"""Special tokens by the names that BERT-shaped checkpoints give them; transformers adds no others."""


def save_tokenizer(
    tokenizer: Tokenizer,
    folder: Path,
    *,
    max_tokens: int,
    pad_id: int,
    types: bool,
    normalisation: str = "",
    special: dict[str, str] | None = None,
) -> None:
    """Write the two files; the tokenizer itself does not change.

    Args:
        tokenizer: The network's.
        folder: The Hub folder.
        max_tokens: ``model_max_length``: what ``truncation=True`` truncates to.
        pad_id: Token that pads a batch.
        types: Whether the model takes token types.
        normalisation: Unicode form that texts are brought to first; empty: none.
        special: Further roles, such as ``eos_token``.
    """
    from tokenizers import Tokenizer, normalizers

    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    if normalisation:
        form = {"NFC": normalizers.NFC, "NFKC": normalizers.NFKC}[normalisation]()
        copy.normalizer = normalizers.Sequence([form, copy.normalizer]) if copy.normalizer else form
    copy.save(str(folder / "tokenizer.json"))
    known = copy.get_vocab(with_added_tokens=True)
    roles: dict[str, Any] = {
        role: name for role, names in _ROLES.items() for name in names if name in known and role not in (special or {})
    }
    pad = copy.id_to_token(pad_id)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_tokens,
        "model_input_names": ["input_ids", *(["token_type_ids"] if types else []), "attention_mask"],
        "padding_side": "right",
        "clean_up_tokenization_spaces": False,
        **roles,
        **({"pad_token": pad} if pad is not None else {}),
        **(special or {}),
    }
    text = json.dumps(config, ensure_ascii=False, indent=2)
    (folder / "tokenizer_config.json").write_text(text, encoding="utf-8")
