"""The links between hosts: each verb gives every host its rules anew, all hosts at once."""

import asyncio
import re
import shlex
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, TypeVar

from dsm_jepsen.cluster._real import about_stale
from dsm_jepsen.cluster.hosts.outpost import Outpost
from dsm_jepsen.cluster.hosts.rules import (
    DELAY_MS_MAX,
    JITTER_MS_MAX,
    LOSS_MAX,
    TABLE,
    Faults,
    Ports,
    rules,
)
from dsm_jepsen.env import Capability, Link, RefusedError, Role

T = TypeVar("T")

_NEEDS = "".join(
    f"command -v {tool} >/dev/null || {{ echo 'there is no {tool}: install {package}'; exit 127; }}\n"
    for tool, package in (("nft", "nftables"), ("ss", "iproute2"))
)
_COUNTERS = re.compile(r"counter (\w+) \{\s*packets (\d+)")


class HostLinks:
    """Cuts, slows and loses; verbs add up: a second ``cut`` leaves what the first did to other links.

    Args:
        ports: where the processes of every host listen.
        kill_stale: whether ``mend`` ends the connections that crossed a cut. Left alone, they wait for
            TCP to try again, for seconds to half a minute.
    """

    def __init__(self, ports: Ports, *, kill_stale: bool) -> None:
        self._ports = ports
        self._kill_stale = kill_stale
        self._outposts: Mapping[str, Outpost] = {}
        self._addresses: dict[str, str] = {}
        self._cut: set[Link] = set()
        self._lossy: dict[Link, int] = {}
        self._slow: dict[Link, tuple[int, int]] = {}
        # What the hosts had counted when the counting began; their counters only ever grow.
        self._before = {"dropped": 0, "delayed": 0}
        self._one_at_a_time = asyncio.Lock()

    @property
    def about(self) -> str:
        """How links are cut, and what becomes of connections that crossed a cut."""
        stale = about_stale(kill_stale=self._kill_stale)
        return f"nftables on the hosts ({stale}; delays by netfilter's queue)"

    async def open(self, outposts: Mapping[str, Outpost]) -> Mapping[Capability, str]:
        """Take the hosts, and try what they can do.

        Returns:
            Why something cannot be done, in the words of the host that cannot.
        """
        self._outposts = outposts
        self._addresses = {name: outpost.host.address for name, outpost in outposts.items()}
        complaints = await all_of(map(self._try, outposts))
        return {capability: why for these in reversed(complaints) for capability, why in these.items()}

    async def cut(self, links: Iterable[Link]) -> None:
        """Drop everything on these links."""
        links = self._known(links)
        async with self._one_at_a_time:
            self._cut.update(links)
            await self._apply(count_anew="dropped")

    async def mend(self) -> None:
        """Cut nothing any more; what waits on connections across a cut is told at once that they are gone."""
        async with self._one_at_a_time:
            was_cut = frozenset(self._cut)
            if not was_cut:
                return
            self._cut.clear()
            try:
                await self._apply()
            except BaseException:
                self._cut |= was_cut  # a host may have kept its rules: mend again
                raise
            if self._kill_stale:
                await self._end_connections(was_cut)

    async def slow(self, links: Iterable[Link], *, delay_ms: int, jitter_ms: int) -> None:
        """Delay everything on these links.

        Raises:
            ValueError: a delay below 0, or above what fits.
        """
        if not (0 <= delay_ms <= DELAY_MS_MAX and 0 <= jitter_ms <= JITTER_MS_MAX):
            raise ValueError(
                f"cannot delay by {delay_ms} +- {jitter_ms} ms; "
                f"give 0 to {DELAY_MS_MAX} and 0 to {JITTER_MS_MAX}"
            )
        links = self._known(links)
        async with self._one_at_a_time:
            self._slow.update((link, (delay_ms, jitter_ms)) for link in links)
            await self._apply(count_anew="delayed")

    async def flaky(self, links: Iterable[Link], *, loss_per_mille: int) -> None:
        """Lose some of everything on these links.

        Raises:
            ValueError: a chance that is none.
        """
        if not 0 <= loss_per_mille <= LOSS_MAX:
            raise ValueError(f"cannot lose {loss_per_mille} of {LOSS_MAX} packets; give 0 to {LOSS_MAX}")
        links = self._known(links)
        async with self._one_at_a_time:
            self._lossy.update((link, loss_per_mille) for link in links)
            await self._apply(count_anew="dropped")

    async def fast(self) -> None:
        """Delay and lose nothing any more; what is under way comes when it was to come."""
        async with self._one_at_a_time:
            if not self._slow and not self._lossy:
                return
            before, self._slow, self._lossy = (self._slow, self._lossy), {}, {}
            try:
                await self._apply()
            except BaseException:
                self._slow, self._lossy = before  # as in mend
                raise

    async def count(self, counter: str) -> int:
        """How many packets were ``dropped`` since the last cut or flaky, ``delayed`` since the last slow."""
        async with self._one_at_a_time:
            said = await all_of(
                outpost.sh("counting packets", f"nft list table {TABLE} 2>/dev/null", allowed=(0, 1))
                for outpost in self._outposts.values()
            )
            return _sum(counter, (answer.out for answer in said)) - self._before[counter]

    def _known(self, links: Iterable[Link]) -> tuple[Link, ...]:
        links = tuple(links)
        for link in links:
            for host, role in ((link.source_host, link.source_role), (link.target_host, link.target_role)):
                if host not in self._addresses:
                    known = ", ".join(self._addresses)
                    raise RefusedError(f"the cluster has no {role} on {host!r}; its hosts are {known}")
        return links

    async def _apply(self, *, count_anew: str | None = None) -> None:
        """Give every host its rules; each says in the same breath what it had counted so far."""
        said = await all_of(
            outpost.sh(
                "setting rules for packets",
                f"nft list table {TABLE} 2>/dev/null; nft -f -",
                stdin=rules(self._faults(name), addresses=self._addresses, ports=self._ports),
            )
            for name, outpost in self._outposts.items()
        )
        if count_anew is not None:
            self._before[count_anew] = _sum(count_anew, (answer.out for answer in said))

    def _faults(self, target: str) -> Faults:
        return Faults(
            cut=frozenset(link for link in self._cut if link.target_host == target),
            lossy={link: loss for link, loss in self._lossy.items() if link.target_host == target},
            slow={link: wait for link, wait in self._slow.items() if link.target_host == target},
        )

    async def _end_connections(self, was_cut: Iterable[Link]) -> None:
        """End those of our ports between the ends of links; by then all hosts let packets through."""
        others: dict[str, set[str]] = {}
        for link in was_cut:
            others.setdefault(link.source_host, set()).add(link.target_host)
            others.setdefault(link.target_host, set()).add(link.source_host)
        ports = " or ".join(f"{end} = :{port}" for port in self._ports.all for end in ("sport", "dport"))
        # Where the kernel cannot do it (INET_DIAG_DESTROY), ss ends nothing, and TCP tries again by itself.
        await all_of(
            self._outposts[name].sh(
                "ending stale connections",
                f"ss --kill --tcp --numeric {shlex.quote(f'( {addresses} ) and ( {ports} )')} >/dev/null",
            )
            for name, far in others.items()
            for addresses in [" or ".join(f"dst {self._addresses[other]}" for other in sorted(far))]
        )

    async def _try(self, name: str) -> Mapping[Capability, str]:
        """Why this host cannot cut or slow: it is tried, with a link of the host to itself."""
        outpost, link = self._outposts[name], Link(name, Role.STORE, name, Role.STORE)
        cuts = Faults(cut=frozenset({link}), lossy={}, slow={})
        slows = Faults(cut=frozenset(), lossy={link: 1}, slow={link: (0, 0)})
        if why := await self._why_not(outpost, _NEEDS + "nft -f -", cuts):
            return dict.fromkeys((Capability.CUT, Capability.SLOW), f"{name} says {why!r}")
        why = await self._why_not(outpost, "nft -f -", slows) or await self._why_not(
            outpost, f"sh {shlex.quote(outpost.folder)}/on_host.sh queue_on", slows
        )
        await outpost.sh(
            "setting rules for packets",
            "nft -f -",
            stdin=rules(self._faults(name), addresses=self._addresses, ports=self._ports),
        )
        return {Capability.SLOW: f"{name} says {why!r}"} if why else {}

    async def _why_not(self, outpost: Outpost, script: str, faults: Faults) -> str:
        said = await outpost.sh(
            "trying rules for packets",
            script,
            stdin=rules(faults, addresses=self._addresses, ports=self._ports),
            allowed=range(256),
        )
        return "" if said.code == 0 else " ".join((said.err + said.out).split())[:300] or f"code {said.code}"


async def all_of(acts: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Do things at all hosts at once; the first failure is raised when all are done.

    Raises:
        HostError: one of them failed.
    """
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failed:
        raise failed[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


def _sum(counter: str, lists: Iterable[str]) -> int:
    return sum(int(packets) for text in lists for name, packets in _COUNTERS.findall(text) if name == counter)
