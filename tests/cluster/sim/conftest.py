"""A test that is an ``async def`` with the fixture ``cluster`` is run by that cluster, which has a leader."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from dsm_jepsen.cluster.sim import SimCluster, SimLoop


@pytest.fixture
def loop() -> Iterator[SimLoop]:
    """A loop without a cluster."""
    made = SimLoop()
    yield made
    made.close()


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[SimCluster]:
    """A cluster with an honest store, of seed 1 or of the seeds of an indirect parameter."""
    with SimCluster(seed=getattr(request, "param", 1)) as made:
        yield made


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Have a coroutine of a test run by its cluster."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    cluster: Any = pyfuncitem.funcargs["cluster"]
    names = inspect.signature(pyfuncitem.obj).parameters
    story = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})

    async def whole() -> None:
        await cluster.start(None)
        await story

    cluster.run(whole())
    return True
