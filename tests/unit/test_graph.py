"""A drawn graph holds the nodes that autograd recorded and the gradients that backward gives, and changes nothing."""

import ast
import gc
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.autograd.graph import get_gradient_edge

from ptguide.pictures import _flow, _layers, _nodes, _record
from ptguide.pictures._graph import draw_graph

SVG = "{http://www.w3.org/2000/svg}"


class Double(torch.autograd.Function):
    """Two outputs; no gradient for the second input."""

    @staticmethod
    def forward(ctx, a, b):
        return 2 * a, 3 * b

    @staticmethod
    def backward(ctx, grad, other):
        return 2 * grad, None


class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a.clone()

    @staticmethod
    def backward(ctx, grad):
        raise RuntimeError("backward of mine")


def leaves(dtype=torch.float32):
    """Three leaves of unlike shapes."""
    g = torch.Generator().manual_seed(0)
    return {
        "x": torch.randn(2, 3, generator=g, dtype=dtype).requires_grad_(),
        "w": torch.randn(3, 2, generator=g, dtype=dtype).requires_grad_(),
        "b": torch.randn(2, generator=g, dtype=dtype).requires_grad_(),
    }


def chain(x, w, b):
    z = x @ w
    y = torch.tanh(z + b)
    return y.sum(), {"z": z, "y": y}


def two_paths(x, w, b):
    z = x @ w
    y = z * z + z
    return (y.sum() * b).sum() + b[0], {"z": z, "y": y}


def outputs_of_one_node(x, w, b):
    first, second, third = x.unbind(1)
    return (first * third * b).sum() + (third.exp() @ w[:2]).sum() + second.sum(), {"first": first, "third": third}


def in_place(x, w, b):
    y = x @ w
    y[1:] = y[:1] * 5
    y.mul_(b)
    return y.sum(), {"y": y}


def views(x, w, b):
    y = x.t().reshape(6)[1:5].view(2, 2)
    return (y * w[:2] * b.expand(2, 2)).mean(), {"y": y}


def custom(x, w, b):
    y, z = Double.apply(x, w)
    return (y @ z).sum() + b.sum(), {"y": y}


COMPUTATIONS = [chain, two_paths, outputs_of_one_node, in_place, views, custom]


def told(picture):
    """Return the gradients that a picture tells in words, by name: their values, or their norm."""
    found = {}
    words = picture.description.replace(" and output", "; output")
    for name, gradient in re.findall(r"(\w+)(?: is a leaf|,)? of shape [^;]*?gradient ([^;]*)", words):
        gradient = gradient.split(" = ")[-1].split(", sum")[0]
        found[name] = float(gradient.split("norm ")[1]) if "norm" in gradient else gradient
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("compute", COMPUTATIONS)
def test_gradients_are_those_of_backward(compute, dtype):
    given = leaves(dtype)
    result, named = compute(**given)
    found = told(draw_graph(result, given | named))
    fresh = leaves(dtype)
    result, named = compute(**fresh)
    for tensor in named.values():
        tensor.retain_grad()
    result.backward()
    assert set(found) >= set(given) | set(named)
    for name, tensor in (fresh | named).items():
        if tensor.grad is None:
            assert found[name] == "none came"
        elif isinstance(found[name], float):
            torch.testing.assert_close(found[name], tensor.grad.norm().item(), rtol=1e-3, atol=1e-6)
        else:
            values = torch.tensor(ast.literal_eval(found[name]), dtype=dtype)
            torch.testing.assert_close(values, tensor.grad, rtol=1e-3, atol=1e-6)


def test_given_gradient_is_started_from():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * x
    description = draw_graph(y, {"x": x, "y": y}, gradient=torch.tensor([1.0, 0.0, 100.0])).description
    assert "x is a leaf of shape (3,), value [1, 2, 3], gradient [2, 0, 600], sum of 2;" in description
    assert description.endswith("makes y of shape (3,), value [1, 4, 9], gradient [1, 0, 100]")


def test_legend_says_what_flows_back():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    given = draw_graph(y, {"y": y}, gradient=torch.ones(2))
    assert texts(given, "index")[1] == "∂ backward: from the gradient given for y, flowing up"
    assert texts(draw_graph(y.sum()), "index")[1] == "∂ backward: gradient of the result, flowing up"


def texts(picture, kind):
    return [t.text for t in ET.fromstring(picture.svg).iter(f"{SVG}text") if t.get("class") == f"ptg-{kind}"]


def test_boxes_tell_names_shapes_values_and_gradients():
    x, y = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0))
    z = x * y
    picture = draw_graph(torch.log(z), {"x": x, "y": y, "z": z})
    assert texts(picture, "name") == ["LogBackward0", "MulBackward0", "x ()", "y ()"]
    assert texts(picture, "value") == ["= 1.792", "∂ = 1", "= 6", "∂ = 0.1667", "= 2", "∂ = 0.5", "= 3", "∂ = 0.3333"]
    assert texts(picture, "index") == [
        "↓ forward: each box is made from those above",
        "∂ backward: gradient of the result, flowing up",
        "makes ()",
        "makes z ()",
        "AccumulateGrad",
        "AccumulateGrad",
    ]


def test_sum_over_paths_is_written_out_in_one_box():
    x = torch.tensor(3.0, requires_grad=True)
    picture = draw_graph(x * x - torch.sin(x) * 2, {"x": x})
    assert texts(picture, "name").count("x ()") == 1
    cosine = -2 * torch.tensor(3.0).cos()
    box = " ".join(texts(picture, "value"))
    assert f"{cosine.item():.4g}" in box
    assert f"= {6 + cosine.item():.4g}" in box
    y = -x * 4 + x
    assert "gradient 1 + (-4) = -3" in draw_graph(y, {"x": x}).description
    many = sum(x * n for n in range(1, 6))
    assert "gradient 15, sum of 5" in draw_graph(many, {"x": x}).description


def test_large_gradient_is_told_by_shape_and_norm():
    x = torch.zeros(3, 4, requires_grad=True)
    picture = draw_graph((x * 2).sum(), {"x": x})
    norm = (4 * 12) ** 0.5
    assert f"x is a leaf of shape (3, 4), gradient (3, 4), norm {norm:.4g};" in picture.description
    assert "∂ (3, 4)," in texts(picture, "value")


def test_six_elements_are_written_out_and_seven_are_not():
    for size, expected in (
        (6, "value [0, 0, 0, 0, 0, 0], gradient [1, 1, 1, 1, 1, 1];"),
        (7, "gradient (7,), norm 2.646;"),
    ):
        x = torch.zeros(size, requires_grad=True)
        assert f"of shape ({size},), {expected}" in draw_graph(x.sum()).description


def test_constants_have_no_box_and_are_counted():
    x, plain = torch.tensor(3.0, requires_grad=True), torch.tensor(2.0)
    picture = draw_graph(x * plain)
    assert texts(picture, "name") == ["MulBackward0", "leaf ()"]
    assert "with 1 constant" in texts(picture, "index")
    assert "MulBackward0 takes leaf and 1 constant and makes" in picture.description
    lstm = nn.LSTM(2, 3)
    assert (
        "bias_hh_l0 and 3 constants"
        in draw_graph(lstm(torch.ones(4, 1, 2))[0].sum(), dict(lstm.named_parameters())).description
    )


def test_outputs_of_one_node_are_told_apart():
    w = torch.arange(4.0, requires_grad=True)
    a, b = w.split(2)
    picture = draw_graph((a * b).sum(), {"a": a, "w": w})
    assert (
        "output 0, a, of shape (2,), value [0, 1], gradient [2, 3] and output 1 of shape (2,), gradient [0, 1]"
        in picture.description
    )
    assert [text for text in texts(picture, "index") if text.startswith("output")] == [
        "output 0: a (2,)",
        "output 1: (2,)",
    ]
    mean = torch.var_mean(w)[1]
    assert "makes output 1, m, of shape (), value 1.5" in draw_graph(mean, {"m": mean}).description


def test_nodes_of_the_same_name_are_numbered():
    x = torch.ones(2, requires_grad=True)
    parts = draw_graph(x.exp().exp().sum()).description.split("; ")
    assert parts[2].startswith("ExpBackward0 number 1 takes leaf and")
    assert parts[3].startswith("ExpBackward0 number 2 takes ExpBackward0 number 1 and")


def test_tensor_with_two_names_bears_both():
    x = torch.ones((), requires_grad=True)
    assert "a = b is a leaf" in draw_graph(x * 1, {"a": x, "b": x}).description


def test_data_type_is_told_where_it_is_not_the_usual():
    x = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    picture = draw_graph(x.float() * 1)
    assert texts(picture, "name")[-1] == "leaf () float64"
    assert texts(picture, "index").count("makes ()") == 2
    z = torch.tensor(3 + 4j, requires_grad=True)
    assert "gradient (0.6+0.8j)" in draw_graph(z.abs()).description
    assert "norm 3.162" in draw_graph((z * torch.ones(10)).abs().sum()).description


def test_shape_comes_from_the_gradient_where_torch_does_not_tell():
    node = type("OldNode", (), {})()
    record = _record.Record([node], {(node, 0): _flow.Flow(torch.zeros(2, 3), ())}, {}, {})
    assert record.form((node, 0)) == "(2, 3)"
    assert _record.Record([node], {(node, 0): _flow.Flow(None, ())}, {}, {}).form((node, 0)) == "unknown"


def test_sparse_gradient():
    embedding = nn.Embedding(5, 1, sparse=True)
    picture = draw_graph(embedding(torch.tensor([1, 3, 3])).sum(), {"weight": embedding.weight})
    assert "gradient [[0], [1], [0], [2], [0]]" in picture.description


def test_gradient_that_a_hook_changes_is_told():
    x = torch.tensor(3.0, requires_grad=True)
    handle = x.register_hook(lambda grad: grad * 10)
    assert "gradient 60, changed by a hook" in draw_graph(x * x, {"x": x}).description
    handle.remove()
    assert "gradient 3 + 3 = 6" in draw_graph(x * x, {"x": x}).description


def test_gradient_of_an_intermediate_result_that_a_hook_changes_is_told():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * 2
    z = y * 5
    handles = [y.register_hook(lambda grad: grad * 10), z.register_hook(lambda grad: grad + 1)]
    description = draw_graph(z, {"x": x, "y": y, "z": z}).description
    assert "makes y of shape (), value 6, gradient 100, changed by a hook" in description
    assert "makes z of shape (), value 30, gradient 2, changed by a hook" in description
    assert "x is a leaf of shape (), value 3, gradient 200;" in description
    for handle in handles:
        handle.remove()
    assert "value 6, gradient 5;" in draw_graph(z, {"x": x, "y": y, "z": z}).description


def test_gradient_that_is_not_finite_is_shown():
    x = torch.zeros((), requires_grad=True)
    assert "gradient inf;" in draw_graph(x.sqrt(), {"x": x}).description


def node_hooks(node):
    """Return how many hooks a node has besides those that are needed to see them."""
    handles = [node.register_hook(lambda *_: None), node.register_prehook(lambda *_: None)]
    count = sum(len(handle.hooks_dict_ref()) - 1 for handle in handles)
    for handle in handles:
        handle.remove()
    return count


@pytest.mark.parametrize("compute", COMPUTATIONS)
def test_everything_stays_as_it_was(compute):
    given = leaves()
    result, named = compute(**given)
    for tensor in named.values():
        tensor.retain_grad()
    unnamed = result * 1
    unnamed.retain_grad()
    given["x"].grad = grad = torch.full((2, 3), 7.0)
    random = torch.get_rng_state()
    draw_graph(unnamed * 2)
    assert given["x"].grad is grad
    assert grad.tolist() == [[7, 7, 7], [7, 7, 7]]
    assert [given["w"].grad, given["b"].grad, unnamed.grad] == [None] * 3
    assert all(tensor.grad is None for tensor in named.values())
    assert torch.equal(torch.get_rng_state(), random)
    nodes = [result.grad_fn]
    for node in nodes:
        nodes += [child for child, _ in node.next_functions if child is not None and child not in nodes]
    assert [node_hooks(node) for node in nodes] == [0] * len(nodes)
    given["x"].grad = None
    result.backward()  # the graph is still there
    fresh = leaves()
    compute(**fresh)[0].backward()
    for name, tensor in given.items():
        assert (tensor.grad is None) == (fresh[name].grad is None)
        if tensor.grad is not None:
            torch.testing.assert_close(tensor.grad, fresh[name].grad)


def test_earlier_gradients_of_intermediates_stay():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    y.retain_grad()
    z = y * 5
    z.backward(retain_graph=True)
    grad = y.grad
    draw_graph(z)
    assert y.grad is grad
    assert grad == 5


def test_hooks_and_gradients_are_put_back_after_an_error():
    x = torch.tensor(3.0, requires_grad=True)
    y = Failing.apply(x)
    z = y * 5
    z.retain_grad()
    with pytest.raises(RuntimeError, match="backward of mine"):
        draw_graph(z * 1)
    assert [node_hooks(y.grad_fn), node_hooks(z.grad_fn)] == [0, 0]
    assert z.grad is None


def test_graph_keeps_nothing_alive():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    draw_graph(y)
    kinds = (torch.Tensor, _layers.Item)
    gc.collect()
    before = sum(isinstance(thing, kinds) for thing in gc.get_objects() if type(thing) in kinds)
    draw_graph(y)
    gc.collect()
    assert sum(isinstance(thing, kinds) for thing in gc.get_objects() if type(thing) in kinds) == before


class Refusing(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise TypeError("not to be asked")


def test_tensors_elsewhere_do_not_matter():
    elsewhere = torch.ones(2).as_subclass(Refusing)
    x = torch.ones(2, requires_grad=True)
    assert draw_graph(x.sum()).panels
    assert type(elsewhere) is Refusing


def test_graph_can_be_drawn_without_recording():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    with torch.no_grad():
        assert "gradient 3 + 3 = 6" in draw_graph(y, {"x": x}).description


def perceptron():
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    loss = nn.functional.cross_entropy(network(torch.ones(5, 3)), torch.zeros(5, dtype=torch.long))
    return loss, dict(network.named_parameters())


def recurrent():
    names = {name: tensor for name, tensor in leaves().items() if name != "x"}
    names["u"] = torch.ones(2, 2, requires_grad=True)
    h = torch.zeros(1, 2)
    for t in range(4):
        h = torch.tanh(torch.ones(1, 3) @ names["w"] + h @ names["u"] + names["b"])
        names[f"h{t}"] = h
    return h.sum(), names


def attention():
    module = nn.MultiheadAttention(4, 2)
    return module(*[torch.ones(3, 1, 4)] * 3)[0].sum(), dict(module.named_parameters())


def logarithm():
    x, y = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0))
    return torch.log(x * y), {"x": x, "y": y}


def split():
    result, named = outputs_of_one_node(**(given := leaves()))
    return result, given | named


GRAPHS = [logarithm, perceptron, recurrent, attention, split]


def boxes(picture):
    """Return the outer rectangles: left, top, right, bottom."""
    rects = [r for r in ET.fromstring(picture.svg).iter(f"{SVG}rect") if "ptg-cell" in r.get("class")]
    edges = [
        [float(rect.get(key)) for key in ("x", "y", "width", "height")]
        for rect in rects
        if rect.get("class")[-1] != "1"
    ]
    return [(x, y, x + width, y + height) for x, y, width, height in edges]


def strokes(picture):
    """Return the lines that are drawn, each as points in order, and the number of arrow heads."""
    (path,) = (p for p in ET.fromstring(picture.svg).iter(f"{SVG}path") if p.get("class") == "ptg-edge")
    lines, heads = [], 0
    for command, numbers in re.findall(r"([MVCL])([^MVCL]*)", path.get("d")):
        values = [float(number) for number in re.split("[ ,]", numbers)]
        if command == "M":
            lines.append([tuple(values)])
            continue
        x, y = lines[-1][-1]
        ends = [(x, values[0])] if command == "V" else list(zip(values[::2], values[1::2], strict=True))
        heads += command == "L"
        p = [(x, y), *ends]
        for n in range(1, 33):
            t = n / 32
            weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3] if len(p) == 4 else [1 - t, t]
            lines[-1].append(tuple(sum(w * q[axis] for w, q in zip(weights, p, strict=True)) for axis in (0, 1)))
    return lines, heads // 2


@pytest.mark.parametrize("make", GRAPHS)
def test_arrows_lead_down_outside_of_the_boxes(make):
    result, names = make()
    picture = draw_graph(result, names)
    lines, heads = strokes(picture)
    edges, seen = 0, [result.grad_fn]
    for node in seen:
        children = [child for child, _ in node.next_functions if child is not None]
        edges += len(children)
        seen += [child for child in dict.fromkeys(children) if child not in seen]
    assert heads == edges
    assert len(boxes(picture)) == len(seen)
    for points in lines:
        for x, y in points:
            assert not any(left < x < right and top < y < bottom for left, top, right, bottom in boxes(picture))
    assert all(a[1] <= b[1] + 1e-6 for points in lines if len(points) > 65 for a, b in pairwise(points))


@pytest.mark.parametrize("make", GRAPHS)
def test_boxes_stand_apart_inside_the_picture_and_inputs_above(make):
    result, names = make()
    picture = draw_graph(result, names)
    found = boxes(picture)
    for n, (left, top, right, bottom) in enumerate(found):
        assert 0 <= left < right <= picture.panels[0].width
        assert 0 <= top < bottom <= picture.panels[0].height
        for other in found[n + 1 :]:
            assert other[0] >= right + 10 or other[2] + 10 <= left or other[1] >= bottom + 20 or other[3] + 20 <= top
    assert found[0][1] == max(top for _, top, _, _ in found)  # the result stands lowest


def test_inputs_stand_in_the_order_of_the_arguments():
    x, y, z = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0, 4.0))
    order = draw_graph(torch.addcmul(x, y, z), {"z": z, "x": x, "y": y}).description.split("; ")[1:4]
    assert [part[0] for part in order] == ["x", "y", "z"]


def test_arrows_into_one_box_do_not_cross():
    x, y = (torch.tensor(value, requires_grad=True) for value in (2.0, 3.0))
    p, q = x.exp(), y.sin()
    picture = draw_graph(p * q - q / p)
    lines, _ = strokes(picture)
    for left, top, right, _ in boxes(picture):
        arriving = sorted((start[0], end[0]) for start, *_, end in lines if left < end[0] < right and end[1] == top - 1)
        assert [end for _, end in arriving] == sorted(end for _, end in arriving)


@pytest.mark.parametrize("make", GRAPHS)
def test_arrows_leave_a_box_side_by_side_around_its_middle(make):
    picture = draw_graph(*make())
    lines, _ = strokes(picture)
    for left, _, right, bottom in boxes(picture)[1:]:
        leaving = {start[0] for start, *_ in lines if left < start[0] < right and abs(start[1] - bottom) < 0.1}
        assert sum(leaving) / len(leaving) == pytest.approx((left + right) / 2, abs=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_ordering_never_adds_crossings(seed):
    generator = torch.Generator().manual_seed(seed)
    rows = [[_layers.Item(2 - layer) for _ in range(5)] for layer in range(3)]
    for upper, lower in pairwise(rows):
        for item in lower:
            for place in torch.randperm(5, generator=generator)[:2].tolist():
                _layers.join(upper[place], item)
    before = _layers.crossings(rows)
    _layers.order(rows)
    assert _layers.crossings(rows) <= before


def test_arrows_from_one_box_do_not_count_as_crossing():
    upper, lower = _layers.Item(1), [_layers.Item(0), _layers.Item(0)]
    for item in lower:
        _layers.join(upper, item)
    assert _layers.crossings([[upper], lower]) == 0


def test_neighbors_without_crossing_arrows():
    upper = [_layers.Item(1) for _ in range(3)]
    lower = [_layers.Item(0) for _ in range(3)]
    for n in range(3):
        _layers.join(upper[n], lower[2 - n])
    rows = [upper[:], lower[:]]
    assert _layers.crossings(rows) == 3
    _layers.order(rows)
    assert _layers.crossings(rows) == 0


def test_result_is_colored_and_named_apart():
    x = torch.tensor(3.0, requires_grad=True)
    y = x.exp()
    svg = draw_graph(y, {"y": y}).svg
    assert [svg.count(f'class="ptg-cell ptg-{n}"') for n in range(5)] == [1, 2, 1, 0, 0]
    assert "gradient of y, flowing up" in svg


def test_names_cannot_break_the_markup():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * 1
    picture = draw_graph(y, {'<b>&"': x, "<i>": y})
    assert '<b>&" ()' in texts(picture, "name")
    assert "<i>" not in picture._repr_html_()


def long_chain(nodes):
    x = torch.ones((), requires_grad=True)
    for _ in range(nodes - 1):
        x = x * 1
    return x


def test_graph_of_more_nodes_than_can_be_followed():
    assert len(boxes(draw_graph(long_chain(60)))) == 60
    said = (
        r"tensor has a graph of 61 nodes; expected at most 60, .* Draw a part of it, .* or have it folded by module: "
    )
    with pytest.raises(ValueError, match=said + r"names with dots, as in dict\(model\.named_parameters\(\)\), tell"):
        draw_graph(long_chain(61))
    with pytest.raises(ValueError, match="a graph of 5000 nodes"):
        draw_graph(long_chain(5000))


def test_tensor_without_a_graph():
    with pytest.raises(ValueError, match=r"tensor has requires_grad=False: nothing was recorded, so it has no graph"):
        draw_graph(torch.ones(2) * 2)
    with pytest.raises(
        ValueError, match=r"tensor is a leaf: no operation made it, .* Expected the result of operations"
    ):
        draw_graph(torch.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="tensor is on the device meta, where gradients have no values"):
        draw_graph(torch.ones((), device="meta", requires_grad=True) * 1)
    with pytest.raises(TypeError, match="tensor has type float; expected a tensor"):
        draw_graph(3.0)


def test_graph_that_was_freed():
    x = torch.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    with pytest.raises(ValueError, match=r"a graph that an earlier backward\(\) freed.* backward\(retain_graph=True\)"):
        draw_graph(y)


def test_gradient_to_start_from_is_needed():
    y = torch.ones(2, 3, requires_grad=True) * 2
    said = (
        r"tensor has shape \(2, 3\) and dtype float32, and backward\(\) would say that grad can be implicitly created "
    )
    with pytest.raises(ValueError, match=said + r"only for real scalar outputs\. Give gradient, of shape \(2, 3\)\."):
        draw_graph(y)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        y.backward()
    with pytest.raises(ValueError, match=r"shape \(\) and dtype complex64, and backward\(\)"):
        draw_graph(torch.tensor(1j, requires_grad=True) * 2)
    with pytest.raises(ValueError, match=r"gradient has shape \(3, 2\); expected \(2, 3\) as tensor"):
        draw_graph(y, gradient=torch.ones(3, 2))
    with pytest.raises(TypeError, match="gradient has type list; expected a tensor"):
        draw_graph(y, gradient=[1.0])


def test_name_of_what_is_not_in_the_graph():
    x, other = torch.ones((), requires_grad=True), torch.ones((), requires_grad=True)
    y = x * 1
    with pytest.raises(ValueError, match=r"names\['later'\] is no part of the graph of tensor\. Leave it out"):
        draw_graph(y, {"later": y * 2})
    picture = draw_graph(y, {"x": x, "other": other, "another": other})
    assert picture.description.endswith("; not in this graph: other, another")
    assert texts(picture, "index")[2] == "not in this graph: other, another"
    with pytest.raises(TypeError, match=r"names\['c'\] has type int; expected a tensor"):
        draw_graph(y, {"c": 1})


def test_frozen_layers_are_told():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2).requires_grad_(False), nn.Linear(2, 1))
    picture = draw_graph(network(torch.ones(5, 3)).sum(), dict(network.named_parameters()))
    assert texts(picture, "index")[2] == "no gradient, as requires_grad=False: 1.weight,"
    assert texts(picture, "index")[3] == "1.bias"
    assert picture.description.endswith("; no gradient, as requires_grad=False: 1.weight, 1.bias")
    assert "AddmmBackward0 number 2 takes AddmmBackward0 number 1 and 2 constants and makes" in picture.description
    many = {f"c{n}": torch.ones(()) for n in range(6)}
    assert "c0, c1, c2, c3 and 2 more" in draw_graph(torch.ones((), requires_grad=True) * 1, many).description


def test_leaf_is_told_from_an_operation():
    x = torch.ones((), requires_grad=True)
    assert _nodes.is_leaf(get_gradient_edge(x).node)
    assert not _nodes.is_leaf((x * 1).grad_fn)
