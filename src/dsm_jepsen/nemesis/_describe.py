"""What faults there are, told by their own docstrings."""

import re
import sys
from dataclasses import dataclass

from dsm_jepsen.env import Capability
from dsm_jepsen.nemesis._base import NEMESES

_DOCSTRING = re.compile(r"(?P<title>[^\n]+)\n.*^Finds:(?P<finds>.*)^Needs:", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One fault, for people.

    Attributes:
        name: such as ``kill-node``.
        title: one sentence: what it does.
        finds: what it can bring to light.
        needs: capabilities that a cluster must have, in alphabetical order.
    """

    name: str
    title: str
    finds: str
    needs: tuple[Capability, ...]


def describe() -> tuple[Description, ...]:
    """Describe all faults, in alphabetical order.

    Raises:
        ValueError: a fault's module does not say what it finds.
    """
    return tuple(_describe(name) for name in sorted(NEMESES))


def _describe(name: str) -> Description:
    fault = NEMESES[name]
    said = _DOCSTRING.match(sys.modules[fault.__module__].__doc__ or "")
    if said is None:
        raise ValueError(
            f"the docstring of {fault.__module__} does not tell what {name} finds; expected a first line, "
            "then 'Finds:' and 'Needs:'"
        )
    return Description(
        name=name,
        title=said["title"],
        finds=" ".join(said["finds"].split()),
        needs=tuple(sorted(fault.needs)),
    )
