"""The work queue: instances of machines, taken step by step to their ends by any number of workers."""

from dsm_jepsen.dsm.queue.effects import Apply as Apply
from dsm_jepsen.dsm.queue.machine import Advance as Advance
from dsm_jepsen.dsm.queue.machine import AnyMachine as AnyMachine
from dsm_jepsen.dsm.queue.machine import Ending as Ending
from dsm_jepsen.dsm.queue.machine import FailError as FailError
from dsm_jepsen.dsm.queue.machine import Fork as Fork
from dsm_jepsen.dsm.queue.machine import Instance as Instance
from dsm_jepsen.dsm.queue.machine import Machine as Machine
from dsm_jepsen.dsm.queue.machine import RetryError as RetryError
from dsm_jepsen.dsm.queue.machine import registry as registry
from dsm_jepsen.dsm.queue.observe import Observation as Observation
from dsm_jepsen.dsm.queue.observe import Observer as Observer
from dsm_jepsen.dsm.queue.observe import observation_in as observation_in
from dsm_jepsen.dsm.queue.queue import Queue as Queue
from dsm_jepsen.dsm.queue.record import Effect as Effect
from dsm_jepsen.dsm.queue.record import Record as Record
from dsm_jepsen.dsm.queue.worker import Worker as Worker
