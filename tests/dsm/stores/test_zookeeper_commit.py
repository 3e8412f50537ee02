"""Which znodes a transaction touches, and that every key it depends on is fenced."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_jepsen.dsm.stores.ring import Head, Kind, Record
from dsm_jepsen.dsm.stores.zookeeper_commit import Plain, holds, plan
from dsm_jepsen.dsm.stores.zookeeper_paths import ROOT, folder_path, key_of, path_of
from dsm_jepsen.dsm.stores.zookeeper_session import ZooKeeperSession
from dsm_jepsen.env import Compare, Delete, Put

RECORD = Record(kind=Kind.VALUE, number=5, size=4, before=50, value=b"old")
HEAD = Head(record=RECORD, data_version=9, position=60, children_position=20)
DELETED = dataclasses.replace(HEAD, record=dataclasses.replace(RECORD, kind=Kind.DELETED))
BOUND = dataclasses.replace(HEAD, record=dataclasses.replace(RECORD, kind=Kind.BOUND), children_position=60)
LAPSED = dataclasses.replace(BOUND, children_position=70)
PLAIN = Plain(value=b"old", data_version=9, position=60, bound=False)
OWNED = dataclasses.replace(PLAIN, bound=True)
SESSION = ZooKeeperSession.__new__(ZooKeeperSession)
"""Only its identity counts here."""


@pytest.mark.parametrize(
    ("head", "write", "expected"),
    [
        pytest.param(None, Put("a", b"v"), ["create ka", "create ka/1", "set_data ka 0"], id="new"),
        pytest.param(HEAD, Put("a", b"v"), ["set_data ka/2 -1", "set_data ka 9"], id="over a value"),
        pytest.param(DELETED, Put("a", b"v"), ["set_data ka/2 -1", "set_data ka 9"], id="made anew"),
        pytest.param(HEAD, Delete("a"), ["set_data ka/2 -1", "set_data ka 9"], id="deleted"),
        pytest.param(
            HEAD, Put("a", b"v", SESSION), ["bind ka/bound", "set_data ka/2 -1", "set_data ka 9"], id="bound"
        ),
        pytest.param(
            BOUND,
            Put("a", b"v", SESSION),
            ["delete ka/bound -1", "bind ka/bound", "set_data ka/2 -1", "set_data ka 9"],
            id="bound over a bound one",
        ),
        pytest.param(
            BOUND,
            Delete("a"),
            ["delete ka/bound -1", "set_data ka/2 -1", "set_data ka 9"],
            id="bound deleted",
        ),
        pytest.param(LAPSED, Put("a", b"v"), ["set_data ka/2 -1", "set_data ka 9"], id="over a lapsed one"),
        pytest.param(None, Delete("a"), ["create ka", "delete ka -1"], id="never there"),
        pytest.param(DELETED, Delete("a"), ["check ka 9"], id="not there"),
        pytest.param(LAPSED, Delete("a"), ["check ka 9"], id="lapsed, so not there"),
        pytest.param(None, None, ["create ka", "delete ka -1"], id="compared with nothing"),
        pytest.param(HEAD, None, ["check ka 9"], id="compared"),
        pytest.param(BOUND, None, ["check ka 9", "check ka/bound -1"], id="bound and compared"),
    ],
)
def test_a_commit_depends_on_what_was_read(
    head: Head | None, write: Put | Delete | None, expected: list[str]
) -> None:
    made = plan({"a": head}, [] if write is None else [write], size=4)
    words = [
        f"{operation.method} {operation.path.removeprefix(f'{ROOT}/')}"
        + (f" {operation.version}" if operation.method in {"set_data", "delete", "check"} else "")
        for operation in made.operations
    ]
    assert words == expected


@pytest.mark.parametrize(
    ("found", "write", "expected"),
    [
        pytest.param(None, Put("f//a", b"v"), ["create ff/ka", "set_data ff/ka 0"], id="new"),
        pytest.param(PLAIN, Put("f//a", b"v"), ["set_data ff/ka 9"], id="over a value"),
        pytest.param(PLAIN, Delete("f//a"), ["delete ff/ka 9"], id="deleted"),
        pytest.param(None, Put("f//a", b"v", SESSION), ["bind ff/ka", "set_data ff/ka 0"], id="bound"),
        pytest.param(
            OWNED,
            Put("f//a", b"v", SESSION),
            ["delete ff/ka 9", "bind ff/ka", "set_data ff/ka 0"],
            id="bound over a bound one",
        ),
        pytest.param(
            OWNED,
            Put("f//a", b"v"),
            ["delete ff/ka 9", "create ff/ka", "set_data ff/ka 0"],
            id="over a bound one",
        ),
        pytest.param(None, Delete("f//a"), ["create ff/ka", "delete ff/ka -1"], id="not there"),
        pytest.param(OWNED, None, ["check ff/ka 9"], id="bound and compared"),
    ],
)
def test_a_plain_key_is_its_znode(
    found: Plain | None, write: Put | Delete | None, expected: list[str]
) -> None:
    made = plan({"f//a": found}, [] if write is None else [write], size=4)
    words = [
        f"{operation.method} {operation.path.removeprefix(f'{ROOT}/')}"
        + (f" {operation.version}" if operation.method in {"set_data", "delete", "check"} else "")
        for operation in made.operations
    ]
    assert words == expected
    if write is not None:
        assert made.version("f//a", 77) == (77 if isinstance(write, Put) else None)


def test_the_commit_that_would_leave_a_data_version_of_minus_one_writes_twice() -> None:
    head = dataclasses.replace(HEAD, data_version=-2)
    *_, first, second = plan({"a": head}, [Put("a", b"v")], size=4).operations
    assert (first.path, first.data) == (second.path, second.data)
    assert (first.version, second.version) == (-2, -1)


def test_key_and_slot_hold_the_same_record() -> None:
    slot, head = plan({"a": HEAD}, [Put("a", b"v")], size=32).operations
    assert slot.data == head.data
    assert Record.decode(head.data) == Record(kind=Kind.VALUE, number=6, size=4, before=60, value=b"v")


@pytest.mark.parametrize(
    ("head", "version", "expected"),
    [
        (None, None, True),
        (None, 5, False),
        (HEAD, 5, True),
        (HEAD, 4, False),
        (HEAD, None, False),
        (DELETED, None, True),
        (DELETED, 5, False),
        (BOUND, 5, True),
        (LAPSED, None, True),
        (LAPSED, 5, False),
    ],
)
def test_a_condition_holds_of_what_is_there(
    head: Head | None, version: int | None, *, expected: bool
) -> None:
    assert holds(Compare("a", version), {"a": head}) is expected


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("/."))
def test_any_text_is_a_name_and_comes_back(key: str) -> None:
    folder, plain, _ = key.partition("//")
    above = folder_path(folder) if plain else ROOT
    name = path_of(key).removeprefix(f"{above}/")
    for part in (name, above.rpartition("/")[2]):
        assert "/" not in part
        assert part not in {"", ".", ".."}
        assert part.isascii()
        assert part.isprintable()
    assert key_of(name, folder if plain else None) == key
