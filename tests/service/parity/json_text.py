"""JSON that is not quite: text of any value, with pieces that no encoder would write."""

import json
from random import Random
from typing import Any


class Raw(str):
    """Text that stands in a JSON document as it is."""


def text(value: Any) -> str:
    """Return the text of a value."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{text(key)}:{text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(text, value)) + "]"
    return json.dumps(value)


NO_NUMBERS = ("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x10", "1_000", "1e", "--1")
ODD_NUMBERS = (
    *map(Raw, (*NO_NUMBERS, "1e400", "-1e400", "1e39", "5e-324", "-0.0", "1E5", "1e-400")),
    *(2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 2**70, 10**400, 0, -1, 0.1, 3.4028236e38),
)
ODD_TEXTS = (
    *("", "5.1", "true", "null", "features", "größer", "\0", "\ud800", "\U0001f600", "a" * 300, "a\nb", "a\tb"),
    *(Raw('"\\x41"'), Raw('"\\ud800"'), Raw("'single'"), Raw('"\t"'), Raw("undefined")),
)
NESTED = (Raw("[" * 40 + "]" * 40), Raw('{"a":' * 60 + "1" + "}" * 60), Raw("[" * 2000 + "]" * 2000), Raw("[" * 1500))


def odd_value(random: Random, depth: int = 2) -> Any:
    """Return any value: of the wrong type, of an odd size, or no JSON at all."""
    choice = random.randrange(100)
    if choice < 30:
        return random.choice(ODD_NUMBERS)
    if choice < 50:
        return random.choice(ODD_TEXTS)
    if choice < 65:
        return random.choice((None, None, True, False))
    if choice < 69:
        return random.choice(NESTED)
    if choice < 85 or not depth:
        return [odd_value(random, depth - 1) for _ in range(random.randrange(5))] if depth else []
    return {str(random.choice(ODD_TEXTS)): odd_value(random, depth - 1) for _ in range(random.randrange(4))}


def changed(random: Random, value: Any) -> Any:
    """Return a value with one change somewhere in it."""
    if isinstance(value, dict) and value:
        return _changed_object(random, value)
    if isinstance(value, list) and value:
        return _changed_list(random, value)
    return odd_value(random)


def _changed_object(random: Random, value: dict[str, Any]) -> dict[Any, Any]:
    key = random.choice(list(value))
    choice = random.randrange(10)
    if choice < 6:
        return value | {key: changed(random, value[key])}
    others = {name: one for name, one in value.items() if name != key}
    if choice < 7:
        return others
    if choice < 8:
        return others | {random.choice(("Features", "unknown", "", "ids", "größe")): value[key]}
    if choice < 9:
        return value | {random.choice(("extra", "id", "parameters", "outputs", "inputs")): odd_value(random)}
    return value | {Raw(text(key)): value[key]}  # the same key twice


def _changed_list(random: Random, value: list[Any]) -> list[Any]:
    index = random.randrange(len(value))
    choice = random.randrange(10)
    if choice < 6:
        return [*value[:index], changed(random, value[index]), *value[index + 1 :]]
    if choice < 7:
        return value[:index] + value[index + 1 :]
    if choice < 8:
        return [*value, value[index]]
    if choice < 9:
        return [value]
    return []
