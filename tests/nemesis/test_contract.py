"""What every nemesis keeps, whatever it does, on the simulated cluster."""

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from dsm_jepsen.env import Capability, Control, DefiniteError, Link, Role
from dsm_jepsen.nemesis import NEMESES, Outcome
from dsm_jepsen.nemesis._base import Report

ALL = sorted(name for name in NEMESES if Capability.DISK not in NEMESES[name].needs)
"""All that the simulated cluster can do."""
LEADERS = [name for name in ALL if "leader" in name]
DRAWING = [
    name
    for name in ALL
    if name not in {"clock-skew", "crash-all", "crash-everything", "slow-links", "flaky-links", *LEADERS}
]
SHAPED = {"bridge", "majorities-ring"}
"""Faults whose report names hosts that it does not hit."""

WhoWorks = Mapping[str, tuple[set[int], set[int]]]

VERBS = {"kill", "pause", "cut", "slow", "flaky", "skew", "cut_power", "fill_disk"}

every_nemesis = pytest.mark.parametrize("name", ALL)


@every_nemesis
async def test_start_says_that_it_acts_and_by_what_evidence(name: str, ward: Any) -> None:
    started = await NEMESES[name]().start(ward.control, ward.rng)
    assert started["outcome"] == Outcome.INSTALLED
    counted = started.get("dropped") or started.get("delayed") or any(started.get("told", {}).values())
    full = not any(started.get("free_bytes", {"of nothing": 1}).values())
    assert counted or full or set(started["processes"].values()) <= {"dead", "paused"}
    assert started["nodes"]


@pytest.mark.parametrize(
    "name", [name for name in ALL if NEMESES[name].needs & {Capability.CUT, Capability.SLOW}]
)
async def test_a_fault_of_links_tells_how_long_it_had_acted_when_it_was_seen(name: str, ward: Any) -> None:
    loop = asyncio.get_running_loop()
    asked_s, nemesis = loop.time(), NEMESES[name]()
    started = await nemesis.start(ward.control, ward.rng)
    # On this cluster links are cut and slow in no time, so that all the time went into looking.
    assert started["seen_after_ms"] == round((loop.time() - asked_s) * 1000, 3) > 0


@pytest.mark.parametrize("name", ["flaky-links", "halves", "slow-links"])
async def test_a_fault_of_links_that_harms_no_packet_is_indeterminate(name: str, ward: Any) -> None:
    class Idle(Spy):
        async def slow(self, links: Iterable[Link], **by: int) -> None:
            await super().__getattr__("slow")([], **by)

        async def flaky(self, links: Iterable[Link], **by: int) -> None:
            await super().__getattr__("flaky")([], **by)

        async def cut(self, links: Iterable[Link]) -> None:
            await super().cut([])

    idle: Any = Idle(ward.control)
    started = await NEMESES[name]().start(idle, ward.rng)
    assert started["outcome"] == Outcome.INDETERMINATE
    assert {started.get("dropped"), started.get("delayed")} == {0, None}


@every_nemesis
async def test_stop_undoes_start(name: str, ward: Any) -> None:
    before, nemesis = await ward.states(), NEMESES[name]()
    await nemesis.start(ward.control, ward.rng)
    stopped = await nemesis.stop(ward.control)
    assert stopped["outcome"] == Outcome.ENDED
    assert await ward.states() == before
    await ward.until_all_works()


@every_nemesis
async def test_a_second_stop_does_nothing(name: str, ward: Any) -> None:
    nemesis = NEMESES[name]()
    await nemesis.start(ward.control, ward.rng)
    await nemesis.stop(ward.control)
    assert await nemesis.stop(ward.control) == {"outcome": "ended", "nodes": []}
    await ward.until_all_works()


@every_nemesis
async def test_a_stop_before_any_start_leaves_the_faults_of_others_alone(name: str, ward: Any) -> None:
    await ward.control.cut([Link("n1", Role.NODE, "n1", Role.STORE)])
    await ward.control.kill("n2", Role.NODE)
    await ward.control.pause("n3", Role.NODE)
    before = await ward.states()
    assert await NEMESES[name]().stop(ward.control) == {"outcome": "ended", "nodes": []}
    assert await ward.states() == before
    await ward.until({"n4", "n5"}, None)


@every_nemesis
async def test_a_second_start_is_skipped_and_stop_still_undoes_the_first(name: str, ward: Any) -> None:
    nemesis = NEMESES[name]()
    await nemesis.start(ward.control, ward.rng)
    during = await ward.states()
    again = await nemesis.start(ward.control, ward.rng)
    assert again["outcome"] == Outcome.SKIPPED
    assert "acts already" in again["why"]
    assert await ward.states() == during
    await nemesis.stop(ward.control)
    await ward.until_all_works()


@every_nemesis
async def test_it_can_be_started_again_after_its_end(name: str, ward: Any) -> None:
    nemesis = NEMESES[name]()
    for _ in range(2):
        started = await nemesis.start(ward.control, ward.rng)
        assert started["outcome"] != Outcome.SKIPPED
        await nemesis.stop(ward.control)
        await ward.until_all_works()


class Blind:
    """A control that sees nothing any more once it has acted."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._acted = False

    def __getattr__(self, verb: str) -> Any:
        if self._acted and verb in {"state", "dropped", "delayed", "skewed", "leader"}:
            raise DefiniteError("blind", verb)
        self._acted = self._acted or verb in VERBS
        return getattr(self._control, verb)


class Clumsy:
    """A control that breaks right after it has acted."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def __getattr__(self, verb: str) -> Any:
        if verb in VERBS:
            return functools.partial(self._break, getattr(self._control, verb))
        return getattr(self._control, verb)

    async def _break(self, act: Callable[..., Any], *args: Any, **options: Any) -> None:
        await act(*args, **options)
        raise DefiniteError("clumsy")


@pytest.mark.parametrize("kind", [Blind, Clumsy])
@every_nemesis
async def test_stop_undoes_a_start_that_broke_off(
    name: str, kind: Callable[[Control], Any], ward: Any
) -> None:
    before, nemesis = await ward.states(), NEMESES[name]()
    with pytest.raises(DefiniteError):
        await nemesis.start(kind(ward.control), ward.rng)
    await nemesis.stop(ward.control)
    assert await ward.states() == before
    await ward.until_all_works()


@every_nemesis
async def test_stop_ends_the_fault_even_if_it_cannot_look(name: str, ward: Any) -> None:
    nemesis = NEMESES[name]()
    await nemesis.start(ward.control, ward.rng)
    blind: Any = Blind(ward.control)
    _ = blind.kill
    with pytest.raises(DefiniteError):
        await nemesis.stop(blind)
    await ward.until_all_works()


class Spy:
    """A control that remembers the links it was told to cut."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.cuts: list[Link] = []

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._control, verb)

    async def cut(self, links: Iterable[Link]) -> None:
        self.cuts = list(links)
        await self._control.cut(self.cuts)


def first_report(name: str, ward: Any) -> Report:
    report: Report = ward.run(NEMESES[name]().start(ward.control, ward.rng))
    return report


@every_nemesis
def test_the_same_seed_gives_the_same_report(name: str, wards: Callable[[int], Any]) -> None:
    assert first_report(name, wards(7)) == first_report(name, wards(7))


@pytest.mark.parametrize("name", DRAWING)
def test_seeds_give_different_targets(name: str, wards: Callable[[int], Any]) -> None:
    assert len({tuple(first_report(name, wards(seed))["nodes"]) for seed in range(8)}) > 1


@pytest.mark.parametrize("name", DRAWING)
async def test_wanted_hosts_are_the_targets(name: str, ward: Any) -> None:
    started = await NEMESES[name]().start(ward.control, ward.rng, ("n4",))
    assert started["nodes"][0] == "n4"


def test_it_is_written_down_for_every_nemesis_who_works(who_works: WhoWorks) -> None:
    assert sorted(who_works) == sorted(NEMESES)


@pytest.mark.parametrize("seed", range(3))
@every_nemesis
def test_victims_cannot_do_what_they_could_and_all_others_can(
    name: str, seed: int, wards: Callable[[int], Any], who_works: WhoWorks
) -> None:
    ward = wards(seed)
    started = first_report(name, ward)
    everybody = set(ward.cluster.nodes)
    nodes, stores = who_works[name]
    if name in SHAPED:
        settled = ward.run(settled_works(ward))
        assert len(settled[0]) in nodes
        assert len(settled[1]) in stores
        return
    hit = set(started["nodes"])
    expected = tuple(everybody if of == {5} else everybody - hit for of in (nodes, stores))
    assert (len(expected[0]), len(expected[1])) in zip(nodes, stores, strict=True)
    ward.run(ward.until(*expected))
    if name != "flaky-links":  # where now this call is lost, now that
        assert ward.run(settled_works(ward)) == expected


async def settled_works(ward: Any) -> Any:
    """What works once elections and time-outs are over."""
    await asyncio.sleep(15)
    return await ward.works()


@pytest.mark.parametrize("name", [name for name in ALL if NEMESES[name].needs & {Capability.SLOW}])
async def test_slow_and_flaky_links_make_writes_slower(name: str, ward: Any) -> None:
    async def writes_s() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for _ in range(20):
            for host in ward.cluster.nodes:
                await ward.store_works(host)
        return loop.time() - begun

    before, nemesis = await writes_s(), NEMESES[name]()
    await nemesis.start(ward.control, ward.rng)
    during = await writes_s()
    await nemesis.stop(ward.control)
    assert during > 2 * before
    assert await writes_s() < 2 * before


@pytest.mark.parametrize("side", ["minority", "majority"])
@pytest.mark.parametrize("seed", range(30))
def test_the_leader_is_on_the_named_side(seed: int, side: str, wards: Callable[[int], Any]) -> None:
    ward = wards(seed)
    leader = ward.run(ward.control.leader())
    started = first_report(f"leader-in-{side}", ward)
    assert started["outcome"] == Outcome.INSTALLED
    assert started["leader"] == leader
    assert leader in started[side]
    assert (len(started["minority"]), len(started["majority"])) == (2, 3)
    assert started["leader_after"] == ward.run(ward.control.leader())
    assert started["leader_after"] in started["majority"]
    assert (started["leader_after"] == leader) == (side == "majority")


@pytest.mark.parametrize("name", LEADERS)
async def test_without_a_leader_the_fault_is_skipped(name: str, ward: Any) -> None:
    for host in ("n1", "n2", "n3"):
        await ward.control.kill(host, Role.STORE)
    before = await ward.states()
    started = await NEMESES[name]().start(ward.control, ward.rng)
    assert started == {"outcome": "skipped", "nodes": [], "why": "no member of the store leads now"}
    assert await ward.states() == before


async def test_a_leader_that_is_not_replaced_leaves_the_fault_indeterminate(ward: Any) -> None:
    leader = await ward.control.leader()
    others = [host for host in ward.cluster.nodes if host != leader]
    # One of them will be the third of a majority, and is frozen: nobody can be elected.
    await ward.control.pause(others[0], Role.STORE)
    nemesis = NEMESES["leader-in-minority"]()
    started = await nemesis.start(ward.control, ward.rng, (leader, others[1]))
    assert started["outcome"] == Outcome.INDETERMINATE
    assert started["leader_after"] is None
    assert started["dropped"] > 0


async def test_a_leader_that_gives_way_to_another_leaves_the_fault_indeterminate(ward: Any) -> None:
    leader: str = await ward.control.leader()
    others = [host for host in ward.cluster.nodes if host != leader]

    class Moving(Spy):
        async def leader(self) -> str | None:
            seen: str = others[0] if self.cuts else leader
            return seen

    moving: Any = Moving(ward.control)
    started = await NEMESES["leader-in-majority"]().start(moving, ward.rng, tuple(others[2:]))
    assert started["outcome"] == Outcome.INDETERMINATE
    assert started["leader_after"] == others[0]


@pytest.mark.parametrize("seed", range(6))
def test_one_way_loses_what_its_report_says(seed: int, wards: Callable[[int], Any]) -> None:
    ward = wards(seed)
    spy: Any = Spy(ward.control)
    started = ward.run(NEMESES["one-way"]().start(spy, ward.rng))
    senders, receivers = ({getattr(link, f"{end}_host") for link in spy.cuts} for end in ("source", "target"))
    one = set(started["nodes"])
    rest = set(ward.cluster.nodes) - one
    assert (senders, receivers) == ((one, rest) if started["lost"] == "sent" else (rest, one))


def test_one_way_loses_now_what_is_sent_now_what_is_received(wards: Callable[[int], Any]) -> None:
    assert {first_report("one-way", wards(seed))["lost"] for seed in range(6)} == {"sent", "received"}


@pytest.mark.parametrize("name", LEADERS)
async def test_wanted_hosts_that_put_the_leader_in_the_wrong_place_are_refused(name: str, ward: Any) -> None:
    leader = await ward.control.leader()
    other = next(host for host in ward.cluster.nodes if host != leader)
    wanted = (leader,) if name == "leader-in-majority" else (other,)
    started = await NEMESES[name]().start(ward.control, ward.rng, wanted)
    assert started["outcome"] == Outcome.SKIPPED
    assert leader in started["why"]


async def test_a_majority_is_not_cut_off_as_a_minority(ward: Any) -> None:
    started = await NEMESES["halves"]().start(ward.control, ward.rng, ("n1", "n2", "n3"))
    assert started["outcome"] == Outcome.SKIPPED
    assert "no minority" in started["why"]


async def test_what_another_fault_brought_down_is_left_to_it(ward: Any) -> None:
    first, second = NEMESES["kill-node"](), NEMESES["crash-all"]()
    await first.start(ward.control, ward.rng, ("n1",))
    assert (await second.start(ward.control, ward.rng))["nodes"] == ["n2", "n3", "n4", "n5"]
    await second.stop(ward.control)
    await ward.until({"n2", "n3", "n4", "n5"}, None)
    await first.stop(ward.control)
    await ward.until_all_works()


async def test_a_fault_that_finds_nothing_up_is_skipped(ward: Any) -> None:
    await NEMESES["crash-all"]().start(ward.control, ward.rng)
    for name in ("crash-all", "kill-node", "kill-two", "pause-node"):
        started = await NEMESES[name]().start(ward.control, ward.rng)
        assert started["outcome"] == Outcome.SKIPPED
        assert "up" in started["why"]


async def test_a_session_that_expired_has_lost_its_keys_until_the_node_joins_again(ward: Any) -> None:
    async with await ward.cluster.site("n1").open_store() as store:

        async def members() -> int:
            return len(await store.list("/dsm-jepsen/ensembles/default/members/"))

        nemesis = NEMESES["session-expiry"]()
        await nemesis.start(ward.control, ward.rng)
        during = await members()
        await nemesis.stop(ward.control)
        await ward.until_all_works()
        assert (during, await members()) == (4, 5)


async def test_clocks_that_nobody_asks_are_skewed_without_being_seen(ward: Any) -> None:
    for node in ward.cluster.nodes:
        await ward.control.pause(node, Role.NODE)
    started = await NEMESES["clock-skew"]().start(ward.control, ward.rng)
    assert started["outcome"] == Outcome.INDETERMINATE
    assert set(started["told"].values()) == {0}


async def test_a_process_whose_clock_cannot_be_skewed_is_spared_with_the_reason(ward: Any) -> None:
    started = await NEMESES["clock-skew"]().start(ward.control, ward.rng)
    assert started["spared"] == {"store": "the simulated store has no wall clock that could be skewed"}
    assert set(started["told"]) == {f"{node}/node" for node in ward.cluster.nodes}
