"""Well-formed histories, and events in few words."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from dsm_jepsen.history import NEMESIS, History, Op

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
ERRORS = st.none() | st.tuples(st.text(), JSON).map(list)
EXTRAS = st.none() | st.dictionaries(
    st.text().filter(lambda name: name == "extra" or name not in Op.__struct_fields__),
    JSON,
    min_size=1,
    max_size=2,
)
THREADS = 3


@st.composite
def _histories(draw: st.DrawFn) -> History:
    """Threads (the last is the nemesis) take turns: each invokes, or completes what it has open."""
    history = History()
    processes = list(range(THREADS))
    is_open: dict[int, str] = {}
    time = draw(st.integers(-1, 2**40))
    for thread in draw(st.lists(st.integers(0, THREADS), max_size=12)):
        process = NEMESIS if thread == THREADS else processes[thread]
        type_, f = "invoke", draw(st.sampled_from(["read", "cas", "my op", "ns/f", "ü", ""]))
        if process == NEMESIS:
            type_ = "info"
        elif process in is_open:
            type_, f = draw(st.sampled_from(["ok", "fail", "info"])), is_open.pop(process)
            if type_ == "info":
                processes[thread] += THREADS
        else:
            is_open[process] = f
        time += draw(st.integers(0, 10**9))
        history.append(
            Op(
                index=len(history),
                time=time,
                type=type_,  # type: ignore[arg-type]
                process=process,
                f=f,
                value=draw(JSON),
                error=draw(ERRORS),
                extra=draw(EXTRAS),
            )
        )
    return history


@pytest.fixture(scope="session")
def histories() -> st.SearchStrategy[History]:
    """Any well-formed history of a few events."""
    return _histories()


@pytest.fixture(scope="session")
def make_op() -> Callable[..., Op]:
    """An event as in a line of Jepsen's log: ``make_op(0, 3, "invoke", "read")``; time is 10 per index."""

    def make(index: int, process: Any, type_: Any, f: Any, value: Any = None, **fields: Any) -> Op:
        return Op(
            index=index, process=process, type=type_, f=f, value=value, **{"time": 10 * index, **fields}
        )

    return make
