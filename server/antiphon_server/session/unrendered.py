"""What of a text the model that speaks has no way to render: tags of delivery, and letters of other scripts."""

from collections.abc import Iterable

from antiphon_server.session.events import Notice
from antiphon_server.session.settings import SpeechSettings


def unrendered(tags: Iterable[str], settings: SpeechSettings, warned: set[str], *, field: str) -> list[Notice]:
    """Warn of each tag that has no effect, once.

    Args:
        tags: As written, of one segment or of many.
        settings: Name the model and what it renders.
        warned: Tags that were warned of; those of the answer are added.
        field: Path of the request field that holds the text.
    """
    found = dict.fromkeys(tag for tag in tags if tag[2:-2] not in settings.rendered_tags and tag not in warned)
    warned.update(found)
    why = f"has no effect on {settings.model}; it was left out and not read aloud"
    return [Notice("TAG_NOT_RENDERED", field, f"{tag} {why}") for tag in found]


def unread(num_letters: int, model: str) -> Notice:
    """Tell of letters that a segment was spoken without."""
    why = f"{num_letters} characters of a script {model} does not read were left out"
    return Notice("TEXT_NOT_SPOKEN", "text", why)
