"""Faults: what a nemesis may do to a cluster, each in one file, which registers itself when imported."""

import importlib
import pkgutil

from dsm_jepsen.nemesis._base import NEMESES as NEMESES
from dsm_jepsen.nemesis._base import Nemesis as Nemesis
from dsm_jepsen.nemesis._base import Outcome as Outcome
from dsm_jepsen.nemesis._describe import Description as Description
from dsm_jepsen.nemesis._describe import describe as describe

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")
