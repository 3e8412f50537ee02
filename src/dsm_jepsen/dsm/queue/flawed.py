"""Workers with one planted flaw each, to see that the checkers catch it; never used unless named.

Each flaw is one method or two of the correct worker's parts replaced.
"""

from collections.abc import Mapping
from types import MappingProxyType

from dsm_jepsen.dsm.queue.worker import Worker

VARIANTS: Mapping[str, type[Worker]] = MappingProxyType({})
"""By name, as ``--variant`` has it."""
