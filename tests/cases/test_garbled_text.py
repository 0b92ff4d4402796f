"""Texts that were decoded in the wrong encoding before they came here are named."""

from pathlib import Path

import pytest
from case_files import as_csv, dataset, topic_rows

from goldilocks.data.checks.garbled import is_garbled

TEXTS = {
    "zh": "银行今天宣布提高贷款利率",
    "ja": "監督は試合の結果に満足している",
    "ko": "은행은 오늘 대출 금리를 인상했다",
    "ru": "Банк сегодня повысил ставку",
    "he": "הבנק העלה את הריבית",
    "ar": "رفع البنك سعر الفائدة اليوم",
    "de": "Die größte Bank erhöht die Zinsen für Häuser",
    "fr": "« L’équipe a gagné la finale » à l’été…",
    "pt": "NÃO É, IRMÃ… «CAFÉ»",
}


@pytest.mark.parametrize("language", TEXTS)
def test_correct_text_is_not_garbled(language: str) -> None:
    assert not is_garbled(TEXTS[language])


@pytest.mark.parametrize("language", ["zh", "ja", "ko", "ru", "he", "ar", "de", "fr"])
def test_utf8_that_was_read_as_latin_is_garbled(language: str) -> None:
    assert is_garbled(TEXTS[language].encode().decode("latin-1"))


@pytest.mark.parametrize(
    ("language", "codec"),
    [("zh", "gb18030"), ("ja", "shift_jis"), ("ko", "euc_kr"), ("ru", "cp1251"), ("he", "cp1255"), ("ar", "cp1256")],
)
def test_another_encoding_that_was_read_as_latin_is_garbled(language: str, codec: str) -> None:
    assert is_garbled(TEXTS[language].encode(codec).decode("latin-1"))


def test_rows_with_garbled_text_are_a_finding(tmp_path: Path) -> None:
    rows = topic_rows(60)
    rows[3] = ("grÃ¶ÃŸe " + rows[3][0], rows[3][1])
    rows[7] = ("caf\ufffd " + rows[7][0], rows[7][1])
    (tmp_path / "x.csv").write_bytes(as_csv(rows))
    found = [finding for finding in dataset(tmp_path, train="x.csv").findings if finding.code == "garbled"]
    assert sorted(row for finding in found for row in finding.rows) == [4, 8]
