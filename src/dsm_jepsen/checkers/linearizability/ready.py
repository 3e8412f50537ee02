"""Models made ready for judging, and kept: what is found out about one serves its next history."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

from dsm_jepsen.checkers.linearizability.meaning import Meaning, canonical
from dsm_jepsen.checkers.linearizability.special import settles
from dsm_jepsen.checkers.models import AnyModel, deterministic

try:
    from dsm_jepsen import _native
except ImportError:
    _native = None  # type: ignore[assignment]

kernel = _native
"""``None`` where it was not built."""

_KEPT = 8
_KEPT_EVENTS = 100_000
"""A table that met more than this is not kept: it may hold as many values."""


class Ready:
    """A model that is ready.

    Args:
        model: as it was given.

    Attributes:
        given: that.
        model: the same with ``step``, and all else that is asked of one.
        special: the kernel may settle whole histories without a search.
    """

    __slots__ = ("_kept", "_tables", "given", "model", "special")

    def __init__(self, model: AnyModel, *, kept: bool) -> None:
        self.given = model
        self.model = deterministic(model)
        self.special = settles(self.model)
        self._kept = kept
        self._tables: list[Any] = []

    def table(self) -> Any:
        """Give a table of the kernel; it is in use by one at a time."""
        try:
            return self._tables.pop()
        except IndexError:
            meaning = Meaning(self.model)
            return kernel.Table(
                meaning.define,
                meaning.step,
                self.model.judges,
                meaning.refusal,
                canonical,
                self.model.init(),
                meaning.kind,
                meaning.verbs,
                meaning.keyed,
            )

    def keep(self, table: Any, events: int) -> None:
        """Take a table back that has met so many events."""
        if self._kept and events <= _KEPT_EVENTS and not self._tables:
            self._tables.append(table)


_by_name: OrderedDict[Hashable, Ready] = OrderedDict()
_by_id: OrderedDict[int, tuple[Any, Ready]] = OrderedDict()
"""The object itself is kept with it: no other can have its id."""


def ready(model: AnyModel) -> Ready:
    """Make a model ready, or give what was made of an equal one.

    Raises:
        TypeError: it is no model.
    """
    known = _by_id.get(id(model))
    if known is not None:
        return known[1]
    name = _name(model)
    if name is None:
        return Ready(model, kept=False)
    made = _by_name.pop(name, None) or Ready(model, kept=True)
    _by_name[name] = made
    _by_id[id(model)] = model, made
    for kept in (_by_name, _by_id):
        while len(kept) > _KEPT:
            kept.popitem(last=False)
    return made


def forget() -> None:
    """Forget all models: the next history of each finds out everything anew."""
    _by_name.clear()
    _by_id.clear()


def _name(model: Any) -> Hashable | None:
    """By what a model is known; ``None`` if an equal one may say something else, now or later.

    To Python models that begin with 1, 1.0 and true are equal, therefore the initial state is looked at as
    well.
    """
    if not getattr(getattr(type(model), "__dataclass_params__", None), "frozen", False):
        return None
    try:
        hash(model)
    except TypeError:  # a frozen one around something that is not
        return None
    return model, canonical(model.init())
