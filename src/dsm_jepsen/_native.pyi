"""The native kernel, `native/` in the repository; absent where it was not built."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, final

from dsm_jepsen.history import Columns

_Answer = tuple[Hashable, int, int, list[Any], bytes, int, int]
"""Key, verdict (valid, invalid, unknown), event, states, order as 32-bit integers, widest, operations."""

@final
class Table:
    """What is known of a model: for one thread at a time, and not to be used again after an exception."""

    def __new__(
        cls,
        define: Callable[[str, Any, int, Any], tuple[Any, ...]],
        step: Callable[[Any, str, Any, int, Any], Any],
        judges: Callable[[str], bool],
        refusal: Callable[[Any], list[Any] | None],
        canonical: Callable[[Any], bytes],
        initial: Any,
        kind: int,
        verbs: Mapping[str, int],
        keyed: bool,
        /,
    ) -> Table: ...
    def check(
        self, columns: Columns, seconds: float, memory: int, others: bool, effort: int, patience: int, /
    ) -> list[_Answer] | None:
        """Judge part by part; 0 for any ``effort``.

        ``None``: there are operations that the model does not judge, and ``others`` is false.
        """

def read_history(
    content: bytes, form: int, translate: Callable[[str], Any], /
) -> (
    tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, list[str], list[Any], dict[int, dict[str, Any]]]
    | None
):
    """Types, times, and the rest of the columns; extras by index."""

def settle(
    family: int,
    put: str,
    get: str,
    initial: int,
    judges: Callable[[str], bool],
    refusal: Callable[[Any], list[Any] | None],
    canonical: Callable[[Any], bytes],
    columns: Columns,
    /,
) -> tuple[int, int, int, bytes, bytes, int] | None:
    """Valid, event, exact, order and culprits as 32-bit integers, operations."""
