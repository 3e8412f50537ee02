"""Histories as runs make them, written by hand: no cluster, no machine, the same every time."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from dsm_jepsen.checkers._base import Verdict
from dsm_jepsen.history import History, Op
from dsm_jepsen.reports._base import RunInfo

NODES = ("n1", "n2", "n3", "n4", "n5")
S = 1_000_000_000
MS = 1_000_000

LEAVES = {
    "a": ("S0", "S1", "S11"),
    "b": ("S0", "S1", "S12"),
    "c": ("S0", "S2", "S21", "S211"),
    "d": ("S0", "S2", "S21", "S212"),
}
LEVELS = ("S11", "S12", "S211", "S212")


class Story:
    """A history told operation by operation; moments in milliseconds."""

    def __init__(self) -> None:
        self._told: list[tuple[int, int, dict[str, Any]]] = []

    def operation(
        self, at_ms: int, process: int, f: str, *, outcome: str = "ok", ms: int = 8, **ends: Any
    ) -> "Story":
        """Tell of one operation: ``argument`` of the invocation, ``value`` and ``error`` of its end."""
        call = {"type": "invoke", "process": process, "f": f, "value": ends.get("argument")}
        end = {
            "type": outcome,
            "process": process,
            "f": f,
            "value": ends.get("value"),
            "error": ends.get("error"),
        }
        return self._tell(at_ms, call)._tell(at_ms + ms, end)

    def fault(self, at_ms: int, f: str, value: Any, *, ms: int = 20) -> "Story":
        """Tell of both events of a fault's start or end."""
        call = {"type": "info", "process": "nemesis", "f": f, "value": None}
        return self._tell(at_ms, call)._tell(at_ms + ms, {**call, "value": value})

    def reads(
        self, from_ms: int, count: int, state: str, version: int, *, but: Sequence[int] = ()
    ) -> "Story":
        """Tell of reads by all processes, once a second each, save those of some processes."""
        for number in range(1, count + 1):
            for process in range(5):
                if process not in but:
                    value = context(state, version, NODES[process])
                    self.operation(from_ms + number * 1000 + process * 3, process, "read", value=value)
        return self

    def _tell(self, at_ms: int, fields: dict[str, Any]) -> "Story":
        self._told.append((at_ms * MS, len(self._told), fields))
        return self

    def history(self) -> History:
        ordered = sorted(self._told, key=lambda told: told[:2])
        return History(Op(index=i, time=time, **fields) for i, (time, _, fields) in enumerate(ordered))


def context(state: str, version: int, node: str, **variables: Any) -> dict[str, Any]:
    """What a node answers."""
    return {
        "version": version,
        "states": list(LEAVES[state]),
        "variables": variables or {"foo": 0},
        "node": node,
    }


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def isolated() -> History:
    """The paper's isolated events: eight of them, and 25 reads of five nodes after each."""
    story = Story().reads(0, 5, "a", 0)
    for version, (event, state, process) in enumerate(PATH, start=1):
        at = version * 5065
        story.operation(
            at,
            process,
            "event",
            argument={"event": event},
            value={"event": event, **context(state, version, NODES[process])},
        ).reads(at + 20, 5, state, version)
    return story.history()


@pytest.fixture
def disturbed() -> History:
    """A partition, a kill, refused and unknown events, failed and stale reads: a run that went wrong."""
    story = Story().reads(0, 5, "a", 0)
    for process in range(5):  # all at once: one wins
        won = process == 1
        story.operation(
            5200,
            process,
            "event",
            outcome="ok" if won else "fail",
            argument={"event": "C"},
            value={"event": "C", **context("c", 1, NODES[process])} if won else None,
            error=None if won else ["lost-race", {"version": 1}],
        )
    story.reads(5300, 4, "c", 1)
    story.fault(10_000, "start-halves", {"nodes": ["n3", "n4"]})
    story.operation(
        11_000, 2, "event", outcome="info", ms=900, argument={"event": "I"}, error=["timeout", None]
    )
    story.operation(
        12_000, 0, "event", argument={"event": "I"}, value={"event": "I", **context("d", 2, "n1")}
    )
    for second in range(13, 20):
        story.operation(
            second * 1000 + 40, 3, "read", outcome="fail", error=["in-error", {"reason": "session lost"}]
        )
    story.reads(12_500, 7, "d", 2, but=(2, 3))
    story.operation(14_000, 7, "read", outcome="fail", error=["not-joined", None])
    story.operation(16_000, 7, "read", outcome="info", ms=1000, error=["timeout", None])
    story.operation(18_500, 12, "read", value=context("c", 1, "n3"))  # stale, long after version 2
    story.fault(20_500, "stop-halves", {"nodes": ["n3", "n4"]})
    story.fault(24_000, "start-kill", ["n5"])
    story.reads(21_000, 9, "d", 2, but=(2, 4))
    for second in range(22, 31):
        story.operation(second * 1000 + 6, 12, "read", value=context("d", 2, "n3"))
    for second in range(25, 29):
        story.operation(second * 1000, 4, "read", outcome="fail", error=["unavailable", "connection refused"])
    story.fault(28_500, "stop-kill", ["n5"])
    story.operation(29_500, 4, "read", value=context("d", 2, "n5"))
    story.operation(
        31_000,
        4,
        "event",
        outcome="fail",
        argument={"event": "<script>alert('C')</script>"},
        error=["not-applicable", {"states": ["S212"]}],
    )
    story.operation(
        32_000, 1, "event", argument={"event": "K"}, value={"event": "K", **context("a", 3, "n2")}
    )
    story.reads(32_100, 5, "a", 3, but=(2,))
    for second in range(33, 38):
        story.operation(second * 1000 + 206, 12, "read", value=context("a", 3, "n3"))
    return story.history()


@pytest.fixture
def crowded() -> History:
    """Two hundred commits in forty seconds, five times as many tries, and a read after each."""
    story = Story()
    states = "abcd"
    for number in range(200):
        at, winner = 100 + number * 200, number * 7 % 5
        for process in range(5):
            won = process == winner
            story.operation(
                at + process * 5,
                process,
                "event",
                outcome="ok" if won else "fail",
                ms=40,
                argument={"event": "ICIK"[number % 4]},
                value={
                    "event": "ICIK"[number % 4],
                    **context(states[(number + 1) % 4], number + 1, NODES[process]),
                }
                if won
                else None,
                error=None if won else ["lost-race", None],
            )
            story.operation(
                at + 100 + process * 3,
                process,
                "read",
                value=context(states[(number + 1) % 4], number + 1, NODES[process]),
            )
    return story.history()


PATH = tuple(zip("ICIKICIK", "bcdabcda", (0, 1, 4, 2, 1, 0, 2, 4), strict=True))
"""The published run of isolated events: event, state it leads to, process that sent it."""


def sent_by_all(story: Story, at_ms: int, event: str, state: str, version: int, *, winner: int) -> None:
    """Tell of one event sent by five processes at once: one wins, the others learn that they lost."""
    for process, node in enumerate(NODES):
        won = process == winner
        story.operation(
            at_ms,
            process,
            "event",
            outcome="ok" if won else "fail",
            ms=8 if won else 12 + process,
            argument={"event": event},
            value={"event": event, **context(state, version, node)} if won else None,
            error=None if won else ["lost-race", context(state, version, node)],
        )


@pytest.fixture
def parallel() -> History:
    """The paper's parallel events: the same path, each event sent by all five nodes at once."""
    story = Story().reads(0, 5, "a", 0)
    for version, (event, state, process) in enumerate(PATH, start=1):
        sent_by_all(story, version * 5065, event, state, version, winner=process)
        story.reads(version * 5065 + 20, 5, state, version)
    return story.history()


@pytest.fixture
def variables() -> History:
    """The paper's extended variables: eight values, the nodes that took them as published."""
    story = Story().reads(0, 5, "a", 0)
    for version, process in enumerate((4, 1, 1, 1, 1, 3, 4, 1), start=1):
        at, sent = version * 5065, f"v{version}"
        asked = {"event": "J", "parameters": {"testVariable": sent}}
        now = context("a", version, NODES[process], foo=0, testVariable=sent)
        story.operation(at, process, "event", argument=asked, value={**asked, **now})
        for second in range(1, 6):
            for reader, node in enumerate(NODES):
                story.operation(
                    at + 20 + second * 1000 + reader * 3, reader, "read", value={**now, "node": node}
                )
    return story.history()


@pytest.fixture
def stop_start() -> History:
    """The paper's crashes: eight nodes in turn, each started again; nothing is sent meanwhile."""
    story = Story().reads(0, 5, "a", 0)
    sent_by_all(story, 6000, "C", "c", 1, winner=2)
    story.reads(6020, 4, "c", 1)
    for started_s, node in ((21, 1), (34, 0), (46, 2), (59, 4), (72, 3), (85, 2), (97, 4), (111, 3)):
        hit = [NODES[node]]
        story.fault(
            started_s * 1000 - 9500,
            "start-kill-node",
            {"outcome": "installed", "nodes": hit, "process": "dead"},
        )
        story.fault(started_s * 1000 - 4500, "stop-kill-node", {"outcome": "ended", "nodes": hit}, ms=4500)
        story.reads(started_s * 1000 + 20, 2 if started_s < 111 else 5, "c", 1)
    sent_by_all(story, 117_000, "K", "a", 2, winner=0)
    story.reads(117_020, 5, "a", 2)
    return story.history()


def partition(errors_s: Mapping[str, tuple[float, float]], minority: Sequence[str]) -> History:
    """Tell of the paper's partition: cut at 22 s, healed at 37 s, each node's time in error as charted."""
    story = Story()
    sent_by_all(story, 10_800, "C", "c", 1, winner=1)
    sides = {"minority": list(minority), "majority": [node for node in NODES if node not in minority]}
    cut = {"outcome": "installed", "nodes": list(minority), "dropped": 12, **sides}
    story.fault(22_000, "start-halves", cut).fault(37_000, "stop-halves", {"outcome": "ended", "nodes": []})
    sent_by_all(story, 139_000, "K", "a", 2, winner=3)
    for second in range(1, 150):
        for process, node in enumerate(NODES):
            at = second * 1000 + 20 + process * 3
            since, until = errors_s.get(node, (0.0, 0.0))
            version = 0 if at < 10_900 else 1 if at < 139_100 else 2
            now = context("aca"[version], version, node)
            if since * 1000 <= at < until * 1000:
                story.operation(at, process, "read", outcome="fail", error=["in-error", now])
            else:
                story.operation(at, process, "read", value=now)
    return story.history()


@pytest.fixture
def half_1() -> History:
    """The published partition whose leader was in the majority: errors only after the heal."""
    return partition({"n1": (42.5, 103.0), "n3": (43.5, 103.7)}, ["n1", "n3"])


@pytest.fixture
def half_2() -> History:
    """The published partition whose leader was in the minority: all five nodes were in error."""
    spans = {"n3": (31.9, 91.8), "n2": (33.8, 99.9), "n4": (33.8, 93.9)}
    return partition({**spans, "n5": (34.9, 95.8), "n1": (42.5, 108.0)}, ["n3", "n4"])


@pytest.fixture
def info() -> RunInfo:
    return RunInfo(
        scenario="isolated-events",
        title="Events one at a time, each read by all nodes",
        seed=348,
        cluster="simulated",
        store="simulated",
        nodes=NODES,
        concurrency=5,
        command="dsm-jepsen run isolated-events --seed 348",
        started="2026-01-05T12:00:00Z",
        levels=LEVELS,
        versions={"dsm-jepsen": "0.1.0", "python": "3.11.9"},
    )


@pytest.fixture
def variables_info(info: RunInfo) -> RunInfo:
    values = tuple(f"v{number}" for number in range(1, 9))
    return msgspec.structs.replace(
        info, scenario="extended-variables", levels=values, variable="testVariable"
    )


@pytest.fixture
def good() -> Mapping[str, Verdict]:
    return {
        "linearizable": Verdict(
            valid=True, because="233 operations have an order that the state chart allows"
        ),
        "legal-transitions": Verdict(valid=True, because="8 commits form a path of the state chart"),
        "convergence": Verdict(valid=True, because="all 5 nodes ended at version 8"),
        "monotonic-reads": Verdict(valid=True, because="no node's version ever went back"),
        "stats": Verdict(valid=True, because="233 of 233 operations ok"),
        "adequacy": Verdict(valid=True, because="8 events took effect, all final reads are there"),
    }


@pytest.fixture
def bad(disturbed: History) -> Mapping[str, Verdict]:
    stale = next(op.index for op in disturbed if op.process == 12 and op.type == "ok")
    asked = disturbed.partner(stale)
    assert asked is not None
    return {
        "linearizable": Verdict(
            valid=False,
            because=f"read {stale} saw version 1 in S211, though version 2 was acknowledged 6 s before",
            anomaly="stale-read",
            culprits=(stale, asked.index),
            details={"configurations": 412},
        ),
        "legal-transitions": Verdict(valid=True, because="3 commits form a path of the state chart"),
        "convergence": Verdict(
            valid=None, because="gave up after 2,000,000 configurations: ask for a larger budget"
        ),
        "stats": Verdict(valid=True, because="142 of 160 operations ok"),
        "adequacy": Verdict(valid=True, because="the halves were cut for 10.5 s, 3 events took effect"),
    }
