"""The table from kazoo's errors to outcomes, one row for each error."""

import pytest

from dsm_jepsen.dsm.stores.zookeeper_errors import outcome
from dsm_jepsen.env import DefiniteError, IndefiniteError, OutcomeError

exceptions = pytest.importorskip("kazoo.exceptions")

WRITES: list[tuple[str, type[OutcomeError], str]] = [
    ("RolledBackError", IndefiniteError, "zookeeper-error"),
    ("SystemZookeeperError", IndefiniteError, "zookeeper-error"),
    ("RuntimeInconsistency", IndefiniteError, "zookeeper-error"),
    ("DataInconsistency", IndefiniteError, "zookeeper-error"),
    ("ConnectionLoss", IndefiniteError, "connection-loss"),
    ("MarshallingError", IndefiniteError, "zookeeper-error"),
    ("UnimplementedError", DefiniteError, "rejected"),
    ("OperationTimeoutError", IndefiniteError, "timeout"),
    ("BadArgumentsError", DefiniteError, "rejected"),
    ("UnknownSessionError", IndefiniteError, "zookeeper-error"),
    ("NewConfigNoQuorumError", IndefiniteError, "zookeeper-error"),
    ("ReconfigInProcessError", IndefiniteError, "zookeeper-error"),
    ("APIError", IndefiniteError, "zookeeper-error"),
    ("NoNodeError", DefiniteError, "no-node"),
    ("NoAuthError", DefiniteError, "rejected"),
    ("BadVersionError", DefiniteError, "bad-version"),
    ("NoChildrenForEphemeralsError", DefiniteError, "rejected"),
    ("NodeExistsError", DefiniteError, "node-exists"),
    ("NotEmptyError", DefiniteError, "rejected"),
    # kazoo's word for what was under way when the session was found to have ended: perhaps long after.
    ("SessionExpiredError", IndefiniteError, "session-lost"),
    ("InvalidCallbackError", IndefiniteError, "zookeeper-error"),
    ("InvalidACLError", DefiniteError, "rejected"),
    ("AuthFailedError", IndefiniteError, "zookeeper-error"),
    ("SessionMovedError", IndefiniteError, "zookeeper-error"),
    ("NotReadOnlyCallError", DefiniteError, "rejected"),
    ("EphemeralOnLocalSessionError", IndefiniteError, "zookeeper-error"),
    ("NoWatcherError", IndefiniteError, "zookeeper-error"),
    ("RequestTimeoutError", IndefiniteError, "timeout"),
    ("ReconfigDisabledError", IndefiniteError, "zookeeper-error"),
    ("SessionClosedRequireSaslError", IndefiniteError, "zookeeper-error"),
    ("QuotaExceededError", DefiniteError, "rejected"),
    ("ThrottledOpError", IndefiniteError, "zookeeper-error"),
    ("ConnectionClosedError", IndefiniteError, "connection-closed"),
    # Not from a server at all.
    ("ConnectionDropped", IndefiniteError, "zookeeper-error"),
    ("CancelledError", IndefiniteError, "zookeeper-error"),
]


@pytest.mark.parametrize(("name", "error", "kind"), WRITES)
def test_a_write_has_failed_only_where_a_server_refused_it(
    name: str, error: type[OutcomeError], kind: str
) -> None:
    found = outcome(getattr(exceptions, name)("said"), writes=True)
    assert type(found) is error
    assert (found.kind, found.detail) == (kind, f"{name}: said")


@pytest.mark.parametrize(("name", "error", "kind"), WRITES)
def test_a_read_has_no_effect_so_only_a_time_out_is_unknown(
    name: str, error: type[OutcomeError], kind: str
) -> None:
    found = outcome(getattr(exceptions, name)(), writes=False)
    assert type(found) is (IndefiniteError if kind == "timeout" else DefiniteError)
    assert (found.kind, found.detail) == (kind, name)
    assert error in {DefiniteError, IndefiniteError}


def test_every_error_of_kazoos_has_a_row() -> None:
    assert {error.__name__ for error in exceptions.EXCEPTIONS.values()} <= {name for name, _, _ in WRITES}


def test_what_is_no_error_of_kazoos_is_unknown() -> None:
    found = outcome(RuntimeError("xids do not match"), writes=True)
    assert type(found) is IndefiniteError
    assert found.detail == "RuntimeError: xids do not match"
