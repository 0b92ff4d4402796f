"""How small and how fast does a bundle become within one point of its score, and what does each step cost?

Run:    python benchmarks/compression.py --set mr --candidate tfidf_linear/word_char/scratch --train 4000 --dev 2500
Needs:  the data folder; a minute for n-gram models, some minutes for encoders, whose latency wants a quiet machine.
        Results of record are in benchmarks/results/.

Rows are drawn from one file with --seed: the first part tunes, the second is the gate's, the rest is the test set that
scores the original and the compressed bundle once. Measured as ``goldilocks compress`` does: every model that passes in
a process of its own, one text at a time and in batches of 32; the load of the machine stands in the result. The last
line of output is one JSON object.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from bench_data import keep, machine, options, rows, write_rows

import goldilocks
from goldilocks.bundle.compression_table import markdown
from goldilocks.bundle_compression import CompressionSettings, compress_bundle
from goldilocks.support.files import plain


def main() -> None:
    """Tune, compress, score on unseen rows."""
    parser = options(__doc__)
    parser.add_argument("--set", default="mr", help="folder of the data set")
    parser.add_argument("--part", default="all", help="its file")
    parser.add_argument("--candidate", default="tfidf_linear/word_char/scratch")
    parser.add_argument("--train", type=int, default=4_000)
    parser.add_argument("--dev", type=int, default=2_500)
    parser.add_argument("--max-loss", type=float, default=0.01)
    parser.add_argument("--prefer", default="size")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    got = rows(chosen.data, chosen.set, chosen.part)
    random.Random(chosen.seed).shuffle(got)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        edge = chosen.train + chosen.dev
        parts = {"train": got[: chosen.train], "dev": got[chosen.train : edge], "test": got[edge:]}
        for name, part in parts.items():
            write_rows(folder / f"{name}.jsonl", part)
        train, dev, test = (str(folder / f"{name}.jsonl") for name in parts)
        goldilocks.tune(train, chosen.candidate, out=folder / "bundle", seed=chosen.seed)
        settings = CompressionSettings(chosen.max_loss, chosen.prefer)
        record = compress_bundle(folder / "bundle", dev, folder / "small", settings)
        before, after = (goldilocks.evaluate(folder / name, test).score for name in ("bundle", "small"))
    print(markdown(record))
    print(f"test ({before.n:,} rows): original {before.value:.4f}, compressed {after.value:.4f}")
    setting = {name: getattr(chosen, name) for name in ("set", "candidate", "train", "dev", "seed")}
    result = {"benchmark": "compression", **setting, "record": plain(record), "test": plain([before, after])}
    family = chosen.candidate.split("/")[0]
    keep(f"compression-{chosen.set}-{family}", result | machine())


if __name__ == "__main__":
    main()
