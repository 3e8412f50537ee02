"""The same contract on real etcd: whatever the local cluster can do here, real signals and real packets."""

import os
from collections.abc import Mapping
from typing import Any

import pytest

from dsm_jepsen.env import Capability
from dsm_jepsen.nemesis import NEMESES, Outcome

SHAPED = {"bridge", "majorities-ring"}
FATED = {"corrupt-log"}
"""Faults whose victims may come back by themselves."""

OF_PROCESSES = {Capability.KILL, Capability.PAUSE}


def row(name: str) -> Any:
    marks = [pytest.mark.etcd, pytest.mark.slow]
    of_links = NEMESES[name].needs & {Capability.CUT, Capability.SLOW}
    return pytest.param(name, marks=[*marks, pytest.mark.namespaces] if of_links else marks)


@pytest.mark.parametrize("name", [row(name) for name in sorted(NEMESES)])
async def test_it_acts_as_it_says_and_stop_undoes_it(
    name: str, local_ward: Any, who_works: Mapping[str, tuple[set[int], set[int]]]
) -> None:
    control, everybody = local_ward.control, set(local_ward.cluster.nodes)
    if missing := NEMESES[name].needs - control.capabilities():
        if os.environ.get("CI") == "true" and missing <= OF_PROCESSES:
            pytest.fail(f"a local cluster can always {', '.join(missing)}")
        pytest.skip(f"the local cluster cannot {', '.join(sorted(missing))} here")
    before, nemesis = await local_ward.states(), NEMESES[name]()
    try:
        started = await nemesis.start(control, local_ward.rng)
        assert started["outcome"] == Outcome.INSTALLED
        if name not in SHAPED | FATED:
            hit = set(started["nodes"])
            nodes, stores = (everybody if of == {5} else everybody - hit for of in who_works[name])
            await local_ward.until(nodes, stores)
    finally:
        stopped = await nemesis.stop(control)
        again = await nemesis.stop(control)
        await local_ward.until_all_works()
    assert (stopped["outcome"], again) == (Outcome.ENDED, {"outcome": "ended", "nodes": []})
    assert await local_ward.states() == before
