"""A Ray cluster to work on: one that is there, or one that is started on this machine.

Ray places the work and moves the data; no scheduler, queue or RPC layer is ours. A local cluster
listens on loopback, shows no dashboard, sends no usage statistics, and ends with the block that
started it. A cluster that was there is left as it was.
"""

import os
import platform
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llmenvs import __version__

OBJECT_STORE_BYTES = 128 * 2**20
"""Of a local cluster: rows and verdicts pass through, nothing stays."""

_REACH_S = 10.0  # for a connection to the address that was given

# Ray reads these from the environment, when it is imported and in each process that it starts. The
# second makes it take the loopback address for its own, as it does on macOS and Windows; the third
# is what it will do anyway, and spares a warning in every process.
_LOCAL_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class ClusterError(RuntimeError):
    """The cluster, or a node of it, cannot do this work; the message names the node and why."""


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of a cluster.

    Attributes:
        node_id: Ray's.
        address: its IP address.
        num_cpus: how many Ray may use there.
    """

    node_id: str
    address: str
    num_cpus: int


@contextmanager
def ray_cluster(address: str | None = None, *, num_cpus: int | None = None) -> Iterator[Any]:
    """Be connected to a Ray cluster while the block runs.

    A process that is connected already stays with its cluster, and stays connected.

    Args:
        address: of a cluster, as ``"10.0.0.1:6379"`` or ``"auto"``; None starts one here.
        num_cpus: of a cluster that is started here, at least 1; all cores by default.

    Yields:
        The module ``ray``.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ValueError: ``num_cpus`` beside ``address`` or below 1.
        ClusterError: there is no cluster at ``address``, or a node of it lacks this version of
            llmenvs.
    """
    if num_cpus is not None and (address is not None or num_cpus < 1):
        raise ValueError(
            "num_cpus must be at least 1, and goes with a cluster that is started here, "
            f"got {num_cpus=} and {address=}"
        )
    with _environment(_LOCAL_ENVIRONMENT if address is None else {}):
        ray = _import_ray()
        ours = not ray.is_initialized()
        if ours:
            _connect(ray, address, num_cpus)
    try:
        check_nodes(ray)
        yield ray
    finally:
        if ours:
            ray.shutdown()


def nodes_of(ray: Any) -> list[Node]:
    """Return the nodes that are up, in the order of their ids."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    found = [
        Node(node["NodeID"], node["NodeManagerAddress"], int(node["Resources"].get("CPU", 0)))
        for node in alive
    ]
    return sorted(found, key=lambda node: node.node_id)


def check_nodes(ray: Any) -> None:
    """Check that every node has the version of llmenvs that this process has.

    Raises:
        ClusterError: one has not; the message says which, and what it has.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = nodes_of(ray)
    look = ray.remote(num_cpus=0, max_retries=1)(_installed())
    asked = [
        look.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        ).remote()
        for node in nodes
    ]
    ours = {"llmenvs": __version__, "python": _minor(platform.python_version())}
    wrong = []
    for node, answer in zip(nodes, asked, strict=True):
        try:
            theirs = ray.get(answer, timeout=120.0)
        except ray.exceptions.RayError as error:
            wrong.append(f"node {node.address} did not answer: {type(error).__name__}")
            continue
        wrong += [f"node {node.address} has {fault}" for fault in differences(ours, theirs)]
    if wrong:
        raise ClusterError(
            f"{'; '.join(wrong)}; install llmenvs {__version__} with the extra ray on every node"
        )


def differences(ours: Mapping[str, str], theirs: Mapping[str, str | None]) -> list[str]:
    """Return what another machine has in place of what is needed.

    >>> differences({"llmenvs": "0.2"}, {"llmenvs": None})
    ['no llmenvs, but 0.2 is needed']
    """
    return [
        f"{f'{name} {there}' if (there := theirs.get(name)) else f'no {name}'}, "
        f"but {version} is needed"
        for name, version in ours.items()
        if theirs.get(name) is None or _minor_of(name, theirs[name]) != version
    ]


def _installed() -> Any:
    """Return a function that says what a node has, and needs nothing of ours there.

    It is made here, so that it travels as its code and not as the name of a module of ours.
    """

    def installed() -> dict[str, str | None]:
        import platform

        try:
            import llmenvs
        except ImportError:
            return {"llmenvs": None, "python": platform.python_version()}
        return {"llmenvs": llmenvs.__version__, "python": platform.python_version()}

    return installed


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _minor_of(name: str, version: str | None) -> str | None:
    return _minor(version) if name == "python" and version is not None else version


def _import_ray() -> Any:
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'the engine ray needs the package ray: pip install "llmenvs[ray]"'
        ) from error
    return ray


def _connect(ray: Any, address: str | None, num_cpus: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        ray.init(
            address="local",
            num_cpus=num_cpus,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            **quiet,
        )
        return
    _reach(address)
    try:
        ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClusterError(
            f"no Ray cluster at {address!r}: {reason}; one that asks for a token answers only "
            "where RAY_AUTH_MODE=token is set"
        ) from error


def _reach(address: str) -> None:
    """Look whether anybody listens at ``HOST:PORT``: Ray itself tries for many minutes."""
    host, _, port = address.rpartition(":")
    if not host or "://" in address or not port.isdecimal():
        return  # "auto", or of another form, which Ray understands
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"no Ray cluster at {address!r}: {error}") from error


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables that the processes started in the block inherit; the caller's own come back."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
