"""The log: every version of every key, readable as of any entry."""

from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.cluster.sim.log import Log
from dsm_jepsen.env import Change, Delete, Put, Write

KEYS = st.sampled_from(["a", "a/b", "a/c", "b", "b/"])
WRITES = st.one_of(st.builds(Put, KEYS, st.binary(max_size=2)), st.builds(Delete, KEYS))
TRANSACTIONS = st.lists(WRITES, max_size=3, unique_by=lambda write: write.key)


@given(st.lists(TRANSACTIONS, max_size=20))
def test_what_is_read_as_of_an_entry_is_what_was_there_then(transactions: list[list[Write]]) -> None:
    log = Log()
    state: dict[str, bytes] = {}
    states = [dict(state)]
    for writes in transactions:
        before = dict(state)
        for write in writes:
            if isinstance(write, Put):
                state[write.key] = write.value
            else:
                state.pop(write.key, None)
        commit = log.append(writes)
        changed = any(isinstance(write, Put) or write.key in before for write in writes)
        assert commit.position == len(states) - 1 + changed
        if changed:
            states.append(dict(state))
    for at, known in enumerate(states):
        for prefix in ("", "a", "a/", "b", "c"):
            expected = sorted((key, value) for key, value in known.items() if key.startswith(prefix))
            assert [(entry.key, entry.value) for entry in log.entries(prefix, at=at)] == expected
        for key in ("a", "b", "c"):
            entry = log.entry(key, at=at)
            assert (None if entry is None else entry.value) == known.get(key)


@given(st.lists(TRANSACTIONS, max_size=20), st.integers(0, 20), st.integers(0, 20))
def test_changes_of_a_key_are_those_of_the_entries_in_between(
    transactions: list[list[Write]], after: int, upto: int
) -> None:
    log = Log()
    expected = []
    for writes in transactions:
        before = log.position
        commit = log.append(writes)
        for write in writes:
            if write.key == "a" and commit.position > before and after < commit.position <= upto:
                was_there = log.entry("a", at=before) is not None
                if isinstance(write, Put) or was_there:
                    expected.append(Change("a", log.entry("a"), commit.position))
    assert log.changes("a", after=after, upto=upto) == expected
