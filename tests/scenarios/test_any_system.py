"""The runner knows nothing of our own state machines: here it tests a register on plain keys of the store.

The system has no node program at all; its clients talk to the store's member beside their node.
"""

import json
from typing import Any, Self

import pytest

from dsm_jepsen.checkers import CasRegister, linearizable, stats
from dsm_jepsen.env import Client, DefiniteError, Program, Site, Store
from dsm_jepsen.scenarios import Scenario, Settings, Workload, simulate
from dsm_jepsen.scenarios.generators import Ask, clients, cycle, limit, mix, once, stagger


class RegisterClient:
    """``read``, ``write`` and ``cas`` on one key."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    async def open(self, site: Site) -> Self:
        return type(self)(await site.open_store())

    async def invoke(self, f: str, value: Any) -> Any:
        assert self._store is not None
        if f == "write":
            await self._store.put("/register", json.dumps(value).encode())
            return value
        entry = await self._store.get("/register")
        held = None if entry is None else json.loads(entry.value)
        if f == "read":
            return held
        expected, new = value
        version = None if entry is None else entry.version
        if held != expected:
            raise DefiniteError("unequal", held)
        if await self._store.compare_and_set("/register", json.dumps(new).encode(), version=version) is None:
            raise DefiniteError("lost-race")
        return value

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()


class Register:
    name = "register"
    program: Program | None = None

    async def ready(self, site: Site) -> bool:
        return True

    def client(self) -> Client:
        return RegisterClient()


def _value(purpose: str) -> Any:
    return lambda ask: ask.rng.below(5, purpose=purpose)


def _cas(ask: Ask) -> list[int]:
    return [ask.rng.below(5, purpose="expected"), ask.rng.below(5, purpose="new")]


def _workload(_: Settings) -> Workload:
    operations = mix(cycle(once("read")), cycle(once("write", _value("written"))), cycle(once("cas", _cas)))
    return Workload(
        generator=clients(limit(200, stagger(0.002, operations))),
        checkers={"linearizable": linearizable(CasRegister(None)), "stats": stats},
    )


REGISTER = Scenario(
    name="register",
    title="a register on plain keys",
    system=lambda _variant: Register(),
    workload=_workload,
)


@pytest.mark.parametrize("seed", range(5))
def test_a_register_on_plain_keys_is_linearizable(seed: int) -> None:
    result = simulate(REGISTER, seed=seed)
    assert {name: verdict.because for name, verdict in result.verdicts.items() if not verdict.valid} == {}
    assert sum(event.type == "ok" for event in result.history) > 100


def test_a_store_that_reads_stale_is_caught() -> None:
    verdicts = [
        simulate(REGISTER, seed=seed, lie="stale-reads").verdicts["linearizable"] for seed in range(20)
    ]
    assert False in [verdict.valid for verdict in verdicts]
