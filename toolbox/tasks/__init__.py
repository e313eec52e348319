"""The tasks: parse, call the library, show.

One noun is one module here, one collection of tasks, and one page among the guides. A module
registers by existing: whatever it calls ``ns`` is added to the tree, and the tasks in its ``root``
stand at the top without a noun. Modules import nothing heavy, so that listing tasks stays quick;
what a task needs it imports in its body.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from invoke.collection import Collection


def tree() -> Collection:
    """Return all tasks of this package."""
    collection = Collection()
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        loaded = import_module(f"{__name__}.{module.name}")
        if isinstance(getattr(loaded, "ns", None), Collection):
            collection.add_collection(loaded.ns)
        for item in getattr(loaded, "root", ()):
            collection.add_task(item)
    for name in collection.task_names:
        # Reason: one letter would mean another option in each task, and -h has to ask for help.
        collection[name].auto_shortflags = False
    return collection


ns = tree()
