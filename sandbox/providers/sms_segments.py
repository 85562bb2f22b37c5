"""How many parts a text message takes: 160 letters of the GSM alphabet or 70 of any, a few less in each of several."""

BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
DOUBLE = set("^{}\\[~]|€\f")


def count_segments(body: str) -> int:
    """Count the parts of a message."""
    if set(body) <= BASIC | DOUBLE:
        units, one, each = len(body) + sum(letter in DOUBLE for letter in body), 160, 153
    else:
        units, one, each = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= one else -(-units // each)
