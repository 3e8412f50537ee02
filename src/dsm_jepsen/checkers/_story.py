"""What a state machine went through, version by version, put together from all that clients saw.

Version 0 is the machine's start. Each later version was made by the event acknowledged at it; where none
was, by an event of unknown outcome: one that had been sent before the version was first seen, each used
once at most. Where several could have made it, all possibilities are followed. Events of one kind are used
in the order they were sent, which loses no possibility: what the later one can explain the earlier one can.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import msgspec

from dsm_jepsen.checkers._base import Context, Machine
from dsm_jepsen.checkers._sightings import Sighting, by_version, divergence, shown, sightings
from dsm_jepsen.checkers._words import Problem, brief, naming
from dsm_jepsen.history import History, Op, Operation

_POSSIBILITIES = 1_000
"""Followed side by side; where there are more, the rest of the story is left open."""


@dataclass(slots=True)
class Story:
    """What can be said of every version.

    Attributes:
        contexts: version to the contexts it may have had by the chart, or by agreement of those who saw it
            where the chart does not tell.
        made_by_nobody: versions that no acknowledged or undecided event explains.
        problems: in the order of versions.
        open_from: the version from which on there were too many possibilities, if so.
    """

    contexts: dict[int, list[Context]] = field(default_factory=dict)
    made_by_nobody: set[int] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    open_from: int | None = None


class _Possibility(NamedTuple):
    context: Context
    used: tuple[int, ...]
    """How many undecided events of each kind are used up."""


def tell(machine: Machine, history: History) -> Story:
    """Put the story together."""
    return _Teller(machine, history).tell()


def wrong_content(story: Story, read: Sighting) -> Problem | None:
    """Compare what a node says with the story."""
    version, saying = read.version, f"{naming(read.shown)}, by {read.node}, showed version {read.version}"
    if story.open_from is not None and version >= story.open_from:
        return None
    if version in story.made_by_nobody or version not in story.contexts:
        anomaly, words = "phantom-version", f"{saying}, which no acknowledged or undecided event made"
    elif read.context not in (contexts := story.contexts[version]):
        anomaly = "divergence"
        words = f"{saying} as {shown(read.context)}, but by the chart it is {shown(contexts[0])}"
    else:
        return None
    return Problem(anomaly, f"{anomaly}: {words}", (read.shown.index,))


class _Teller:
    """Goes from version to version with all that may be so."""

    def __init__(self, machine: Machine, history: History) -> None:
        self.machine = machine
        self.story = Story()
        self.seen = by_version(sightings(history))
        self.versions = list(self.seen)
        self.first_seen = self._first_seen()
        kinds: dict[bytes, list[Op]] = {}
        self.refused: list[Operation] = []
        for operation in history.operations():
            invoke, completion = operation
            if invoke.f != "event" or (completion and completion.type == "ok"):
                continue
            if completion and completion.type == "fail":
                self.refused.append(operation)
            else:
                kinds.setdefault(msgspec.json.encode(invoke.value, order="deterministic"), []).append(invoke)
        self.undecided = list(kinds.values())
        """Events of unknown outcome, by kind."""
        self.used = (0,) * len(self.undecided)

    def tell(self) -> Story:
        before: list[_Possibility] = []
        version = 0
        while self.versions and version <= self.versions[-1]:
            start = [_Possibility(self.machine.start(), self.used)]
            expected = self._after(before, version) if version else start
            if len(expected) > _POSSIBILITIES:
                self.story.open_from = version
                break
            before = self._settle(version, before, expected)
            if before:
                self.used = before[0].used
                version += 1
            else:  # nobody knows what it was like: go on at the next one that somebody saw
                version = self.versions[bisect_right(self.versions, version)]
        return self.story

    def _first_seen(self) -> dict[int, int]:
        """Map each seen version to the index of the first event that shows it or a later one."""
        first: dict[int, int] = {}
        earliest: float = inf
        for version in reversed(self.versions):
            earliest = min(earliest, *(sighting.shown.index for sighting in self.seen[version]))
            first[version] = int(earliest)
        return first

    def _accepted(self, version: int) -> list[Sighting]:
        return [
            sighting
            for sighting in self.seen.get(version, ())
            if sighting.shown.f == "event" and sighting.shown.type == "ok"
        ]

    def _after(self, before: list[_Possibility], version: int) -> list[_Possibility]:
        """Follow every possibility by every event that may have made the version."""
        accepted = [sighting.operation.invoke for sighting in self._accepted(version)]
        found: dict[bytes, _Possibility] = {}
        for context, used in before:
            for event, then in [(event, used) for event in accepted] or self._choices(used, version):
                if (after := self._apply(context, event, version)) is not None:
                    found.setdefault(msgspec.json.encode((after, then)), _Possibility(after, then))
        return list(found.values())

    def _choices(self, used: tuple[int, ...], version: int) -> Iterator[tuple[Op, tuple[int, ...]]]:
        """Give the undecided events that may have made the version, and what is used up then."""
        seen_first = self.first_seen[self.versions[bisect_left(self.versions, version)]]
        for kind, (events, count) in enumerate(zip(self.undecided, used, strict=True)):
            if count < len(events) and events[count].index < seen_first:
                yield events[count], (*used[:kind], count + 1, *used[kind + 1 :])

    def _apply(self, context: Context, event: Op, version: int) -> Context | None:
        value = event.value
        if value.get("expect", version - 1) != version - 1:
            return None
        return self.machine.apply(
            context, {"event": value["event"], "parameters": value.get("parameters", {})}
        )

    def _settle(
        self, version: int, before: list[_Possibility], expected: list[_Possibility]
    ) -> list[_Possibility]:
        """Compare what may be with what was seen; give what is left of it."""
        seen, accepted = self.seen.get(version, []), self._accepted(version)
        observed = _by_frequency(sighting.context for sighting in seen)
        left = [one for one in expected if not observed or one.context in observed]
        self._compare_sightings(version, seen, accepted)
        if not expected and not accepted:
            self.story.made_by_nobody.add(version)
        if not left and (before or not version):
            self._report_step(version, before, expected)
        agreed = [_Possibility(context, self.used) for context in observed[:1]]
        if contexts := [one.context for one in left or expected or agreed]:
            self.story.contexts[version] = contexts
        return left or agreed

    def _compare_sightings(self, version: int, seen: list[Sighting], accepted: list[Sighting]) -> None:
        if len(accepted) > 1:
            words = f"{naming(accepted[0].shown)} and {naming(accepted[1].shown)} were both told that they "
            culprits = tuple(one.shown.index for one in accepted)
            self._problem("lost-update", f"{words}made version {version}", culprits)
        if differ := divergence(seen):
            self.story.problems.append(differ)

    def _report_step(self, version: int, before: list[_Possibility], expected: list[_Possibility]) -> None:
        """Say why no event leads to the version as it was seen."""
        seen, accepted = self.seen.get(version, []), self._accepted(version)
        index = self.first_seen[self.versions[bisect_left(self.versions, version)]]
        came = f"version {version}"
        if seen:
            index = seen[0].shown.index
            came += f", {shown(seen[0].context)} for {naming(seen[0].shown)},"
        if not version:
            words = f"{came} is not the machine's start, {shown(expected[0].context)}"
            self._problem("illegal-transition", words, (index,))
            return
        origin = f"version {version - 1}, {shown(before[0].context)},"
        if accepted:
            event = brief(accepted[0].operation.invoke.value)
            leads = f"leads to {shown(expected[0].context)}" if expected else "is not applicable"
            words = f"{came} was made by {event}, which in {origin} {leads}"
            self._problem("illegal-transition", words, (accepted[0].shown.index,))
            return
        words = f"no acknowledged or undecided event makes {came} from {origin}"
        seen_first = self.first_seen[self.versions[bisect_left(self.versions, version)]]
        for invoke, completion in self.refused:
            after = self._apply(before[0].context, invoke, version) if invoke.index < seen_first else None
            if completion and after is not None and (not seen or after == seen[0].context):
                words += f" but one that was refused would: {naming(completion)}"
                self._problem("dirty-refusal", words, (index, completion.index))
                return
        self._problem("phantom-version", words, (index,))

    def _problem(self, anomaly: str, words: str, culprits: tuple[int, ...]) -> None:
        self.story.problems.append(Problem(anomaly, f"{anomaly}: {words}", culprits))


def _by_frequency(contexts: Iterable[Context]) -> list[Context]:
    """Give the different contexts, what most agree on first."""
    counted: list[tuple[Context, int]] = []
    for context in contexts:
        for place, (other, count) in enumerate(counted):
            if other == context:
                counted[place] = (other, count + 1)
                break
        else:
            counted.append((context, 1))
    return [context for context, _ in sorted(counted, key=lambda one: -one[1])]
