"""The phases of a run: set-up, main, heal, settle, final reads, comparison of the store's members, tear-down.

The same on every cluster. Whatever happens, also when it is cancelled, faults are ended and the
cluster is stopped.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dsm_jepsen.checkers import COMPARISON
from dsm_jepsen.cluster import Cluster, ClusterError
from dsm_jepsen.env import Capability, RefusedError, Rng, Site, System
from dsm_jepsen.history import Op
from dsm_jepsen.nemesis import NEMESES
from dsm_jepsen.scenarios._base import Scenario, Workload
from dsm_jepsen.scenarios._interpreter import Crew, Interpreter
from dsm_jepsen.scenarios._members import compare_members
from dsm_jepsen.scenarios.generators import nemesis, once, phases

READY_WITHIN_S = 30.0
"""How long the nodes may take to become ready."""


_IN_WORDS = {
    Capability.CLOCK: "skew clocks",
    Capability.DISK: "spoil disks",
    Capability.POWER: "cut the power of members",
    Capability.SPACE: "fill disks",
}
"""What cannot be done, where a capability's name is no verb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who hears of a run while it goes on."""

    record: Callable[[Op], None]
    log: Callable[[str], None]
    phase: Callable[[str], None]


async def carry_out(
    scenario: Scenario, workload: Workload, system: System, cluster: Cluster, *, seed: int, observer: Observer
) -> None:
    """Run a scenario once on a cluster that is not started yet.

    Raises:
        RefusedError: the cluster cannot do what the scenario's faults need.
        ClusterError: it did not come up.
    """
    refuse_impossible(scenario, cluster)
    faults = {name: NEMESES[name]() for name in scenario.nemeses}
    try:
        observer.phase(f"starting {len(cluster.nodes)} nodes")
        await cluster.start(system.program)
        sites = tuple(cluster.site(node) for node in cluster.nodes)
        await _wait_ready(system, cluster)
        crew = Crew(
            clock=cluster.clock,
            rng=Rng(seed).fork("workload"),
            sites=tuple(sites[thread % len(sites)] for thread in range(scenario.concurrency)),
            client=system.client(),
            control=cluster.control,
            nemeses=faults,
            record=observer.record,
            log=observer.log,
        )
        interpreter = Interpreter(crew, scenario.concurrency)
        try:
            observer.phase("main phase")
            await interpreter.run(workload.generator)
            if faults:
                observer.phase("healing")
                await interpreter.run(nemesis(phases(*(once(f"stop-{name}") for name in faults))))
            await asyncio.sleep(workload.settle_s)
            observer.phase("final phase")
            await interpreter.run(workload.final_generator)
            observer.phase("comparing the store's members")
            await interpreter.note(COMPARISON, lambda: _compared(cluster, sites))
        finally:
            await interpreter.close()
    finally:
        observer.phase("stopping")
        await cluster.stop()


def refuse_impossible(scenario: Scenario, cluster: Cluster) -> None:
    """See that the cluster can do all that the scenario's faults need.

    Raises:
        RefusedError: it cannot.
    """
    able, reasons = cluster.control.capabilities(), cluster.control.reasons()
    for name in scenario.nemeses:
        if missing := sorted(NEMESES[name].needs - able):
            because = "; ".join(dict.fromkeys(reasons[one] for one in missing if one in reasons))
            raise RefusedError(
                f"{scenario.name} needs the fault {name}, and the {cluster.name} cluster cannot "
                f"{' nor '.join(_IN_WORDS.get(one, one) for one in missing)} here"
                f"{': ' if because else ''}{because}; run it on another cluster (--cluster)"
            )


async def _compared(cluster: Cluster, sites: Sequence[Site]) -> dict[str, Any]:
    """Say whether the members agree, and what is known to be wrong with such a store."""
    return {**await compare_members(sites), "warning": warning_of(cluster.versions())}


def warning_of(versions: Mapping[str, str]) -> str | None:
    """What a cluster says is wrong with what it runs."""
    return versions.get("etcd-warning")


async def _wait_ready(system: System, cluster: Cluster) -> None:
    waiting = list(cluster.nodes)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while waiting:
                waiting = [node for node in waiting if not await system.ready(cluster.site(node))]
                if waiting:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        raise ClusterError(
            f"not ready after {READY_WITHIN_S:.0f} s: {', '.join(waiting)}; their logs may tell why"
        ) from None
