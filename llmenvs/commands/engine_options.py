"""The words by which a command is told to work on a Ray cluster."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--engine`` and ``--ray-address``."""
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="where the work is done: on this machine, or on a Ray cluster",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="of a cluster that is there, or auto; by default one is started on this machine",
    )


def check_engine(args: argparse.Namespace) -> None:
    """Check that the two go together.

    Raises:
        ValueError: an address without Ray.
    """
    if args.ray_address is not None and args.engine != "ray":
        raise ValueError(f"--ray-address goes with --engine ray alone, got {args.ray_address!r}")


@contextmanager
def cluster_of(args: argparse.Namespace) -> Iterator[None]:
    """Be connected to the cluster that the command was told of, if to any, while the block runs.

    Raises:
        ValueError: as `check_engine`.
        ClusterError, ModuleNotFoundError: see `ray_cluster`.
    """
    check_engine(args)
    if args.engine == "local":
        yield
        return
    from llmenvs.engines.ray_cluster import ray_cluster  # needed with Ray alone

    with ray_cluster(args.ray_address):
        yield
