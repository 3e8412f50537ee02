"""Maps whose keys know nothing of each other: strings that grow, and lists that grow.

All values are Jepsen's independent tuples, ``[key, value]``.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from dsm_jepsen.checkers.models._base import REJECT, UNKNOWN, Edit, Verb
from dsm_jepsen.checkers.models._values import frozen, same, told_apart


@dataclass(frozen=True)
class KeyValue:
    """Strings by key.

    * ``get`` of ``[key, null]``, ok with ``[key, string]``: asserts that it is this one. Of null: that it is
      the initial one, for the key is absent.
    * ``put`` of ``[key, string]``: it is this one from now on. Ok asserts nothing.
    * ``append`` of ``[key, string]``: it goes on with this from now on. Ok asserts nothing.

    Attributes:
        initial: every key's string at first.
    """

    initial: str = ""
    refusals: ClassVar[frozenset[str]] = frozenset()
    verbs: ClassVar[Mapping[str, Verb]] = {"get": Verb.READS, "put": Verb.WRITES, "append": Verb.APPENDS}

    def __post_init__(self) -> None:
        _string(self.initial)

    def judges(self, f: str) -> bool:
        """Judge gets, puts and appends."""
        return f in {"get", "put", "append"}

    def init(self) -> str:
        """Start with the initial string."""
        return self.initial

    def part(self, f: str, argument: Any, result: Any) -> tuple[Hashable, Any, Any]:
        """Tell strings apart by their keys."""
        return told_apart(argument, result)

    def step(self, state: str, f: str, argument: Any, result: Any) -> Any:
        """Change one key's string, or compare it with what was got."""
        if f == "append":
            return state + _string(argument)
        if f == "put":
            return _string(argument)
        return state if result is UNKNOWN or self._got(result) == state else REJECT

    def edit(self, f: str, argument: Any, result: Any) -> Edit:
        """Say the same without a state."""
        if f == "append":
            return Edit("appends", _string(argument))
        if f == "put":
            return Edit("replaces", _string(argument))
        return Edit("looks", "") if result is UNKNOWN else Edit("reads", self._got(result))

    def _got(self, result: Any) -> str:
        return self.initial if result is None else _string(result)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the value {value!r} is no string: key-value maps hold strings")  # noqa: TRY004
    return value


@dataclass(frozen=True)
class Lists:
    """Lists by key, empty at first. For transactions over several there is ``ListAppend``.

    * ``append`` of ``[key, value]``: any JSON value comes last from now on. Ok asserts nothing.
    * ``read`` of ``[key, null]``, ok with ``[key, [value ...]]``: asserts that these are all, in this order.
      Of null: that there are none.
    """

    refusals: ClassVar[frozenset[str]] = frozenset()

    def judges(self, f: str) -> bool:
        """Judge appends and reads."""
        return f in {"append", "read"}

    def init(self) -> tuple[Hashable, ...]:
        """Start with nothing."""
        return ()

    def part(self, f: str, argument: Any, result: Any) -> tuple[Hashable, Any, Any]:
        """Tell lists apart by their keys."""
        return told_apart(argument, result)

    def step(self, state: tuple[Hashable, ...], f: str, argument: Any, result: Any) -> Any:
        """Append to one key's list, or compare it with what was read."""
        if f == "append":
            return (*state, frozen(argument))
        return state if result is UNKNOWN or same(_read(result), state) else REJECT

    def edit(self, f: str, argument: Any, result: Any) -> Edit:
        """Say the same without a state."""
        if f == "append":
            return Edit("appends", [argument])
        return Edit("looks", []) if result is UNKNOWN else Edit("reads", _read(result))


def _read(result: Any) -> Any:
    if not isinstance(result, list | tuple | type(None)):
        raise ValueError(f"read {result!r}, which is no list")  # noqa: TRY004
    return result or []
