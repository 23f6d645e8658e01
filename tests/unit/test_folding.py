"""What is folded into the box of a module was made in that module, and the box has its gradients."""

import re

import pytest
import torch
from torch import nn

from ptguide.pictures import _folding, _nodes
from ptguide.pictures._graph import draw_graph


def reached(tensors):
    """Return the nodes from which tensors were made."""
    found = [tensor.grad_fn for tensor in tensors if isinstance(tensor, torch.Tensor) and tensor.grad_fn]
    seen = set(found)
    for node in found:
        fresh = [child for child, _ in node.next_functions if child is not None and child not in seen]
        found += fresh
        seen.update(fresh)
    return seen


def run(network, x):
    """Return a loss, and by name of a module the nodes that were made while it ran."""
    made, keep = {}, []

    def note(name):
        def hook(module, args, output):
            outputs = output if isinstance(output, tuple) else (output,)
            keep.append((args, output))  # so that no node's place in memory is taken by another
            made.setdefault(name, set()).update(reached(outputs) - reached(args))

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in network.named_modules()]
    loss = network(x).pow(2).sum()
    for handle in handles:
        handle.remove()
    return loss, made, keep


class Block(nn.Module):
    """Residual, with operations that have no parameters before, between and behind the layers."""

    def __init__(self, features):
        super().__init__()
        self.first, self.second = nn.Linear(features, 7), nn.Linear(7, features)

    def forward(self, x):
        return (x + self.second(torch.tanh(self.first(x * 2)))).relu()


class Stem(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.ModuleList([Block(5) for _ in range(blocks)])
        self.scale = nn.Parameter(torch.ones(5))
        self.head = nn.Sequential(nn.Linear(5, 3), nn.Sigmoid())

    def forward(self, x):
        for block in self.blocks:
            x = block(x) * self.scale
        return self.head(x).exp()


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.Sequential(nn.Linear(3, 8), nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), nn.Linear(8, 1))


def cnn():
    torchvision = pytest.importorskip("torchvision")
    return nn.Sequential(torchvision.models.resnet18(num_classes=4))


NETWORKS = {
    "stem": (lambda: Stem(6), lambda: torch.rand(2, 5)),
    "encoder": (encoder, lambda: torch.rand(2, 4, 3)),
    "resnet": (cnn, lambda: torch.rand(2, 3, 32, 32)),
}


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_box_holds_what_was_made_in_its_module_and_all_that_uses_parameters(name, level, monkeypatch):
    make, x = NETWORKS[name]
    network = make()
    loss, made, _ = run(network, x())
    nodes = _nodes.nodes_of(loss)
    known, _, _ = _nodes.named(dict(network.named_parameters()), nodes)
    monkeypatch.setattr(_folding, "MOST", 10_000)
    boxes = _folding.folded(nodes, known, level)
    folds = [box for box in boxes if isinstance(box, _folding.Fold)]
    assert folds
    for fold in folds:
        module = fold.name.partition(" (part")[0]
        assert set(fold.nodes) <= made[module] if module in made else module.rpartition(".")[2] in ("layers", "blocks")
    alone = [box for box in boxes if not isinstance(box, _folding.Fold)]
    assert sorted(map(id, [*alone, *(node for fold in folds for node in fold.nodes)])) == sorted(map(id, nodes))
    leaves = [known[box, 0] for box in alone if _nodes.is_leaf(box)]
    assert leaves == (["scale"] if name == "stem" else [])


def titles(picture):
    return [re.match(r"\S+( \(part \d\))?", part).group() for part in picture.description.split("; ")[1:]]


def test_a_large_graph_is_folded_as_little_as_it_must_be():
    network = encoder()
    loss, _, _ = run(network, torch.rand(2, 4, 3))
    names = dict(network.named_parameters())
    assert len(_nodes.nodes_of(loss)) > 100
    picture = draw_graph(loss, names)
    assert {"0,", "1.layers.0,", "1.layers.1,", "1.layers.2,", "2,"} <= set(titles(picture))
    assert picture.svg == draw_graph(loss, names, depth=3).svg
    with pytest.raises(ValueError, match=r"nodes, and \d\d boxes when it is folded; expected at most 60"):
        draw_graph(loss, names, depth=4)
    assert [title for title in titles(draw_graph(loss, names, depth=1)) if "Back" not in title] == ["0,", "1,", "2,"]


def test_the_box_has_the_shape_and_the_gradient_of_what_it_made():
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = torch.rand(5, 3)
    hidden = network[0](x)
    hidden.retain_grad()
    loss = network[2](network[1](hidden)).pow(2).sum()
    said = draw_graph(loss, dict(network.named_parameters()), depth=1).description
    loss.backward()
    own = torch.cat([network[0].weight.grad.flatten(), network[0].bias.grad]).norm()
    assert said.split("; ")[1] == (
        f"0, which holds 2 operations and 2 leaves with gradients of norm {own:.4g}, makes a tensor of shape (5, 4), "
        f"gradient (5, 4), norm {hidden.grad.norm():.4g}"
    )
    assert said.split("; ")[2].startswith("TanhBackward0 takes 0 and makes a tensor of shape (5, 4)")
    assert said.split("; ")[3].startswith("2, which holds 2 operations and 2 leaves with gradients of norm ")


class Around(nn.Module):
    """One module before and behind another."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.a(self.b(self.a(x)))


def test_a_module_with_another_in_between_has_two_boxes_and_its_leaves_stand_alone():
    network = Around()
    loss = network(torch.rand(2, 3)).sum()
    picture = draw_graph(loss, dict(network.named_parameters()), depth=1)
    assert sorted(titles(picture)) == ["SumBackward0", "a (part 1)", "a (part 2)", "a.bias", "a.weight", "b,"]


def test_a_loop_in_one_module_is_one_box():
    cell = nn.ModuleDict({"cell": nn.RNNCell(2, 3)})
    h = torch.zeros(4, 3)
    for _ in range(12):
        h = cell["cell"](torch.rand(4, 2), h)
    said = draw_graph(h.sum(), dict(cell.named_parameters())).description
    assert re.search(r"; cell, which holds \d+ operations and 4 leaves", said)


def test_what_cannot_be_folded_far_enough():
    network = nn.Sequential(*[nn.Linear(2, 2) for _ in range(61)])
    loss = network(torch.rand(1, 2)).sum()
    with pytest.raises(ValueError, match=r"a graph of \d+ nodes, and 62 boxes when it is folded; expected at most 60"):
        draw_graph(loss, dict(network.named_parameters()))
    with pytest.raises(ValueError, match="a graph of 245 nodes; expected at most 60"):
        draw_graph(loss)


@pytest.mark.parametrize("depth", [0, -1, "2", 1.5])
def test_depth_is_a_positive_integer(depth):
    y = torch.ones((), requires_grad=True) * 1
    with pytest.raises(ValueError, match=rf"depth is {depth!r}; expected the number of levels to tell apart, an integ"):
        draw_graph(y, depth=depth)
