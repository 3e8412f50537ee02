"""Records and their index: whatever becomes of a record, all its keys follow in the same transaction."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.dsm.machines.order import ORDER
from dsm_jepsen.dsm.queue import Record, changes
from dsm_jepsen.dsm.queue.changes import Hand
from dsm_jepsen.dsm.queue.record import (
    HISTORY_MAX,
    Keys,
    RecordError,
    branch_name,
    decode,
    encode,
    parent_of,
    shard_of,
)
from dsm_jepsen.env import Put

KEYS = Keys.of("test")

STEPS: dict[str, Callable[[Record, Hand], Record]] = {
    "claim": lambda record, hand: changes.claimed(record, "s7", hand),
    "advance": lambda record, hand: changes.advanced(record, "shipping", b'{"item": "y"}', hand),
    "release": lambda record, hand: changes.released(record, hand, delay_ms=70),
    "retry": lambda record, hand: changes.retried(record, "why", hand, delay_ms=5),
    "bury": lambda record, hand: changes.buried(record, "why", hand),
    "redrive": changes.redriven,
    "fork": lambda record, hand: changes.forked(
        changes.advanced(record, "fulfilling", b"{}", hand), ORDER, hand
    )[0],
    "stop": lambda record, hand: changes.stopping(record, "cancelled", "why", hand),
    "pause": changes.paused,
}


def begun(hand: Hand) -> Record:
    return changes.submitted(ORDER, "abc", b'{"item": "x"}', hand)


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(-5, 10**12)), max_size=70))
def test_after_any_changes_the_store_has_the_record_and_its_index_and_nothing_else(
    steps: list[tuple[str, int]],
) -> None:
    record, held = begun(Hand("me", 1)), dict[str, bytes]()
    old: Record | None = None
    walk: list[Record] = [record]
    for name, at_ms in steps:
        record = STEPS[name](record, Hand("me", at_ms))
        walk.append(record)
    walk.append(changes.ended(record, "done", None, Hand("me", 2)))
    for new in walk:
        writes = KEYS.rewrite(old, new)
        assert len({write.key for write in writes}) == len(writes)
        for write in writes:
            if isinstance(write, Put):
                held[write.key] = write.value
            else:
                del held[write.key]  # nothing is deleted that was not there
        assert held == {KEYS.home(new): encode(new), **KEYS.index(new)}
        assert decode(encode(new), new.id) == new
        assert len(new.history) <= HISTORY_MAX
        old = new
    assert set(held) == {KEYS.ended("abc"), f"{KEYS.kept(shard_of('abc'))}0000000000002/abc"}


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=2 * HISTORY_MAX), st.data())
def test_whether_a_change_was_done_is_told_until_its_note_is_forgotten(steps: list[str], data: Any) -> None:
    walk = [begun(Hand("me", 0))]
    for number, name in enumerate(steps):
        walk.append(STEPS[name](walk[-1], Hand("me", number)))
    place = data.draw(st.integers(1, len(steps)))
    rival = STEPS[steps[place - 1]](walk[place - 1], Hand("rival", 0))
    assert changes.went_through(walk[place], walk[-1]) in (True, None)
    assert changes.went_through(rival, walk[-1]) in (False, None)
    assert changes.went_through(walk[place], walk[place - 1]) is False
    assert changes.went_through(walk[place], walk[place]) is True
    assert changes.went_through(walk[place], None) is False


@pytest.mark.parametrize("value", [b"", b"\xff", b"{}", b"[1]", encode(begun(Hand("me", 0)))])
def test_what_is_no_record_of_that_instance_is_refused(value: bytes) -> None:
    with pytest.raises(RecordError):
        decode(value, "other")


def test_a_branch_knows_its_parent_its_name_and_shares_its_shard() -> None:
    nested = "abc/3.left/7.deep.er"
    assert (parent_of("abc"), parent_of("abc/3.left"), parent_of(nested)) == (None, "abc", "abc/3.left")
    assert branch_name(nested) == "deep.er"
    assert shard_of(nested) == shard_of("abc")


@pytest.mark.parametrize("name", ["", "a/b"])
def test_a_queue_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="queue"):
        Keys.of(name)
