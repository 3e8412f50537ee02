"""The network splits two against three, and events go on on both sides: the paper's scenario C.6.4.

Claim under test: with the store's leader on either side (chosen by ``--leader``, verified in the history)
the majority goes on committing, the minority refuses and soon says that it is in error, and after the
network has healed all nodes catch up.
The paper sent no event during the cut and expected nothing of any read; here both sides are sent events all
the time.
Known to catch: nodes that answer healthy from old state, refusals that take effect, acknowledged events that
vanish.
"""

from dsm_jepsen.checkers import (
    convergence_after_heal,
    majority_available,
    minority_refuses,
)
from dsm_jepsen.dsm.ensemble import FRESH_MS
from dsm_jepsen.scenarios._base import Scenario, Settings, Workload
from dsm_jepsen.scenarios._ensemble import (
    FLAWS,
    LEVELS,
    ensemble,
    ensemble_checkers,
    node_of,
    web_machine,
)
from dsm_jepsen.scenarios._ensemble_phases import (
    TIMING,
    all_send,
    load,
    pick,
    reads,
    settled_reads,
)
from dsm_jepsen.scenarios.generators import (
    any_of,
    clients,
    each_process,
    nemesis,
    once,
    phases,
    sleep,
    stagger,
    then,
    time_limit,
)

_CUT_S = 15

_CALM_S = 1
"""How long the load goes on before the cut, and after the heal was begun."""

_ELECTION_MS = 5_000
"""How long the majority may need for a new leader."""

_CATCH_UP_MS = 10_000
"""How long all nodes may need after the heal; real stores wait for TCP and sessions."""


def _workload(settings: Settings) -> Workload:
    name = f"leader-in-{settings['leader']}"
    work = each_process(stagger(0.5, load(purpose="partition/f")))
    cut = then(sleep(_CALM_S), once(f"start-{name}"), sleep(_CUT_S), once(f"stop-{name}"))
    before, after = pick(settings, short=3, paper=10), pick(settings, short=15, paper=100)
    main = phases(
        clients(reads(before)),
        clients(all_send("C", expect=0)),
        clients(reads(before)),
        # The load goes on from before the cut until after the heal: whatever is under way is hit by both.
        any_of(nemesis(cut), clients(time_limit(_CALM_S + _CUT_S + _CALM_S, work))),
        clients(reads(after)),
    )
    return Workload(
        generator=main,
        final_generator=clients(phases(settled_reads(), once("event", {"event": "E"}), settled_reads())),
        settle_s=2,
        checkers={
            **ensemble_checkers({"event": 3, "read": 60}, name, during={"event": 5, "read": 10}),
            "minority-refuses": minority_refuses(node_of(5), bound_ms=FRESH_MS),
            "majority-available": majority_available(node_of(5), within_ms=_ELECTION_MS),
            "convergence-after-heal": convergence_after_heal(web_machine(), within_ms=_CATCH_UP_MS),
        },
    )


SCENARIO = Scenario(
    name="partition-half",
    title="the network splits 2|3 with the store's leader on a chosen side, under load (paper C.6.4)",
    system=ensemble,
    workload=_workload,
    settings={"leader": ("majority", "minority"), **TIMING},
    variants=FLAWS,
    nemeses=("leader-in-majority", "leader-in-minority"),
    levels=LEVELS,
)
