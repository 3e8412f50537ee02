"""Generators: what operations to invoke and when, as immutable values that compose.

As in Jepsen a generator is asked for an operation and answers with one and its own successor, is told
every event of the history, and can therefore be tested without any cluster. Two things differ: an
operation is always meant for now (a generator that wants to wait answers ``Pending`` with the time to
ask again), and every random choice is a draw named by its purpose.

    clients(phases(each_process(cycle(then(sleep(1), once("read")), times=5)),
                   once("event", {"event": "I"})))
"""

from dsm_jepsen.scenarios.generators.base import NOTHING as NOTHING
from dsm_jepsen.scenarios.generators.base import Answer as Answer
from dsm_jepsen.scenarios.generators.base import Ask as Ask
from dsm_jepsen.scenarios.generators.base import Generator as Generator
from dsm_jepsen.scenarios.generators.base import Invocation as Invocation
from dsm_jepsen.scenarios.generators.base import Pending as Pending
from dsm_jepsen.scenarios.generators.base import Thread as Thread
from dsm_jepsen.scenarios.generators.base import once as once
from dsm_jepsen.scenarios.generators.bounds import limit as limit
from dsm_jepsen.scenarios.generators.bounds import stagger as stagger
from dsm_jepsen.scenarios.generators.bounds import time_limit as time_limit
from dsm_jepsen.scenarios.generators.bounds import until as until
from dsm_jepsen.scenarios.generators.bounds import until_ok as until_ok
from dsm_jepsen.scenarios.generators.order import cycle as cycle
from dsm_jepsen.scenarios.generators.order import phases as phases
from dsm_jepsen.scenarios.generators.order import sleep as sleep
from dsm_jepsen.scenarios.generators.order import sleep_below as sleep_below
from dsm_jepsen.scenarios.generators.order import then as then
from dsm_jepsen.scenarios.generators.share import any_of as any_of
from dsm_jepsen.scenarios.generators.share import clients as clients
from dsm_jepsen.scenarios.generators.share import each_process as each_process
from dsm_jepsen.scenarios.generators.share import mix as mix
from dsm_jepsen.scenarios.generators.share import nemesis as nemesis
from dsm_jepsen.scenarios.generators.share import one_of as one_of
from dsm_jepsen.scenarios.generators.share import reserve as reserve
