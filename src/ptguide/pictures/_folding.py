"""Fold a graph that is too large to follow: the nodes of a module become one box."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from ptguide.pictures._nodes import Edge, Node, inputs, is_leaf

MOST = 60  # boxes of a graph that a person can follow
VIEWS = frozenset(  # what a layer does to its weight before it uses it, as torch names it
    "Alias AsStrided Clone Expand Permute ReshapeAlias Select Slice Split SplitWithSizes Squeeze T ToCopy Transpose "
    "Unbind Unsqueeze UnsafeView View".split()
)
Path: TypeAlias = tuple[str, ...]  # the parts of a module's dotted name
Group: TypeAlias = Any  # a module's path, with a rank where it is in parts, or a node that stands alone


@dataclass(eq=False)
class Fold:
    """Nodes of one module, drawn as one box.

    Parameters
    ----------
    name : str
    nodes : list of Node
        Nodes that use others stand before those.
    inputs, outputs : list of Edge
        What comes from other boxes, and what other boxes use.
    """

    name: str
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Edge] = field(default_factory=list)
    outputs: list[Edge] = field(default_factory=list)


def folded(nodes: Sequence[Node], names: Mapping[Edge, str], depth: int | None) -> list[Node | Fold]:
    """Return the boxes of a graph: its nodes, or what they are folded into; those that use others stand before those.

    Parameters
    ----------
    nodes : sequence of Node
        Of the whole graph, in such an order.
    names : mapping of Edge to str
        A dotted name of a leaf tells its module.
    depth : int or None
        How many levels of modules are told apart; None: all where the graph is small, else as many as leave `MOST`
        boxes.
    """
    if depth is None and len(nodes) <= MOST:
        return list(nodes)
    modules = _Modules(nodes, names)
    deepest = max(map(len, modules.paths.values()), default=0)
    boxes: list[Node | Fold] = list(nodes)
    for level in range(deepest, 0, -1) if depth is None else [depth]:
        boxes = _boxes(nodes, modules.groups(level))
        if len(boxes) <= MOST:
            return boxes
    folds = f", and {len(boxes)} boxes when it is folded" if len(boxes) < len(nodes) else ""
    raise ValueError(
        f"tensor has a graph of {len(nodes)} nodes{folds}; expected at most {MOST}, which a person can follow. Draw a "
        "part of it, for example one layer or fewer steps, or have it folded by module: names with dots, as in "
        "dict(model.named_parameters()), tell the modules."
    )


class _Modules:
    """To which module each node belongs: by the parameters that it uses, or that are used before and behind it."""

    def __init__(self, nodes: Sequence[Node], names: Mapping[Edge, str]) -> None:
        self.nodes = nodes
        self.weights: dict[Node, list[Node]] = {}  # parameters and views of them, with what uses those
        self.users: set[Node] = set()
        self.paths: dict[Node, Path] = {}
        for node in reversed(nodes):
            ours = [child for child, _ in inputs(node) if child in self.weights]
            if is_leaf(node):
                name = names.get((node, 0), "").partition(" = ")[0]
                self.paths[node] = tuple(name.split(".")[:-1])
            elif ours:
                self.paths[node] = _common(self.paths[child] for child in ours)
            for child in ours:
                self.weights[child].append(node)
            if self.paths.get(node) and (is_leaf(node) or type(node).__name__.partition("Backward")[0] in VIEWS):
                self.weights[node] = []
            elif ours:
                self.users.add(node)
        self._fill_between()

    def _fill_between(self) -> None:
        """Give nodes without parameters the innermost module that uses some before them and some behind them."""
        before: dict[Node, set[Path]] = {node: set() for node in self.nodes}
        behind: dict[Node, set[Path]] = {node: set() for node in self.nodes}
        for node in self.nodes:
            for child, _ in inputs(node):
                behind[child] |= _starts(self.paths[node]) if node in self.users else behind[node]
        for node in reversed(self.nodes):
            for child, _ in inputs(node):
                before[node] |= _starts(self.paths[child]) if child in self.users else before[child]
            if node not in self.weights and node not in self.users:
                both = before[node] & behind[node]
                longest = max(map(len, both), default=0)
                self.paths[node] = _common(path for path in both if len(path) == longest)

    def groups(self, level: int) -> dict[Node, Group]:
        """Group the nodes of one module at a level; in parts, where a way leads out of it and back."""
        keys = {node: self._key(node, level) for node in self.nodes if node not in self.weights}
        ranks = _ranks(keys)
        in_parts: set[Path] = set()
        while True:
            groups: dict[Node, Group] = {
                node: (key, ranks[node]) if key in in_parts else key for node, key in keys.items()
            }
            for node in self.nodes:
                if node in self.weights:  # it stands with what uses it
                    users = {groups[user] for user in self.weights[node]}
                    alone = len(users) != 1 or not all(isinstance(user, tuple) for user in users)
                    groups[node] = node if alone else users.pop()
            try:
                TopologicalSorter(_users(self.nodes, groups)).prepare()
            except CycleError as error:
                # Ranks grow along a way, so a cycle needs a module that is not in parts yet.
                in_parts |= {group for group in set(error.args[1]) & set(keys.values()) if isinstance(group, tuple)}
            else:
                return groups

    def _key(self, node: Node, level: int) -> Group:
        path = self.paths[node]
        return path[:level] if path and (node in self.users or len(path) >= level) else node


def _ranks(keys: Mapping[Node, Group]) -> dict[Node, int]:
    """Count how often the longest way to each node changes its module."""
    ranks: dict[Node, int] = {}
    for node in reversed(list(keys)):
        steps = [ranks[child] + (keys[child] != keys[node]) for child, _ in inputs(node) if child in ranks]
        ranks[node] = max(steps, default=0)
    return ranks


def _users(nodes: Sequence[Node], groups: Mapping[Node, Group]) -> dict[Group, set[Group]]:
    """Return for each group those that use something of it."""
    users: dict[Group, set[Group]] = {groups[node]: set() for node in nodes}
    for node in nodes:
        for child, _ in inputs(node):
            if groups[child] != groups[node]:
                users[groups[child]].add(groups[node])
    return users


def _boxes(nodes: Sequence[Node], groups: Mapping[Node, Group]) -> list[Node | Fold]:
    order = list(TopologicalSorter(_users(nodes, groups)).static_order())
    members: dict[Group, list[Node]] = {group: [] for group in order}
    for node in nodes:
        members[groups[node]].append(node)
    paths = {group: group if isinstance(group[0], str) else group[0] for group in order if isinstance(group, tuple)}
    counts, numbers, boxes = Counter(paths.values()), Counter[Path](), []
    for group in reversed(order):
        if len(members[group]) == 1:
            boxes.append(members[group][0])
            continue
        path = paths[group]
        numbers[path] += 1
        part = f" (part {numbers[path]})" if counts[path] > 1 else ""
        boxes.append(Fold(".".join(path) + part, members[group]))
    _connect(boxes, nodes)
    return boxes[::-1]


def _connect(boxes: Sequence[Node | Fold], nodes: Sequence[Node]) -> None:
    """Note what flows in and out of each fold."""
    home = {node: box for box in boxes if isinstance(box, Fold) for node in box.nodes}
    for node in reversed(nodes):
        for edge in inputs(node):
            user, maker = home.get(node), home.get(edge[0])
            if user is maker and user is not None:
                continue
            if user is not None and edge not in user.inputs:
                user.inputs.append(edge)
            if maker is not None and edge not in maker.outputs:
                maker.outputs.append(edge)


def _starts(path: Path) -> set[Path]:
    return {path[:count] for count in range(1, len(path) + 1)}


def _common(paths: Iterable[Path]) -> Path:
    same = itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*paths, strict=False))
    return tuple(parts[0] for parts in same)
