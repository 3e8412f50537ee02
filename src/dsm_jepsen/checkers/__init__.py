"""Judges of histories: pure functions ``History -> Verdict``, one per module, named as the module."""

import traceback
from collections.abc import Mapping
from pathlib import PurePath

from dsm_jepsen.checkers._base import Checker as Checker
from dsm_jepsen.checkers._base import Context as Context
from dsm_jepsen.checkers._base import Machine as Machine
from dsm_jepsen.checkers._base import Verdict as Verdict
from dsm_jepsen.checkers._base import worst as worst
from dsm_jepsen.checkers._queue_readings import Chart as Chart
from dsm_jepsen.checkers.adequacy import adequacy as adequacy
from dsm_jepsen.checkers.agreement import agreement as agreement
from dsm_jepsen.checkers.availability import availability as availability
from dsm_jepsen.checkers.come_back import come_back as come_back
from dsm_jepsen.checkers.commits_hit import commits_hit as commits_hit
from dsm_jepsen.checkers.convergence import convergence as convergence
from dsm_jepsen.checkers.convergence_after_heal import convergence_after_heal as convergence_after_heal
from dsm_jepsen.checkers.effects_once import effects_once as effects_once
from dsm_jepsen.checkers.gap_free_watch import gap_free_watch as gap_free_watch
from dsm_jepsen.checkers.instances_end import instances_end as instances_end
from dsm_jepsen.checkers.join_equals_live import join_equals_live as join_equals_live
from dsm_jepsen.checkers.joins_once import joins_once as joins_once
from dsm_jepsen.checkers.legal_steps import legal_steps as legal_steps
from dsm_jepsen.checkers.legal_transitions import legal_transitions as legal_transitions
from dsm_jepsen.checkers.linearizability import Budget as Budget
from dsm_jepsen.checkers.linearizability import Counterexample as Counterexample
from dsm_jepsen.checkers.linearizability import Linearizability as Linearizability
from dsm_jepsen.checkers.linearizability import MisfitError as MisfitError
from dsm_jepsen.checkers.linearizability import check_linearizable as check_linearizable
from dsm_jepsen.checkers.linearizability import explains as explains
from dsm_jepsen.checkers.linearizability import refuse_values as refuse_values
from dsm_jepsen.checkers.linearizable import linearizable as linearizable
from dsm_jepsen.checkers.lost_claims import lost_claims as lost_claims
from dsm_jepsen.checkers.lost_races import lost_races as lost_races
from dsm_jepsen.checkers.lost_sessions import lost_sessions as lost_sessions
from dsm_jepsen.checkers.majority_available import majority_available as majority_available
from dsm_jepsen.checkers.members_agree import COMPARISON as COMPARISON
from dsm_jepsen.checkers.members_agree import members_agree as members_agree
from dsm_jepsen.checkers.minority_refuses import minority_refuses as minority_refuses
from dsm_jepsen.checkers.models import REJECT as REJECT
from dsm_jepsen.checkers.models import UNKNOWN as UNKNOWN
from dsm_jepsen.checkers.models import CasRegister as CasRegister
from dsm_jepsen.checkers.models import Explains as Explains
from dsm_jepsen.checkers.models import Model as Model
from dsm_jepsen.checkers.models import Refused as Refused
from dsm_jepsen.checkers.models import Register as Register
from dsm_jepsen.checkers.monotonic_reads import monotonic_reads as monotonic_reads
from dsm_jepsen.checkers.no_effect_of_refused import no_effect_of_refused as no_effect_of_refused
from dsm_jepsen.checkers.no_lost_acknowledgement import no_lost_acknowledgement as no_lost_acknowledgement
from dsm_jepsen.checkers.single_winner import single_winner as single_winner
from dsm_jepsen.checkers.stats import stats as stats
from dsm_jepsen.checkers.steps_once import steps_once as steps_once
from dsm_jepsen.history import History


def check_all(checkers: Mapping[str, Checker], history: History) -> dict[str, Verdict]:
    """Ask every checker; one that crashes does not know, and says where it crashed."""
    return {name: _guarded(checker, history) for name, checker in checkers.items()}


def _guarded(checker: Checker, history: History) -> Verdict:
    try:
        return checker(history)
    except Exception as error:  # noqa: BLE001 - whatever breaks in a checker says nothing about the history
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{PurePath(place.filename).name}:{place.lineno} in {place.name}"
        return Verdict(valid=None, because=f"the checker crashed: {type(error).__name__}: {error} ({where})")
