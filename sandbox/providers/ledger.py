"""What really happened at the providers, by the caller's own key: the proof that nothing happened twice."""

from dataclasses import dataclass, field


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


@dataclass
class Ledger:
    """All effects in the order of their first time."""

    effects: list[Effect] = field(default_factory=list)

    def record(self, effect: Effect) -> None:
        """Add an effect, or count it on the one with the same key; without a key each stands alone."""
        for known in self.effects:
            same = (known.provider, known.kind, known.key) == (effect.provider, effect.kind, effect.key)
            if effect.key is not None and same:
                known.count += 1
                known.data["repeated_as"] = effect.id
                return
        self.effects.append(effect)

    def of(self, provider: str | None) -> list[Effect]:
        """List the effects of one provider, or all."""
        return [effect for effect in self.effects if provider in {None, effect.provider}]
