"""The shared machine: what it promises, and the weaknesses of the paper's that it must not have."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from dsm_jepsen.dsm.ensemble import EnsembleClient
from dsm_jepsen.env import (
    Change,
    CompactedError,
    DefiniteError,
    Entry,
    IndefiniteError,
    Role,
    Session,
    Store,
)

START = {
    "version": 0,
    "states": ["S0", "S1", "S11"],
    "extendedStateVariables": {"foo": 0},
    "hasStateMachineError": False,
}


def test_all_nodes_start_in_the_initial_context(world: Any) -> None:
    async def story(world: Any) -> None:
        assert await world.everywhere() == START

    world.run(story)


def test_an_event_to_one_node_moves_all(world: Any) -> None:
    async def story(world: Any) -> None:
        answer = await world.event("n2", "C")
        assert answer.status == 200
        assert answer.body == {
            "outcome": "accepted",
            "event": "C",
            "node": "n2",
            "version": 1,
            "states": ["S0", "S2", "S21", "S211"],
            "variables": {"foo": 0},
        }
        after = await world.everywhere()
        assert (after["version"], after["states"]) == (1, ["S0", "S2", "S21", "S211"])

    world.run(story)


def test_an_event_that_is_not_applicable_is_refused_and_changes_nothing(world: Any) -> None:
    async def story(world: Any) -> None:
        answer = await world.event("n1", "K")
        assert answer.status == 409
        assert answer.body["outcome"] == "not-applicable"
        assert answer.body["detail"]["version"] == 0
        assert await world.everywhere() == START

    world.run(story)


def test_event_parameters_reach_the_actions(world: Any) -> None:
    async def story(world: Any) -> None:
        assert (await world.event("n1", "J", testVariable="v1")).status == 200
        assert (await world.everywhere())["extendedStateVariables"] == {"foo": 0, "testVariable": "v1"}

    world.run(story)


@pytest.mark.parametrize("gap_s", [0, 0.0005, 0.05, 1])
def test_the_same_event_to_all_nodes_for_one_version_takes_one_step(world: Any, gap_s: float) -> None:
    async def story(world: Any) -> None:
        async def late(place: int, node: str) -> Any:
            await asyncio.sleep(place * gap_s)
            return await world.event(node, "I", expect="0")

        tasks = [asyncio.create_task(late(place, node)) for place, node in enumerate(world.cluster.nodes)]
        answers = [(await task).body["outcome"] for task in tasks]
        assert sorted(answers) == ["accepted", *["lost-race"] * 4]
        after = await world.everywhere()
        assert (after["version"], after["states"]) == (1, ["S0", "S1", "S12"])

    world.run(story)


@pytest.mark.parametrize("seed", range(10))
def test_of_concurrent_events_each_acknowledged_one_has_a_version_of_its_own(
    make_world: Any, seed: int
) -> None:
    async def story(world: Any) -> None:
        tasks = [
            asyncio.create_task(world.event(node, "J", testVariable=node)) for node in world.cluster.nodes
        ]
        bodies = [(await task).body for task in tasks]
        versions = sorted(body["version"] for body in bodies if body["outcome"] == "accepted")
        assert versions == list(range(1, len(versions) + 1))
        assert versions
        after = await world.everywhere()
        assert after["version"] == len(versions)

    make_world(seed=seed).run(story)


def test_it_lives_on_past_the_commit_where_the_papers_implementation_dies(world: Any) -> None:
    async def story(world: Any) -> None:
        for number in range(80):
            event = "ICIK"[number % 4]
            answer = await world.event(world.cluster.nodes[number % 5], event)
            assert (answer.status, answer.body["version"]) == (200, number + 1)
        assert (await world.everywhere())["version"] == 80

    world.run(story)


def test_the_last_writer_keeps_its_variables_when_it_is_killed_and_rejoins(world: Any) -> None:
    async def story(world: Any) -> None:
        await world.event("n1", "J", testVariable="v1")
        await world.cluster.control.kill("n1", Role.NODE)
        await world.event("n2", "I")
        await world.cluster.control.restart("n1", Role.NODE)
        await world.healthy("n1")
        after = await world.everywhere()
        assert (after["version"], after["extendedStateVariables"]) == (2, {"foo": 0, "testVariable": "v1"})

    world.run(story)


def test_rejoining_does_not_run_the_initial_action_again(world: Any) -> None:
    async def story(world: Any) -> None:
        for node in world.cluster.nodes:
            await world.ask(node, "POST", "/leave")
            await world.ask(node, "POST", "/join")
            await world.healthy(node)
        assert await world.everywhere() == START

    world.run(story)


def test_committed_state_outlives_all_members(world: Any) -> None:
    async def story(world: Any) -> None:
        await world.event("n1", "C")
        for node in world.cluster.nodes:
            await world.cluster.control.kill(node, Role.NODE)
        await asyncio.sleep(60)
        for node in world.cluster.nodes:
            await world.cluster.control.restart(node, Role.NODE)
            await world.healthy(node)
        assert (await world.everywhere())["states"] == ["S0", "S2", "S21", "S211"]

    world.run(story)


def test_a_node_that_left_refuses_events_and_catches_up_when_it_joins(world: Any) -> None:
    async def story(world: Any) -> None:
        await world.ask("n3", "POST", "/leave")
        await asyncio.sleep(0.1)
        refused = await world.event("n3", "C")
        assert (refused.status, refused.body["outcome"]) == (503, "unavailable")
        assert (await world.status("n3"))["joined"] is False
        assert (await world.event("n4", "C")).status == 200
        await world.ask("n3", "POST", "/join")
        await world.healthy("n3")
        assert (await world.everywhere())["version"] == 1

    world.run(story)


def test_a_node_cut_from_the_store_is_in_error_within_the_bound_and_recovers(world: Any) -> None:
    async def story(world: Any) -> None:
        await world.cut_from_store("n5")
        await world.event("n1", "C")
        await asyncio.sleep(3.1)
        shown = await world.status("n5")
        assert shown["hasStateMachineError"] is True
        assert (await world.ask("n5", "GET", "/states")).status == 503
        refused = await world.event("n5", "I")
        assert (refused.status, refused.body["outcome"]) == (503, "unavailable")
        await world.cluster.control.mend()
        await world.healthy("n5")
        assert (await world.everywhere())["version"] == 1

    world.run(story)


def test_a_member_key_goes_with_its_node(world: Any) -> None:
    async def story(world: Any) -> None:
        store = await world.cluster.site("n2").open_store()
        members = "/dsm-jepsen/ensembles/default/members/"
        assert len(await store.list(members)) == 5
        await world.cluster.control.kill("n1", Role.NODE)
        await world.ask("n2", "POST", "/leave")
        await asyncio.sleep(60)
        assert [entry.key.removeprefix(members) for entry in await store.list(members)] == ["n3", "n4", "n5"]

    world.run(story)


def test_any_node_tells_who_belongs_with_which_session(world: Any) -> None:
    async def story(world: Any) -> None:
        sessions = {node: (await world.status(node))["session"] for node in world.cluster.nodes}
        assert len(set(sessions.values())) == 5
        assert (await world.ask("n2", "GET", "/members")).body == sessions
        await world.ask("n2", "POST", "/leave")
        await asyncio.sleep(1)
        del sessions["n2"]
        assert (await world.ask("n2", "GET", "/members")).body == sessions

    world.run(story)


def test_a_node_that_stood_still_for_too_long_comes_back_as_a_member_with_another_session(
    world: Any,
) -> None:
    async def story(world: Any) -> None:
        client = EnsembleClient(world.cluster.site("n1"))
        before = await client.invoke("members", None)
        await world.cluster.control.pause("n2", Role.NODE)
        await asyncio.sleep(10)
        assert set(await client.invoke("members", None)) == {"n1", "n3", "n4", "n5"}
        await world.cluster.control.resume("n2", Role.NODE)
        await asyncio.sleep(5)
        after = await client.invoke("members", None)
        assert {node for node in after if after[node] != before[node]} == {"n2"}

    world.run(story)


def test_without_the_store_nobody_knows_who_belongs(world: Any) -> None:
    async def story(world: Any) -> None:
        await world.cut_from_store("n5")
        with pytest.raises(DefiniteError, match="unavailable"):
            await EnsembleClient(world.cluster.site("n5")).invoke("members", None)

    world.run(story)


class Lossy:
    """A store whose next commit's reply is lost; the commit itself happens or not."""

    def __init__(self, store: Store, *, happens: bool) -> None:
        self._store = store
        self._happens = happens
        self.lose = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def compare_and_set(self, key: str, value: bytes, *, version: int | None) -> Entry | None:
        if not self.lose:
            return await self._store.compare_and_set(key, value, version=version)
        self.lose = False
        if self._happens:
            await self._store.compare_and_set(key, value, version=version)
        raise IndefiniteError("timeout")


@pytest.mark.parametrize(
    ("happens", "status", "outcome", "version"),
    [
        pytest.param(True, 200, "accepted", 1, id="the commit happened: found by reading again"),
        pytest.param(False, 504, "unknown", 0, id="nothing to be seen: it may still come"),
    ],
)
def test_a_commit_without_a_reply(
    make_world: Any, *, happens: bool, status: int, outcome: str, version: int
) -> None:
    stores: list[Lossy] = []

    def wrap(store: Store) -> Any:
        stores.append(Lossy(store, happens=happens))
        return stores[-1]

    async def story(world: Any) -> None:
        stores[0].lose = True
        answer = await world.event("n1", "C")
        assert (answer.status, answer.body["outcome"]) == (status, outcome)
        assert (await world.everywhere())["version"] == version

    make_world(wrap=wrap).run(story)


def test_a_commit_without_a_reply_whose_version_another_took_has_lost_for_certain(make_world: Any) -> None:
    stores: list[Lossy] = []

    def wrap(store: Store) -> Any:
        stores.append(Lossy(store, happens=False))
        return stores[-1]

    async def story(world: Any) -> None:
        stores[0].lose = True
        lost = asyncio.create_task(world.event("n1", "C"))
        await asyncio.sleep(0.1)
        assert (await world.event("n2", "I")).status == 200
        answer = await lost
        assert (answer.status, answer.body["outcome"]) == (409, "lost-race")
        assert (await world.everywhere())["states"] == ["S0", "S1", "S12"]

    make_world(wrap=wrap).run(story)


BAD: Sequence[Any] = [
    pytest.param("POST /event", {}, 400, "None is not known", id="no id"),
    pytest.param("POST /event", {"id": "Z"}, 400, "'Z' is not known", id="unknown event"),
    pytest.param("POST /event", {"id": "C", "expect": "-1"}, 400, "must be a version", id="bad version"),
    pytest.param("POST /event", {"id": "C", "expect": "9" * 5000}, 400, "must be", id="long version"),
    pytest.param("GET /event", {"id": "C"}, 405, "takes POST", id="wrong method"),
    pytest.param("GET /nowhere", {}, 404, "no such path", id="unknown path"),
    pytest.param("GET /status", {"read": "weak"}, 400, "local or strong", id="unknown read"),
]


@pytest.mark.parametrize(("request_line", "parameters", "status", "words"), BAD)
def test_bad_input_is_said_and_changes_nothing(
    world: Any, request_line: str, parameters: dict[str, str], status: int, words: str
) -> None:
    async def story(world: Any) -> None:
        answer = await world.ask("n1", *request_line.split(), **parameters)
        assert answer.status == status
        assert words in answer.body["error"]
        assert await world.everywhere() == START

    world.run(story)


def test_metrics_count_outcomes(world: Any) -> None:
    async def story(world: Any) -> None:
        await world.event("n1", "C")
        await world.event("n1", "A")
        text = (await world.ask("n1", "GET", "/metrics")).body
        assert 'dsm_events_total{outcome="accepted"} 1' in text
        assert 'dsm_events_total{outcome="not-applicable"} 1' in text
        assert "dsm_version 1" in text

    world.run(story)


def test_a_strong_read_shows_what_was_just_acknowledged_elsewhere(world: Any) -> None:
    async def story(world: Any) -> None:
        for number in range(20):
            await world.event("n1", "ICIK"[number % 4])
            shown = (await world.ask("n4", "GET", "/status", read="strong")).body
            assert shown["version"] == number + 1

    world.run(story)


class Forgetful:
    """A store that says at once, of the first watch, that changes are gone, and then fails one read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sessions = 0
        self.watches = 0
        self._fails = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def open_session(self, ttl_ms: int) -> Session:
        self.sessions += 1
        return await self._store.open_session(ttl_ms)

    async def watch(self, key: str, *, after: int) -> AsyncGenerator[Change, None]:
        self.watches += 1
        if self.watches == 1:
            self._fails = True
            raise CompactedError("compacted", after)
        async with aclosing(self._store.watch(key, after=after)) as changes:
            async for change in changes:
                yield change

    async def get(self, key: str, *, stale_ok: bool = False) -> Entry | None:
        if self._fails:
            self._fails = False
            raise IndefiniteError("timeout")
        return await self._store.get(key, stale_ok=stale_ok)


def test_a_node_whose_watch_fell_behind_goes_on_even_if_the_read_fails(make_world: Any) -> None:
    stores: list[Forgetful] = []

    def wrap(store: Store) -> Any:
        stores.append(Forgetful(store))
        return stores[-1]

    async def story(world: Any) -> None:
        await world.event("n1", "I")
        assert (await world.everywhere(within_s=2))["version"] == 1
        assert [(store.sessions, store.watches) for store in stores] == [(1, 2)] * 5

    make_world(wrap=wrap).run(story)
