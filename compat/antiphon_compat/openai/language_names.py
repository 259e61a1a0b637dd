"""English names of languages, as ``verbose_json`` gives them and callers of Whisper write them."""

import re

_TABLE = """
    af:afrikaans am:amharic ar:arabic as:assamese az:azerbaijani ba:bashkir be:belarusian bg:bulgarian bn:bengali
    bo:tibetan br:breton bs:bosnian ca:catalan cs:czech cy:welsh da:danish de:german el:greek en:english es:spanish
    et:estonian eu:basque fa:persian fi:finnish fo:faroese fr:french gl:galician gu:gujarati ha:hausa haw:hawaiian
    he:hebrew hi:hindi hr:croatian ht:haitian creole hu:hungarian hy:armenian id:indonesian is:icelandic it:italian
    ja:japanese jv:javanese ka:georgian kk:kazakh km:khmer kn:kannada ko:korean la:latin lb:luxembourgish ln:lingala
    lo:lao lt:lithuanian lv:latvian mg:malagasy mi:maori mk:macedonian ml:malayalam mn:mongolian mr:marathi ms:malay
    mt:maltese my:myanmar ne:nepali nl:dutch nn:nynorsk no:norwegian oc:occitan pa:punjabi pl:polish ps:pashto
    pt:portuguese ro:romanian ru:russian sa:sanskrit sd:sindhi si:sinhala sk:slovak sl:slovenian sn:shona so:somali
    sq:albanian sr:serbian su:sundanese sv:swedish sw:swahili ta:tamil te:telugu tg:tajik th:thai tk:turkmen
    tl:tagalog tr:turkish tt:tatar uk:ukrainian ur:urdu uz:uzbek vi:vietnamese yi:yiddish yo:yoruba yue:cantonese
    zh:chinese
"""
_NAMES: dict[str, str] = dict(re.findall(r"([a-z]+):([a-z]+(?: creole)?)", _TABLE))
_CODES = {name: code for code, name in _NAMES.items()}


def english_name(code: str) -> str:
    """Name a language in lower case; a code without a known name stays as it is.

    >>> english_name("pt-BR"), english_name("xx"), english_name("")
    ('portuguese', 'xx', '')
    """
    return _NAMES.get(code.split("-", maxsplit=1)[0].lower(), code)


def code_of(language: str) -> str:
    """Give the code of a language's English name; anything else stays as it is.

    >>> code_of("English"), code_of("pt-BR"), code_of("klingon")
    ('en', 'pt-BR', 'klingon')
    """
    return _CODES.get(language.strip().lower(), language)
