"""Errors that carry an outcome: what a client may conclude from them.

``DefiniteError`` becomes ``fail``: the operation certainly did not take effect and never will.
``IndefiniteError`` becomes ``info``: it may have, or may still. When in doubt it is indefinite;
whoever raises a ``DefiniteError`` says why in a comment.

    OutcomeError
    ├── DefiniteError      certainly not done
    │   └── CompactedError     a watch asked for changes that are no longer kept
    └── IndefiniteError    unknown
        └── SessionLostError   the session, and all that was bound to it, may be gone
"""

from typing import Any


class OutcomeError(Exception):
    """An operation did not succeed; the subclass says what may be concluded.

    Attributes:
        kind: a short kebab-case word for tables and statistics, such as ``timeout``.
        detail: any JSON value that tells more, ``None`` where there is nothing to tell.
    """

    def __init__(self, kind: str, detail: Any = None) -> None:
        super().__init__(kind if detail is None else f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class DefiniteError(OutcomeError):
    """The operation certainly did not take effect and never will."""


class IndefiniteError(OutcomeError):
    """The operation may have taken effect, or may still."""


class CompactedError(DefiniteError):
    """The changes a watch asked for are no longer kept: read the current value and watch on from there."""


class SessionLostError(IndefiniteError):
    """A session has ended, or nobody can say that it lives: keys bound to it may be gone."""


class RefusedError(Exception):
    """A cluster cannot do what was asked of it: said by name, before anything is started."""
