"""What really happened at the providers, by the caller's own key: the proof that nothing happened twice."""

import hashlib
import json
from dataclasses import dataclass, field

TOLD = frozenset({"job", "cancel", "event", "message"})  # what is listed without asking for more


@dataclass
class Effect:
    """One thing in the world; `count` is how many times it happened, which should be one."""

    provider: str
    kind: str
    key: str | None
    id: str
    at: str
    data: dict[str, object]
    count: int = 1
    hash: str = ""

    def __post_init__(self) -> None:
        """Write down what the payload was, so that two effects with one key can be told apart."""
        text = json.dumps(self.data, sort_keys=True, default=str)
        self.hash = self.hash or hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Ledger:
    """All effects in the order of their first time."""

    effects: list[Effect] = field(default_factory=list)
    known: dict[tuple[str, str, str], Effect] = field(default_factory=dict)

    def record(self, effect: Effect) -> None:
        """Add an effect, or count it on the one with the same key; without a key each stands alone."""
        if effect.key is not None:
            place = (effect.provider, effect.kind, effect.key)
            known = self.known.setdefault(place, effect)
            if known is not effect:
                known.count += 1
                known.data["repeated_as"] = effect.id
                known.data["repeated_at"] = effect.at
                known.data["repeated_hash"] = effect.hash
                return
        self.effects.append(effect)

    def of(self, provider: str | None, kind: str | None = None, key: str | None = None) -> list[Effect]:
        """List the effects of one provider, or all; `kind` is one kind or `all` for also the small ones."""
        return [
            effect
            for effect in self.effects
            if provider in {None, "", effect.provider}
            and (effect.kind in TOLD if kind is None else kind in {"all", effect.kind})
            and key in {None, effect.key}
        ]
