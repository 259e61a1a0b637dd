"""Pages of lists. A token is the position, so it stays valid while the list does."""

from collections.abc import Sequence
from typing import TypeVar

from antiphon_server.errors import InvalidField
from antiphon_server.rpc.checks import in_range

Item = TypeVar("Item")
_DEFAULT_SIZE = 100


def page(items: Sequence[Item], page_size: int, page_token: str) -> tuple[Sequence[Item], str]:
    """Cut one page out of a list; the second value is the token of the next page, empty on the last.

    Raises:
        InvalidField: If the size is not 0..1000 (0 means 100), or the token is not one of ours.
    """
    in_range("page_size", page_size, 0, 1000)
    if page_token and not (page_token.isascii() and page_token.isdigit() and len(page_token) <= 9):
        raise InvalidField(
            f"page_token must be one that was answered before, not {page_token[:32]!r}", field="page_token"
        )
    start = int(page_token or 0)
    end = start + (page_size or _DEFAULT_SIZE)
    return items[start:end], str(end) if end < len(items) else ""
