"""How often is the encoding of text that is not UTF-8 detected: our detector against charset-normalizer?

Run:    python benchmarks/encoding_detection.py --catalogues /usr/share/vim/vim90/lang /usr/share/locale
Needs:  CPU only, about a minute; gettext catalogues (.mo) with translations in the languages below, as Linux
        distributions install them with vim, bash, sed or glibc. Results of record are in benchmarks/results/.

Measured: the share of samples that are decoded to exactly the text that was encoded (what matters to the rows), and the
seconds per sample. A sample is 1, 10 or 100 messages of a catalogue, encoded; samples that are ASCII are passed over.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import gettext
import json
import platform
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import charset_normalizer

from goldilocks.data.readers.encodings import detect

ENCODED = {
    "zh_CN": ["gb18030"],
    "zh_TW": ["big5", "gb18030"],
    "ja": ["shift_jis", "euc_jp"],
    "ko": ["euc_kr"],
    "de": ["cp1252"],
    "fr": ["cp1252"],
    "es": ["cp1252"],
    "pt_BR": ["cp1252"],
    "sv": ["cp1252"],
    "pl": ["cp1250"],
    "cs": ["cp1250"],
    "ru": ["cp1251", "koi8_r"],
    "uk": ["cp1251"],
    "el": ["cp1253"],
}
SIZES = (1, 10, 100)


def messages(folders: list[Path], language: str) -> Iterator[str]:
    """Translations of a language in all catalogues, as lines."""
    for folder in folders:
        for path in sorted(folder.glob(f"{language}*/LC_MESSAGES/*.mo")):
            if path.parent.parent.name not in (language, f"{language}.UTF-8"):
                continue
            try:
                with path.open("rb") as file:
                    catalogue = gettext.GNUTranslations(file)
            except (OSError, UnicodeDecodeError, ValueError):
                continue
            for key, text in catalogue._catalog.items():  # type: ignore[attr-defined]
                if key and isinstance(text, str):
                    yield from (line for line in text.splitlines() if not line.isascii())


def samples(lines: list[str], codec: str, size: int, n_samples: int, seed: int) -> list[tuple[bytes, str]]:
    """Encoded samples and their texts."""
    rng = random.Random(seed)
    made = []
    for _ in range(n_samples):
        text = "\n".join(rng.sample(lines, min(size, len(lines))))
        try:
            encoded = text.encode(codec)
        except UnicodeEncodeError:
            continue
        try:
            encoded.decode("utf-8")
        except UnicodeDecodeError:
            made.append((encoded, text))
    return made


def ours(sample: bytes) -> str | None:
    """Our detector's text."""
    codec = detect(sample)
    return None if codec is None else sample.decode(codec[0], errors="replace")


def theirs(sample: bytes) -> str | None:
    """charset-normalizer's text, from its best guess."""
    best = charset_normalizer.from_bytes(sample).best()
    return None if best is None else str(best)


def main() -> None:
    """Print a line for each language, encoding and size, and the totals as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--catalogues", type=Path, nargs="+", required=True)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    detectors: dict[str, Callable[[bytes], str | None]] = {"goldilocks": ours, "charset-normalizer": theirs}
    results = []
    for language, codecs in ENCODED.items():
        lines = list(dict.fromkeys(messages(options.catalogues, language)))
        if len(lines) < max(SIZES):
            print(f"{language}: {len(lines)} messages, passed over")
            continue
        for codec in codecs:
            for size in SIZES:
                made = samples(lines, codec, size, options.samples, options.seed)
                if not made:
                    continue
                row: dict[str, object] = {"language": language, "encoding": codec, "messages": size, "n": len(made)}
                for name, detector in detectors.items():
                    since = time.perf_counter()
                    answers = [detector(sample) for sample, _ in made]
                    seconds = (time.perf_counter() - since) / len(made)
                    right = [answer == text for answer, (_, text) in zip(answers, made, strict=True)]
                    row[name] = {
                        "right": sum(right) / len(made),
                        "undecided": sum(answer is None for answer in answers) / len(made),
                        "seconds": round(seconds, 5),
                    }
                results.append(row)
                print(json.dumps(row))
    print(
        json.dumps(
            {
                "python": platform.python_version(),
                "machine": platform.machine(),
                "charset_normalizer": charset_normalizer.__version__,
                "seed": options.seed,
                "results": results,
            }
        )
    )


if __name__ == "__main__":
    main()
