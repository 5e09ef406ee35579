"""Write the pages of the API reference: one for each topic, function, method and class.

Methods are properties and functions of accessors, found by looking at them; their docstrings, in
the format of numpydoc, become reStructuredText here. Classes are left to autodoc.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr
from api_names import TOPICS, Topic
from docutils import nodes
from numpydoc.docscrape_sphinx import get_doc_object
from numpydoc.xref import DEFAULT_LINKS
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

import xrefl

HOLDERS = {"Dataset": xr.Dataset, "DataArray": xr.DataArray, "DataFrame": pd.DataFrame}
_LINKED = {
    **{name: f"xarray.{name}" for name in ("Dataset", "DataArray", "DataTree")},
    **{name: f"pandas.{name}" for name in ("DataFrame", "Series")},
    **{name: f"xrefl.{name}" for name in xrefl.__all__ if inspect.isclass(getattr(xrefl, name))},
    **{name: f"xrefl.errors.{name}" for name in xrefl.errors.__all__ if name[0].isupper()},
    "ndarray": "numpy.ndarray",
}
_NUMPYDOC = {"xref_param_type": True, "xref_aliases": _LINKED, "xref_ignore": "all"}
_FRAME_RESULT = {
    "frame_method": "A DataFrame.",
    "frame_series": "A Series with the index of the DataFrame.",
}


def find(name: str) -> Any:
    """Return what a name stands for; properties as such, methods as functions."""
    first, *rest = name.split(".")
    if first == "xrefl":
        found: Any = xrefl
    else:
        found = HOLDERS[first].xtal  # type: ignore[attr-defined]
        rest = rest[1:]
    if rest[:1] == ["plot"] and first != "xrefl":
        found, rest = inspect.get_annotations(found.plot.fget, eval_str=True)["return"], rest[1:]
    for part in rest:
        found = getattr(found, part)
    return found


def members(holder: str) -> list[str]:
    """Return the names of all public methods and properties of an accessor, plots included."""
    accessor = HOLDERS[holder].xtal  # type: ignore[attr-defined]
    names = [name for name in dir(accessor) if not name.startswith("_") and name != "plot"]
    if hasattr(accessor, "plot"):
        plots = inspect.get_annotations(accessor.plot.fget, eval_str=True)["return"]
        names += [f"plot.{name}" for name in dir(plots) if not name.startswith("_")]
    return [f"{holder}.xtal.{name}" for name in names]


def summary(thing: Any) -> str:
    """Return the first sentence of a docstring."""
    if not isinstance(thing, property) and not callable(thing):
        return ""
    paragraph = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return with_targets(re.split(r"(?<=\.)\s", paragraph)[0])


def signature(thing: Callable[..., Any], *, method: bool) -> str:
    """Return the arguments without their types, which the docstring has in words."""
    parameters = list(inspect.signature(thing).parameters.values())[1 if method else 0 :]
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
    return str(inspect.Signature(plain))


def without_bars(text: str) -> str:
    """Escape the bars of |F|, which reStructuredText takes for a substitution."""
    lines, code = [], False
    for line in text.split("\n"):
        stripped = line.strip()
        code = stripped.startswith(">>>") or (code and bool(stripped))
        parts = line.split("``")
        if not code:
            parts[::2] = [part.replace("|", "\\|") for part in parts[::2]]
        lines.append("``".join(parts))
    return "\n".join(lines)


def with_targets(text: str) -> str:
    """Make references to methods point to those of Datasets, where several would do."""
    text = without_bars(text)
    return re.sub(
        r"(?<![`\w])`((?:ds|model|sets)?\.xtal\.(\w+))`(?!`)",
        lambda found: (
            f":py:obj:`{found[1]} <xarray.Dataset.xtal.{found[2]}>`"
            if hasattr(HOLDERS["Dataset"].xtal, found[2])  # type: ignore[attr-defined]
            else f"``{found[1]}``"
        ),
        text,
    )


def body(thing: Any, app: Sphinx, *, method: bool) -> str:
    """Return the docstring as reStructuredText, without what a method does not ask for."""
    doc = get_doc_object(thing, "function", config=_NUMPYDOC, builder=app.builder)
    if method and doc["Parameters"]:
        first = next(iter(inspect.signature(thing).parameters))
        if doc["Parameters"][0].name == first:
            doc["Parameters"] = doc["Parameters"][1:]
    return with_targets(str(doc))


def _indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


def _titled(title: str, mark: str = "=") -> str:
    return f"{title}\n{mark * len(title)}\n"


def entry(name: str, app: Sphinx) -> str:
    """Return the page of one name."""
    thing = find(name)
    module, local = ("xrefl", name[6:]) if name.startswith("xrefl.") else ("xarray", name)
    head = f"{_titled(name)}\n.. currentmodule:: {module}\n\n"
    if inspect.isclass(thing):
        return f"{head}.. autoclass:: {name}\n   :members:\n"
    if isinstance(thing, property):
        text = inspect.getdoc(thing) or ""
        return f"{head}.. py:property:: {local}\n\n{_indented(text)}\n"
    if not callable(thing):
        return f"{head}.. autodata:: {name}\n   :no-value:\n"
    method = module == "xarray"
    kind = "method" if method else "function"
    arguments = signature(thing, method=method)
    return (
        f"{head}.. py:{kind}:: {local}{arguments}\n\n{_indented(body(thing, app, method=method))}\n"
    )


def _table(names: list[str]) -> str:
    rows = "".join(
        f"   * - :py:obj:`{name.split('.', 2 if '.xtal.' in name else 1)[-1]}"
        f" <{name if name.startswith('xrefl') else f'xarray.{name}'}>`\n"
        f"     - {summary(find(name))}\n"
        for name in names
    )
    return f".. list-table::\n   :widths: 1 2\n   :class: api-names\n\n{rows}\n"


_KINDS = {
    "xrefl.": "Functions and classes",
    "Dataset.": "Methods of Datasets: ``ds.xtal``",
    "DataArray.": "Methods of DataArrays: ``array.xtal``",
}


def topic_page(topic: Topic) -> str:
    """Return the page of a topic: tables of its names."""
    text = f"{_titled(topic.title)}\n{topic.about}\n\n"
    for prefix, title in _KINDS.items():
        names = [name for name in topic.names if name.startswith(prefix)]
        if names:
            text += f"{_titled(title, '-')}\n{_table(names)}\n"
    listed = "\n".join(f"   {name} <generated/{name}>" for name in topic.names)
    return f"{text}.. toctree::\n   :hidden:\n\n{listed}\n"


def _frame_result(method: Callable[..., Any]) -> str:
    made_by = method.__code__.co_qualname.split(".")[0]
    return _FRAME_RESULT.get(made_by, "")


def frame_page() -> str:
    """Return the page of ``DataFrame.xtal``, whose methods are those of Datasets."""
    text = _titled("Methods of DataFrames")
    text += f"\n{inspect.cleandoc(xrefl.accessors.DataFrameAccessor.__doc__ or '')}\n"
    text += "\n.. currentmodule:: pandas\n"
    for name in members("DataFrame"):
        thing = find(name)
        same = f"Dataset.xtal.{name.rpartition('.')[2]}"
        note = f" See :py:obj:`xarray.{same}`." if name.startswith("DataFrame") else ""
        if isinstance(thing, property):
            text += f"\n.. py:property:: {name}\n\n   {summary(thing)}{note}\n"
            continue
        if name == "DataFrame.xtal.to_dataset":
            doc = str(get_doc_object(thing, "function", config=_NUMPYDOC))
            text += f"\n.. py:method:: {name}{signature(thing, method=True)}\n\n{_indented(doc)}\n"
            continue
        result = _frame_result(thing)
        gives = f"\n\n   Returns: {result}" if result else ""
        arguments = signature(thing, method=True)
        text += f"\n.. py:method:: {name}{arguments}\n\n   {summary(thing)}{note}{gives}\n"
    return text


def errors_page() -> str:
    """Return the page of errors and warnings."""
    text = _titled("Errors and warnings")
    text += "\n.. currentmodule:: xrefl\n\nAll derive from `errors.XreflError` or are warnings.\n"
    for name in xrefl.errors.__all__:
        thing = getattr(xrefl.errors, name)
        if inspect.isclass(thing):
            text += f"\n.. autoexception:: xrefl.errors.{name}\n   :show-inheritance:\n"
    return text


def pages(app: Sphinx) -> Iterator[tuple[str, str]]:
    """Return the names and texts of all pages."""
    for key, topic in TOPICS.items():
        yield key, topic_page(topic)
        for name in topic.names:
            yield f"generated/{name}", entry(name, app)
    yield "dataframe", frame_page()
    yield "errors", errors_page()


def write_pages(app: Sphinx) -> None:
    """Write pages that have changed, and drop those that are no more."""
    folder = Path(app.srcdir) / "api"
    written = {folder / f"{name}.rst": text for name, text in pages(app)}
    (folder / "generated").mkdir(exist_ok=True)
    for path in {*folder.glob("*.rst"), *folder.glob("generated/*.rst")} - set(written):
        path.unlink()
    for path, text in written.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def resolve_short(
    app: Sphinx, env: Any, node: pending_xref, text: nodes.TextElement
) -> nodes.Element | None:
    """Find names that docstrings give without ``xrefl.`` or ``xr.``."""
    target = node.get("reftarget", "").removesuffix("()")
    if node.get("refdomain") != "py" or not target or target.startswith("_"):
        return None
    objects = env.domains["py"].objects
    tried = [f"xrefl.{target}", f"xrefl.errors.{target}"]
    tried += [f"xarray.Dataset.xtal.{target}", f"xarray.DataArray.xtal.{target}"]
    for full in tried:
        if full in objects:
            found = objects[full]
            uri = app.builder.get_relative_uri(node["refdoc"], found.docname)
            reference = nodes.reference("", "", internal=True)
            reference["refuri"] = f"{uri}#{found.node_id}"
            reference += text
            return reference
    return None


def own_attributes(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Make attributes of a class, as numpydoc lists them, point to that class."""
    text = "\n".join(lines)
    text = re.sub(r":obj:`(\w+) <\.(\w+)>`", rf":py:obj:`\1 <{name}.\2>`", text)
    lines[:] = with_targets(text).split("\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    DEFAULT_LINKS.clear()  # of words such as float and sequence
    for name, value in _NUMPYDOC.items():
        app.config[f"numpydoc_{name}"] = value
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", own_attributes, priority=900)
    app.connect("missing-reference", resolve_short)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
