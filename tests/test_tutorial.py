"""Examples that ship, and entries that are fetched: from a server on this machine."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

import xrefl
from xrefl import tutorial
from xrefl.errors import FormatError, XreflError


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Iterator[Path]:
    """Serve a folder as if it were the PDB, with an empty cache."""
    folder = tmp_path / "archive"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, directory=str(folder), **kwargs)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("XREFL_PDB_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XREFL_DATA_DIR", raising=False)
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_shipped_examples():
    assert tutorial.examples() == ["1011031", "2242624", "4003024", "5e5z", "5wkd"]
    assert tutorial.open("5E5Z").sizes["hkl"] == 441
    assert tutorial.open("5wkd", chunks={}).FP.chunks == ((367,),)
    for name in ("5e5z", "5wkd"):
        assert "CRYST1" in tutorial.path(name, kind="model").read_text()
    for name in ("1011031", "4003024"):
        assert "_atom_site_fract_x" in tutorial.path(name, kind="model").read_text()
    assert xr.open_dataset(tutorial.path("5wkd", kind="sf-mmcif")).sizes["hkl"] == 406
    with pytest.raises(XreflError, match="2242624 has no model among the examples"):
        tutorial.path("2242624", kind="model")


def test_fetched_once(archive):
    place = archive / "structure_factors" / "ab" / "r1abcsf.ent.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(tutorial.path("5e5z").read_bytes()))
    fetched = tutorial.path("1abc")
    assert fetched.read_bytes() == place.read_bytes()
    place.unlink()
    assert tutorial.path("1ABC") == fetched  # from the cache
    assert tutorial.open("1abc").sizes["hkl"] == 441


def test_model_fetched(archive):
    place = archive / "pdb" / "ab" / "pdb1abc.ent.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(b"CRYST1"))
    assert gzip.decompress(tutorial.path("1abc", kind="model").read_bytes()) == b"CRYST1"


def test_not_in_the_archive(archive):
    with pytest.raises(XreflError, match=r"cannot fetch http://127.*XREFL_DATA_DIR"):
        tutorial.path("1abc")


def test_archive_out_of_reach(archive, monkeypatch):
    monkeypatch.setenv("XREFL_PDB_URL", "http://127.0.0.1:9")
    with pytest.raises(XreflError, match="cannot fetch"):
        tutorial.path("1abc")


def test_folder_of_the_user_comes_before_the_archive(archive, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("XREFL_DATA_DIR", str(mine))
    for name in ("1abc", "5e5z"):
        (mine / f"{name}.mtz").write_bytes(tutorial.path("5wkd").read_bytes())
    assert tutorial.path("1abc").parent == mine
    assert tutorial.open("1abc").sizes["hkl"] == 367
    assert tutorial.open("5e5z").sizes["hkl"] == 441  # examples are the same for everybody


def test_sf_mmcif_of_the_archive(archive):
    place = archive / "structure_factors" / "ab" / "r1abcsf.ent.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(tutorial.path("5wkd", kind="sf-mmcif").read_bytes()))
    ds = tutorial.open("1abc")
    assert ds.sizes["hkl"] == 406
    assert ds.attrs["spacegroup"] == "C 1 2 1"
    assert tutorial.path("1abc", kind="sf-mmcif") == tutorial.path("1abc")


def test_files_without_reflections(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("XREFL_DATA_DIR", str(tmp_path))
    (tmp_path / "r1abcsf.ent").write_text("data_r1abcsf\n")
    with pytest.raises(FormatError, match=r"r1abcsf\.ent: there are no reflections"):
        xrefl.tutorial.open("1abc")


def test_names_that_are_not_codes():
    with pytest.raises(XreflError, match=r"neither a PDB code.*5e5z, 5wkd"):
        tutorial.path("../etc")
    with pytest.raises(ValueError, match="kind must be"):
        tutorial.path("5e5z", kind="map")


def test_without_pooch(archive, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(XreflError, match=r"pip install 'xrefl\[tutorial\]'"):
        tutorial.path("1abc")
