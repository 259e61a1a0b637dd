"""Language tags as callers write them."""


def primary_subtag(tag: str) -> str:
    """Return which language a BCP 47 tag names, in small letters; underscores will do, and empty stays empty.

    >>> primary_subtag("en-US"), primary_subtag("pt_BR"), primary_subtag("")
    ('en', 'pt', '')
    """
    return tag.replace("_", "-").partition("-")[0].lower()
