"""English names of languages, for the prompts of translation."""

from __future__ import annotations

import re

# ISO 639-1 (and a few of 639-3) with the names of the IANA Language Subtag Registry, shortened where people say less.
_LISTED = (
    "af=Afrikaans am=Amharic ar=Arabic as=Assamese az=Azerbaijani ba=Bashkir be=Belarusian bg=Bulgarian "
    "bn=Bengali bo=Tibetan br=Breton bs=Bosnian ca=Catalan ceb=Cebuano co=Corsican cs=Czech cv=Chuvash "
    "cy=Welsh da=Danish de=German dv=Dhivehi dz=Dzongkha ee=Ewe el=Greek en=English eo=Esperanto es=Spanish "
    "et=Estonian eu=Basque fa=Persian fi=Finnish fil=Filipino fj=Fijian fo=Faroese fr=French fy=Frisian "
    "ga=Irish gl=Galician gn=Guarani gu=Gujarati ha=Hausa haw=Hawaiian he=Hebrew hi=Hindi hmn=Hmong "
    "hr=Croatian ht=Haitian hu=Hungarian hy=Armenian ia=Interlingua id=Indonesian ig=Igbo is=Icelandic "
    "it=Italian iu=Inuktitut ja=Japanese jv=Javanese ka=Georgian kk=Kazakh kl=Greenlandic km=Khmer "
    "kn=Kannada ko=Korean ku=Kurdish ky=Kyrgyz la=Latin lb=Luxembourgish lg=Ganda ln=Lingala lo=Lao "
    "lt=Lithuanian lv=Latvian mg=Malagasy mi=Maori mk=Macedonian ml=Malayalam mn=Mongolian mr=Marathi "
    "ms=Malay mt=Maltese my=Burmese nb=Norwegian nds=Low_German ne=Nepali nl=Dutch nn=Norwegian_Nynorsk "
    "no=Norwegian ny=Chichewa oc=Occitan om=Oromo or=Odia os=Ossetian pa=Punjabi pl=Polish ps=Pashto "
    "pt=Portuguese qu=Quechua rm=Romansh rn=Rundi ro=Romanian ru=Russian rw=Kinyarwanda sa=Sanskrit "
    "sc=Sardinian sd=Sindhi se=Northern_Sami si=Sinhala sk=Slovak sl=Slovenian sm=Samoan sn=Shona so=Somali "
    "sq=Albanian sr=Serbian ss=Swati st=Southern_Sotho su=Sundanese sv=Swedish sw=Swahili ta=Tamil te=Telugu "
    "tg=Tajik th=Thai ti=Tigrinya tk=Turkmen tl=Tagalog tn=Tswana to=Tongan tr=Turkish ts=Tsonga tt=Tatar "
    "tw=Twi ug=Uyghur uk=Ukrainian ur=Urdu uz=Uzbek vi=Vietnamese wo=Wolof xh=Xhosa yi=Yiddish yo=Yoruba "
    "yue=Cantonese zh=Chinese zu=Zulu"
)
"""Tag=name; a blank in a name is a low line."""
_NAMES = dict(piece.split("=") for piece in _LISTED.split())
_MORE = {
    "zh-hans": "simplified Chinese",
    "zh-cn": "simplified Chinese",
    "zh-hant": "traditional Chinese",
    "zh-tw": "traditional Chinese",
    "pt-br": "Brazilian Portuguese",
    "en-gb": "British English",
    "en-us": "American English",
}
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.IGNORECASE)


def language_name(tag: str) -> str:
    """A BCP 47 tag in words; empty where no name is known.

    Example:
        >>> language_name("de"), language_name("pt-BR"), language_name("de-AT"), language_name("und")
        ('German', 'Brazilian Portuguese', 'German', '')
    """
    normalised = tag.lower().replace("_", "-")
    return _MORE.get(normalised) or _NAMES.get(normalised.split("-")[0], "").replace("_", " ")


def tag_of(name: str) -> str:
    """The tag of a language by its English name; empty where it is not known.

    Example:
        >>> tag_of("german")
        'de'
    """
    normalised = name.strip().lower().replace(" ", "_")
    return next((tag for tag, name in _NAMES.items() if name.lower() == normalised), "")


def is_tag(text: str) -> bool:
    """Whether a text has the form of a BCP 47 tag."""
    return _TAG.fullmatch(text) is not None
