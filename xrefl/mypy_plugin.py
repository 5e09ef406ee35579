"""A plugin of mypy that knows ``.xtal``.

xarray and pandas let type checkers take any unknown attribute, so that ``ds.xtal`` is ``Any``, and
nothing that is called on it is checked. With this plugin it has the type of the accessor. In
``pyproject.toml``::

    [tool.mypy]
    plugins = ["xrefl.mypy_plugin"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import MypyFile
    from mypy.plugin import AttributeContext, Plugin
    from mypy.types import Type

__all__ = ["plugin"]

_ACCESSORS = {
    "xarray.core.dataset.Dataset": "xrefl.accessors.dataset.DatasetAccessor",
    "xarray.core.dataarray.DataArray": "xrefl.accessors.dataarray.DataArrayAccessor",
    "pandas.core.frame.DataFrame": "xrefl.accessors.dataframe.DataFrameAccessor",
}


def plugin(version: str) -> type[Plugin]:
    """Return the plugin, as mypy asks for it."""
    # Imported here because xrefl does not need mypy.
    from mypy.nodes import TypeInfo
    from mypy.plugin import Plugin
    from mypy.types import Instance, get_proper_type

    class XreflPlugin(Plugin):
        def get_additional_deps(self, file: MypyFile) -> list[tuple[int, str, int]]:
            # The package imports its accessors in a way that mypy does not see.
            return [(10, "xrefl.accessors", -1)] if file.fullname == "xrefl" else []

        def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
            return self._accessor if fullname.endswith(".xtal") else None

        def _accessor(self, context: AttributeContext) -> Type:
            holder = get_proper_type(context.type)
            for base in holder.type.mro if isinstance(holder, Instance) else ():
                found = self.lookup_fully_qualified(_ACCESSORS.get(base.fullname, ""))
                if found is not None and isinstance(found.node, TypeInfo):
                    return Instance(found.node, [])
            return context.default_attr_type

    return XreflPlugin
