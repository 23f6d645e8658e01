"""What a script must import itself: a fork of a process that has much loaded would not miss it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable

# In an interpreter of its own, which imports one package and nothing else. Most names are there at once; those below
# one module that is not are tried in a fork of their own, so that what it loads is not there for the others.
RESOLVE = """
import importlib, json, os, sys, types

package, *names = json.load(sys.stdin)
try:
    top = importlib.import_module(package)
except ImportError:
    names = []


def first_missing(name):
    thing, here = top, package
    for part in name.split(".")[1:]:
        here += f".{part}"
        if isinstance(thing, types.ModuleType):
            if part not in vars(thing):
                return here
            thing = vars(thing)[part]
    return ""


def must_be_imported(name, ours):
    thing, here, found = top, package, []
    for part in name.split(".")[1:]:
        here += f".{part}"
        if not isinstance(thing, types.ModuleType):
            break
        if here in ours or not hasattr(thing, part):  # some modules load a part when it is asked for
            try:
                importlib.import_module(here)
            except ImportError:  # no module at all: the page shows an error, or wants another version
                break
            ours.add(here)
            found.append(here)
        thing = getattr(thing, part)
    return found


groups = {}
for name in names:
    groups.setdefault(first_missing(name), []).append(name)
for missing, group in groups.items():
    if missing:
        if os.fork() == 0:
            ours = set()
            for name in group:
                print(json.dumps([name, must_be_imported(name, ours)]), flush=True)
            os._exit(0)
        os.wait()
"""


def imported(script: str) -> set[str]:
    """Return every module that a script imports by its name, with the packages above it."""
    found = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {".".join(name.split(".")[:end]) for name in found for end in range(1, name.count(".") + 2)}


def dotted_names(script: str) -> set[str]:
    """Return all that a script takes from modules, by the whole name: of ``plt.plot`` ``matplotlib.pyplot.plot``."""
    tree = ast.parse(script)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
            tops = [alias.name.partition(".")[0] for alias in node.names if not alias.asname]
            names |= dict(zip(tops, tops, strict=True))
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    chains = (ast.unparse(node).split(".") for node in ast.walk(tree) if _is_chain(node))
    return {".".join([names[first], *rest]) for first, *rest in chains if first in names}


def _is_chain(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and (isinstance(node.value, ast.Name) or _is_chain(node.value))


def to_import(names: Iterable[str]) -> dict[str, list[str]]:
    """Return for each name the modules that must be imported, besides its package, before it can be used."""
    packages = defaultdict(list)
    for name in sorted(names):
        packages[name.partition(".")[0]].append(name)
    found = {}
    for package, its_names in packages.items():
        asked = json.dumps([package, *its_names])
        done = subprocess.run([sys.executable, "-c", RESOLVE], input=asked, capture_output=True, text=True, check=True)
        found |= dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))
    return found


def not_imported(script: str, needs: dict[str, list[str]]) -> list[str]:
    """Return a complaint for each module that a script uses and imports only by luck, or not at all.

    Parameters
    ----------
    script : str
    needs : dict
        As `to_import` returns it, of all the names of the script at least.
    """
    own = imported(script)
    used = [(name, module) for name in sorted(dotted_names(script)) for module in needs.get(name, [])]
    return [f"{name} is used, and {module} is not imported" for name, module in used if module not in own]
