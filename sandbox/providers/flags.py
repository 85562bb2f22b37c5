"""The switches of the assumptions: set by the environment, changed by the control API, put back by a reset."""

from sandbox.providers.assumptions import ASSUMPTIONS, Assumption, Value

BY_NAME = {assumption.name: assumption for assumption in ASSUMPTIONS}
TRUE, FALSE = {"1", "true", "on", "yes"}, {"0", "false", "off", "no", ""}


class Flags:
    """The present position of every switch."""

    def __init__(self, order: str = "") -> None:
        self._values: dict[str, Value] = {a.name: a.default for a in ASSUMPTIONS}
        for pair in filter(None, order.split(",")):
            name, _, value = pair.partition("=")
            self.set(name.strip(), value.strip())

    def set(self, name: str, value: object) -> None:
        """Turn one switch; raise ValueError for a name or value that does not exist."""
        assumption = BY_NAME.get(name)
        if assumption is None:
            raise ValueError(f"no assumption is called {name!r}")
        self._values[name] = _read(assumption, value)

    def on(self, name: str) -> bool:
        """Read a switch with two positions."""
        return bool(self._values[name])

    def number(self, name: str) -> int:
        """Read a number."""
        return int(self._values[name])

    def word(self, name: str) -> str:
        """Read a word."""
        return str(self._values[name])

    def listing(self) -> list[dict[str, object]]:
        """List every assumption with its present value."""
        return [
            {
                "flag": a.name, "provider": a.provider, "assumes": a.words, "default": a.default,
                "value": self._values[a.name], "choices": list(a.choices),
            }
            for a in ASSUMPTIONS
        ]  # fmt: skip


def _read(assumption: Assumption, value: object) -> Value:
    text = str(value).strip()
    if isinstance(assumption.default, bool):
        if text.lower() not in TRUE | FALSE:
            raise ValueError(f"{assumption.name} is on or off, not {text!r}")
        return text.lower() in TRUE
    if isinstance(assumption.default, int):
        if not text.isdigit():
            raise ValueError(f"{assumption.name} is a whole number, not {text!r}")
        return int(text)
    if assumption.choices and text not in assumption.choices:
        raise ValueError(f"{assumption.name} is one of {', '.join(assumption.choices)}, not {text!r}")
    return text
