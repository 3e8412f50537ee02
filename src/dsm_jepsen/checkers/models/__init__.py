"""Sequential machines to judge histories by; a user's own needs no more than their shape."""

from dsm_jepsen.checkers.models._base import KEEP as KEEP
from dsm_jepsen.checkers.models._base import REJECT as REJECT
from dsm_jepsen.checkers.models._base import UNKNOWN as UNKNOWN
from dsm_jepsen.checkers.models._base import Assignment as Assignment
from dsm_jepsen.checkers.models._base import Declares as Declares
from dsm_jepsen.checkers.models._base import Edit as Edit
from dsm_jepsen.checkers.models._base import Explains as Explains
from dsm_jepsen.checkers.models._base import Fact as Fact
from dsm_jepsen.checkers.models._base import Keyed as Keyed
from dsm_jepsen.checkers.models._base import Model as Model
from dsm_jepsen.checkers.models._base import OneSequence as OneSequence
from dsm_jepsen.checkers.models._base import OneValue as OneValue
from dsm_jepsen.checkers.models._base import Refused as Refused
from dsm_jepsen.checkers.models._base import refusal as refusal
from dsm_jepsen.checkers.models.registers import CasRegister as CasRegister
from dsm_jepsen.checkers.models.registers import Register as Register
