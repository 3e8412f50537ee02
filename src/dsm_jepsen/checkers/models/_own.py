"""Models of users' own: what they need not say, and what they must not get wrong."""

from typing import Any, ClassVar, Final

from dsm_jepsen.checkers.models._base import UNKNOWN

_NEEDED: Final = ("init", "step", "steps")
_OPTIONAL: Final = ("judges", "refusals", "part", "explain", "facts", "assignment", "edit", "verbs")


class Completed:
    """A model that was given without ``judges`` or ``refusals``: it judges everything, and knows no refusals.

    Args:
        model: one with ``init`` and ``step`` (or ``steps``); what else it has is kept.

    Raises:
        TypeError: it is no model.
    """

    refusals: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, model: Any) -> None:
        if isinstance(model, type):
            raise TypeError(f"{model.__name__} is a class, expected a model: make one, {model.__name__}()")
        if not callable(getattr(model, "init", None)) or not (
            callable(getattr(model, "step", None)) or callable(getattr(model, "steps", None))
        ):
            raise TypeError(
                f"{model!r} is no model: expected an object with init() and "
                "step(state, f, argument, result); models.named(name) gives one by its name"
            )
        self.name = type(model).__name__
        # On the object itself, because that is where protocols look.
        self.__dict__.update(
            {
                name: getattr(model, name)
                for name in (*_NEEDED, *_OPTIONAL)
                if getattr(model, name, None) is not None
            }
        )

    def judges(self, f: str) -> bool:
        """Judge everything."""
        return True


def completed(model: Any) -> Any:
    """Give a model that has all that is asked of one."""
    if isinstance(model, type) or not hasattr(model, "judges") or not hasattr(model, "refusals"):
        return Completed(model)
    return model


def checked(initial: Any, argument: Any, result: Any, state: Any) -> None:
    """Refuse what cannot be a state.

    Args:
        initial: the state that the model begins with.
        argument: what the operation was invoked with that led to it.
        result: what it returned.
        state: what the model says.

    Raises:
        TypeError: it cannot be compared with others, or it seems to be no state at all.
    """
    written = _has(argument, state) and (result is UNKNOWN or _has(result, state))
    if (state is None or state is False) and type(state) is not type(initial) and not written:
        raise TypeError(f"a step gives {state}, expected a state, or REJECT if that is impossible")
    try:
        hash(state)
    except TypeError:
        raise TypeError(
            f"the state {state!r} has no hash, and states are kept and compared: use a number, a string, "
            "a tuple, a frozenset, or a frozen dataclass, and do not change it, but give another"
        ) from None
    kind: Any = type(state)
    if kind.__hash__ is object.__hash__ and kind.__module__ != "builtins":
        raise TypeError(
            f"the state {state!r} equals nothing but itself, and states are compared: "
            f"make {kind.__name__} a frozen dataclass"
        )


def _has(value: Any, sign: Any) -> bool:
    return any(one is sign for one in (value if isinstance(value, list | tuple) else (value,)))
