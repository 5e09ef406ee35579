"""``xrefl info``: what is in a file of reflections, or in a map."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from xrefl.cli._command import Quiet
from xrefl.cli._info_batches import show_batch, show_batches
from xrefl.cli._info_facts import columns_table, datasets_table, facts_of, texts_table
from xrefl.cli._info_headers import show_headers, show_map_header
from xrefl.cli._info_json import show_json, show_map_json
from xrefl.cli._info_map import facts_of_map
from xrefl.cli._info_model import facts_of_model
from xrefl.cli._info_rows import show_aligned, show_tsv
from xrefl.cli._opened import open_rows
from xrefl.cli._progress import progress
from xrefl.cli._streams import incoming
from xrefl.cli._tables import show_facts, show_table

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["info"]

_LARGE = 2**28
_WHAT, _ROWS = "What is told", "Reflections one by one"


def info(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="An MTZ, CIF or SHELX hkl file, a CCP4 map, or a model; also gzipped. Or a Zarr "
            "store or Parquet file of xrefl. - is the standard input.",
        ),
    ] = None,
    example: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Show an example or PDB entry instead, such as 5e5z."),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The data block of a CIF file; by default the first."),
    ] = None,
    headers: Annotated[
        bool,
        typer.Option(
            "--headers",
            help="The header as it is in the file, with symmetry and history.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    batches: Annotated[
        bool,
        typer.Option("--batches", help="A line for each batch.", rich_help_panel=_WHAT),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER", help="All that the header of one batch says.", rich_help_panel=_WHAT
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="The same as without it, for programs.", rich_help_panel=_WHAT),
    ] = False,
    dump: Annotated[
        bool,
        typer.Option(
            "--dump", help="Aligned columns, numbers to six digits.", rich_help_panel=_ROWS
        ),
    ] = False,
    tsv: Annotated[
        bool,
        typer.Option(
            "--tsv",
            help="Columns with tabs between them, and all digits; nothing where a value is "
            "missing.",
            rich_help_panel=_ROWS,
        ),
    ] = False,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", "-n", min=0, metavar="N", help="The first N only.", rich_help_panel=_ROWS
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL,...",
            help="These columns only, after the indices.",
            rich_help_panel=_ROWS,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Show what is in a file of reflections, or what a map or a model is.

    By default that is the crystal, the data sets, and statistics of each column.
    Files may be larger than memory.

    Example: xrefl info data.mtz

    Example: xrefl info data.mtz --tsv --columns FP,SIGFP > data.tsv
    """
    from xrefl import tutorial
    from xrefl.errors import FormatError
    from xrefl.io.guess import looks_like_map
    from xrefl.io.source import as_source

    if (file is None) == (example is None):
        raise typer.BadParameter("give either a FILE or --example NAME")
    chosen = [headers, batches, batch is not None, as_json, dump, tsv]
    if sum(chosen) > 1:
        raise typer.BadParameter(
            "give one of --headers, --batches, --batch, --json, --dump and --tsv"
        )
    if not (dump or tsv) and (rows is not None or columns is not None):
        raise typer.BadParameter("--rows and --columns are for reflections: give --dump or --tsv")
    path = file if example is None else tutorial.path(example)
    assert path is not None
    content: Any
    content, path = incoming(path)
    large = path.is_file() and path.stat().st_size > _LARGE  # small ones need not wait for dask
    chunks: dict[str, int] | None = {} if large else None
    if not path.is_dir() and looks_like_map(as_source(content).read(0, 2**8)):
        if block is not None or batches or batch is not None or dump or tsv:
            raise typer.BadParameter(
                f"{path} is a map, which has no data blocks, no batches and no reflections"
            )
        _show_map(path, content, chunks, headers=headers, as_json=as_json)
        return
    options = {} if block is None else {"block": block}
    try:
        ds = open_rows(content, path, chunks=chunks, **options)
    except FormatError:
        if any(chosen) or path.is_dir() or not _shown_as_model(path, content, block):
            raise
        return
    if headers:
        show_headers(path, content, ds)
    elif batches:
        show_batches(path, ds)
    elif batch is not None:
        show_batch(path, ds, batch)
    elif dump or tsv:
        (show_tsv if tsv else show_aligned)(path, ds, columns, rows)
    elif as_json:
        show_json(path, ds, quiet=quiet)
    else:
        _show(path, ds, quiet=quiet)


def _show(path: Path, ds: xr.Dataset, *, quiet: bool) -> None:
    from xrefl.hkl.summary import column_summary

    with progress("reading", quiet=quiet):
        facts = facts_of(ds)
        summary = column_summary(ds)
    show_facts(str(path), facts)
    if "dataset_id" in ds.coords:
        show_table(datasets_table(ds))
    show_table(columns_table(summary))
    if (texts := texts_table(summary)) is not None:
        show_table(texts)


def _shown_as_model(path: Path, content: Path | IO[bytes], block: str | None) -> bool:
    """Show what a model is, and return whether there is one."""
    from xrefl.errors import FormatError
    from xrefl.io.model.open import open_model

    try:
        model = open_model(content, block=block)
    except FormatError:
        return False
    show_facts(str(path), facts_of_model(model))
    return True


def _show_map(
    path: Path,
    content: Path | IO[bytes],
    chunks: dict[str, int] | None,
    *,
    headers: bool,
    as_json: bool,
) -> None:
    from xrefl.io.ccp4.open import open_ccp4

    if headers:
        show_map_header(content)
        return
    rho = open_ccp4(content, chunks=chunks)
    if as_json:
        show_map_json(path, rho)
    else:
        show_facts(str(path), facts_of_map(rho))
