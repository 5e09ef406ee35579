"""Files that appear complete or not at all, and what is said of those that cannot be written."""

from __future__ import annotations

import errno
import os
import resource
import stat
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xrefl
from tests.commands import failure
from xrefl.io.atomic import atomic_writer
from xrefl.io.store.folder import atomic_folder

MODEL = xrefl.tutorial.path("5wkd", kind="model")


def write(path: Path, size: int = 10) -> None:
    with atomic_writer(path) as stream:
        stream.write(b"x" * size)


@pytest.fixture
def small_files(tmp_path):
    """Let files grow to 100 kB only."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield tmp_path
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("name", ["out.mtz", "out.gz"])
def test_a_file_takes_its_place_when_it_is_whole(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"before")
    path.chmod(0o640)
    with atomic_writer(path) as stream:
        stream.write(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() != b"before"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_grows_too_large(small_files):
    path = small_files / "out.mtz"
    path.write_bytes(b"before")
    with pytest.raises(
        OSError, match=r"out\.mtz could not be written: File too large; raise"
    ) as caught:
        write(path, 200_000)
    assert caught.value.errno == errno.EFBIG
    assert ".part" not in str(caught.value)
    assert list(small_files.iterdir()) == [path]
    assert path.read_bytes() == b"before"


def test_a_full_disk(tmp_path, monkeypatch):
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(
        OSError, match="full could not be written: No space left on device; make room"
    ) as caught:
        write(tmp_path / "full")
    assert caught.value.errno == errno.ENOSPC

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    says = r"^out\.mtz could not be written: No space left on device; make room, "
    with pytest.raises(OSError, match=says), atomic_writer("out.mtz"):
        no_room()
    assert [one.name for one in tmp_path.iterdir()] == ["full"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch, number):
    def refuse(path: Path, *_: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    for name in ("open", "mkdir"):
        monkeypatch.setattr(Path, name, refuse)
    for action in (
        lambda: write(tmp_path / "out.mtz"),
        lambda: atomic_folder(tmp_path / "out.zarr", replace=False).__enter__(),
    ):
        with pytest.raises(
            OSError, match=r"out\.\w+ could not be written: .* give another"
        ) as caught:
            action()
        assert type(caught.value) is type(OSError(number, ""))
        assert f"{os.strerror(number)}; give another folder than {tmp_path}, or" in str(
            caught.value
        )
        assert ".part" not in str(caught.value)


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(OSError, match="could not be written: File name too long; give") as caught:
        write(tmp_path / f"{'a' * 250}.mtz")
    assert caught.value.errno == errno.ENAMETOOLONG
    assert not list(tmp_path.iterdir())


def test_errors_of_reading_stay_as_they_are(tmp_path):
    out = tmp_path / "out.mtz"
    with pytest.raises(FileNotFoundError, match=r"No such file .*source\.mtz"), atomic_writer(out):
        (tmp_path / "source.mtz").read_bytes()
    with pytest.raises(OSError, match=r"^nobody knows$"), atomic_writer(out):
        raise OSError("nobody knows")
    assert not list(tmp_path.iterdir())


def test_folders_and_folders_that_are_not_there(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file in it"):
        write(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere to write out\.mtz into"):
        write(tmp_path / "nowhere" / "out.mtz")


def test_a_store_that_grows_too_large(small_files):
    rng = np.random.default_rng(0)
    coords = {name: ("obs", rng.integers(-50, 50, 40_000, dtype=np.int32)) for name in "hkl"}
    ds = xr.Dataset({"I": ("obs", rng.standard_normal(40_000))}, coords)
    ds = ds.assign_attrs(cell=[40.0, 50, 60, 90, 90, 90], spacegroup="P 1")
    with pytest.raises(OSError, match=r"out\.zarr could not be written: File too large"):
        ds.xtal.to_zarr(small_files / "out.zarr")
    assert not list(small_files.iterdir())


def test_merging_to_a_disk_that_is_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ds = xrefl.simulate_unmerged(xrefl.open_model(MODEL), dmin=2.5, multiplicity=4)
    ds.xtal.to_mtz("in.mtz")
    Path("out.mtz").symlink_to("/dev/full")
    line = failure("merge", "in.mtz", "out.mtz")
    assert line.startswith(
        "xrefl: error: out.mtz could not be written: No space left on device; make"
    )
