"""The page of a report, and the command that writes it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import xrefl
from tests.commands import failure, run, run_process, usage
from xrefl.report import _bokeh
from xrefl.report.figures import Axis, Density, Graph, Level, Series, Span, resolution


class Page(HTMLParser):
    """What tags there are, with their attributes, and the texts of JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.items: list[dict] = []
        self._is_json = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_json = tag == "script" and dict(attrs).get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        if self._is_json and data.strip():
            self.items.append(json.loads(data))


@pytest.fixture(scope="module")
def text() -> str:
    model = xrefl.open_model(xrefl.tutorial.path("5wkd", kind="model"))
    return xrefl.tutorial.open("5wkd").xtal.report(model).to_html()


def test_page_is_one_file_that_needs_no_network(text: str) -> None:
    page = Page(text)
    assert len(text) < 3_000_000
    for tag, attrs in page.tags:
        assert tag != "link" or attrs["href"] == "data:,"
        assert "src" not in attrs or str(attrs["src"]).startswith("data:image/png;base64,"), tag
    scripts = [attrs for tag, attrs in page.tags if tag == "script"]
    assert len(scripts) == 1 + len(page.items) + 2  # bokeh, its level of logging, figures, ours
    assert text.count("Bokeh.embed.embed_item") == 1


def test_every_figure_and_section_is_there_once(text: str) -> None:
    page = Page(text)
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    figures = [one for one in ids if str(one).startswith("figure-")]
    assert len(figures) == len(page.items) == 9
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert {str(link).removeprefix("#") for link in links} <= set(ids)
    pictures = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [str(one["alt"]).partition(" map")[0] for one in pictures] == [
        "Contours of the 2mFo - DFc",
        "Contours of the mFo - DFc",
    ]


def test_texts_of_files_are_escaped() -> None:
    ds = xrefl.tutorial.open("5e5z").assign_attrs(title="</script><script>alert(1)</script>")
    text = ds.xtal.report(name="<b>&").to_html()
    assert "alert(1)" in text
    assert "<script>alert(1)" not in text
    assert "<title>Report on &lt;b&gt;&amp;</title>" in text


def test_notebooks_show_the_page(text: str) -> None:
    report = xrefl.tutorial.open("5wkd").xtal.report()
    frame = report._repr_html_()
    (tag, attrs), *others = Page(frame).tags
    assert tag == "iframe" and not others
    assert str(attrs["srcdoc"]).startswith("<!DOCTYPE html>")


def test_graph_has_its_values_levels_and_spans() -> None:
    x, y = np.array([0.1, 0.2, 0.3]), np.array([3.0, np.nan, 1.0])
    graph = Graph(
        "title",
        resolution(),
        Axis("R", "percent", (0.0, 4.0)),
        [Series.of("a", x, y), Series.of("b", x, 2 * x, error=x / 10, style="dashed")],
        levels=[Level(2.0, "two")],
        spans=[Span(0.15, 0.2, "ice")],
    )
    drawn = _bokeh.plot(graph)
    lines = [one for one in drawn.renderers if type(one.glyph).__name__ == "Line"]
    assert [one.name for one in lines] == ["a", "b"]
    assert lines[0].data_source.data["x"].tolist() == [0.1, 0.3]  # what is not known is not drawn
    assert lines[1].glyph.line_dash  # dashes
    kinds = {type(one).__name__: one for one in drawn.center}
    assert kinds["Span"].location == 2.0
    assert kinds["Label"].text == "two"
    assert (kinds["BoxAnnotation"].left, kinds["BoxAnnotation"].right) == (0.15, 0.2)
    assert (drawn.y_range.start, drawn.y_range.end) == (0.0, 4.0)
    whisker = kinds["Whisker"]
    assert whisker.source.data["high"] == pytest.approx(2.1 * x)


def test_density_counts_values_in_its_limits() -> None:
    x, y = np.array([0.1, 0.1, 0.9, 2.0]), np.array([0.1, 0.1, 0.9, 0.5])
    limits = Axis("x", limits=(0.0, 1.0)), Axis("y", limits=(0.0, 1.0))
    density = Density.of("title", *limits, (x, y), (2, 2))
    assert density.counts.tolist() == [[2, 0], [0, 1]]
    image = _bokeh.plot(density).renderers[0].data_source.data["counts"][0]
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, [[2, np.nan], [np.nan, 1]])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_command_writes_a_page_and_prints_findings(folder: Path) -> None:
    done = run_process("report", "--example", "5e5z")
    assert (done.returncode, done.stderr) == (0, "")
    assert [one.name for one in folder.iterdir()] == ["5e5z-report.html"]
    assert "model 5e5z.pdb" in done.stdout.splitlines()[1]
    assert "The data are 91.4 % complete. [at least 93 % (Acta Cryst. F" in done.stdout
    assert done.stdout.endswith("The page is 5e5z-report.html\n")
    page = (folder / "5e5z-report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")


def test_command_prints_json_instead(example: Path, folder: Path) -> None:
    done = run("report", example, "--json", "--columns", "FP,SIGFP")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["title"] == "Report on 5e5z.mtz"
    assert "intensities from FP²" in found["subtitle"]
    assert not list(folder.iterdir())


def test_command_is_quiet_and_takes_observations_and_a_model(folder: Path) -> None:
    path = xrefl.tutorial.path("4003024")  # unmerged data and the model in one file
    done = run("report", path, path, "-o", "page.html", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "759 observations" in page
    assert re.search(r"R is \d\.\d % of reflections with I &gt; 2σ\(I\)", page)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "give either a FILE or --example NAME"),
        (["FILE", "--example", "5e5z"], "give either a FILE or --example NAME"),
        (
            ["FILE", "-o", "page.pdf"],
            "the name of the page ends in .html or .htm, not as in 'page.pdf'",
        ),
        (["FILE", "-o", "-"], "give the page a name, -o report.html"),
    ],
)  # fmt: skip
def test_command_refuses(args: list[str], message: str, example: Path, folder: Path) -> None:
    given = [example if one == "FILE" else one for one in args]
    assert usage("report", *given) == message
    assert not list(folder.iterdir())


def test_command_names_columns_that_are_not_there(example: Path, folder: Path) -> None:
    line = failure("report", example, "--columns", "IMEAN")
    assert "no column 'IMEAN'; the columns are FREE, FP, SIGFP, I, SIGI" in line
    assert not list(folder.iterdir())


def test_command_takes_the_crystal_of_data_that_state_none(folder: Path) -> None:
    lines = ["   1   0   0  100.00    2.00", "  -1   0   0  104.00    2.00"]
    lines += ["   0   2   0   50.00    1.00", "   0   0   0    0.00    0.00"]
    Path("data.hkl").write_text("\n".join(lines) + "\n", encoding="ascii")
    crystal = "--cell", "5,6,7,90,90,90", "--spacegroup", "P 2 2 2"
    done = run("report", "data.hkl", *crystal)
    assert done.returncode == 0
    assert "3 observations · intensities from" in done.stdout
    assert "P 2 2 2 · 5.00 to 3.00 Å" in done.stdout
    assert "a unit cell" in failure("report", xrefl.tutorial.path("5e5z"), *crystal)
