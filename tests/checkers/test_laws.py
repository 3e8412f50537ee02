"""What holds for every history: no checker finds fault with a correct system, whatever happens to it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsm_jepsen.checkers import (
    Checker,
    Context,
    Machine,
    agreement,
    check_all,
    convergence,
    convergence_after_heal,
    join_equals_live,
    legal_transitions,
    lost_races,
    minority_refuses,
    no_effect_of_refused,
    no_lost_acknowledgement,
    single_winner,
)
from dsm_jepsen.history import History

Read = Callable[[str], History]

NODES = ("n1", "n2", "n3")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from(NODES), st.sampled_from(["next", "stay", "set"])),
        st.tuples(st.just("lose"), st.sampled_from(NODES), st.sampled_from(["next", "stay", "set"])),
        st.tuples(st.just("unknown"), st.sampled_from(NODES), st.booleans()),
        st.tuples(st.just("read"), st.sampled_from(NODES), st.sampled_from(["read", "read-strong"])),
        st.tuples(st.just("cut"), st.sampled_from(NODES), st.none()),
        st.tuples(st.just("heal"), st.just(""), st.none()),
    ),
    max_size=25,
)


class Told:
    """A correct system with one thing after another; its history as text, a second for each step."""

    def __init__(self, ring: Machine) -> None:
        self.ring = ring
        self.context = ring.start()
        self.version = 0
        self.minority: str | None = None
        self.lines: list[str] = []
        self.processes = dict(zip(NODES, (1, 2, 3), strict=True))

    def take(self, kind: str, node: str, what: Any) -> None:
        getattr(self, f"_{kind}")(node, what)

    def text(self) -> str:
        return "\n".join(self.lines)

    def _say(self, words: str) -> None:
        second = len(self.lines)
        self.lines.append(f"{second * 1000}-{second * 1000 + 500} {words}")

    def _shown(self, context: Context, version: int) -> str:
        variables = "".join(f" {name}={value}" for name, value in context.variables)
        return f"{version} {context.states[0]}{variables}"

    def _by(self, node: str) -> str:
        return f"{node}.{self.processes[node]}"

    def _event(self, node: str, name: str) -> None:
        argument = f"{name}/{self.version}" + (f" x={self.version}" if name == "set" else "")
        if node == self.minority:
            self._say(f"{self._by(node)} event {argument} ! unavailable")
            return
        after = self.ring.apply(self.context, {"event": name, "parameters": {"x": self.version}})
        if after is None:
            shown = self._shown(self.context, self.version)
            self._say(f"{self._by(node)} event {argument} ! not-applicable {shown}")
            return
        self.context, self.version = after, self.version + 1
        self._say(f"{self._by(node)} event {argument} = {self._shown(after, self.version)}")

    def _lose(self, node: str, name: str) -> None:
        if self.version and node != self.minority:
            argument = f"{name}/{self.version - 1}" + (f" x={self.version - 1}" if name == "set" else "")
            self._say(
                f"{self._by(node)} event {argument} ! lost-race {self._shown(self.context, self.version)}"
            )

    def _unknown(self, node: str, happens: bool) -> None:
        if happens and node != self.minority:
            after = self.ring.apply(self.context, {"event": "next"})
            assert after is not None
            self.context, self.version = after, self.version + 1
        self._say(f"{self._by(node)} event next ?")
        self.processes[node] += 5

    def _read(self, node: str, f: str) -> None:
        answer = "! in-error" if node == self.minority else f"= {self._shown(self.context, self.version)}"
        self._say(f"{self._by(node)} {f} {answer}")

    def _cut(self, node: str, _: None) -> None:
        if self.minority is None:
            self.minority = node
            others = ",".join(other for other in NODES if other != node)
            self._say(f"nemesis start-cut = installed {node} minority={node} majority={others}")

    def _heal(self, _: str, __: None) -> None:
        if self.minority is not None:
            self._say(f"nemesis stop-cut = ended {self.minority}")
            self.minority = None


@pytest.fixture(scope="module")
def judges(ring: Machine, node_of: Callable[[int], str]) -> dict[str, Checker]:
    """Every checker that looks for something wrong, as strict as it gets; unknown outcomes are not wrong."""
    return {
        "agreement": agreement,
        "convergence": convergence(ring, nodes=(), settle_ms=0),
        "convergence-after-heal": convergence_after_heal(ring, within_ms=0),
        "lost-races": lost_races,
        "join-equals-live": join_equals_live(node_of, restarts=frozenset({"cut"}), settle_ms=0),
        "legal-transitions": legal_transitions(ring),
        "minority-refuses": minority_refuses(node_of, bound_ms=0),
        "no-effect-of-refused": no_effect_of_refused(ring),
        "no-lost-acknowledgement": no_lost_acknowledgement(ring, settle_ms=0),
        "single-winner": single_winner,
    }


@given(steps=STEPS)
@settings(deadline=None)
def test_a_correct_system_is_never_found_invalid(
    ring: Machine, judges: dict[str, Checker], history: Read, steps: list[tuple[str, str, Any]]
) -> None:
    told = Told(ring)
    for step in steps:
        told.take(*step)
    verdicts = check_all(judges, history(told.text()))
    assert {name: verdict.because for name, verdict in verdicts.items() if verdict.valid is False} == {}
    assert not any("crashed" in verdict.because for verdict in verdicts.values())


@given(steps=STEPS)
@settings(deadline=None)
def test_an_acknowledged_event_that_is_forgotten_is_noticed(
    ring: Machine, history: Read, steps: list[tuple[str, str, Any]]
) -> None:
    told = Told(ring)
    for step in steps:
        told.take(*step)
    told.take("heal", "", None)
    shown = f"{told.version} {told.context.states[0]}"
    forgetful = [*told.lines, "90000-90001 n1.61 event next = " + str(told.version + 1) + " B"]
    forgetful += [f"91000-91001 n2.62 read-strong = {shown}"]
    verdict = no_lost_acknowledgement(ring)(history("\n".join(forgetful)))
    assert (verdict.valid, verdict.anomaly) == (False, "lost-acknowledgement")
