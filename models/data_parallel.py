"""Training in several processes: each takes its share of every batch, and their gradients are averaged.

A network of this size gains nothing from more threads, so each process computes with one, or drives a GPU of its own.
Each step ends when the slowest process does: they want cores that nothing else uses. The first process is the one that
the user started: it alone validates, writes and hears Ctrl-C. All hold the same weights, since they begin with the same
and take the same steps.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from chem.errors import ConfigurationError, InputError

FAILURE_WAIT_S = 10.0  # within which a process that broke the connection has said why, or is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """The processes of a training, as one of them sees them.

    Attributes:
        rank: Which this one is, 0 for the first.
        number: How many there are.
    """

    rank: int = 0
    number: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that validates and writes."""
        return self.rank == 0

    def device(self, device: torch.device) -> torch.device:
        """Where this process computes: of several GPUs that of its rank."""
        return torch.device("cuda", self.rank) if device.type == "cuda" and self.number > 1 else device

    def share(self, batch: Tensor) -> Tensor:
        """This process's part of a batch: every `number`-th entry, so that large and small are dealt evenly."""
        return batch[self.rank :: self.number]

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Put in place of each tensor its mean over the processes, bit for bit the same in all; one message for all."""
        if self.number > 1:
            flat = parameters_to_vector(tensors)
            distributed.all_reduce(flat)
            vector_to_parameters(flat / self.number, tensors)

    def any_of(self, decision: bool) -> bool:
        """Whether any process decided so; each waits here for all."""
        if self.number == 1:
            return decision
        votes = torch.tensor(int(decision))
        distributed.all_reduce(votes)
        return int(votes) > 0


ALONE = Processes()
Work = Callable[[Processes], None]


def check_processes(number: int, batch_size: int, device: torch.device) -> None:
    """See that a batch can be shared and that there is a GPU for each process.

    Args:
        number: Processes.
        batch_size: Reactions in a step, of all processes together.
        device: Where the network runs.

    Raises:
        ConfigurationError: If not.
    """
    if number < 1:
        raise ConfigurationError(f"{number} processes cannot train; give --processes 1 or more")
    if batch_size % number:
        raise ConfigurationError(
            f"a batch_size of {batch_size} reactions is not divisible among {number} processes;"
            " change --processes, or batch_size in the configuration"
        )
    if number > 1 and device.type == "cuda":
        n_devices = torch.cuda.device_count()
        if device.index is not None:
            raise ConfigurationError(f"{device} is one GPU and --processes is {number}; give --device cuda")
        if n_devices < number:
            raise ConfigurationError(f"--processes is {number} and GPUs are {n_devices}; each process needs its own")


@contextmanager
def started(number: int, device: torch.device, work: Work) -> Iterator[Processes]:
    """Start the other processes of a training; when the first is through, or fails, none of them is left.

    Args:
        number: Processes in all; with 1 nothing is started.
        device: Where the network runs; its type decides how the processes talk.
        work: What the others do while the first does the same inside the `with`. It is pickled: a function of a module,
            or a `functools.partial` of one.

    Yields:
        The processes as the first of them sees them.

    Raises:
        InputError: What another process refused, with its own message.
        RuntimeError: Another process died.
    """
    if number == 1:
        yield ALONE
        return
    n_threads = torch.get_num_threads()
    others: list[_Other] = []
    with tempfile.TemporaryDirectory(prefix="cairn-training-") as folder:
        meeting = Path(folder) / "meeting"
        try:
            for rank in range(1, number):
                others.append(_start(rank, number, device, meeting, work))  # noqa: PERF401  (a fault ends those begun)
            for other in others:
                other.wait_until_ready()
            torch.set_num_threads(1)
            _meet(0, number, device, meeting)
            for other in others:
                other.wait_until_ready()
            for other in others:
                other.messages.send(None)
            yield Processes(rank=0, number=number)
            for other in others:
                other.process.join()
        except RuntimeError as error:
            for other in others:
                other.raise_failure(error)
            raise
        finally:
            for other in others:
                other.process.terminate()
                other.process.join()
            if distributed.is_initialized():
                distributed.destroy_process_group()
            torch.set_num_threads(n_threads)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Other:
    """Another process, as the first sees it.

    Attributes:
        process: The process.
        messages: Where it says that it has come up and that it has met the others (None each), hears when to begin
            (None), and says what input it refused (the error).
    """

    process: BaseProcess
    messages: Connection

    def wait_until_ready(self) -> None:
        """Return when it says so; were it dead, the first would wait for it at the meeting."""
        try:
            self.messages.recv()
        except EOFError as error:
            raise RuntimeError("no message") from error

    def raise_failure(self, cause: RuntimeError) -> None:
        """Raise what ended it, if that is what broke the connection."""
        if not self.messages.poll(FAILURE_WAIT_S):
            return
        try:
            failure = self.messages.recv()
        except EOFError:
            self.process.join()
            message = f"{self.process.name} died with exit code {self.process.exitcode}; go on with --resume"
            raise RuntimeError(message) from cause
        raise failure from cause


def _start(rank: int, number: int, device: torch.device, meeting: Path, work: Work) -> _Other:
    """Start the process of a rank."""
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    messages, theirs = context.Pipe()
    process = context.Process(
        target=_take_part,
        args=(Processes(rank=rank, number=number), device, meeting, work, theirs),
        name=f"training process {rank} of {number}",
        daemon=True,
    )
    process.start()
    theirs.close()  # so that the end of the process is the end of the messages
    return _Other(process=process, messages=messages)


def _take_part(processes: Processes, device: torch.device, meeting: Path, work: Work, messages: Connection) -> None:
    """Life of a process that is not the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first hears Ctrl-C and ends the others
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    torch.set_num_threads(1)
    messages.send(None)
    _meet(processes.rank, processes.number, device, meeting)
    # None may leave while another is still meeting: torch counts its groups by process and numbers their keys by the
    # count, so whoever fails there never meets again.
    messages.send(None)
    messages.recv()
    try:
        work(processes)
    except InputError as error:
        messages.send(error)
    distributed.destroy_process_group()


def _end_with_the_first() -> None:
    """Wait for the first process to end, be it killed, and end this one."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
    os._exit(1)


def _meet(rank: int, number: int, device: torch.device, meeting: Path) -> None:
    """Connect with the other processes, which find each other through a file."""
    own = Processes(rank=rank, number=number).device(device)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    backend = "cpu:gloo,cuda:nccl" if own.type == "cuda" else "gloo"
    store = distributed.FileStore(str(meeting), number)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=number)
