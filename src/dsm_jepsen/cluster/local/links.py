"""Cut, slow and lossy links between namespaces: rules of the bridge, put in place as one.

Each verb gives nftables the whole table anew, in one transaction: at no moment is a cut half made.
Links are told apart by hardware addresses, which are each place's own, so every rule has a direction. Only
IPv4 is touched: were ARP lost too, a link cut one way would fall silent both ways once the hosts forget where
the other is. The rules count what they drop.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping

from dsm_jepsen.cluster._base import ClusterError
from dsm_jepsen.cluster._real import about_stale
from dsm_jepsen.cluster.local.commands import run
from dsm_jepsen.cluster.local.lan import Place
from dsm_jepsen.cluster.local.namespaces import BRIDGE, Namespaces, enter
from dsm_jepsen.cluster.local.relay import Pair, Relay
from dsm_jepsen.env import Capability, Link, RefusedError

_TABLE = "bridge dsm_jepsen"
_COUNTER = "dropped"
_LOSS_MAX = 1_000

_log = logging.getLogger(__name__)


class NamespaceLan(Namespaces):
    """A network of namespaces whose links can be cut, slowed and made lossy; the harness' own cannot.

    Verbs add up: a second ``cut`` leaves what the first did to other links.

    Args:
        nodes: the hosts' names.
        kill_stale: whether ``mend`` ends the connections that crossed a cut. Left alone, they wait for
            TCP to try again, for seconds to half a minute.
    """

    def __init__(self, nodes: Iterable[str], *, kill_stale: bool = True) -> None:
        super().__init__(tuple(nodes))
        self._kill_stale = kill_stale
        self._cut: set[tuple[Place, Place]] = set()
        self._lossy: dict[tuple[Place, Place], int] = {}
        self._slow: dict[tuple[Place, Place], tuple[float, float]] = {}
        self._relay: Relay | None = None
        self._held_before = 0
        self._one_at_a_time = asyncio.Lock()

    @property
    def about(self) -> str:
        """That it is made of namespaces, and what becomes of connections that crossed a cut."""
        return f"namespaces ({about_stale(kill_stale=self._kill_stale)})"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """All that concerns links."""
        return frozenset({Capability.CUT, Capability.SLOW})

    def close(self) -> None:
        """Remove everything, rules and all."""
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        self._held_before = 0
        self._cut.clear()
        self._lossy.clear()
        self._slow.clear()
        super().close()

    def try_rules(self) -> None:
        """See that this machine can do all of it, for the first place's link to itself.

        Raises:
            ClusterError: it cannot set the rules.
            OSError: it cannot relay packets.
        """
        pair = (next(iter(self.ports)),) * 2
        run(
            (*enter(self.switch), "nft", "-f", "-"),
            rules(cut=[pair], lossy={pair: 1}, slow=[pair], counted=0),
        )
        self._relay = Relay(self.switch, BRIDGE, self.ports)

    async def cut(self, links: Iterable[Link]) -> None:
        """Drop everything on these links."""
        async with self._one_at_a_time:
            self._cut.update(map(self._ends, links))
            await self._apply(counted=0)

    async def mend(self) -> None:
        """Cut nothing any more; what waits on connections across a cut is told at once that they are gone."""
        async with self._one_at_a_time:
            was_cut = frozenset(self._cut)
            if not was_cut:
                return
            self._cut.clear()
            try:
                await self._apply(counted=await self._count())
            except BaseException:
                self._cut |= was_cut  # the rules may be as they were: mend again
                raise
            if self._kill_stale:
                await self._end_connections(was_cut)

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on these links.

        Raises:
            ValueError: a delay below 0.
        """
        if delay_ms < 0 or jitter_ms < 0:
            raise ValueError(f"cannot delay by {delay_ms} +- {jitter_ms} ms; give both as 0 or more")
        async with self._one_at_a_time:
            bounds = max(0, delay_ms - jitter_ms) / 1000, (delay_ms + jitter_ms) / 1000
            self._slow.update((self._ends(link), bounds) for link in links)
            # First the relay, then the rule: for a moment packets come twice rather than never.
            self._delay()
            await self._apply(counted=await self._count())
            self._held_before = self._held

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose some of everything on these links.

        Raises:
            ValueError: a chance that is none.
        """
        if not 0 <= loss_per_mille <= _LOSS_MAX:
            raise ValueError(f"cannot lose {loss_per_mille} of {_LOSS_MAX} packets; give 0 to {_LOSS_MAX}")
        async with self._one_at_a_time:
            self._lossy.update((self._ends(link), loss_per_mille) for link in links)
            await self._apply(counted=0)

    async def fast(self) -> None:
        """Delay and lose nothing any more; what is under way comes when it was to come."""
        async with self._one_at_a_time:
            if not self._slow and not self._lossy:
                return
            before, self._slow, self._lossy = (self._slow, self._lossy), {}, {}
            try:
                await self._apply(counted=await self._count())
            except BaseException:
                self._slow, self._lossy = before  # as in mend
                raise
            self._delay()

    async def dropped(self) -> int:
        """How many packets the rules have dropped since the last ``cut`` or ``flaky``."""
        async with self._one_at_a_time:
            return await self._count()

    async def delayed(self) -> int:
        """How many packets the relay has held back since the last ``slow``."""
        return self._held - self._held_before

    @property
    def _held(self) -> int:
        return 0 if self._relay is None else self._relay.held

    def _ends(self, link: Link) -> tuple[Place, Place]:
        ends = (link.source_host, link.source_role), (link.target_host, link.target_role)
        for host, role in ends:
            if (host, role) not in self.hardware:
                known = ", ".join(dict.fromkeys(host for host, _ in self.hardware))
                raise RefusedError(f"the local cluster has no {role} on {host!r}; its hosts are {known}")
        return ends

    def _delay(self) -> None:
        if self._relay is None:
            self._relay = Relay(self.switch, BRIDGE, self.ports)
        self._relay.set({self._pair(ends): bounds for ends, bounds in self._slow.items()})

    def _pair(self, ends: tuple[Place, Place]) -> Pair:
        source, target = ends
        return self.hardware[source], self.hardware[target]

    async def _apply(self, *, counted: int) -> None:
        table = rules(
            cut=map(self._pair, self._cut),
            lossy={self._pair(ends): loss for ends, loss in self._lossy.items()},
            slow=map(self._pair, self._slow),
            counted=counted,
        )
        await asyncio.to_thread(run, (*enter(self.switch), "nft", "-f", "-"), table)

    async def _count(self) -> int:
        said = await asyncio.to_thread(run, (*enter(self.switch), "nft", "list", "counters"))
        counted = re.search(r"packets (\d+)", said)
        return int(counted[1]) if counted else 0

    async def _end_connections(self, was_cut: Iterable[tuple[Place, Place]]) -> None:
        others: dict[Place, set[Place]] = {}
        for source, target in was_cut:
            others.setdefault(source, set()).add(target)
            others.setdefault(target, set()).add(source)
        ended = await asyncio.gather(
            *(asyncio.to_thread(self._end_connections_of, place, far) for place, far in others.items())
        )
        if not any(ended):
            _log.info("no connection crossed the cut, or this kernel cannot end any (INET_DIAG_DESTROY)")

    def _end_connections_of(self, place: Place, far: Iterable[Place]) -> str:
        """The connections that were ended, one a line."""
        whose = " or ".join(f"dst {self.address(other)}" for other in sorted(far))
        try:
            return run((*self.prefix(place), *("ss", "--kill", "--tcp", "--numeric", "--no-header"), whose))
        except ClusterError as error:
            # The links are whole again, whatever becomes of old connections: TCP tries again by itself.
            _log.warning("connections that crossed the cut are left to TCP: %s", error)
            return ""


def rules(*, cut: Iterable[Pair], lossy: Mapping[Pair, int], slow: Iterable[Pair], counted: int) -> str:
    """What nftables is to do, as one transaction.

    Args:
        cut: links that lose everything.
        lossy: links that lose so many packets of 1,000.
        slow: links whose packets the relay carries: the bridge drops them, uncounted, and judges those that
            the relay brings, which begin their way at the bridge itself.
        counted: where the counter of dropped packets begins.
    """
    drop = f"counter name {_COUNTER} drop"
    judge = [_rule(cut, drop)]
    for loss in sorted(set(lossy.values()) - {0}):
        among = (pair for pair, its_loss in lossy.items() if its_loss == loss)
        chance = f"numgen random mod {_LOSS_MAX} < {loss} " if loss < _LOSS_MAX else ""
        judge.append(_rule(among, chance + drop))
    return "\n".join(
        [
            f"table {_TABLE}",  # so that there is one to delete
            f"delete table {_TABLE}",
            f"table {_TABLE} {{",
            f"counter {_COUNTER} {{ packets {counted} bytes 0 }}",
            *("chain judge {", "ether type != ip accept", *judge, "}"),
            *("chain through {", "type filter hook forward priority 0", "ether type != ip accept"),
            *(_rule(slow, "drop"), "jump judge", "}"),
            *("chain relayed {", "type filter hook output priority 0", "jump judge", "}"),
            "}\n",
        ]
    )


def _rule(pairs: Iterable[Pair], verdict: str) -> str:
    among = ", ".join(sorted(f"{source.hex(':')} . {target.hex(':')}" for source, target in pairs))
    return f"ether saddr . ether daddr {{ {among} }} {verdict}" if among else ""
