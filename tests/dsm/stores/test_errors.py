"""The table from gRPC statuses to outcomes, one row for each status code and each certain refusal."""

import pytest

from dsm_jepsen.dsm.stores.errors import outcome
from dsm_jepsen.env import DefiniteError, IndefiniteError, OutcomeError

REFUSED = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:2379: "
    "Failed to connect to remote host: connect: Connection refused (111)"
)
NO_SETTINGS = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:2379: "
    "connection attempt timed out before receiving SETTINGS frame"
)

WRITES: list[tuple[str, str, type[OutcomeError], str]] = [
    # A status code each, with a text that etcd or gRPC sends.
    ("CANCELLED", "Channel closed!", IndefiniteError, "cancelled"),
    ("UNKNOWN", "context deadline exceeded", IndefiniteError, "timeout"),
    ("UNKNOWN", "Stream removed", IndefiniteError, "unknown"),
    ("INVALID_ARGUMENT", "etcdserver: something new", IndefiniteError, "invalid-argument"),
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", IndefiniteError, "timeout"),
    ("NOT_FOUND", "etcdserver: member not found", IndefiniteError, "not-found"),
    ("ALREADY_EXISTS", "", IndefiniteError, "already-exists"),
    ("PERMISSION_DENIED", "etcdserver: permission denied", IndefiniteError, "permission-denied"),
    (
        "RESOURCE_EXHAUSTED",
        "etcdserver: mvcc: database space exceeded",
        IndefiniteError,
        "resource-exhausted",
    ),
    ("FAILED_PRECONDITION", "etcdserver: not leader", IndefiniteError, "failed-precondition"),
    ("ABORTED", "", IndefiniteError, "aborted"),
    ("OUT_OF_RANGE", "etcdserver: too large lease TTL", IndefiniteError, "out-of-range"),
    ("UNIMPLEMENTED", "unknown service", IndefiniteError, "unimplemented"),
    ("INTERNAL", "Received RST_STREAM with error code 2", IndefiniteError, "internal"),
    ("UNAVAILABLE", "Socket closed", IndefiniteError, "unavailable"),
    ("DATA_LOSS", "etcdserver: corrupt cluster", IndefiniteError, "data-loss"),
    ("UNAUTHENTICATED", "etcdserver: invalid auth token", IndefiniteError, "unauthenticated"),
    # Texts of UNAVAILABLE, of which one alone is certain.
    ("UNAVAILABLE", REFUSED, DefiniteError, "connection-refused"),
    ("UNAVAILABLE", NO_SETTINGS, IndefiniteError, "timeout"),
    ("UNAVAILABLE", "Connection refused", IndefiniteError, "unavailable"),
    (
        "UNAVAILABLE",
        "Stream removed (recvmsg:Connection reset by peer (104))",
        IndefiniteError,
        "unavailable",
    ),
    ("UNAVAILABLE", "etcdserver: request timed out", IndefiniteError, "timeout"),
    ("UNAVAILABLE", "etcdserver: leader changed", IndefiniteError, "unavailable"),
    ("UNAVAILABLE", "etcdserver: server stopped", IndefiniteError, "unavailable"),
    ("UNKNOWN", REFUSED, IndefiniteError, "unknown"),
    # Refused before anything was proposed, or before anything was applied.
    ("INVALID_ARGUMENT", "etcdserver: key is not provided", DefiniteError, "rejected"),
    ("INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request", DefiniteError, "rejected"),
    ("INVALID_ARGUMENT", "etcdserver: too many operations in txn request", DefiniteError, "rejected"),
    ("INVALID_ARGUMENT", "etcdserver: request is too large", DefiniteError, "rejected"),
    ("RESOURCE_EXHAUSTED", "etcdserver: too many requests", DefiniteError, "rejected"),
    ("NOT_FOUND", "etcdserver: requested lease not found", DefiniteError, "session-lost"),
]


@pytest.mark.parametrize(("code", "details", "error", "kind"), WRITES)
def test_a_write_has_failed_only_where_nothing_can_have_been_applied(
    code: str, details: str, error: type[OutcomeError], kind: str
) -> None:
    found = outcome(code, details, writes=True)
    assert type(found) is error
    assert found.kind == kind
    assert found.detail == f"{code}: {details}"


READS: list[tuple[str, str, type[OutcomeError], str]] = [
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", IndefiniteError, "timeout"),
    ("UNAVAILABLE", "etcdserver: request timed out", IndefiniteError, "timeout"),
    ("UNAVAILABLE", "Socket closed", DefiniteError, "unavailable"),
    ("UNAVAILABLE", REFUSED, DefiniteError, "connection-refused"),
    ("INTERNAL", "", DefiniteError, "internal"),
]


@pytest.mark.parametrize(("code", "details", "error", "kind"), READS)
def test_a_read_has_no_effect_so_only_a_time_out_is_unknown(
    code: str, details: str, error: type[OutcomeError], kind: str
) -> None:
    found = outcome(code, details, writes=False)
    assert type(found) is error
    assert found.kind == kind


@pytest.mark.parametrize(("code", "details", "error", "kind"), WRITES)
def test_whatever_is_certain_of_a_write_is_certain_of_a_read(
    code: str, details: str, error: type[OutcomeError], kind: str
) -> None:
    if error is DefiniteError:
        assert type(outcome(code, details, writes=False)) is DefiniteError
    assert outcome(code, details, writes=False).kind == kind
