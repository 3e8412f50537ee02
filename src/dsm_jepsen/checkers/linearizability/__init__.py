"""Whether a history can be explained by a sequential machine, and the evidence for it."""

from dsm_jepsen.checkers.linearizability.check import Budget as Budget
from dsm_jepsen.checkers.linearizability.check import Linearizability as Linearizability
from dsm_jepsen.checkers.linearizability.check import check_linearizable as check_linearizable
from dsm_jepsen.checkers.linearizability.evidence import Counterexample as Counterexample
from dsm_jepsen.checkers.linearizability.fitting import MisfitError as MisfitError
from dsm_jepsen.checkers.linearizability.fitting import refuse_values as refuse_values
from dsm_jepsen.checkers.linearizability.witness import explains as explains
