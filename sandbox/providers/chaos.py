"""Adds fields to answers that nobody documented, as providers do between two versions of their documents."""

import json
import random
import zlib

from flask import Response

ODD_VALUES: tuple[object, ...] = (None, 0, -1.5, True, "x", [], [{"a": None}], {}, {"nested": {"deep": [1]}})
LARGEST = 200_000


def sprinkle(response: Response) -> Response:
    """Put unknown fields into every object of a JSON answer, chosen by the answer itself so that it can be repeated."""
    if not response.is_json or response.direct_passthrough:
        return response
    data = response.get_data()
    if not data or len(data) > LARGEST:
        return response
    dice = random.Random(zlib.crc32(data))  # noqa: S311 chaos, no secrets
    response.set_data(json.dumps(_with_more(json.loads(data), dice)))
    return response


def _with_more(value: object, dice: random.Random) -> object:
    if isinstance(value, list):
        return [_with_more(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    more = {name: _with_more(item, dice) for name, item in value.items()}
    if dice.random() < 0.7:
        more[f"sim{dice.randint(1, 999)}New"] = dice.choice(ODD_VALUES)
    return more
