"""What a failed ZooKeeper call means: the table from kazoo's errors to outcomes.

A write is ``DefiniteError`` only where a server answered that it refused it, before it proposed anything
to the others. What kazoo makes up itself proves nothing: it calls a request lost with its connection
``ConnectionLoss``, and one that was under way when its session was found to have ended
``SessionExpiredError``, whether or not the request was carried out before.
"""

from dsm_jepsen.env import DefiniteError, IndefiniteError, OutcomeError

NO_NODE = "no-node"
NODE_EXISTS = "node-exists"

FAILED_COMPARES = frozenset({NO_NODE, NODE_EXISTS, "bad-version"})
"""A transaction's condition did not hold: an answer, and no failure of the call."""

_REFUSED = {
    # Looked at when a server prepares the transaction, against all that was prepared before it. A
    # transaction that fails there is entered as an error, and none of its writes is.
    "BadVersionError": "bad-version",
    "NoNodeError": NO_NODE,
    "NodeExistsError": NODE_EXISTS,
    "NotEmptyError": "rejected",
    "NoChildrenForEphemeralsError": "rejected",
    "NoAuthError": "rejected",
    "InvalidACLError": "rejected",
    "BadArgumentsError": "rejected",
    "QuotaExceededError": "rejected",
    # The server does not know this kind of request, or takes no writes at all.
    "UnimplementedError": "rejected",
    "NotReadOnlyCallError": "rejected",
}

_UNKNOWN = {
    "ConnectionLoss": "connection-loss",
    "SessionExpiredError": "session-lost",
    "ConnectionClosedError": "connection-closed",
    "OperationTimeoutError": "timeout",
    "RequestTimeoutError": "timeout",
}


def outcome(error: BaseException, *, writes: bool) -> OutcomeError:
    """Say what may be concluded from a failed call.

    Args:
        error: what kazoo raised, told by the name of its class.
        writes: whether the call could have changed anything.

    Returns:
        The error to raise; its detail is kazoo's name and text.
    """
    name = type(error).__name__
    detail = f"{name}: {error}" if str(error) else name
    if name in _REFUSED:
        return DefiniteError(_REFUSED[name], detail)
    kind = _UNKNOWN.get(name, "zookeeper-error")
    # A read has no effect, whatever became of it; only a time-out is kept unknown, as everywhere.
    return IndefiniteError(kind, detail) if writes or kind == "timeout" else DefiniteError(kind, detail)
