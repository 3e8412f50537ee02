"""Models by the names that the command line gives them."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from dsm_jepsen.checkers.models._base import Model
from dsm_jepsen.checkers.models.collections import Counter, GrowOnlySet, RemovableSet
from dsm_jepsen.checkers.models.locks import FencedLock, Mutex, ReentrantLock
from dsm_jepsen.checkers.models.maps import KeyValue, Lists
from dsm_jepsen.checkers.models.queues import FifoQueue, Stack, UnorderedQueue
from dsm_jepsen.checkers.models.registers import CasRegister, Register, Registers
from dsm_jepsen.checkers.models.transactions import ListAppend, MultiRegister

MODELS: Final[Mapping[str, Callable[..., Model]]] = {
    "register": Register,
    "cas-register": CasRegister,
    "registers": Registers,
    "multi-register": MultiRegister,
    "mutex": Mutex,
    "reentrant-lock": ReentrantLock,
    "fenced-lock": FencedLock,
    "counter": Counter,
    "grow-only-set": GrowOnlySet,
    "set": RemovableSet,
    "fifo-queue": FifoQueue,
    "unordered-queue": UnorderedQueue,
    "stack": Stack,
    "key-value": KeyValue,
    "lists": Lists,
    "list-append": ListAppend,
}
"""Classes by name; each can be made without arguments."""

_ALSO: Final = {"kv": "key-value"}
"""Names that others have for them."""

WITH_INITIAL: Final = ("register", "cas-register", "registers", "multi-register", "counter", "key-value")
"""Those that take an ``initial`` value."""


_UNSET: Final = object()


def named(name: str, initial: Any = _UNSET) -> Model:
    """Make a model by its name.

    Args:
        name: one of ``MODELS``.
        initial: a JSON value to start with, where the model has one.

    Raises:
        ValueError: there is no such model, it has no initial value, or not such a one.
    """
    name = _ALSO.get(name, name)
    kind = MODELS.get(name)
    if kind is None:
        near = "".join(f" (did you mean {one}?)" for one in get_close_matches(name, MODELS, n=1))
        raise ValueError(f"no model is called {name!r}{near}; there are {', '.join(MODELS)}")
    if initial is _UNSET:
        return kind()
    if name not in WITH_INITIAL:
        raise ValueError(f"{name} has no initial value to choose; only these have: {', '.join(WITH_INITIAL)}")
    return kind(initial=_hashable(initial))


def _hashable(value: Any) -> Any:
    """Make tuples of lists: models are compared, and looked up, by value."""
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    return value
