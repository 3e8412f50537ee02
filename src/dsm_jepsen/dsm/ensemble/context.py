"""The shared context of an ensemble: what one key of the store holds, and its codec.

The whole outcome of a transition is written, not the event that led to it: configuration and
variables are what every replica takes over, so nobody has to arrive at them again.
"""

from typing import Any

import msgspec

from dsm_jepsen.dsm.chart import Configuration, Event, Variables


class ContextError(ValueError):
    """The store holds something that is no context of this ensemble."""


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A committed context.

    Attributes:
        version: 0 for the initial one; every accepted event adds one. Not the store's version.
        chart: fingerprint of the chart; a node with another chart does not join.
        configuration: the states after the transition.
        variables: the extended variables after the transition.
        event: what led here; ``None`` for version 0.
        id: of the request that committed it; never used twice. ``None`` for version 0.
        node: who committed it.
    """

    version: int
    chart: str
    configuration: Configuration
    variables: Variables
    event: Event | None = None
    id: str | None = None
    node: str | None = None

    def summary(self) -> dict[str, Any]:
        """What clients see of it: ``{"version": 1, "states": [...], "variables": {...}}``."""
        return {
            "version": self.version,
            "states": list(self.configuration.states),
            "variables": dict(self.variables),
        }


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Context)


def encode(context: Context) -> bytes:
    """Give the bytes to store: JSON, so that a person can read it with the store's own tools."""
    return _encoder.encode(context)


def decode(value: bytes) -> Context:
    """Read stored bytes.

    Raises:
        ContextError: they are not a context.
    """
    try:
        return _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise ContextError(
            f"the ensemble's key holds {value[:80]!r}, which is no context ({error}); "
            "choose another --ensemble, or remove the key if nothing uses it"
        ) from error
