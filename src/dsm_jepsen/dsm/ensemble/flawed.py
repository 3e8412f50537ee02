"""Ensembles with one planted flaw each, to see that the checkers catch it; never used unless named.

Each flaw is one method of the correct ensemble replaced.
"""

from dsm_jepsen.dsm.chart import step
from dsm_jepsen.dsm.ensemble.context import Context, encode
from dsm_jepsen.dsm.ensemble.ensemble import Ensemble, Replica
from dsm_jepsen.env import Entry


class NoVersionCheck(Ensemble):
    """Commits without comparing the version: of two concurrent events one is lost, though acknowledged."""

    async def commit(self, following: Context, current: Replica) -> Entry | None:
        """Put without a condition."""
        return await self.env.store.put(self.key, encode(following))


class ReplayEvents(Ensemble):
    """Replicas replay the committed event on their own state instead of taking over the outcome.

    The paper's own way: a replica that missed a commit, or meets its own, ends in another state and
    commits transitions from there.
    """

    def adopt(self, read: Replica) -> None:
        """Replay the last event of a newer context that another node committed."""
        before = self.replica
        super().adopt(read)
        event = read.context.event
        if before is None or self.replica is before or event is None or read.context.node == self.env.node:
            return
        replayed = step(self.chart, before.context.configuration, before.context.variables, event)
        own = Context(
            version=read.context.version,
            chart=read.context.chart,
            configuration=replayed.configuration,
            variables=replayed.variables,
            event=event,
            id=read.context.id,
            node=read.context.node,
        )
        self.replica = Replica(own, read.stored)

    def install(self, read: Replica) -> None:
        """Joining alone is a state transfer, as in the paper."""
        self.replica = None
        super().install(read)


VARIANTS: dict[str, type[Ensemble]] = {
    "no-version-check": NoVersionCheck,
    "replay-events": ReplayEvents,
}
"""Flaw by name."""
