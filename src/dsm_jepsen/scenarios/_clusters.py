"""Clusters as runs ask for them: made ready to start, or refused with the reason before anything runs.

``probe`` goes the same way as a run, as far as it is known what a run could do, so that what it says is true.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsm_jepsen.cluster import Cluster, ClusterError
from dsm_jepsen.cluster.hosts import Fleet, HostsCluster, prepared
from dsm_jepsen.cluster.sim import SimCluster
from dsm_jepsen.dsm.stores import check_client, open_store
from dsm_jepsen.env import Capability, RefusedError
from dsm_jepsen.scenarios._base import Scenario

if TYPE_CHECKING:
    from dsm_jepsen.scenarios.runner import Options

_OF_DISKS = {Capability.POWER, Capability.SPACE}
_SURE = {Capability.KILL, Capability.PAUSE}
"""What containers can do in any case."""
_ONE = ("n1",)
_NO_IMAGE = "not tried before the image is there: dsm-jepsen cluster build"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a cluster can do here, with a store.

    Attributes:
        unusable: why it cannot be used at all, and what to do; ``None`` if it can.
        reasons: why capabilities are missing that are.
        clientless: why clients that talk to the store themselves cannot be had here; ``None`` if they can.
        versions: what it runs, component to version.
        tried: whether the reasons come from a trial, and not from that none could be made.
    """

    unusable: str | None = None
    reasons: Mapping[Capability, str] = field(default_factory=dict)
    clientless: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    tried: bool = True

    def why_no_fault(self, needs: Iterable[Capability]) -> str | None:
        """Why a fault with these needs cannot be had; ``None`` if it can."""
        return self.unusable or next(
            (self.reasons[one] for one in sorted(needs) if one in self.reasons), None
        )

    def why_not(self, scenario: Scenario) -> str | None:
        """Why a scenario cannot run; ``None`` if it can."""
        talks_itself = scenario.system(None).program is None
        return self.why_no_fault(scenario.needs()) or (self.clientless if talks_itself else None)


def probe(options: "Options") -> Findings:
    """Find out what a cluster can do here, without starting it; nothing is left behind.

    One container stands for five, and no image is built.
    """
    try:
        if options.cluster == "docker":
            found = _probe_containers(options)
        else:
            everything = frozenset(Capability)
            with open_cluster(options, Path(), _ignore, needs=everything, fits=_ignore) as cluster:
                found = _findings(cluster)
    except (RefusedError, ClusterError) as error:
        return Findings(unusable=str(error))
    return replace(found, clientless=_why_no_clients(options))


def _why_no_clients(options: "Options") -> str | None:
    try:
        check_clients(options)
    except RefusedError as error:
        return str(error)
    return None


def check_clients(options: "Options") -> None:
    """See that clients can talk to the store themselves, without a node between.

    Raises:
        RefusedError: they cannot; the message says what to install.
    """
    if options.cluster != "simulated":
        check_client(options.store, options.etcd_client)


@contextmanager
def open_cluster(
    options: "Options",
    folder: Path,
    say: Callable[[str], None],
    *,
    needs: Collection[Capability],
    fits: Callable[[Cluster], None],
) -> Iterator[Cluster]:
    """Make the cluster that was asked for, not yet started, and let go of it at the end.

    Args:
        options: which.
        folder: of the run: where logs go.
        say: is told what takes time.
        needs: what will be done to it: members get disks of their own only if those will be harmed.
        fits: raises RefusedError at a cluster that cannot do it, as far as is known when it is called: of
            hosts before any is reached or made, and of containers when there is one of them.

    Raises:
        RefusedError: it cannot be used here, or does not fit; the message says what to do.
        ClusterError: it should have worked and did not.
    """
    if options.cluster == "simulated":
        with SimCluster(seed=options.seed, lie=options.lie, store=options.store) as simulated:
            yield simulated
    elif options.cluster == "local":
        from dsm_jepsen.cluster.local import LocalCluster  # noqa: PLC0415 - only a run on it needs it

        made = LocalCluster(
            run_folder=folder,
            zookeeper_home=options.zookeeper_home,
            network=options.network,
            **_common(options, needs),
        )
        check_clients(options)  # nodes are such, and run here
        yield made
    elif options.cluster == "docker":
        from dsm_jepsen.cluster.docker.fleet import DockerFleet  # noqa: PLC0415 - an extra

        disks = not _OF_DISKS.isdisjoint(needs)
        if not _SURE.issuperset(needs):
            one = DockerFleet(nodes=_ONE, disks=disks, say=say)
            with _hosts(options, folder, one, needs, fits, nodes=_ONE) as container:
                fits(container)
        with _hosts(options, folder, DockerFleet(disks=disks, say=say), needs, fits) as containers:
            yield containers
    else:
        assert options.machines is not None
        fleet, nodes, command = options.machines.fleet(store=options.store, etcd_client=options.etcd_client)
        with _hosts(options, folder, fleet, needs, fits, nodes=nodes, command=command) as machines:
            yield machines


@contextmanager
def _hosts(
    options: "Options",
    folder: Path,
    fleet: Fleet,
    needs: Collection[Capability],
    fits: Callable[[Cluster], None],
    **of_fleet: Any,
) -> Iterator[HostsCluster]:
    cluster = HostsCluster(fleet, run_folder=folder, **of_fleet, **_common(options, needs))
    fits(cluster)
    with prepared(cluster):
        yield cluster


def _common(options: "Options", needs: Collection[Capability]) -> dict[str, Any]:
    """What all real clusters are told."""
    return {
        "open_store": partial(open_store, client=options.etcd_client),
        "store": options.store,
        "kill_stale": not options.keep_stale_connections,
        "own_disks": not _OF_DISKS.isdisjoint(needs),
        "node_options": ("--etcd-client", options.etcd_client),
    }


def _probe_containers(options: "Options") -> Findings:
    from dsm_jepsen.cluster.docker.engine import connect  # noqa: PLC0415 - an extra
    from dsm_jepsen.cluster.docker.fleet import DockerFleet  # noqa: PLC0415
    from dsm_jepsen.cluster.docker.image import find_image  # noqa: PLC0415

    with closing(connect()) as client:
        engine = {"docker": str(client.version()["Version"])}
        image = find_image(client)
    if image is None:
        unsure = frozenset(Capability) - _SURE
        return Findings(reasons=dict.fromkeys(sorted(unsure), _NO_IMAGE), versions=engine, tried=False)
    everything = frozenset(Capability)
    fleet = DockerFleet(image=image, nodes=_ONE, disks=True)
    with _hosts(options, Path(), fleet, everything, _ignore, nodes=_ONE) as container:
        return _findings(container)


def _findings(cluster: Cluster) -> Findings:
    return Findings(reasons=dict(cluster.control.reasons()), versions=dict(cluster.versions()))


def _ignore(_: object) -> None:
    pass
