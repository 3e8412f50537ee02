"""What clients saw: operations and the histories they form, on disk and in memory."""

from dsm_jepsen.history import edn as edn
from dsm_jepsen.history import jsonl as jsonl
from dsm_jepsen.history import text as text
from dsm_jepsen.history.edn import EdnError as EdnError
from dsm_jepsen.history.files import line_of as line_of
from dsm_jepsen.history.files import read_history as read_history
from dsm_jepsen.history.history import Columns as Columns
from dsm_jepsen.history.history import History as History
from dsm_jepsen.history.history import HistoryError as HistoryError
from dsm_jepsen.history.history import Operation as Operation
from dsm_jepsen.history.jsonl import Loaded as Loaded
from dsm_jepsen.history.jsonl import Writer as Writer
from dsm_jepsen.history.op import NEMESIS as NEMESIS
from dsm_jepsen.history.op import Op as Op
from dsm_jepsen.history.op import OpType as OpType
from dsm_jepsen.history.op import Process as Process
