"""The ensemble: one state chart shared by all nodes through one key of the store."""

from dsm_jepsen.dsm.ensemble.client import EnsembleClient as EnsembleClient
from dsm_jepsen.dsm.ensemble.context import Context as Context
from dsm_jepsen.dsm.ensemble.ensemble import FRESH_MS as FRESH_MS
from dsm_jepsen.dsm.ensemble.ensemble import REFRESH_MS as REFRESH_MS
from dsm_jepsen.dsm.ensemble.ensemble import Ensemble as Ensemble
from dsm_jepsen.dsm.ensemble.flawed import VARIANTS as VARIANTS
from dsm_jepsen.dsm.ensemble.rest import RestApi as RestApi
from dsm_jepsen.dsm.ensemble.system import EnsembleSystem as EnsembleSystem
from dsm_jepsen.dsm.ensemble.system import node as node
