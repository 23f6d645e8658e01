"""Draw and describe every module in torch's own list, with all inputs there, and every model of torchvision.

What is drawn must have the shapes of the module's own outputs. The tests of the package use the same functions, on
fewer inputs. The models of torchvision have random weights and are on the device meta, where nothing is computed.
"""

from __future__ import annotations

import sys
import time
import types
import unittest
import warnings
from collections import Counter

import torch

from ptguide.pictures import draw_graph, draw_network
from ptguide.pictures._structures import shapes_of, tensors_of
from ptguide.tensors import describe

SIZES = {"inception_v3": 299, "swin3d": 64}
VIDEO = ("r3d_18", "mc3_18", "r2plus1d_18", "s3d", "swin3d", "mvit")
# Their outputs, or what they are built of, depend on values, of which meta has none.
LEFT_OUT = ("rcnn", "retinanet", "fcos", "ssd", "regnet")


def module_samples(training):
    """Give names, constructors and inputs from torch's own tests."""
    # They need a package, of which the list needs no more than a name.
    sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        for sample in info.module_inputs_func(info, "cpu", torch.float64, requires_grad=True, training=training):
            if sample.forward_input is not None:
                yield info.name, info.module_cls, sample.constructor_input, sample.forward_input


def made(cls, given, training):
    torch.manual_seed(0)
    return cls(*given.args, **given.kwargs).to(torch.float64).train(training)


def show(module, args, kwargs):
    """Draw and describe a module's call, compare the shapes, and return its own output."""
    output = module(*args, **kwargs)
    table = draw_network(module, tuple(args), kwargs)
    told, own = table.rows[0].outputs, shapes_of(output)
    assert told == own, f"told {told}, returned {own}"
    assert str(table)
    assert table._repr_html_()
    for tensor in [*tensors_of(output), *module.parameters()]:
        assert describe(tensor).shape == tuple(tensor.shape)
    return output


def show_graphs(module, output):
    """Draw the graph of each output, the module folded where it is large; return how many have one."""
    names = {f"module.{name}": parameter for name, parameter in module.named_parameters()}
    made_by_autograd = [tensor for tensor in tensors_of(output) if tensor.grad_fn is not None]
    for tensor in made_by_autograd:
        assert draw_graph(tensor, names, gradient=torch.ones_like(tensor)).panels
    return len(made_by_autograd)


def vision_model(name):
    """Return a model of torchvision on meta, with random weights, and its input."""
    import torchvision

    backbone = {"weights_backbone": None} if name.startswith(("deeplab", "fcn", "lraspp")) else {}
    side = next((side for start, side in SIZES.items() if name.startswith(start)), 224)
    clip = [16] if any(part in name for part in VIDEO) else []
    with torch.device("meta"):
        x = torch.empty(2, 3, *clip, side, side)
        if name.startswith("raft"):
            return torchvision.models.get_model(name, weights=None), [x, x]
        return torchvision.models.get_model(name, weights=None, **backbone), [x]


def main() -> int:
    """Print what was drawn and what failed; return 1 if anything did."""
    import torchvision

    warnings.simplefilter("ignore")  # torch warns of some of its own modules
    counts, failed, begun = Counter(), [], time.perf_counter()

    def attempt(kind, name, action):
        counts[kind] += 1
        try:
            return action()
        except Exception as error:
            failed.append(f"{kind} {name}: {type(error).__name__}: {str(error)[:200]}")

    for training in (True, False):
        for name, cls, given, inputs in module_samples(training):
            module = made(cls, given, training)
            output = attempt("calls of modules", name, lambda m=module, i=inputs: show(m, i.args, i.kwargs))
            attempt("graphs", name, lambda m=module, o=output: show_graphs(m, o))
    for name in torchvision.models.list_models():
        if not any(part in name for part in LEFT_OUT):
            model, x = vision_model(name)
            attempt("models of torchvision", name, lambda m=model, x=x: show(m.eval(), x, {}))
    print(*failed, sep="\n")
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()), f"in {time.perf_counter() - begun:.0f} s;")
    print(f"{len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
