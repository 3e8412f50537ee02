"""What a failed etcd call means: the table from gRPC statuses to outcomes.

A write is ``DefiniteError`` only where its request certainly never reached the log, or was refused
when it was applied. etcd's statuses alone do not tell: it answers ``UNAVAILABLE`` to a write that
it may still commit, and ``RESOURCE_EXHAUSTED`` to the write that filled its disk quota, *after*
having applied it.
"""

from dsm_jepsen.env import DefiniteError, IndefiniteError, OutcomeError

_DEFINITE: dict[tuple[str, str], str] = {
    # Looked at by the member's front door, before anything is proposed to the cluster.
    ("INVALID_ARGUMENT", "etcdserver: key is not provided"): "rejected",
    ("INVALID_ARGUMENT", "etcdserver: duplicate key given in txn request"): "rejected",
    ("INVALID_ARGUMENT", "etcdserver: too many operations in txn request"): "rejected",
    # Looked at just before the proposal.
    ("INVALID_ARGUMENT", "etcdserver: request is too large"): "rejected",
    ("RESOURCE_EXHAUSTED", "etcdserver: too many requests"): "rejected",
    # Looked at when the entry is applied, on every member alike, before the first of its writes.
    ("NOT_FOUND", "etcdserver: requested lease not found"): "session-lost",
}


def outcome(code: str, details: str, *, writes: bool) -> OutcomeError:
    """Say what may be concluded from a failed call.

    Args:
        code: the name of the gRPC status, such as ``DEADLINE_EXCEEDED``.
        details: the text that came with it.
        writes: whether the call could have changed anything.

    Returns:
        The error to raise; its detail is the status' text.
    """
    detail = f"{code}: {details}"
    # No connection was made, so nothing was sent. Both halves are needed: a connection that breaks
    # while the request is on its way also has a cause such as "Connection reset".
    if (
        code == "UNAVAILABLE"
        and "failed to connect to all addresses" in details
        and "Connection refused" in details
    ):
        return DefiniteError("connection-refused", detail)
    rejected = _DEFINITE.get((code, details))
    if rejected is not None:
        return DefiniteError(rejected, detail)
    if code == "DEADLINE_EXCEEDED" or "timed out" in details or "deadline exceeded" in details:
        return IndefiniteError("timeout", detail)
    kind = code.lower().replace("_", "-")
    # A read has no effect, whatever became of it; only a time-out is kept unknown, as everywhere.
    return IndefiniteError(kind, detail) if writes else DefiniteError(kind, detail)
