"""Which names the language of short texts better: script and function-word rules, or py3langid?

Run:    python benchmarks/language_detection.py
Needs:  CPU only, a few seconds. With --data FOLDER (the development data) also short English and Chinese texts of real
        sets. The result of record is benchmarks/results/language_detection.json.

Measured: the share of sentences whose language is named correctly, for 160 sentences of 2 to 7 words (Chinese: up to 9
characters) in 20 languages, written for this benchmark in the style of support requests and reviews, before either
detector was run on them; py3langid once with all of its languages, and once restricted to those that the rules know,
and as goldilocks.data.language uses it (restricted, by script, undetermined below a probability of 0.4).
Then the seconds and memory to load each in a new process, and the microseconds per text.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from language_rules import language_of as by_rules

from goldilocks.data.language import language_of

SENTENCES = {
    "en": "Where is my parcel?|The food was cold|Please cancel my order|Great phone, bad battery|I lost my card|"
    "Nobody answered the phone|Very slow delivery|How do I change the password?",
    "de": "Wo ist mein Paket?|Das Essen war kalt|Bitte Bestellung stornieren|Tolles Handy, schlechter Akku|"
    "Ich habe meine Karte verloren|Niemand ging ans Telefon|Sehr langsame Lieferung|Wie ändere ich das Passwort?",
    "fr": "Où est mon colis ?|Le repas était froid|Annulez ma commande svp|Bon téléphone, mauvaise batterie|"
    "J'ai perdu ma carte|Personne n'a répondu|Livraison très lente|Comment changer le mot de passe ?",
    "es": "¿Dónde está mi paquete?|La comida estaba fría|Cancelen mi pedido por favor|Buen móvil, mala batería|"
    "He perdido mi tarjeta|Nadie contestó el teléfono|Entrega muy lenta|¿Cómo cambio la contraseña?",
    "it": "Dov'è il mio pacco?|Il cibo era freddo|Annullate il mio ordine|Bel telefono, pessima batteria|"
    "Ho perso la carta|Nessuno ha risposto|Consegna molto lenta|Come cambio la password?",
    "pt": "Onde está a minha encomenda?|A comida estava fria|Cancelem o meu pedido|Bom telemóvel, bateria fraca|"
    "Perdi o meu cartão|Ninguém atendeu o telefone|Entrega muito lenta|Como mudo a senha?",
    "nl": "Waar is mijn pakket?|Het eten was koud|Annuleer mijn bestelling|Mooie telefoon, slechte batterij|"
    "Ik ben mijn kaart kwijt|Niemand nam de telefoon op|Erg trage levering|Hoe wijzig ik het wachtwoord?",
    "sv": "Var är mitt paket?|Maten var kall|Avboka min beställning|Bra telefon, dåligt batteri|"
    "Jag har tappat mitt kort|Ingen svarade i telefon|Mycket långsam leverans|Hur byter jag lösenord?",
    "da": "Hvor er min pakke?|Maden var kold|Annuller min bestilling|God telefon, dårligt batteri|"
    "Jeg har mistet mit kort|Ingen tog telefonen|Meget langsom levering|Hvordan skifter jeg adgangskode?",
    "pl": "Gdzie jest moja paczka?|Jedzenie było zimne|Proszę anulować zamówienie|Dobry telefon, słaba bateria|"
    "Zgubiłem kartę|Nikt nie odebrał telefonu|Bardzo wolna dostawa|Jak zmienić hasło?",
    "cs": "Kde je můj balík?|Jídlo bylo studené|Zrušte prosím objednávku|Dobrý telefon, špatná baterie|"
    "Ztratil jsem kartu|Nikdo nezvedl telefon|Velmi pomalé doručení|Jak změním heslo?",
    "hu": "Hol van a csomagom?|Hideg volt az étel|Kérem, töröljék a rendelést|Jó telefon, rossz akkumulátor|"
    "Elvesztettem a kártyámat|Senki sem vette fel|Nagyon lassú szállítás|Hogyan változtatom meg a jelszót?",
    "ro": "Unde este coletul meu?|Mâncarea era rece|Anulați comanda mea|Telefon bun, baterie slabă|"
    "Mi-am pierdut cardul|Nimeni nu a răspuns|Livrare foarte lentă|Cum schimb parola?",
    "tr": "Paketim nerede?|Yemek soğuktu|Siparişimi iptal edin|Telefon güzel, pil kötü|"
    "Kartımı kaybettim|Kimse telefona bakmadı|Teslimat çok yavaş|Şifremi nasıl değiştiririm?",
    "id": "Di mana paket saya?|Makanannya dingin|Tolong batalkan pesanan saya|Ponsel bagus, baterai buruk|"
    "Kartu saya hilang|Tidak ada yang menjawab|Pengiriman sangat lambat|Bagaimana cara mengganti kata sandi?",
    "vi": "Gói hàng của tôi đâu?|Đồ ăn bị nguội|Vui lòng hủy đơn hàng|Điện thoại tốt, pin kém|"
    "Tôi bị mất thẻ|Không ai nghe máy|Giao hàng rất chậm|Đổi mật khẩu thế nào?",
    "ru": "Где моя посылка?|Еда была холодной|Отмените мой заказ|Хороший телефон, плохая батарея|"
    "Я потерял карту|Никто не взял трубку|Очень медленная доставка|Как сменить пароль?",
    "uk": "Де моя посилка?|Їжа була холодна|Скасуйте моє замовлення|Гарний телефон, погана батарея|"
    "Я загубив картку|Ніхто не відповів|Дуже повільна доставка|Як змінити пароль?",
    "ar": "أين طردي؟|كان الطعام باردا|أرجو إلغاء طلبي|هاتف جيد وبطارية سيئة|فقدت بطاقتي|لم يرد أحد على الهاتف|"
    "التوصيل بطيء جدا|كيف أغير كلمة المرور؟",
    "zh": "我的包裹在哪里?|饭菜是凉的|请取消我的订单|手机不错,电池差|我的卡丢了|没有人接电话|送货太慢了|怎么修改密码?",
}
KNOWN = "en de fr es it pt nl sv da nb fi pl cs hu ro tr id vi ru uk bg ar fa ur zh ja ko el he hi bn ta th ka hy"
"""Languages of the rules."""
Detector = Callable[[str], str]
_LOADING = {
    "rules": "from language_rules import language_of as detect",
    "py3langid": "import py3langid; detect = lambda text: py3langid.classify(text)[0]",
}
_TIMED = """
import sys, time, psutil
sys.path.insert(0, {folder!r})
before = psutil.Process().memory_info().rss
start = time.perf_counter()
{loading}
detect("Where is my parcel?")
print(time.perf_counter() - start, (psutil.Process().memory_info().rss - before) / 2**20)
"""
LOADS = 5


def loading(name: str) -> tuple[float, float]:
    """Median seconds and MiB to import a detector and use it once, each time in a new process."""
    runs = []
    for _ in range(LOADS):
        done = subprocess.run(
            [sys.executable, "-c", _TIMED.format(loading=_LOADING[name], folder=str(Path(__file__).parent))],
            check=True,
            capture_output=True,
            text=True,
        )
        seconds, mebibytes = map(float, done.stdout.split())
        runs.append((seconds, mebibytes))
    return sorted(seconds for seconds, _ in runs)[LOADS // 2], sorted(memory for _, memory in runs)[LOADS // 2]


def detectors() -> dict[str, Detector]:
    """The rules, and py3langid with all and with some of its languages."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    every = LanguageIdentifier.from_model_file(MODEL_FILE)
    some = LanguageIdentifier.from_model_file(MODEL_FILE)
    some.set_languages([piece for piece in KNOWN.split() if piece in every.labels])
    return {
        "rules": by_rules,
        f"py3langid, {len(every.labels)} languages": lambda text: str(every.classify(text)[0]),
        "goldilocks": language_of,
        "py3langid, the languages of the rules": lambda text: str(some.classify(text)[0]),
    }


def accuracy(detect: Detector, texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Share of the texts of each language that are detected as it."""
    return {language: sum(detect(text) == language for text in own) / len(own) for language, own in texts.items()}


def real_texts(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Short texts of development sets: name -> language -> texts."""
    result = {}
    for name, language in (("trec", "en"), ("sms_spam", "en"), ("airline_tweets", "en"), ("tnews", "zh")):
        for path in sorted((folder / name).glob("test.jsonl*")) + sorted((folder / name).glob("*.jsonl*")):
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rt", encoding="utf-8") as file:
                texts = [str(json.loads(line).get("text", "")) for line in file]
            short = [text for text in texts if text and len(text) <= 60][:1000]
            if short:
                result[name] = {language: short}
                break
    return result


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the development data")
    options = parser.parse_args()

    texts = {language: listed.split("|") for language, listed in SENTENCES.items()}
    every = [text for own in texts.values() for text in own]
    real = real_texts(options.data) if options.data else {}
    results = {}
    for name, detect in detectors().items():
        by_language = accuracy(detect, texts)
        mean = sum(by_language.values()) / len(by_language)
        start = time.perf_counter()
        for text in every:
            detect(text)
        microseconds = 1e6 * (time.perf_counter() - start) / len(every)
        sets = {data: next(iter(accuracy(detect, own).values())) for data, own in real.items()}
        results[name] = {"mean": mean, "by_language": by_language, "microseconds_per_text": microseconds, "sets": sets}
        print(f"{name:40} {mean:.3f}  {microseconds:7.1f} µs a text  {sets}")
        print("   ", ", ".join(f"{language} {share:.2f}" for language, share in by_language.items()))
    loads = {name: dict(zip(("seconds", "mebibytes"), loading(name), strict=True)) for name in _LOADING}
    for name, load in loads.items():
        print(f"{name:40} loads in {load['seconds']:.2f} s, {load['mebibytes']:.0f} MiB")
    record = {
        "n_texts": len(every),
        "n_real_texts": {data: len(next(iter(own.values()))) for data, own in real.items()},
        "results": results,
        "loading": loads,
        "versions": {name: metadata.version(name) for name in ("goldilocks-lm", "py3langid", "numpy")},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps(record, ensure_ascii=False))


if __name__ == "__main__":
    main()
