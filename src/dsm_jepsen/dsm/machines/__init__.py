"""The machines that come with the house, by name: what ``--machine`` chooses from."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType

from dsm_jepsen.dsm.chart import Chart
from dsm_jepsen.dsm.machines.web import web

MACHINES: Mapping[str, Callable[[], Chart]] = MappingProxyType({"web": web})
"""By name, what builds the machine."""


@cache
def machine(name: str) -> Chart:
    """Give a machine by its name.

    Raises:
        ValueError: there is none; the message suggests names that are like it.
    """
    if name not in MACHINES:
        near = get_close_matches(name, MACHINES)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"no machine {name!r}; {hint}known machines: {', '.join(MACHINES)}")
    return MACHINES[name]()
