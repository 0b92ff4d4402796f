from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from goldilocks.data.language import language_of, languages, main_language

DATA = Path(os.environ.get("GOLDILOCKS_DATA") or Path(__file__).parents[2] / "../shared/data")

# Article 1 of the Universal Declaration of Human Rights.
ARTICLE_1 = {
    "en": "All human beings are born free and equal in dignity and rights. They are endowed with reason.",
    "de": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt.",
    "fr": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison.",
    "es": "Todos los seres humanos nacen libres e iguales en dignidad y derechos y están dotados de razón.",
    "it": "Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione.",
    "pt": "Todos os seres humanos nascem livres e iguais em dignidade e em direitos. Dotados de razão.",
    "nl": "Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met verstand.",
    "sv": "Alla människor är födda fria och lika i värde och rättigheter. De är utrustade med förnuft.",
    "da": "Alle mennesker er født frie og lige i værdighed og rettigheder. De er udstyret med fornuft, og de bør "
    "handle mod hverandre i en broderskabets ånd, og det skal blive af dem efter noget.",
    "fi": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan. Heille on annettu järki.",
    "pl": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni rozumem.",
    "cs": "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv. Jsou nadáni rozumem a svědomím.",
    "hu": "Minden emberi lény szabadon születik és egyenlő méltósága és joga van. Az emberek ésszel bírnak.",
    "ro": "Toate ființele umane se nasc libere și egale în demnitate și în drepturi. Ele sunt înzestrate cu rațiune.",
    "tr": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler.",
    "id": "Semua orang dilahirkan merdeka dan mempunyai martabat dan hak-hak yang sama. Mereka dikaruniai akal.",
    "vi": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền. Mọi con người đều có lý trí.",
    "ru": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью.",
    "uk": "Всі люди народжуються вільними і рівними у своїй гідності та правах. Вони наділені розумом і совістю.",
    "bg": "Всички хора се раждат свободни и равни по достойнство и права. Те са надарени с разум и съвест.",
    "zh": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
    "ja": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "ar": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميراً",
    "fa": "تمام افراد بشر آزاد به دنیا می آیند و از لحاظ حیثیت و حقوق با هم برابرند",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "he": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है",
    "th": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ",
}


@pytest.mark.parametrize("tag", ARTICLE_1)
def test_article_1_is_reported_in_every_language(tag: str) -> None:
    assert language_of(ARTICLE_1[tag]) == tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Dov'è il mio pacco?", "it"),
        ("Hideg volt az étel", "hu"),
        ("Kartımı kaybettim", "tr"),
        ("Telefon bun, baterie slabă", "ro"),
        ("Jag har tappat mitt kort", "sv"),
        ("Livraison très lente", "fr"),
        ("Дуже повільна доставка", "uk"),
        ("فقدت بطاقتي", "ar"),
    ],
)
def test_language_of_a_few_words_is_identified(text: str, tag: str) -> None:
    assert language_of(text) == tag


def test_norwegian_has_the_tag_of_its_commoner_written_form() -> None:
    assert language_of("Alle mennesker er født frie og med samme menneskeverd. De er utstyrt med fornuft.") == "nb"


def test_a_chinese_text_that_names_a_product_is_chinese() -> None:
    assert language_of("iPhone 15 Pro Max 手机很好用") == "zh"


@pytest.mark.parametrize("text", ["", "123 456", "?!", "😀", "xyzzy"])
def test_language_without_evidence_is_undetermined(text: str) -> None:
    assert language_of(text) == "und"


def test_main_language_is_the_commonest_that_was_detected() -> None:
    shares = languages(["42", "17", "99", "the cat is here", "where is the dog", "das ist nicht gut"])
    assert shares == {"und": 3 / 6, "en": 2 / 6, "de": 1 / 6}
    assert main_language(shares) == "en"
    assert main_language({"und": 1.0}) == "und"


@pytest.mark.skipif(not DATA.is_dir(), reason="real data are not here (set GOLDILOCKS_DATA)")
@pytest.mark.parametrize(
    ("name", "column", "tag", "least"),
    [
        ("trec/train.jsonl.gz", "text", "en", 0.98),
        ("banking77/train.jsonl.gz", "text", "en", 0.98),
        ("sms_spam/all.jsonl.gz", "text", "en", 0.95),
        ("multi30k/train.jsonl.gz", "target", "de", 0.98),
        ("tnews/dev.jsonl.gz", "text", "zh", 0.99),
    ],
)
def test_languages_of_real_texts_are_detected(name: str, column: str, tag: str, least: float) -> None:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)[column] for line, _ in zip(file, range(1000), strict=False)]
    assert languages(texts)[tag] >= least
