"""Several processes that train one policy: how the work is shared, and how it comes together.

``accelerate launch -m llmenvs.cli train …`` starts the program once for each process. Each plays
its share of the episodes, and all then hold all of them in the same order, so that groups,
baselines and normalisations are over the whole iteration by construction. Each computes the
gradient of its share of every minibatch. The losses are divided by the tokens of the *whole*
minibatch, so that the gradients add up to that of one process however unequal the shares are: it is
a sum that is taken, not a mean of means.

The processes are those of `torch.distributed`, which Accelerate sets up and which does all of the
exchange. Where it was not set up there is one process, and everything here is the identity.

Not here: sharded weights. Every process holds the model, the critic and the reference whole.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

# What the launchers (torchrun and Accelerate, then three kinds of mpirun) tell their processes.
_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


class Sliceable(Protocol[T_co]):
    """A list, a range or a tensor: what `share` cuts."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> T_co: ...


class MainProcessFailed(RuntimeError):
    """The main process raised in `on_main`, where the error is; the others end with this."""


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Be one of the processes that a launcher started, while the block runs.

    Does nothing where none did, or where the caller has set up `torch.distributed` already.

    Args:
        device: of the model; gloo connects the processes for ``"cpu"``, else what suits the device.

    Raises:
        ModuleNotFoundError: there are several processes, and Accelerate is not installed.
    """
    launched = any(os.environ.get(name, "1") not in ("", "1") for name in _SIZES)
    if not launched or not dist.is_available() or dist.is_initialized():
        yield
        return
    try:
        from accelerate import PartialState  # type: ignore[import-untyped]  # it has no types
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "training with several processes needs the package accelerate: pip install accelerate"
        ) from error
    state = PartialState(cpu=device == "cpu")
    try:
        yield
    finally:
        state.destroy_process_group()


def num_processes() -> int:
    """Return how many train together, at least 1."""
    return dist.get_world_size() if _connected() else 1


def process_index() -> int:
    """Return which of them this is, from 0."""
    return dist.get_rank() if _connected() else 0


def is_main() -> bool:
    """Return whether this process is the one that writes files and shows progress."""
    return process_index() == 0


def share(items: Sliceable[T]) -> T:
    """Return the part of ``items`` that is this process's; the parts differ by one at most.

    >>> share([3, 1, 4])
    [3, 1, 4]
    """
    count, index = num_processes(), process_index()
    return items[len(items) * index // count : len(items) * (index + 1) // count]


def gathered(items: Sequence[T]) -> list[T]:
    """Return what all processes hold, in their order, so that shares come together again.

    They travel as pickles. Tensors should be on the CPU, since they come back to where they were.
    """
    if num_processes() == 1:
        return list(items)
    held: list[list[T]] = [[] for _ in range(num_processes())]
    dist.all_gather_object(held, list(items))
    return [item for part in held for item in part]


def summed(values: Tensor) -> Tensor:
    """Return the sum over the processes, in place; for values that are 0 off each one's share."""
    if num_processes() > 1:
        on_device = values.cuda() if dist.get_backend() == "nccl" else values  # of GPUs alone
        dist.all_reduce(on_device)
        if on_device is not values:
            values.copy_(on_device)
    return values


def add_gradients(parameters: Sequence[nn.Parameter], loss: float) -> float:
    """Sum the gradients over the processes, in place, and return the sum of their losses.

    A process without a share of a minibatch has no gradient, which counts as 0.
    """
    if num_processes() == 1:
        return loss
    there = [float(parameter.grad is not None) for parameter in parameters]
    totals = torch.tensor([loss, *there], dtype=torch.float64, device=parameters[0].device)
    total, *counts = summed(totals).tolist()
    works = []
    for parameter, count in zip(parameters, counts, strict=True):
        if count > 0.0:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            works.append(dist.all_reduce(parameter.grad, async_op=True))
    for work in works:
        work.wait()
    return float(total)


@torch.no_grad()
def share_weights(modules: Sequence[nn.Module]) -> None:
    """Give every process the weights and buffers of the main one."""
    if num_processes() > 1:
        for module in modules:
            for values in (*module.parameters(), *module.buffers()):
                dist.broadcast(values.detach(), src=0)


def on_main(function: Callable[[], T]) -> T:
    """Call ``function`` in the main process alone, and return in all of them what it returned.

    Raises:
        Exception: what it raised, in the main process.
        MainProcessFailed: in the others, in that case.

    >>> on_main(lambda: 6 * 7)
    42
    """
    if num_processes() == 1:
        return function()
    told: list[tuple[T | None, str | None]] = [(None, None)]
    failure: Exception | None = None
    if is_main():
        try:
            told = [(function(), None)]
        except Exception as error:  # raised again below, once the others know
            failure, told = error, [(None, repr(error))]
    dist.broadcast_object_list(told, src=0)
    if failure is not None:
        raise failure
    result, message = told[0]
    if message is not None:
        raise MainProcessFailed(f"the main process failed: {message}")
    return result  # type: ignore[return-value]  # None only where the function returns it


def _connected() -> bool:
    return dist.is_available() and dist.is_initialized()
