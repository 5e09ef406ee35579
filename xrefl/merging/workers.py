"""Whether workers of a cluster do the work, and what they need for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from xrefl.errors import XreflError

__all__ = ["active_client", "files_of_workers", "require_xrefl"]


def active_client() -> Any:
    """Return the Client of `dask.distributed` that is in use, or None."""
    from dask import base

    get = base.get_scheduler()
    return get.__self__ if "distributed" in getattr(get, "__module__", "") else None


def require_xrefl(client: Any) -> None:
    """Ask workers for the version of xrefl that they have.

    A worker that cannot import what it is to do says so in its own log alone, and this process
    would wait for ever.

    Raises
    ------
    XreflError
        A worker has none, or another.
    """
    own = metadata.version("xrefl")
    # a function of the standard library, which workers have
    found = client.run(metadata.version, "xrefl", on_error="return")
    for worker, version in found.items():
        if isinstance(version, metadata.PackageNotFoundError):
            raise XreflError(
                f"the worker {worker} of the cluster has no xrefl; install version {own} in the "
                "Python that workers run in"
            )
        if isinstance(version, str) and version != own:
            raise XreflError(
                f"the worker {worker} of the cluster has xrefl {version}, and this process {own}; "
                "install the same version"
            )


@contextmanager
def files_of_workers() -> Iterator[None]:
    """Say that it is workers who do not find a file, when it may well be here."""
    try:
        yield
    except FileNotFoundError as error:
        if active_client() is None or error.filename is None:
            raise
        raise FileNotFoundError(
            f"a worker of the cluster finds no file {error.filename}; each reads its own rows, so "
            "put the file where all of them see it by this path"
        ) from error
