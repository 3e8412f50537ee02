"""The log of a key: whatever readers miss, they read on without a gap, or are told that there is one.

The store here is a dictionary with ZooKeeper's rules, as far as the log needs them: data versions of 32
bits that wrap, -1 that matches all, one position for a whole transaction, children that come and go.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.dsm.stores import ring
from dsm_jepsen.dsm.stores.ring import ANY, Head, Kind, Record, Step, conditions, follow, missing, replay
from dsm_jepsen.env import CompactedError, IndefiniteError

WRAP = 1 << 32
HALF = 1 << 31


def wrapped(version: int) -> int:
    """A number as a signed one of 32 bits."""
    return (version + HALF) % WRAP - HALF


@dataclass
class Znodes:
    """One key's znodes, and all that ever became of the key."""

    size: int
    data_version: int = 0
    head: tuple[bytes, int] | None = None
    children_position: int = 0
    slots: dict[int, tuple[bytes, int]] = field(default_factory=dict)
    position: int = 0
    truth: list[Step] = field(default_factory=list)

    def read(self) -> Head | None:
        """As a client reads the head."""
        if self.head is None:
            return None
        data, position = self.head
        return Head(
            record=Record.decode(data),
            data_version=self.data_version,
            position=position,
            children_position=self.children_position,
        )

    def slot(self, number: int) -> tuple[Record, int] | None:
        """As a client reads a slot."""
        found = self.slots.get(number % self.size)
        return None if found is None else (Record.decode(found[0]), found[1])

    def commit(self, seen: Head | None, kind: Kind, value: bytes) -> bool:
        """As a client commits on top of what it has seen; false if it was refused."""
        record = follow(seen, kind=kind, value=value, size=self.size)
        versions = conditions(0 if seen is None else seen.data_version)
        if (seen is None) is not (self.head is None) or versions[0] not in {self.data_version, ANY}:
            return False
        if seen is not None and seen.bound and not self._bound():
            return False  # the ephemeral znode that it would delete is gone
        if record.reuses_slot is not (record.slot in self.slots):
            return False  # it would make a znode that is there, or write one that is not
        self.position += 1
        self.data_version = wrapped(self.data_version + len(versions))
        self.head = self.slots[record.slot] = (record.encode(), self.position)
        if kind is Kind.BOUND or (seen is not None and seen.bound) or not record.reuses_slot:
            self.children_position = self.position
        self.truth.append(Step(self.position, record))
        return True

    def end_session(self) -> None:
        """As ZooKeeper deletes an ephemeral znode."""
        if self._bound():
            self.position += 1
            self.children_position = self.position
            self.truth.append(Step(self.position, None))

    def _bound(self) -> bool:
        return (
            bool(self.truth)
            and self.truth[-1].record is not None
            and self.truth[-1].record.kind is Kind.BOUND
        )


@dataclass
class Reader:
    """Reads on now and then, a slot at a time."""

    znodes: Znodes
    after: int = 0
    known: int = 0
    seen: list[Step] = field(default_factory=list)

    def read(self, between: Callable[[], None] = lambda: None) -> None:
        """Read what is new; ``between`` happens before each look."""
        head = self.znodes.read()
        if head is None:
            return
        slots = {}
        for number in missing(head, known=self.known):
            between()
            if (found := self.znodes.slot(number)) is not None:
                slots[number] = found
        steps = replay(head, slots, after=self.after)
        self.seen += steps
        self.known = head.record.number
        self.after = max([self.after, *(step.position for step in steps)])


kinds = st.sampled_from(Kind)
versions = st.one_of(
    st.just(0),
    st.integers(-6, 2),
    st.integers(HALF - 6, HALF - 1),
    st.integers(-HALF, -HALF + 3),
)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("write"), kinds),
        st.tuples(st.just("stale write"), kinds),
        st.tuples(st.just("end"), st.none()),
        st.tuples(st.just("read"), st.integers(0, 3)),
        st.tuples(st.just("resume"), st.none()),
    ),
    max_size=60,
)


@given(size=st.sampled_from([1, 2, 4, 8]), start=versions, story=moves)
def test_a_reader_misses_nothing_or_is_told_and_no_write_is_lost(
    size: int, start: int, story: list[tuple[str, object]]
) -> None:
    znodes = Znodes(size=size, data_version=0)
    assert znodes.commit(None, Kind.VALUE, b"first")
    znodes.data_version = start if start != ANY else 0
    reader, stale = Reader(znodes), znodes.read()
    for move, detail in story:
        if move == "write":
            assert znodes.commit(znodes.read(), Kind(detail), b"x")  # type: ignore[arg-type]
        elif move == "stale write":
            current = stale == znodes.read()
            assert znodes.commit(stale, Kind(detail), b"y") is current  # type: ignore[arg-type]
            stale = znodes.read()
        elif move == "end":
            znodes.end_session()
        elif move == "resume":
            reader.known = 0  # as one that knows the last position alone
        else:
            between = [Kind.VALUE] * int(str(detail))

            def write(between: list[Kind] = between) -> None:
                if between:
                    assert znodes.commit(znodes.read(), between.pop(), b"between")

            behind = [step for step in znodes.truth if step.position > reader.after and step.record]
            try:
                reader.read(write)
            except CompactedError:
                assert len(behind) > size or detail
                return
            assert reader.seen == [step for step in znodes.truth if step.position <= reader.after]
            assert len(behind) <= size
        assert znodes.data_version != ANY


@pytest.mark.parametrize("start", [0, HALF - 2_000, -2_000])
def test_thousands_of_commits_are_read_in_order_past_every_end(start: int) -> None:
    znodes = Znodes(size=32)
    assert znodes.commit(None, Kind.VALUE, b"first")
    znodes.data_version = start
    reader = Reader(znodes)
    for turn in range(400):
        reader.read()
        for number in range(turn % 33):
            assert znodes.commit(znodes.read(), Kind.VALUE, b"%d/%d" % (turn, number))
    reader.read()
    assert reader.seen == znodes.truth
    assert len(znodes.truth) > 6_000
    assert [step.record.number for step in reader.seen if step.record] == [*range(1, len(znodes.truth) + 1)]


@pytest.mark.parametrize("behind", [31, 32, 33, 64, 65])
def test_a_reader_may_be_as_far_behind_as_the_log_is_long(behind: int) -> None:
    znodes = Znodes(size=32)
    assert znodes.commit(None, Kind.VALUE, b"")
    reader = Reader(znodes)
    reader.read()
    for _ in range(behind):
        assert znodes.commit(znodes.read(), Kind.VALUE, b"")
    if behind <= 32:
        reader.read()
        assert reader.seen == znodes.truth
    else:
        with pytest.raises(CompactedError):
            reader.read()


def follows_a_busy_key() -> bool:
    """Whether a reader that falls behind, at last too far, and a writer that is late fare as they should."""
    znodes = Znodes(size=4)
    znodes.commit(None, Kind.VALUE, b"first")
    reader, late = Reader(znodes), None
    for behind in (1, 4, 4, 3, 2, 9):
        late = znodes.read()
        for _ in range(behind):
            znodes.commit(znodes.read(), Kind.VALUE, b"x")
        try:
            reader.read()
        except CompactedError:
            return behind == 9 and not znodes.commit(late, Kind.VALUE, b"too late")
        except IndefiniteError:
            return False
        if reader.seen != znodes.truth:
            return False
    return False


def test_a_log_that_wraps_and_tells_is_followed() -> None:
    assert follows_a_busy_key()


@pytest.mark.parametrize("flaw", ["no wrap", "no notice", "no condition"])
def test_without_its_wrap_its_notice_or_its_condition_a_log_does_not_work(
    flaw: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heedless(head: Head, slots: Mapping[int, tuple[Record, int]], *, after: int) -> list[Step]:
        found = [*slots.values(), (head.record, head.position)]
        return [Step(position, record) for record, position in found if position > after]

    if flaw == "no wrap":
        monkeypatch.setattr(Record, "slot", property(lambda record: record.number))
        monkeypatch.setattr(Record, "reuses_slot", False)
    elif flaw == "no notice":
        monkeypatch.setitem(globals(), "replay", heedless)
    else:
        monkeypatch.setitem(globals(), "conditions", lambda _: (ANY,))
    assert not follows_a_busy_key()


def test_a_version_never_comes_back_when_a_key_is_made_anew() -> None:
    znodes = Znodes(size=2)
    assert znodes.commit(None, Kind.VALUE, b"1")
    first = znodes.read()
    assert znodes.commit(first, Kind.DELETED, b"")
    assert znodes.commit(znodes.read(), Kind.VALUE, b"2")
    again = znodes.read()
    assert first is not None
    assert again is not None
    assert again.version is not None
    assert again.version != first.version


def test_a_value_is_lost_with_its_session_and_the_next_commit_says_when() -> None:
    znodes = Znodes(size=4)
    assert znodes.commit(None, Kind.BOUND, b"mine")
    head = znodes.read()
    assert head is not None
    assert (head.bound, head.lapsed, head.version) == (True, 0, 1)
    znodes.end_session()
    head = znodes.read()
    assert head is not None
    assert (head.bound, head.lapsed, head.version) == (False, 2, None)
    assert follow(head, kind=Kind.VALUE, value=b"", size=4).lapsed == 2


@pytest.mark.parametrize("size", [-2, 0, 3, 31, 33, 1 << 17])
def test_a_size_that_is_no_power_of_two_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a log of {size} slots was asked for; a power of two is needed"):
        ring.require_size(size)


@pytest.mark.parametrize("size", [1, 2, 32, 1 << 16])
def test_a_power_of_two_is_a_size(size: int) -> None:
    assert ring.require_size(size) == size


@given(
    st.builds(
        Record,
        kind=kinds,
        number=st.integers(1, (1 << 64) - 1),
        size=st.integers(1, (1 << 32) - 1),
        before=st.integers(0, (1 << 64) - 1),
        lapsed=st.integers(0, (1 << 64) - 1),
        value=st.binary(max_size=20),
    )
)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    assert Record.decode(record.encode()) == record


@pytest.mark.parametrize("data", [b"", b"x", b"\0" * 40, b"something else, long enough to be a record"])
def test_a_znode_that_is_not_ours_is_not_read(data: bytes) -> None:
    with pytest.raises(ValueError, match="is no record"):
        Record.decode(data)


def test_a_slot_that_is_behind_its_head_is_a_mistake() -> None:
    old = Record(kind=Kind.VALUE, number=1, size=4)
    head = Head(
        record=dataclasses.replace(old, number=7, before=6), data_version=6, position=7, children_position=4
    )
    with pytest.raises(IndefiniteError, match="slot 1 holds record 1 where 5 was committed"):
        replay(head, {5: (old, 1)}, after=4)
