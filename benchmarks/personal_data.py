"""Documents with personal data, generated with their gold spans, for ``masking.py``. Not a benchmark itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

KINDS = ("email", "phone", "iban", "card", "chinese_id", "address")
Span = tuple[str, int, int]
"""Kind, start, end."""

_CARDS = (("4", 16), ("51", 16), ("55", 16), ("34", 15), ("37", 15), ("6011", 16), ("62", 16))
_IBANS = {
    "DE": "9" * 18,
    "GB": "A" * 4 + "9" * 14,
    "FR": "9" * 23,
    "NL": "A" * 4 + "9" * 10,
    "ES": "9" * 20,
    "CH": "9" * 17,
    "AT": "9" * 16,
    "IE": "A" * 4 + "9" * 14,
}
_REGIONS = ("110101", "310104", "440305", "510107", "330106", "420111")
_HOSTS = ("example.com", "mail.example.co.uk", "firma-nord.de", "qq.com", "post.example.cn", "EXAMPLE.ORG")
# In a format, 9 is any digit and 2 is one from 2 to 8; everything else stands for itself.
_ENGLISH_PHONES = (
    "({area}) 299-9999",
    "{area}-299-9999",
    "{area}.299.9999",
    "+1 {area} 299 9999",
    "1-{area}-299-9999",
    "+44 {london} 7999 9999",
    "+44 (0){london} 7999 9999",
    "0{london} 7999 9999",
    "(0{london}) 7999 9999",
    "07{mobile} 999999",
    "+49 30 9999999",
    "+33 1 4{digit} 99 99 99",
)
_CHINESE_PHONES = (
    "1{second}999999999",
    "1{second}9 9999 9999",
    "1{second}9-9999-9999",
    "+86 1{second}999999999",
    "010-6{digit}999999",
    "(010) 6999 9999",
    "0755-8{digit}999999",
    "400-899-9999",
)
_PLACES = (("北京市", "朝阳区"), ("上海市", "浦东新区"), ("深圳市", "南山区"), ("成都市", "武侯区"))
_STREETS = ("建国路", "世纪大道", "科技园南路", "人民南路", "中山街")
_TOWNS = (("Boston", "MA 0213"), ("Austin", "TX 7870"), ("Portland", "OR 9720"))
_FRAMES = {
    "en": (
        "Hello, my details are {} and I am still waiting.",
        "Please update your records: {}. Thank you!",
        "I wrote to you last week about {}, but nobody has answered.",
        "{} is what I gave when I ordered.",
        "Can you check whether {} is right? The total on the invoice differs.",
        "The parcel with the note ({}) has not arrived.",
    ),
    "zh": (
        "您好，我的信息是{}，请尽快处理。",
        "请更新资料：{}。谢谢！",
        "上周我提交过{}，但没有人回复。",
        "订单里填的是{}，请核对。",
        "能帮我确认一下{}吗？发票金额不对。",
        "备注（{}）的包裹还没有收到。",
    ),
}


def documents(count: int, seed: int) -> list[dict[str, Any]]:
    """Documents in English and Chinese in turn: ``text``, ``language`` and ``spans``.

    A document has one to three sentences; in half of them stands a value of a kind, in the others something that only
    looks like one.
    """
    draw = random.Random(seed)
    made: list[dict[str, Any]] = []
    for number in range(count):
        language = ("en", "zh")[number % 2]
        text, spans = "", []
        for _ in range(draw.randint(1, 3)):
            before, after = draw.choice(_FRAMES[language]).split("{}")
            kind = draw.choice(KINDS) if draw.random() < 0.5 else ""
            value = _MAKERS[kind](draw, language) if kind else lookalike(draw)
            start = len(text) + len(before)
            if kind:
                spans.append((kind, start, start + len(value)))
            text += before + value + after + (" " if language == "en" else "")
        made.append({"text": text, "language": language, "spans": spans})
    return made


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def _luhn(number: str) -> str:
    """A number with its check digit (ISO/IEC 7812-1) behind it."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return number + str(-total % 10)


def card(draw: random.Random) -> str:
    """A card number of a large scheme, plain or in groups."""
    scheme, length = draw.choice(_CARDS)
    number = _luhn(scheme + _digits(draw, length - len(scheme) - 1))
    cuts = (4, 10) if length == 15 else (4, 8, 12)
    gap = draw.choice(["", " ", "-"])
    return gap.join(number[start:end] for start, end in zip((0, *cuts), (*cuts, length), strict=True))


def iban(draw: random.Random) -> str:
    """An IBAN (ISO 13616), plain or in groups of four."""
    country = draw.choice(list(_IBANS))
    account = "".join(
        draw.choice("ABCDEFGHKLMNPRSTUW") if sign == "A" else _digits(draw, 1) for sign in _IBANS[country]
    )
    check = 98 - int("".join(str(int(sign, 36)) for sign in f"{account}{country}00")) % 97
    plain = f"{country}{check:02d}{account}"
    return " ".join(plain[at : at + 4] for at in range(0, len(plain), 4)) if draw.random() < 0.5 else plain


def chinese_id(draw: random.Random) -> str:
    """A Chinese identity number (GB 11643-1999)."""
    birth = f"{draw.randint(1950, 2008)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}"
    body = draw.choice(_REGIONS) + birth + _digits(draw, 3)
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


def email(draw: random.Random) -> str:
    """An e-mail address."""
    first = draw.choice(["anna", "li.wei", "j", "marie-claire", "tom99", "Anna"])
    last = draw.choice(["smith", "zhang", "o_neil", "Smith"])
    local = draw.choice([f"{first}.{last}", f"{first}{last}", f"{last}+news", f"{first}_{_digits(draw, 3)}"])
    return f"{local}@{draw.choice(_HOSTS)}"


def phone(draw: random.Random, language: str) -> str:
    """A phone number as texts of a language write it."""
    form = draw.choice(_ENGLISH_PHONES if language == "en" else _CHINESE_PHONES)
    fixed = {
        "area": draw.choice(["415", "617", "305", "646"]),
        "london": "20",
        "mobile": f"{draw.choice('789')}{_digits(draw, 2)}",
        "second": draw.choice("35678"),
        "digit": _digits(draw, 1),
    }
    parts = []
    for part in form.replace("{", "|{").replace("}", "}|").split("|"):
        if part.startswith("{"):
            parts.append(fixed[part[1:-1]])
        elif part.startswith("+"):  # country codes are as they are
            code, gap, rest = part.partition(" ")
            parts.append(code + gap + _filled(draw, rest))
        else:
            parts.append(_filled(draw, part))
    return "".join(parts)


def _filled(draw: random.Random, form: str) -> str:
    return "".join({"9": _digits(draw, 1), "2": draw.choice("2345678")}.get(sign, sign) for sign in form)


def address(draw: random.Random, language: str) -> str:
    """A postal address."""
    number = draw.randint(1, 999)
    if language == "zh":
        city, district = draw.choice(_PLACES)
        unit = draw.choice(["", f"{draw.randint(1, 30)}楼", f"{draw.randint(1, 9)}栋{draw.randint(101, 2404)}室"])
        street = f"{district}{draw.choice(_STREETS)}{number}号{unit}"
        estate = f"{city}{district}阳光花园{draw.randint(1, 30)}栋{draw.randint(1, 4)}单元{draw.randint(101, 2404)}室"
        return draw.choice([street, f"{city}{street}", estate])
    name = draw.choice(["Maple", "Oak Hill", "Baker", "Queen Victoria", "Sunset", "Station"])
    street = f"{number} {name} {draw.choice(['Street', 'Avenue', 'Road', 'Lane', 'St', 'Blvd'])}"
    town, code = draw.choice(_TOWNS)
    british = f"{street}, London SW1A {draw.randint(1, 9)}AA"
    flat, box = f"Flat {draw.randint(1, 60)}, {british}", f"PO Box {draw.randint(100, 9999)}"
    return draw.choice([street, f"{street}, {town}, {code}{_digits(draw, 1)}", british, flat, box])


def lookalike(draw: random.Random) -> str:
    """A number or word that is not personal data."""
    number = card(draw).replace(" ", "").replace("-", "")
    return draw.choice(
        [
            f"#{_digits(draw, 8)}",
            f"ORD-{_digits(draw, 4)}-{_digits(draw, 6)}",
            f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
            f"{draw.randint(1, 99)},{_digits(draw, 3)}.{_digits(draw, 2)}",
            f"{number[:-1]}{(int(number[-1]) + 1) % 10}",
            f"v{draw.randint(1, 9)}.{draw.randint(0, 20)}.{draw.randint(0, 9)}",
            f"{draw.randint(1, 23)}:{draw.randint(10, 59)}",
            f"{_digits(draw, 5)} points",
            "@support",
            f"room {draw.randint(100, 999)}",
            f"ISBN 978-3-16-{_digits(draw, 6)}-0",
            f"DE00{_digits(draw, 18)}",
            _digits(draw, 12),
        ]
    )


_MAKERS: dict[str, Callable[[random.Random, str], str]] = {
    "email": lambda draw, _: email(draw),
    "phone": phone,
    "iban": lambda draw, _: iban(draw),
    "card": lambda draw, _: card(draw),
    "chinese_id": lambda draw, _: chinese_id(draw),
    "address": address,
}
