"""The links in a message, as a mail scanner finds and follows them."""

import re

LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)


def links_of(words: str) -> list[str]:
    """Return every link in a text, without the punctuation behind it."""
    return [link.rstrip(".,;:!?)") for link in LINK.findall(words)]
