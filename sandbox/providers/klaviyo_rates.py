"""Klaviyo's call limits: for each endpoint so many in a second and so many in a minute, in fixed windows."""

from fnmatch import fnmatchcase

from sandbox.providers.state import World

LIMITS = (
    ("POST", "/api/events", 350, 3500),
    ("GET", "/api/events*", 350, 3500),
    ("POST", "/api/event-bulk-create-jobs", 10, 150),
    ("*", "/api/profile-import", 75, 750),
    ("*", "/api/profiles*", 75, 750),
    ("*", "/api/profile-subscription-bulk-*-jobs", 75, 750),
    ("*", "/api/metrics*", 10, 150),
    ("POST", "/api/data-privacy-deletion-jobs", 3, 60),
    ("*", "/api/webhook*", 1, 15),
)
OTHERS = ("*", "*", 75, 750)
BURST, STEADY = 1, 60


def rate_of(sim: World, method: str, full_path: str) -> tuple[dict[str, int], int | None]:
    """Count a call; tell what is left of the minute, and, if it is too much, how long to wait."""
    where = full_path.removeprefix("/klaviyo")
    rule = next((r for r in LIMITS if r[0] in {"*", method} and fnmatchcase(where, r[1])), OTHERS)
    now, scale = int(sim.now().timestamp()), sim.config.rate_scale
    used = {}
    for length, limit in ((BURST, rule[2]), (STEADY, rule[3])):
        window, count = sim.mail.windows.get((f"{rule[0]} {rule[1]}", length), (0, 0))
        count = count if window == now // length else 0
        if count >= max(1, round(limit * scale)):
            return {}, length - now % length
        used[length] = count + 1
    for length, count in used.items():
        sim.mail.windows[f"{rule[0]} {rule[1]}", length] = (now // length, count)
    limit = max(1, round(rule[3] * scale))
    return {"Limit": limit, "Remaining": limit - used[STEADY], "Reset": STEADY - now % STEADY}, None
