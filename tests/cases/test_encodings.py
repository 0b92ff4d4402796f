"""Files that are not UTF-8 are read in the encoding that their characters show, or their lines are named."""

import gzip
import unicodedata
from pathlib import Path

import pytest
from case_files import as_csv, reading

from goldilocks import plugins
from goldilocks.data.readers.encodings import detect, marked_encoding
from goldilocks.data.unlabelled import arriving, columns_of
from goldilocks.errors import InputError

TEXTS = {
    "gb18030": ["这家酒店的服务非常好", "房间太小，而且很吵", "早餐不错，下次还会来"],
    "big5": ["這家飯店的服務非常好", "房間太小，而且很吵", "早餐不錯，下次還會來"],
    "shift_jis": ["このホテルのサービスはとても良かった", "部屋が狭くてうるさい", "朝食がおいしいのでまた来ます"],
    "euc_jp": ["このホテルのサービスはとても良かった", "部屋が狭くてうるさい", "朝食がおいしいのでまた来ます"],
    "euc_kr": ["이 호텔의 서비스는 정말 좋았습니다", "방이 너무 작고 시끄러워요", "아침 식사가 맛있어서 또 올게요"],
    "cp1252": ["Das Frühstück war köstlich", "Zimmer zu klein, außerdem laut", "Für uns war es schön"],
    "cp1250": ["Śniadanie było bardzo dobre", "Pokój jest za mały i głośny", "Następnym razem też przyjdę"],
    "cp1251": ["Завтрак был очень вкусный", "Комната маленькая и шумная", "В следующий раз приедем снова"],
    "cp874": ["อาหารอร่อยมาก", "ห้องเล็กเกินไป และเสียงดัง", "บริการดีเยี่ยม"],
    "cp1256": ["الفطور كان لذيذا جدا", "الغرفة صغيرة وصاخبة", "سنأتي مرة اخرى"],
    "iso8859_6": ["الفطور كان لذيذا جدا", "الغرفة صغيرة وصاخبة", "سنأتي مرة اخرى"],
    "koi8_r": ["Завтрак был очень вкусный", "Комната маленькая и шумная", "В следующий раз приедем снова"],
    "koi8_u": ["Сніданок був дуже смачний", "Кімната маленька і гучна", "Приїдемо ще раз, їжа чудова"],
    "cp866": ["Завтрак был очень вкусный", "Комната маленькая и шумная", "В следующий раз приедем снова"],
    "iso8859_5": ["Завтрак был очень вкусный", "Комната маленькая и шумная", "В следующий раз приедем снова"],
    "mac_cyrillic": ["Завтрак был очень вкусный", "Комната маленькая и шумная", "В следующий раз приедем снова"],
    "iso8859_2": ["Śniadanie było bardzo dobre", "Pokój jest za mały i głośny", "Następnym razem też przyjdę"],
    "iso8859_15": ["Cela coûte 5 € à l'hôtel", "œuvre très belle, château", "Ça va déjà mieux"],
    "cp1257": ["Pusryčiai buvo labai skanūs", "Kambarys per mažas ir triukšmingas", "Kitą kartą vėl atvyksime"],
    "mac_roman": ["Das Frühstück war köstlich", "Zimmer zu klein, außerdem laut", "Für uns war es schön"],
    "cp850": ["Das Frühstück war köstlich", "Zimmer zu klein, außerdem laut", "Für uns war es schön"],
    "iso2022_jp": ["このホテルのサービスはとても良かった", "部屋が狭くてうるさい", "朝食がおいしいのでまた来ます"],
    "iso2022_kr": ["이 호텔의 서비스는 정말 좋았습니다", "방이 너무 작고 시끄러워요", "아침 식사가 맛있어서 또 올게요"],
    "hz": ["这家酒店的服务非常好", "房间太小，而且很吵", "早餐不错，下次还会来"],
    "cp1253": ["Το πρωινό ήταν πολύ νόστιμο", "Το δωμάτιο είναι μικρό και θορυβώδες", "Θα έρθουμε ξανά"],
    "iso8859_7": ["Το πρωινό ήταν πολύ νόστιμο", "Το δωμάτιο είναι μικρό και θορυβώδες", "Θα έρθουμε ξανά"],
    "cp737": ["Το πρωινό ήταν πολύ νόστιμο", "Το δωμάτιο είναι μικρό και θορυβώδες", "Θα έρθουμε ξανά"],
    "cp1255": ["ארוחת הבוקר הייתה טעימה מאוד", "החדר קטן ורועש", "נחזור בפעם הבאה"],
    "iso8859_8": ["ארוחת הבוקר הייתה טעימה מאוד", "החדר קטן ורועש", "נחזור בפעם הבאה"],
    "cp862": ["ארוחת הבוקר הייתה טעימה מאוד", "החדר קטן ורועש", "נחזור בפעם הבאה"],
    "cp1254": ["Kahvaltı çok güzeldi", "Oda küçük ve gürültülüydü", "Bir dahaki sefere yine geliriz, teşekkürler"],
    "cp857": ["Kahvaltı çok güzeldi", "Oda küçük ve gürültülüydü", "Bir dahaki sefere yine geliriz, teşekkürler"],
    "cp852": ["Śniadanie było bardzo dobre", "Pokój jest za mały i głośny", "Następnym razem też przyjdę"],
    "mac_latin2": ["Śniadanie było bardzo dobre", "Pokój jest za mały i głośny", "Następnym razem też przyjdę"],
    "utf-16": ["这家酒店的服务非常好", "房间太小", "很好"],
    "utf-16-be": ["这家酒店的服务非常好", "房间太小", "很好"],
    "utf-32": ["Frühstück", "房间太小", "very good"],
    "utf-7": ["Das Frühstück war köstlich", "Zimmer zu klein, außerdem laut", "100 + 5 % für uns"],
}


@pytest.mark.parametrize("text", ["C++ and a+b-c", "call +49-170-1234", "1+100-2 or 1+100-2 or 1+100-2", "x+y+abc-d"])
def test_plus_signs_are_no_utf7(tmp_path: Path, text: str) -> None:
    got = reading(tmp_path, "x.csv", f"text,label\n{text},a\n{text},b\n{text} too,b\n".encode())
    assert got.part.texts == (text, text, f"{text} too")
    assert not got.remarks


@pytest.mark.parametrize("codec", TEXTS)
@pytest.mark.parametrize("packed", [False, True])
def test_text_in_another_encoding_is_read_and_the_encoding_is_named(tmp_path: Path, codec: str, packed: bool) -> None:
    rows = "".join(f"{text.replace(',', ' ')},{'ab'[place % 2]}\n" for place, text in enumerate(TEXTS[codec]))
    content = f"text,label\n{rows}".encode(codec)
    got = reading(tmp_path, "x.csv.gz" if packed else "x.csv", gzip.compress(content) if packed else content)
    assert got.part.texts == tuple(text.replace(",", " ") for text in TEXTS[codec])
    assert len(got.remarks) == 1
    assert got.remarks[0].startswith("read as ")


@pytest.mark.parametrize(
    ("codec", "text"),
    [
        ("cp852", "A reggeli nagyon jó volt, erős kávéval"),
        ("mac_roman", "Frukosten var jättegod på hotellet"),
        ("cp1258", "Phòng quá nho\u0309 và rất ồn"),
    ],
)
def test_old_encoding_is_told_from_a_similar_one(codec: str, text: str) -> None:
    if codec == "cp1258":
        text = unicodedata.normalize("NFD", text).replace("a\u0302", "â").replace("o\u0302", "ô")
    result = detect(text.encode(codec))
    assert result is not None
    assert text.encode(codec).decode(result[0]) == text


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_chinese_in_wide_code_units_needs_no_byte_order_mark(tmp_path: Path, codec: str) -> None:
    rows = [(f"{'今天天气很好我们去公园散步然后回家' * 8}{number}", "好坏"[number % 2]) for number in range(60)]
    got = reading(tmp_path, "x.csv", as_csv(rows).decode().encode(codec))
    assert got.part.texts == tuple(text for text, _ in rows)


def test_two_byte_order_marks_are_none_of_the_header(tmp_path: Path) -> None:
    assert reading(tmp_path, "x.csv", b"\xef\xbb\xbf" * 2 + b"text,label\nx,a\n").part.texts == ("x",)


def test_lines_in_no_encoding_are_named_however_many_there_are(tmp_path: Path) -> None:
    bad = b"\x81\x8d\x8f\x90\x9d,b\n"
    with pytest.raises(InputError, match=r"x\.csv: lines 3, 4, 5: not UTF-8, as the other lines are"):
        reading(tmp_path, "x.csv", "text,label\n很好,a\n".encode() + bad * 3)


@pytest.mark.parametrize("codec", ["gb18030", "cp1252", "utf-16", "iso2022_jp", "cp866", "utf-7"])
def test_predict_reads_the_same_encodings(tmp_path: Path, codec: str) -> None:
    (tmp_path / "lines").write_bytes("".join(f"{text}\n" for text in TEXTS[codec]).encode(codec))
    task = plugins.load("tasks", "text_classification")
    asked = [text for batch in arriving(tmp_path / "lines", task, columns_of(task, {})) for _, text in batch]
    assert asked == TEXTS[codec]


@pytest.mark.parametrize(
    ("codec", "name"),
    [("gb18030", "GB 18030"), ("big5", "Big5"), ("shift_jis", "Shift_JIS"), ("euc_kr", "EUC-KR"), ("euc_jp", "EUC-JP")],
)
def test_a_single_sentence_is_enough(codec: str, name: str) -> None:
    for text in TEXTS[codec]:
        result = detect(text.encode(codec))
        assert result is not None
        assert result[1] == name
        assert text.encode(codec).decode(result[0]) == text


def test_few_bad_lines_are_named_and_nothing_is_converted(tmp_path: Path) -> None:
    good = [f"schön {number},a\n".encode() for number in range(20)]
    bad = [b"sch\xf6n,b\n"]
    with pytest.raises(InputError, match=r"x\.csv: lines 4, 23: not UTF-8, as the other lines are; correct or remove"):
        reading(tmp_path, "x.csv", b"text,label\n" + b"".join([*good[:2], *bad, *good[2:], *bad]))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 2: byte 0x81 is not UTF-8, and the encoding cannot be detected"):
        reading(tmp_path, "x.csv", b"text,label\n\x81\x8d\x8f\x90\x9d,a\n")


def test_plain_ascii_with_zeros_is_not_utf16() -> None:
    assert marked_encoding(b"text,label\na\x00b,c\n") == ""
    assert marked_encoding("text,label\r\n".encode("utf-16-le")) == "utf-16-le"
    assert marked_encoding("text\r\n".encode("utf-32-be")) == "utf-32-be"


def test_line_in_another_encoding_than_detected_is_named(tmp_path: Path) -> None:
    rows = "".join(f"这家酒店的服务非常好{number},a\n" for number in range(30)).encode("gb18030")
    late = b"\xff\xff,b\n" * 1
    with pytest.raises(InputError, match=r"encoding cannot be detected|after line 31 there are bytes that are not"):
        reading(tmp_path, "x.csv", b"text,label\n" + rows + late)


@pytest.mark.parametrize("cut", [1, 3])
def test_utf16_that_ends_in_the_middle_of_a_character_is_refused(tmp_path: Path, cut: int) -> None:
    with pytest.raises(InputError, match=r"looks like UTF-16, but is not valid"):
        reading(tmp_path, "x.csv", "text,label\nfine,a\n".encode("utf-16")[:-cut])


@pytest.mark.parametrize("n_rows", [1, 30])
def test_single_byte_lines_among_utf8_are_named_however_many_there_are(tmp_path: Path, n_rows: int) -> None:
    content = "text,label\nété,x\n".encode() + "café,y\n".encode("cp1252") * n_rows
    with pytest.raises(InputError, match=r"x\.csv: lines? 3.*: not UTF-8, as the other lines are"):
        reading(tmp_path, "x.csv", content)


@pytest.mark.parametrize("text", ["nice é", "很好，房间", "ดี"])
def test_file_cut_in_a_character_is_truncated_and_not_in_another_encoding(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"x\.csv: line 3 ends in the middle of a UTF-8 character; the file is trunc"):
        reading(tmp_path, "x.csv", f"text,label\nabc,x\n{text}".encode()[:-1])


def test_surrogates_in_six_bytes_are_named(tmp_path: Path) -> None:
    content = "text,label\nnice \ud83d\ude00,x\n".encode("utf-8", "surrogatepass")
    with pytest.raises(InputError, match=r"x\.csv: line 2: emoji and rare characters are in six bytes \(CESU-8"):
        reading(tmp_path, "x.csv", content)


def test_escape_sequences_alone_are_no_encoding(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.csv", b"text,label\n\x1b[31mred\x1b[0m ~{x,a\nb ~} c,b\n")
    assert (got.total, got.remarks) == (2, ())


def test_characters_that_share_a_code_do_not_stop_the_detection(tmp_path: Path) -> None:
    """Two bytes of Big5-HKSCS (88 62) decode to two characters, of which the second has no code of its own."""
    content = b"the\x88ball was in the goal\nthe bank wants a loan\n" + "größe, 北京 and 😀".encode()
    with pytest.raises(InputError, match="line 1: not UTF-8, as the other lines are"):
        reading(tmp_path, "x.txt", content, "language_modelling")
