"""CIF files: the grammar, blocks and items, against gemmi and by hand."""

from __future__ import annotations

import gzip
import io
import pickle

import gemmi
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import xrefl
from tests.cif_paths import PATHS, use
from tests.conftest import real_files
from xrefl.errors import FormatError

CIF_FILES = [p for p in real_files("*") if p.suffix in (".cif", ".ent") or p.name == "2242624.hkl"]


def contents(content):
    """Return names of blocks with single items and loops, as xrefl reads them."""
    return contents_of(xrefl.read_cif(content))


def contents_of(doc):
    result = []
    for block in doc:
        items, loops, done = {}, [], set()
        for tag in block.tags:
            if tag.lower() in done:
                continue
            table = block.table(tag)
            if table.nrow == 1 and block._content.items.get(tag.lower()):
                items[tag] = table.texts(tag)[0]
            else:
                loops.append((table.tags, [table.texts(one).tolist() for one in table.tags]))
                done |= {one.lower() for one in table.tags}
        result.append((block.name, items, loops))
    return result


def gemmi_contents(content):
    """Return the same as gemmi reads it: its values are as in the file, with quotes."""

    def value(raw):
        return None if raw in ("?", ".") else gemmi.cif.as_string(raw)

    result = []
    for block in gemmi.cif.read_string(content):
        items = {item.pair[0]: value(item.pair[1]) for item in block if item.pair is not None}
        loops = []
        for item in block:
            if item.loop is not None:
                values, width = list(item.loop.values), item.loop.width()
                columns = [[value(one) for one in values[i::width]] for i in range(width)]
                loops.append((tuple(item.loop.tags), columns))
        result.append((block.name.strip(), items, loops))  # one without a name is " "
    return result


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("path", CIF_FILES, ids=lambda path: path.name)
def test_real_files(path, name, monkeypatch):
    expected = gemmi_contents(path.read_text("latin-1"))
    use(monkeypatch, name)
    assert contents(path) == expected


# Text that can be written without quotes, and text that cannot.
_PLAIN = st.text("abcLOop_12.-+()?[]{}$'\"#;:,/~^", min_size=1, max_size=9)
_ANY = st.text("ab '\";#_\t?.()12data_loop_é\\", max_size=12)
_LINES = st.lists(st.text("ab ';#_\t data_loop_", max_size=8), min_size=1, max_size=4)
_SPACE = st.sampled_from([" ", " ", "  ", "\t", "\n", " \n", "\n\n", " # a 'comment\n", "\n#;\n "])


@st.composite
def _value(draw):
    """Return a value as it is written; a text field has line ends around it."""
    kind = draw(st.sampled_from(["number", "number", "plain", "quoted", "field", "missing"]))
    if kind == "number":
        return draw(
            st.sampled_from(["1", "-2", "0.5", "12.25(3)", "1e5", "-0.0", "+3", "44444444"])
        )
    if kind == "missing":
        return draw(st.sampled_from(["?", "."]))
    if kind == "plain":
        text = draw(_PLAIN)
        # gemmi takes words that only begin with a keyword for the keyword, and $ for a reference.
        reserved = ("data_", "loop_", "save_", "stop_", "global_")
        if text[0] not in "_#'\";$" and not text.lower().startswith(reserved):
            return text
    if kind == "quoted":
        text = draw(_ANY)
        # For gemmi a quote before # ends a text as well; in CIF 1.1 only one before a space does.
        for quote in draw(st.permutations(["'", '"'])):
            if not any(quote + after in text + " " for after in " \t#"):
                return quote + text + quote
    lines = draw(_LINES)
    text = "\n".join([lines[0], *(line.lstrip(";") for line in lines[1:])])
    return f"\n;{text}\n;"


@st.composite
def _cif(draw):
    """Return the text of a CIF: any layout that the grammar allows."""
    parts = [draw(st.sampled_from(["", "# comment\n", "\n \n"]))]
    for number in range(draw(st.integers(1, 3))):
        parts += [draw(st.sampled_from(["data_", "DATA_", "Data_"])), f"b{number}", draw(_SPACE)]
        tags = iter(f"_T{i}.x" if i % 3 else f"_t{i}" for i in range(1000))
        for _ in range(draw(st.integers(0, 4))):
            if draw(st.booleans()):
                parts += [next(tags), draw(_SPACE), draw(_value()), draw(_SPACE)]
                continue
            width = draw(st.integers(1, 4))
            parts += [draw(st.sampled_from(["loop_", "LOOP_"])), draw(_SPACE)]
            for _ in range(width):
                parts += [next(tags), draw(_SPACE)]
            for _ in range(width * draw(st.integers(1, 6))):
                parts += [draw(_value()), draw(_SPACE)]
    text = "".join(parts)
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return text.rstrip(" \t\n").replace("\n", end) + draw(st.sampled_from(["", end]))


@pytest.mark.parametrize("name", PATHS)
@given(text=_cif())
@settings(max_examples=250)
def test_random_files(name, tmp_path_factory, text):
    expected = gemmi_contents(text)
    content = text.encode()
    if name == "window":
        content = tmp_path_factory.getbasetemp() / "random.cif"
        content.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        use(patch, name)
        assert contents(content) == expected


EXAMPLE = """\
\N{BYTE ORDER MARK}# comment
data_First
_cell.length_a   50.1(2)
_Name.Text 'it's "one" value'
_none.a ?
_none.b .
_quoted.none '?'
_field.text
;first
  second 'line' # no comment
;
loop_ _a.id _a.value
1 ? 2 .
3 1.5(1) 4 2.5
data_second _x 1 _y "é"
"""


def test_blocks():
    doc = xrefl.read_cif(EXAMPLE.encode())
    assert doc.name == "<bytes>"
    assert (len(doc), [block.name for block in doc]) == (2, ["First", "second"])
    assert doc["First"] is doc["FIRST"] is doc[0] is doc[-2] is doc.blocks[0]
    with pytest.raises(KeyError, match="no data block 'third'; there are 'First', 'second'"):
        doc["third"]
    with pytest.raises(IndexError):
        doc[2]
    assert [block.line for block in doc] == [2, 15]
    assert repr(doc) == "<CifDocument <bytes>: First, second>"
    assert repr(doc[1]) == "<CifBlock second: 2 tags>"


def test_items():
    block, second = xrefl.read_cif(EXAMPLE.encode())
    assert block.text("_cell.length_a") == "50.1(2)"
    assert block.number("_CELL.length_A") == 50.1
    assert block.text("_name.text") == 'it\'s "one" value'
    assert block.text("_none.a") is block.text("_none.b") is block.text("_not.there") is None
    assert block.number("_none.a") is None
    assert block.text("_none.a", "_not.there", "_quoted.none") == "?"
    assert block.text("_field.text") == "first\n  second 'line' # no comment"
    assert block.text("_a.value") == "1.5(1)"
    assert block.number("_a.value") == 1.5
    assert second.text("_y") == "é"
    assert block.tags[:2] == ("_cell.length_a", "_Name.Text")
    assert block.where("_a.VALUE") == "<bytes>, line 12"
    assert block.where("_not.there") == "<bytes>, line 2"
    with pytest.raises(FormatError, match=r"line 4, column 12: _Name.Text is .* not a number"):
        block.number("_name.text")
    with pytest.raises(
        FormatError, match=r"line 15, column 21: _y is .*é.*, which is not a number"
    ):
        second.number("_y")


def test_single_items_are_a_row():
    block = xrefl.read_cif(EXAMPLE.encode())[0]
    table = block.table("_not.there", "_quoted.none", "_a.id")
    assert (table.nrow, table.ncol) == (1, 6)
    assert table.texts("_none.a").tolist() == [None]
    assert table.texts("_quoted.none").tolist() == ["?"]
    assert table.numbers("_cell.length_a").tolist() == [50.1]
    assert table.place("_quoted.none", 0) == "<bytes>, line 7, column 14"
    assert block.table("_a.id").nrow == 4
    assert block.table("_not.there") is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end):
    content = EXAMPLE.replace("\n", end).encode()
    block, second = xrefl.read_cif(content)
    assert block.text("_field.text") == f"first{end}  second 'line' # no comment"
    assert block.number("_a.value") == 1.5
    assert second.line == 15
    assert block.table("_a.id").place("_a.value", 2) == "<bytes>, line 14, column 3"


def test_where_it_comes_from(tmp_path):
    content = EXAMPLE.encode()
    path, packed = tmp_path / "a.cif", tmp_path / "b.gz"
    path.write_bytes(content)
    packed.write_bytes(gzip.compress(content))
    expected = contents(content)
    for source in (path, str(packed), packed, io.BytesIO(content), gzip.compress(content)):
        assert contents(source) == expected
    assert xrefl.read_cif(path).name == str(path)
    again = pickle.loads(pickle.dumps(xrefl.read_cif(path)))
    assert again[0].number("_cell.length_a") == 50.1
    assert again[0].table("_a.id").integers("_a.id").tolist() == [1, 2, 3, 4]


def test_save_frames_are_left_out():
    content = b"data_a _x 1 save_one _x 2 loop_ _y 1 2 save_ _y 3 SAVE_two _z 1 save_ _z 4"
    block = xrefl.read_cif(content)[0]
    assert block.tags == ("_x", "_y", "_z")
    assert [block.text(tag) for tag in block.tags] == ["1", "3", "4"]


def test_keywords():
    content = b"data_a LOOP_ _x loop_x stop_it global_1 datab savex Loop LoOp_ _y 1 STOP_ _z 2 "
    content += b"DATA_b _x 1"
    doc = xrefl.read_cif(content)
    values = ["loop_x", "stop_it", "global_1", "datab", "savex", "Loop"]
    assert doc[0].table("_x").texts("_x").tolist() == values
    assert doc[0].text("_y") == "1"
    assert doc[0].text("_z") == "2"
    assert [block.name for block in xrefl.read_cif(b"global_ _x 1 data_ _x 2 data_ _y 3")] == [
        *("global_", "", "")
    ]


def test_text_that_is_not_utf8():
    block = xrefl.read_cif(b"data_a _x '\xe9' _y '\xc3\xa9' loop_ _z \xe9 \xc3\xa9")[0]
    assert block.text("_x") == block.text("_y") == "é"
    assert block.table("_z").texts("_z").tolist() == ["é", "é"]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (1, 1), r"no data block \(data_\); this is not a CIF file"),
        ("# comment\n", (1, 1), "no data block"),
        ("hello\n", (1, 1), "'hello' stands before the first data_ block; this is not a CIF"),
        ("\n _x 1\n", (2, 2), "'_x' stands before the first data_ block"),
        ("loop_ _x 1 data_a\n", (1, 1), "'loop_' stands before the first data_ block"),
        ("data_a _x 'abc\n_y 1\n", (1, 11), "the quoted text .* does not end on its line"),
        ('data_a loop_ _x "abc\n', (1, 17), "the quoted text .* does not end on its line"),
        ("data_a _x 'ab'c\n", (1, 11), "the quoted text .* does not end on its line"),
        (
            "data_a _x\n;abc\n;def\n",
            (2, 1),
            "the text field that begins here ends .* 'def' follows",
        ),
        ("data_a _x\n;abc\n", (2, 1), "the text field that begins here does not end"),
        ("data_a\nloop_ _x _y 1 2\n;\n3 4\n", (3, 1), "the text field .* does not end"),
        ("data_a\nloop_ _x _y\n1 2\n3", (2, 1), "has 3 values, which is no multiple of its 2 tags"),
        ("data_a loop_ _x _y 1 _z 1", (1, 8), "has 1 values, which is no multiple of its 2 tags"),
        ("data_a loop_\n1 2", (1, 8), "loop_ without tags"),
        ("data_a loop_\n", (1, 8), "loop_ without tags"),
        ("data_a\n loop_ _x\n loop_ _y 1", (2, 2), "the loop of '_x' has no values"),
        ("data_a loop_ _x", (1, 8), "the loop of '_x' has no values"),
        ("data_a _x _y 1", (1, 8), "the tag '_x' has no value"),
        ("data_a\n_x", (2, 1), "the tag '_x' has no value"),
        ("data_a _x 1 2", (1, 13), "the value '2' has no tag"),
        ("data_a _ 1", (1, 8), "a tag without a name"),
        ("data_a _x 1\n_X 2", (2, 1), "the tag '_X' was there before, in line 1"),
        ("data_a _x 1\nloop_ _y _X 1 2", (2, 10), "the tag '_X' was there before, in line 1"),
        ("data_a\nloop_ _x _x 1 2", (2, 10), "the tag '_x' was there before, in line 2"),
        ("data_a _x 1\ndata_b _y 1\ndata_A _z 1", (3, 1), "a data block 'A' was there before, in"),
        ("data_a save_b _x 1", (1, 8), "the save frame 'b' has no end"),
        ("data_a save_b _x 1\ndata_c", (2, 1), "the save frame 'b' has no end"),
        ("data_a save_b _x 1 save_c", (1, 20), "the save frame 'b' has no end"),
        ("data_a save_", (1, 8), "save_ stands where no save frame is to be ended"),
        ("data_a stop_", (1, 8), "stop_ stands where no loop is to be ended"),
        ("data_a _x\0 1", (1, 10), "a byte 0x00, .*not a CIF file"),
        ("data_a loop_ _x 1 2\x01 3", (1, 20), "a byte 0x01, .*not a CIF file"),
        ("data_a loop_ _x 1 '\0' 3", (1, 19), "a NUL byte within .*not a CIF file"),
        ("data_a loop_ _x 1\n;\n\0\n;\n3", (2, 1), "a NUL byte within a text field"),
        ("data_a loop_ _x 1\n#a\0\n 3", (2, 3), "a byte 0x00"),
        ("\x89PNG\r\n\x1a\n\0\0", (1, 1), "stands before the first data_ block; this is not"),
    ],
)
def test_errors(text, place, message, name, tmp_path):
    path = tmp_path / "file.cif"
    path.write_bytes(text.encode("latin-1"))
    with pytest.MonkeyPatch.context() as patch:
        use(patch, name)
        line, column = place
        for end in ("\n", "\r", "\r\n"):
            path.write_bytes(text.replace("\n", end).encode("latin-1"))
            with pytest.raises(FormatError, match=message) as caught:
                xrefl.read_cif(path)
            assert str(caught.value).startswith(f"{path}, line {line}, column {column}: ")


def test_damaged_gzip():
    with pytest.raises(FormatError, match="gzip stream is damaged or cut"):
        xrefl.read_cif(gzip.compress(EXAMPLE.encode() * 100)[:-30])


@pytest.mark.parametrize("mark", ["\n  loop_\n  ", " loop_ "])
def test_many_small_loops_in_any_layout(mark):
    """Loops that do not begin at the start of a line are no reason to look at all that follows."""
    content = "data_a" + "".join(f"{mark}_a{i} {i}" for i in range(20_000))
    doc = xrefl.read_cif(content.encode())
    assert len(doc[0].tags) == 20_000
    assert doc[0].number("_a19999") == 19_999


def test_thousands_of_zeros():
    table = xrefl.read_cif(b"data_a loop_ _x 1 " + b"0" * 5000 + b"7")[0].table("_x")
    assert table.integers("_x").tolist() == [1, 7]
