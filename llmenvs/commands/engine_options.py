"""The words by which a command is told to work on a Ray cluster."""

import argparse


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
