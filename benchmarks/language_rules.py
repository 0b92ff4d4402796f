"""Language by script and lists of function words: what ``goldilocks.data.language`` was before py3langid.

Kept as the other side of ``benchmarks/language_detection.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

REACH = 600
"""Characters of a text that are looked at."""
UNDETERMINED = "und"

_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    "Latin": re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"),
    "Han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
    "Kana": re.compile(r"[\u3040-\u30ff]"),
    "Hangul": re.compile(r"[\uac00-\ud7af]"),
    "Cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "bn": re.compile(r"[\u0980-\u09ff]"),
    "ta": re.compile(r"[\u0b80-\u0bff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "ka": re.compile(r"[\u10a0-\u10ff]"),
    "hy": re.compile(r"[\u0530-\u058f]"),
}
_LETTERS_PER_SIGN = {"Han": 3, "Kana": 2, "Hangul": 2}
"""How many Latin letters one sign weighs: a Chinese review that names an English product is still Chinese."""

_LATIN = {
    "en": "the of and to a in is i it that you for on was with what how are this my be have not at by from do does "
    "did can why who where when which he she they we but if or as your me an there has had will would could should "
    "been am s t m re don don't it's i'm you're can't didn't won't i've i'll that's his her their our us its so just "
    "about out up get no all some any after first name many need want new please thanks thank sorry help know like go "
    "going good great very really more than then now still only too much one two make made take over into ok yes hello "
    "u ur call time day back see let got being most these those them him because while also between through whose "
    "movie film account cancel change order check use using was",
    "de": "der die das und ist in zu den von mit sich des auf für nicht ein eine einem einen einer als auch es an "
    "werden aus er hat dass sie nach wird bei noch wie einem über so zum war haben nur oder aber vor zur bis "
    "mehr durch ich wir mein kann was im am wenn sind vom man steht mann frau zwei",
    "fr": "le la les de des du et est en un une que qui dans pour pas sur il au aux ce cette avec plus par je se ne "
    "sont vous nous elle mais ou où son sa ses leur on a été être ont comme tout fait très mon ma d l qu c j n "
    "s homme femme",
    "es": "el la los las de del y que en un una es por con no para su al lo como más pero sus le ya o este sí porque "
    "esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos yo mi está son se ha qué "
    "cómo",
    "it": "il lo la i gli le di del della dei che e è un una uno in per con non si da al alla nel sono come più ma "
    "anche questo questa ha ho mi se o ci suo sua loro molto dal delle degli perché quando cosa l d c un' "
    "tutto essere",
    "pt": "o a os as de do da dos das e é que em um uma para com não no na nos nas por se mais como mas ao ele ela "
    "seu sua ou ser quando muito há já está eu também só pelo pela até isso você meu minha são foi tem à",
    "nl": "de het een en van in is dat op te zijn met voor niet die aan er om ook als dan maar bij nog ik je wat "
    "naar uit door over ze hij heeft had worden wordt geen deze dit mijn kan hebben wel was zo u wij man vrouw",
    "sv": "och att det som en på är av för med den till inte har de i om ett han men var jag sig från vi så kan när "
    "man nu eller vad hur mitt min du också bara efter upp där mycket ut ska hade alla blir mig",
    "da": "og at det er en til på af for med den ikke der i som de har et jeg vi var fra han men om kan så hvad hvor "
    "sig blev være skal min efter også nu ud hun når op mig bliver meget kun eller noget",
    "nb": "og i det er en til på av for med den ikke som de har et jeg vi var fra han men om kan så hva hvor seg ble "
    "være skal min etter også nå ut hun når opp meg blir mye bare eller noe sin hvordan",
    "fi": "ja on ei se että hän oli mutta ovat joka kun niin tai myös kuin ole mitä sen olen minä tämä nyt vain jos "
    "hyvin sitä siitä kanssa mikä olla voi ollut en jo sekä miten minun",
    "pl": "i w na z do się nie to jest że o jak ale po co za od jego przez dla tak są ma czy tym który która które "
    "oraz już być tylko może mnie mi jestem bardzo było był ze ich",
    "cs": "a se na je v že s to z do o i ve si jako za by jsem pro ale po k od tak které který která jsou nebo byl "
    "bylo už jeho při má jen také co jak když není může",
    "hu": "a az és hogy nem is egy van de ez meg azt csak ha már mint volt még el ki fel mi én vagy sem minden lesz "
    "nagyon kell lehet amely után ezt pedig mert itt majd",
    "ro": "și în de la a cu pe care este că nu un o se din mai sunt pentru ce dar ca să au fost al lui sau după am "
    "fi îi foarte prin acest această când cum dacă ei",
    "tr": "ve bir bu da de için çok ile ne o mi gibi daha ben var değil en ama kadar sonra ya olan her ki olarak yok "
    "mı nasıl benim sen biz bana şey iyi hiç olduğu",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke karena ada tersebut bisa kami oleh "
    "kita sudah atau seperti dia mereka lebih apa anda adalah banyak telah",
    "vi": "và của là có không được cho trong với một những người này đã các khi tôi đó để từ như về ở cũng ra bạn "
    "nhưng rất nhiều thì đến vào sẽ phải",
}
_CYRILLIC = {
    "ru": "и в не на что я с как он а это по но у к из за от все так его же для бы мы вы она был мне только уже или "
    "если",
    "uk": "і в не на що я з як він а це до та у за від все так його для ми ви вона був мені тільки вже або якщо є",
    "bg": "и в не на че се да с от за по е са как като но той аз това към си ще го ли има ми при след много бъде съм",
}
_ARABIC = {
    "ar": "في من على إلى أن هذا هذه التي الذي ما لا و مع كان عن هو هي كل بعد قد لم ذلك بين",
    "fa": "در به از که این را با است برای آن یک هم می و تا بر شد ها خود کرد من ما نیست بود",
    "ur": "کے میں کی ہے اور سے کا کو نے پر یہ ہیں کہ بھی نہیں ایک اس تھا گیا ہو جو",
}
_LETTERS = {
    "Latin": {
        "ß": "de", "ñ": "es", "¿": "es", "ã": "pt", "õ": "pt", "ł": "pl", "ą": "pl", "ę": "pl", "ř": "cs", "ě": "cs",
        "ů": "cs", "ő": "hu", "ű": "hu", "ț": "ro", "ș": "ro", "ţ": "ro", "ğ": "tr", "ı": "tr", "đ": "vi", "ư": "vi",
        "ơ": "vi", "ạ": "vi", "œ": "fr", "ù": "fr",
    },
    "Cyrillic": {"і": "uk", "ї": "uk", "є": "uk", "ґ": "uk", "ы": "ru", "э": "ru", "ё": "ru"},
    "Arabic": {"ٹ": "ur", "ڈ": "ur", "ے": "ur", "ں": "ur", "پ": "fa", "گ": "fa", "ژ": "fa", "ة": "ar"},
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?")


def _weighed(words: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Word -> language -> weight; a word that several languages share weighs less for each."""
    homes: dict[str, set[str]] = {}
    for language, listed in words.items():
        for word in listed.split():
            homes.setdefault(word, set()).add(language)
    return {word: {language: 1 / len(shared) for language in shared} for word, shared in homes.items()}


_LISTED = {"Latin": _LATIN, "Cyrillic": _CYRILLIC, "Arabic": _ARABIC}
_WORDS = {script: _weighed(listed) for script, listed in _LISTED.items()}


def language_of(text: str) -> str:
    """BCP 47 tag of a text; ``und`` where it is undetermined.

    Example:
        >>> language_of("Where is my card?"), language_of("这家酒店的服务很好")
        ('en', 'zh')
    """
    text = text[:REACH].lower()
    shares = _shares(text)
    script = max(shares, key=shares.__getitem__)
    if shares[script] == 0:
        return UNDETERMINED
    if script in {"Han", "Kana"}:
        return "ja" if shares["Kana"] * 10 > shares["Han"] else "zh"
    if script == "Hangul":
        return "ko"
    return _by_words(text, script) if script in _WORDS else script


def _shares(text: str) -> dict[str, int]:
    """Letters of each script, weighed."""
    return {name: len(pattern.findall(text)) * _LETTERS_PER_SIGN.get(name, 1) for name, pattern in _SCRIPTS.items()}


def _by_words(text: str, script: str) -> str:
    scores: Counter[str] = Counter()
    for word in _WORD.findall(text):
        for language, weight in _WORDS[script].get(word, {}).items():
            scores[language] += weight  # type: ignore[assignment]
    for letter, language in _LETTERS[script].items():
        scores[language] += text.count(letter)
    # A tie goes to the language listed first: the more widely written one.
    return max(_LISTED[script], key=scores.__getitem__) if scores.total() > 0 else UNDETERMINED
