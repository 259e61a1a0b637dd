"""Pages of lists. A token is the position its page begins at, so it stays valid while the list does."""

from collections.abc import Sequence
from typing import TypeVar

from antiphon_server.errors import InvalidField
from antiphon_server.rpc.checks import in_range

Item = TypeVar("Item")
_DEFAULT_SIZE = 100


def page(items: Sequence[Item], page_size: int, page_token: str) -> tuple[Sequence[Item], str]:
    """Cut one page out of a list; the second value is the token of the next page, empty on the last.

    Raises:
        InvalidField: If the size is not 0..1000 (0 means 100), or no page of this list has that token.
    """
    in_range("page_size", page_size, 0, 1000)
    start = _position(page_token, len(items)) if page_token else 0
    end = start + (page_size or _DEFAULT_SIZE)
    return items[start:end], str(end) if end < len(items) else ""


def _position(page_token: str, num_items: int) -> int:
    is_number = page_token.isascii() and page_token.isdigit() and len(page_token) <= 9
    # The first page has no token, none begins behind the last item, and ours have no zeros in front.
    if not is_number or page_token.startswith("0") or int(page_token) >= num_items:
        raise InvalidField(
            f"page_token must be one that was answered before for this list, not {page_token[:32]!r}",
            field="page_token",
        )
    return int(page_token)
