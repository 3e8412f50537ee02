"""Who leads, by what the members say of themselves."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from dsm_jepsen.cluster.local.clocks import Clocks
from dsm_jepsen.cluster.local.control import LocalControl
from dsm_jepsen.cluster.local.disks import Disks
from dsm_jepsen.cluster.local.loopback import Loopback
from dsm_jepsen.env import Role


def member(term: int | None) -> Any:
    """A member that says that it leads in this term."""

    async def term_led() -> int | None:
        return term

    return SimpleNamespace(term_led=term_led)


def process(state: str) -> Any:
    return SimpleNamespace(running=state != "dead", paused=state == "paused")


@pytest.mark.parametrize(
    ("terms", "states", "leader"),
    [
        ({}, {}, None),
        ({"n1": None, "n2": None, "n3": None}, {}, None),
        ({"n1": None, "n2": 3, "n3": None}, {}, "n2"),
        ({"n1": 4, "n2": 3, "n3": None}, {}, "n1"),
        ({"n1": 9, "n2": 10, "n3": None}, {}, "n2"),
        ({"n1": 3, "n2": 4, "n3": None}, {"n2": "paused"}, "n1"),
        ({"n1": 3, "n2": 4, "n3": None}, {"n2": "dead"}, "n1"),
    ],
)
def test_the_leader_is_the_running_member_that_leads_in_the_highest_term(
    terms: Mapping[str, int | None], states: Mapping[str, str], leader: str | None
) -> None:
    control = LocalControl(
        list(terms),
        lan=Loopback("a test"),
        clocks=Clocks(None),
        disks=Disks(own=False),
        processes={(node, Role.STORE): process(states.get(node, "running")) for node in terms},
        members={node: member(term) for node, term in terms.items()},
    )
    assert asyncio.run(control.leader()) == leader
