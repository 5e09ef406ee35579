"""What does the work of a command over many observations, and how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import typer

from xrefl.errors import XreflError

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["bytes_of", "engine"]

# Bytes of the program without data, of a row in a stretch that is worked on, and of one kept.
_PROGRAM, _ROW, _KEPT = 300_000_000, 150, 20
_FEWEST, _MOST = 2**15, 2**20


def bytes_of(memory: str | None) -> int | None:
    """Return the number of bytes of a size such as 2GB.

    Raises
    ------
    BadParameter
        It is no size, or too little for the program.
    """
    if memory is None:
        return None
    from dask.utils import parse_bytes

    try:
        size = int(parse_bytes(memory))
    except ValueError:
        raise typer.BadParameter(f"--memory takes a size such as 2GB, not {memory!r}") from None
    least = _PROGRAM + 100_000_000
    if size < least:
        raise typer.BadParameter(
            f"--memory {memory} is too little: the program with its libraries takes most of "
            f"{least / 1e6:.0f} MB"
        )
    return size


@contextmanager
def engine(scheduler: str | None, memory: int | None, *, quiet: bool) -> Iterator[None]:
    """Have dask work on a cluster, or within a limit of memory, and show how far it is.

    Parameters
    ----------
    scheduler : str, optional
        Address of a scheduler of `dask.distributed`; by default threads of this process work.
    memory : int, optional
        About how many bytes to use.
    quiet : bool
        Whether to show nothing. Nothing is shown either if there is no terminal.

    Raises
    ------
    XreflError
        `dask.distributed` is not installed, or nobody answers at the address.
    """
    import dask

    shown = not quiet and sys.stderr.isatty()
    with ExitStack() as stack:
        if memory is not None:
            stack.enter_context(dask.config.set(_limits(memory)))
        if scheduler is not None:
            client = stack.enter_context(_connected(scheduler))
            if shown:
                stack.enter_context(_at_work(scheduler, client))
        elif shown:
            stack.enter_context(_bar())
        yield


def _limits(memory: int) -> dict[str, Any]:
    """Return settings for stretches of observations, and for those that are kept.

    A quarter of the memory is for each; sums over unique reflections have the rest.
    """
    from dask.system import CPU_COUNT

    share = (memory - _PROGRAM) // 4
    rows = share // (_ROW * max(CPU_COUNT, 1))
    return {
        "xrefl.merging.rows": min(max(rows, _FEWEST), _MOST),
        "xrefl.merging.kept-rows": share // _KEPT,
    }


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise XreflError(
            '--scheduler takes dask.distributed; install it, pip install "xrefl[cluster]"'
        ) from None
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise XreflError(
            f"no scheduler of dask answers at {scheduler!r} ({error}); its address is what "
            "dask scheduler prints, such as tcp://10.0.0.7:8786"
        ) from None
    with client:
        yield client


@contextmanager
def _at_work(scheduler: str, client: Any) -> Iterator[None]:
    from rich.console import Console

    link = client.dashboard_link
    seen = f", as {link} shows" if link else ""
    with Console(stderr=True).status(f"at work on the cluster of {scheduler}{seen}"):
        yield


@contextmanager
def _bar() -> Iterator[None]:
    """Show a bar of the tasks that dask has to do, and how many are done."""
    from dask.callbacks import Callback
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = ("merging", BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=None)
        with Callback(start_state=_grow(progress, bar), posttask=_step(progress, bar)):
            yield


def _grow(progress: Progress, bar: Any) -> Any:
    def more(_graph: Any, state: Any) -> None:
        waiting = sum(len(state[kind]) for kind in ("ready", "waiting"))
        progress.update(bar, total=(progress.tasks[0].total or 0) + waiting)

    return more


def _step(progress: Progress, bar: Any) -> Any:
    def one(*_: Any) -> None:
        progress.advance(bar)

    return one
