"""Merging on a cluster of dask: two worker processes on this computer."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from pathlib import Path

import dask
import dask.array as da
import dask.local
import dask.threaded
import numpy as np
import pytest
import xarray as xr

import xrefl
from tests import mtz_bytes
from tests.test_cli_maps import run
from xrefl.errors import XreflError
from xrefl.merging import passes, source
from xrefl.merging.grouping import EXCLUDED
from xrefl.merging.observations import find_columns, observations

distributed = pytest.importorskip("distributed")

ROWS = 300_000
COLUMNS = (*mtz_bytes.MULTI_COLUMNS, ("SIGI", "Q"))
PATIENCE = 60.0
OF_THIS_PROCESS = 900  # a file descriptor that no worker has
NEITHER_SPILL_NOR_WAIT = {
    f"distributed.worker.memory.{what}": False for what in ("target", "spill", "pause")
}


def processes(count: int, memory_limit: int) -> distributed.LocalCluster:
    """Return a cluster of one-threaded processes, at ports that are free."""
    return distributed.LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        scheduler_port=0,
        memory_limit=memory_limit,
    )


@pytest.fixture(scope="module")
def cluster():
    with processes(2, memory_limit=0) as one:
        yield one


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as one:
        one.wait_for_workers(2, timeout=PATIENCE)
        yield one


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """Return a file of observations of some 5,000 reflections, in the order of measurement."""
    rng = np.random.default_rng(8)
    h, k, l = (rng.integers(low, high, ROWS) for low, high in ((0, 15), (0, 20), (1, 18)))
    isym, batch = rng.integers(1, 5, ROWS), np.full(ROWS, 7)
    intensity = rng.normal(10 * h * k + l, 5)
    sigma = rng.uniform(1, 10, ROWS)
    rows = np.stack([h, k, l, isym, batch, intensity, sigma], axis=1).astype(np.float32)
    rows[::1000, 6] = -1
    records = mtz_bytes.header_records(COLUMNS, ROWS, batches=(7,))
    place = tmp_path_factory.mktemp("cluster") / "unmerged.mtz"
    place.write_bytes(mtz_bytes.mtz_bytes(rows, records, batches=(7,)))
    return place


@pytest.fixture(autouse=True)
def many_stretches(monkeypatch):
    monkeypatch.setattr(source, "_ROWS", 2**15)
    monkeypatch.setattr(source, "_FEW_ROWS", 2**14)


def sources(ds: xr.Dataset) -> passes.Observations:
    return observations(ds, find_columns(ds, None, None))


def all_passes(of: passes.Observations, grouped: list | None = None) -> list[np.ndarray]:
    """Return everything that the passes find, as arrays."""
    first, second = of.passes(2) if grouped is None else [grouped] * 2
    sums = passes.settled(of, passes.first_pass(first))
    found, deviations, halves = passes.compute(
        of, sums, passes.second_pass(of, second, sums), passes.halves(second, sums, 5)
    )
    tables = [found.table, *halves]
    return [found.excluded, deviations, *(array for table in tables for array in table)]


def peak_memory() -> int:
    """Return the most bytes that this process has had at once."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    assert len(first) == len(second) == 11
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def opened(path: Path, kind: str) -> xr.Dataset:
    if kind == "zarr":
        store = path.with_suffix(".zarr")
        if not store.exists():
            xrefl.open_mtz(path).xtal.to_zarr(store)
        return xrefl.open_zarr(store)
    return xrefl.open_mtz(path, chunks={"file": None, "dask": 40_000}[kind])


@pytest.mark.parametrize("again", [False, True], ids=["kept", "read again"])
@pytest.mark.parametrize("kind", ["file", "dask", "zarr"])
def test_a_cluster_finds_what_threads_find(path, kind, again, client, monkeypatch):
    if again:
        monkeypatch.setattr(passes, "_KEPT_ROWS", 0)
    of = sources(opened(path, kind))
    assert not of.local
    assert len(of.stretches) > 7
    on_cluster = all_passes(of)
    assert dict(zip(EXCLUDED, on_cluster[0], strict=True))["sigma"] == ROWS // 1000
    for scheduler in (dask.threaded.get, dask.local.get_sync):
        with dask.config.set(scheduler=scheduler):
            assert_same(on_cluster, all_passes(of))


def test_workers_read_their_own_rows(path, client):
    of = sources(opened(path, "file"))
    sums = passes.first_pass(of.grouped())
    assert (
        len(distributed.protocol.pickle.dumps(passes.second_pass(of, of.grouped(), sums))) < 20_000
    )
    places = set(client.run(os.getpid).values())
    assert len(places) == 2 and os.getpid() not in places


def test_columns_in_memory_travel_only_with_the_rows_they_are_for(path):
    ds = opened(path, "file")
    ds["I"].load()  # and with it h, k and l
    of = sources(ds)
    assert not of.local
    size, values = len(pickle.dumps(of.stretches[0])), 16 * len(of.stretches[0].columns)
    assert values < size < values + 20_000


def test_a_worker_is_killed_in_the_middle(path, client, tmp_path, monkeypatch):
    of = sources(opened(path, "file"))
    expected = all_passes(of, of.grouped())
    folder = str(tmp_path)

    def held(grouped, number):
        """Pass on what is given; the later ones not before a worker has been killed."""
        killed = Path(folder, "killed")
        if number > 4 and not killed.exists():
            Path(folder, f"begun {os.getpid()}").touch()
            while not killed.exists():
                time.sleep(0.01)
        return grouped

    victims = []

    def kill() -> None:
        until = time.monotonic() + PATIENCE
        while not victims and time.monotonic() < until:
            victims.extend(int(one.name.split()[1]) for one in Path(folder).glob("begun *"))
            time.sleep(0.01)
        os.kill(victims[0], signal.SIGKILL)
        Path(folder, "killed").touch()

    killer = threading.Thread(target=kill)
    killer.start()
    grouped = [dask.delayed(held)(one, i) for i, one in enumerate(of.grouped())]
    found = all_passes(of, grouped)
    killer.join()
    assert_same(expected, found)
    client.wait_for_workers(2, timeout=PATIENCE)
    assert victims[0] not in client.run(os.getpid).values()


def test_columns_in_memory_are_merged_where_they_are(path, client, monkeypatch):
    ds = opened(path, "file").load()
    of = sources(ds)
    assert of.local
    before = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    found = all_passes(of)
    after = client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)
    assert before == after
    assert_same(found, all_passes(sources(opened(path, "file"))))


@pytest.mark.parametrize("again", [False, True], ids=["kept", "read again"])
def test_a_file_that_workers_do_not_see(path, again, client, monkeypatch):
    if again:
        monkeypatch.setattr(passes, "_KEPT_ROWS", 0)
    with path.open("rb") as stream, os.fdopen(os.dup2(stream.fileno(), OF_THIS_PROCESS)):
        of = sources(xrefl.open_mtz(f"/proc/self/fd/{OF_THIS_PROCESS}"))
        with dask.config.set(scheduler=dask.threaded.get):
            all_passes(of)
        with pytest.raises(FileNotFoundError, match=r"a worker of the cluster finds no file /proc"):
            all_passes(of)


def test_workers_without_xrefl_or_with_another(path, client):
    of = sources(opened(path, "file"))
    (first, *_) = client.scheduler_info()["workers"]

    def pretend(version):
        from importlib import metadata

        real = vars(metadata).setdefault("real_version", metadata.version)

        def answer(name):
            if version == "none":
                raise metadata.PackageNotFoundError(name)
            return version

        metadata.version = real if version is None else answer

    try:
        for version, says in {
            "none": "has no xrefl; install",
            "0.0.1": "has xrefl 0.0.1, and",
        }.items():
            client.run(pretend, version, workers=[first])
            with pytest.raises(XreflError, match=f"the worker {first} of the cluster {says}"):
                all_passes(of)
    finally:
        client.run(pretend, None, workers=[first])
    all_passes(of)


def test_a_small_memory_limit(monkeypatch):
    monkeypatch.setattr(passes, "_KEPT_ROWS", 0)
    monkeypatch.setattr(source, "_FEW_ROWS", 2**19)
    size, count = 2**19, 18
    kinds = {**dict.fromkeys("hkl", np.int64), "I": np.float64, "SIGI": np.float64}

    def made(name, block_id):
        rng = np.random.default_rng([*block_id, *map(ord, name)])
        drawn = rng.integers(0, 20, size) if name in "hkl" else rng.uniform(1, 10, size)
        return drawn.astype(kinds[name])

    columns = {
        name: da.map_blocks(
            made, name, chunks=((size,) * count,), dtype=kind, meta=np.empty(0, kind)
        )
        for name, kind in kinds.items()
    }
    types = {"I": "J", "SIGI": "Q"}
    ds = xr.Dataset(
        {name: ("obs", columns[name], {"mtz_type": kind}) for name, kind in types.items()},
        {name: ("obs", columns[name]) for name in "hkl"},
        {"cell": [50, 60, 70, 90, 90, 90], "spacegroup": "P 2 2 2"},
    )
    of = sources(ds)
    expected = all_passes(of)
    with (
        dask.config.set(NEITHER_SPILL_NOR_WAIT),
        processes(1, memory_limit=2**29) as small,
        distributed.Client(small) as client,
    ):
        assert_same(expected, all_passes(of))
        (peak,) = client.run(peak_memory).values()
    assert peak < 2**29 < ds.nbytes + 20 * of.nrow  # of which 20 bytes are grouped observations


def test_the_command_line_uses_a_scheduler(path, cluster, tmp_path):
    here, there = tmp_path / "here.mtz", tmp_path / "there.mtz"
    results = [
        run("merge", path, here, "--stats"),
        run("merge", path, there, "--stats", "--scheduler", cluster.scheduler_address),
    ]
    first, second = (one.stdout.splitlines() for one in results)
    assert all(one.returncode == 0 for one in results)
    assert first[1:] == second[1:]
    assert here.read_bytes() == there.read_bytes()
