"""What is written for the eye, made ready for the ear. Nothing here reads numbers or abbreviations."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import emoji as emoji_data
from markdown_it import MarkdownIt
from markdown_it.token import Token

_ADDRESS = re.compile(r"\b(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[^\s<>\"'`|{}\\^\[\]]+", re.IGNORECASE)
_AFTER_ADDRESS = ".,;:!?)…*_"
_SPACES = re.compile(r"[^\S\n]+")
_SPACE_BEFORE_MARK = re.compile(r" +(?=[,.!?;:…](?:\s|$))")
_LONE_JOINERS = re.compile("(?<![^\\W_])[\u200d\ufe0f]+")

# HTML stays text, so that "a <b or c> d" keeps its words; "[Bob]: hi" defines no link, for the same reason.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("reference")
# A text is cut into sentences before it is read, so one may hold half of a pair of marks. Each half touches a word.
_HALF_EMPHASIS = re.compile(r"(?<![^\s\"'“(])(?:\*{2,3}|__|~~)(?=[^\W_]|[\"'“(])|(?<=[^\s*_~])(?:\*{2,3}|__|~~)(?!\w)")
_HALF_LINK = re.compile(r"\]\((?=[a-z][a-z0-9+.-]*:|www\.|[/#.])[^\s()]*(?:\([^\s()]*\)[^\s()]*)*\)", re.IGNORECASE)
_PARAGRAPH_TOKENS = ("paragraph_close", "heading_close", "tr_close")


def normalize(text: str, *, markdown: bool, emoji: bool, urls: bool) -> str:
    """Rewrite a whole sentence or text.

    Args:
        text: What was written, without tags.
        markdown: Keep the words of Markdown and drop its marks; blocks end in a newline.
        emoji: Leave emoji out.
        urls: Say an address by its host name.
    """
    if markdown:
        text = _without_marks(text)
    if urls:
        text = _ADDRESS.sub(_host, text)
    if emoji:
        text = _without_emoji(text)
    return text


def _without_marks(text: str) -> str:
    words = _HALF_EMPHASIS.sub("", _HALF_LINK.sub("", "".join(_words(_MARKDOWN.parse(text)))))
    return "\n".join(line.strip() for line in words.splitlines() if line.strip())


def _words(tokens: Iterable[Token]) -> Iterable[str]:
    for token in tokens:
        if token.children is not None:
            yield from _words(token.children)
        elif token.type in ("text", "code_inline"):
            yield token.content
        elif token.type in ("fence", "code_block"):
            yield f"{token.content}\n"
        elif token.type == "softbreak":
            yield " "
        elif token.type == "td_close" or token.type == "th_close":
            yield ", "
        elif token.type == "list_item_open" and token.info:
            yield f"{token.info}{token.markup} "
        elif token.type in _PARAGRAPH_TOKENS or token.type == "hardbreak":
            yield "\n"


def _host(found: re.Match[str]) -> str:
    address = found[0].rstrip(_AFTER_ADDRESS)
    after = found[0][len(address) :]
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname
    except ValueError:
        return found[0]
    return (host.removeprefix("www.") + after) if host else found[0]


def _without_emoji(text: str) -> str:
    kept = emoji_data.replace_emoji(text, _replacement)
    if kept == text:
        return text
    return _SPACE_BEFORE_MARK.sub("", _SPACES.sub(" ", _LONE_JOINERS.sub("", kept))).strip(" ")


def _replacement(found: str, _: dict[str, Any]) -> str:
    """Keep signs that are words, such as the one for a trade mark."""
    return found if found in "©®™" else ""
