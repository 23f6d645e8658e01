"""The table of a network tells what each module was really given and returned, and counts as torch does."""

import random
import threading
import warnings
import xml.etree.ElementTree as ET
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from ptguide.pictures._network import draw_network


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(7, 3), nn.Linear(3, 7)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        return self.head(self.embed(tokens))


class Looped(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Tanh()])
        self.spare = nn.Linear(3, 5)

    def forward(self, x):
        for _ in range(2):
            for layer in self.layers:
                x = layer(x)
        return x


def cnn():
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(80, 2))


def nested():
    return nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 2))), nn.ReLU()))


NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), (torch.zeros(5, 3),)),
    "cnn": (cnn, (torch.ones(2, 3, 6, 6),)),
    "lstm": (lambda: nn.LSTM(3, 4, num_layers=2), (torch.zeros(5, 2, 3),)),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16), (torch.zeros(5, 3, 8),)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), (torch.zeros(5, 3, 4),) * 3),
    "tied": (Tied, (torch.tensor([1, 2]),)),
    "nested": (nested, (torch.zeros(5, 3),)),
    "looped": (Looped, (torch.zeros(5, 3),)),
    "frozen": (lambda: nn.Sequential(nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 2)), (torch.zeros(5, 3),)),
}


@pytest.mark.parametrize("depth", [0, 1, 3, 9])
@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_are_those_that_torch_counts_and_rows_add_up_to_them(name, depth):
    make, inputs = NETWORKS[name]
    module = make()
    table = draw_network(module, inputs, depth=depth)
    assert table.parameters == sum(p.numel() for p in module.parameters())
    assert table.trainable == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert table.parameter_bytes == 4 * table.parameters
    for total in ("parameters", "trainable", "parameter_bytes"):
        assert sum(getattr(row, total) for row in table.rows) == getattr(table, total)
    assert {row.name for row in table.rows} == {n for n, _ in module.named_modules() if n == "" or n.count(".") < depth}


def test_own_parameters_stand_with_their_module():
    module = nested()
    for row in draw_network(module, torch.zeros(5, 3), depth=9).rows:
        assert row.parameters == sum(p.numel() for p in module.get_submodule(row.name).parameters(recurse=False))
    deepest = {row.name: row.parameters for row in draw_network(module, torch.zeros(5, 3), depth=2).rows}
    assert deepest == {"": 0, "0": 0, "0.0": 26, "0.1": 0}  # 3*4+4 + 4*2+2, the modules inside included


def test_resnet_of_torchvision():
    torchvision = pytest.importorskip("torchvision")
    table = draw_network(torchvision.models.resnet18(), torch.zeros(1, 3, 64, 64))
    assert table.parameters == 11_689_512  # as its documentation says
    assert [row.outputs for row in table.rows if row.name in ("layer1", "layer4", "fc")] == [
        (1, 64, 16, 16),
        (1, 512, 2, 2),
        (1, 1000),
    ]
    (relu,) = (row for row in table.rows if row.name == "layer1.0.relu")
    assert relu.cells()[0::2] == ("layer1.0.relu (2 calls)", "(1, 64, 16, 16)", "0", "131 kB")
    assert [call.outputs for call in relu.calls] == [(1, 64, 16, 16)] * 2


def test_shapes_are_those_of_the_call():
    rows = draw_network(cnn(), torch.zeros(2, 3, 6, 6)).rows
    assert [(row.name, row.inputs, row.outputs) for row in rows] == [
        ("", (2, 3, 6, 6), (2, 2)),
        ("0", (2, 3, 6, 6), (2, 5, 4, 4)),
        ("1", (2, 5, 4, 4), (2, 5, 4, 4)),
        ("2", (2, 5, 4, 4), (2, 5, 4, 4)),
        ("3", (2, 5, 4, 4), (2, 80)),
        ("4", (2, 80), (2, 2)),
    ]
    assert [row.output_bytes for row in rows] == [16, 640, 640, 640, 640, 16]
    assert draw_network(cnn(), torch.zeros(2, 3, 6, 6)).output_bytes == 4 * 640 + 16  # the whole is not counted again


def test_nested_outputs_and_keyword_arguments():
    (lstm,) = draw_network(nn.LSTM(3, 4), torch.zeros(5, 2, 3)).rows
    assert (lstm.inputs, lstm.outputs) == ((5, 2, 3), ((5, 2, 4), ((1, 2, 4), (1, 2, 4))))
    assert lstm.output_bytes == 4 * (5 * 2 * 4 + 2 * 2 * 4)
    assert lstm.cells()[2:4] == ("(5, 2, 3)", "(5, 2, 4), [(1, 2, 4), (1, 2, 4)]")
    query = torch.zeros(5, 2, 4)
    table = draw_network(nn.MultiheadAttention(4, 2), (query,), {"key": query, "value": query, "need_weights": False})
    assert table.rows[0].cells()[2:4] == ("(5, 2, 4), {key: (5, 2, 4), value: (5, 2, 4)}", "(5, 2, 4)")
    assert table.output_bytes == 4 * 40
    assert table.rows[1].cells() == (
        "out_proj",
        "NonDynamicallyQuantizableLinear",
        "not called",
        "",
        "20",
        "80 B",
        "",
    )


class Wordy(nn.Module):
    def forward(self, batch, scale=2.0):
        return {"loss": None, "out": batch["x"] * scale, "list": [batch["x"], 3]}


def test_mappings_and_values_that_are_no_tensors():
    (row,) = draw_network(Wordy(), {"x": torch.zeros(2, 3, dtype=torch.float64), "note": "hi"}, {"scale": 3}).rows
    assert row.cells()[2:4] == ("{x: (2, 3)}", "{out: (2, 3), list: [(2, 3)]}")
    assert row.output_bytes == 2 * 6 * 8
    for nothing in (3, {"x": 3}, [[], {}]):
        assert draw_network(nn.Identity(), nothing).rows[0].cells()[2:4] == ("no tensors", "no tensors")


class Repeating(nn.Module):
    def forward(self, x):
        return x, x


def test_tensor_that_comes_out_twice_is_stored_once():
    assert draw_network(Repeating(), torch.zeros(5, 3)).output_bytes == 60


def test_module_called_twice_stands_once_with_its_calls():
    table = draw_network(Looped(), torch.zeros(5, 3))
    assert [(row.name, len(row.calls), row.parameters) for row in table.rows] == [
        ("", 1, 0),
        ("layers", 0, 0),
        ("layers.0", 2, 12),
        ("layers.1", 2, 0),
        ("spare", 0, 20),
    ]
    assert [row.cells()[2] for row in table.rows if not row.calls] == ["holds modules", "not called"]
    assert table.rows[2].cells() == ("layers.0 (2 calls)", "Linear", "(5, 3)", "(5, 3)", "12", "48 B", "120 B")
    assert table.output_bytes == 4 * 60


class Shrinking(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.sizes, self.act = sizes, nn.ReLU()

    def forward(self, x):
        return [self.act(x[:size]) for size in self.sizes][-1]


def test_calls_with_other_shapes_stand_in_turn():
    table = draw_network(Shrinking([4, 4, 2]), torch.zeros(5, 3))
    assert table.rows[1].cells()[:4] == ("act (3 calls)", "ReLU", "(4, 3) ×2; (2, 3)", "(4, 3) ×2; (2, 3)")
    assert table.rows[1].output_bytes == 4 * 3 * (4 + 4 + 2)
    for sizes, said in {
        (1, 2, 3, 4): "(1, 3); (2, 3); (3, 3); (4, 3)",
        (1, 2, 3, 4, 5): "(1, 3); (2, 3); (3, 3); 2 more calls",
        (1, 1, 3, 4, 5, 5): "(1, 3) ×2; (3, 3); (4, 3); (5, 3) ×2",
    }.items():
        assert draw_network(Shrinking(sizes), torch.zeros(5, 3)).rows[1].cells()[2] == said


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
        self.second = self.first
        self.act = self.first[1]

    def forward(self, x):
        return self.act(self.second(self.first(x)))


def test_module_with_two_names_bears_both():
    names = [row.cells()[0] for row in draw_network(Twice(), torch.zeros(5, 3)).rows]
    assert names == ["(whole network)", "first = second (2 calls)", "first.0 (2 calls)", "first.1 = act (3 calls)"]


def test_module_that_was_not_called_stands_with_its_family():
    network = nn.Sequential(Looped(), nn.Tanh())
    assert [row.name for row in draw_network(network, torch.zeros(5, 3), depth=2).rows[-2:]] == ["0.spare", "1"]


def test_shared_and_frozen_parameters_are_told():
    cells = {row.name: row.cells()[4:6] for row in draw_network(Tied(), torch.tensor([1, 2])).rows}
    assert cells == {"": ("0", "0 B"), "embed": ("21", "84 B"), "head": ("7, 21 shared with embed", "28 B")}
    assert [row.shared for row in draw_network(Tied(), torch.tensor([1, 2]), depth=0).rows] == [()]
    network = nn.Sequential(nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 2))
    network[1].bias.requires_grad_(False)
    table = draw_network(network, torch.zeros(5, 3))
    assert [row.cells()[4] for row in table.rows] == ["0", "16 frozen", "10, 2 frozen"]
    assert (table.parameters, table.trainable) == (26, 8)
    assert [row.frozen for row in table.rows] == [False, True, False]


def test_frozen_backbone_is_seen_as_such():
    network = nn.Sequential(nn.Sequential(nn.Linear(3, 4), nn.ReLU()).requires_grad_(False), nn.Linear(4, 2))
    table = draw_network(network, torch.zeros(5, 3))
    assert [row.cells()[4] for row in table.rows] == ["0", "0, frozen inside", "16 frozen", "0", "10"]
    rows = ET.fromstring(table._repr_html_()).findall("tbody/tr")
    assert ["italic" in row.get("style", "") for row in rows] == [False, True, True, False, False]
    assert draw_network(network, torch.zeros(5, 3), depth=1).rows[1].cells()[4] == "16 frozen"
    tied = Tied().requires_grad_(False)
    assert draw_network(tied, torch.tensor([1])).rows[2].cells()[4] == "7 frozen, 21 shared with embed"


def noisy():
    return nn.Sequential(cnn(), nn.Dropout(0.5))


def test_everything_stays_as_it_was():
    network = noisy()
    network(torch.randn(2, 3, 6, 6)).sum().backward()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    grads = [p.grad.clone() for p in network.parameters()]
    hooks = [dict(part._forward_hooks) | dict(part._forward_pre_hooks) for part in network.modules()]
    states = torch.get_rng_state(), random.getstate()
    draw_network(network, torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close([p.grad for p in network.parameters()], grads, rtol=0, atol=0)
    assert [dict(part._forward_hooks) | dict(part._forward_pre_hooks) for part in network.modules()] == hooks
    assert network.training


class Random(nn.Module):
    def forward(self, x):
        return x + random.random()


def test_random_state_of_python_stays():
    state = random.getstate()
    draw_network(Random(), torch.zeros(1))
    assert random.getstate() == state


def test_inputs_stay_and_nothing_is_recorded():
    x = torch.tensor([[-1.0, 2.0]], requires_grad=True)
    doubled = x * 2  # not a leaf: deepcopy alone would refuse it
    draw_network(nn.Sequential(nn.ReLU(inplace=True)), doubled)
    assert doubled.tolist() == [[-2, 4]]
    assert doubled._version == 0
    seen = []
    network = nn.Linear(2, 1)
    network.register_forward_hook(lambda module, args, output: seen.append(output.requires_grad))
    draw_network(network, x)
    assert seen == [False]


class Moody(nn.Module):
    def forward(self, x):
        return x if self.training else x[:1]


def test_mode_is_that_of_the_module():
    module = Moody()
    assert draw_network(module, torch.zeros(2, 3)).rows[0].outputs == (2, 3)
    assert draw_network(module.eval(), torch.zeros(2, 3)).rows[0].outputs == (1, 3)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("mask", [[False, True], [False, False]])
def test_transformer_in_evaluation_with_a_mask(norm_first, mask):
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=norm_first)
    with warnings.catch_warnings(action="ignore"):  # norm_first has no fast path
        encoder = nn.TransformerEncoder(layer, 2).eval()
    x, masks = torch.rand(1, 2, 8), {"src_key_padding_mask": torch.tensor([mask])}
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # nested tensors are a prototype
        expected = encoder(x, **masks).shape
    rows = draw_network(encoder, x, masks).rows
    assert rows[0].outputs == expected == (1, 2, 8)
    assert [row.name for row in rows if not row.calls] == ["layers"]
    assert {row.outputs for row in rows if row.name.endswith(("linear1", "dropout"))} == {(1, 2, 16)}
    assert torch.backends.mha.get_fastpath_enabled()


def test_the_usual_way_is_listed_where_there_is_a_faster_one():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    rows = draw_network(layer, torch.zeros(5, 3, 8)).rows
    assert [row.name for row in rows if not row.calls] == ["self_attn.out_proj"]
    with pytest.raises(AssertionError, match="was expecting embedding dimension"):
        draw_network(layer, torch.zeros(5, 3, 7))
    assert torch.backends.mha.get_fastpath_enabled()


def test_compiled_network_runs_as_it_was_written():
    def refuse(*_):
        raise AssertionError("was compiled")

    network = torch.compile(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), backend=refuse)
    names = [(row.name, len(row.calls)) for row in draw_network(network, torch.zeros(5, 3)).rows]
    assert names == [("", 1), ("_orig_mod", 1), ("_orig_mod.0", 1), ("_orig_mod.1", 1)]


class Point(NamedTuple):
    x: torch.Tensor
    note: str
    y: torch.Tensor


@dataclass
class Output:
    logits: torch.Tensor
    hidden: tuple[torch.Tensor, ...]
    loss: torch.Tensor | None = None


class Images:
    """An object as torchvision's detection passes around."""

    def __init__(self, tensors, sizes):
        self.tensors, self.sizes, self.me = tensors, sizes, self


class Structured(nn.Module):
    def forward(self, x):
        return Output(x, (x[:2], x[:1])), Point(x, "hi", x[0]), Images(x, [3]), deque([x[1]])


def test_named_tuples_dataclasses_and_objects():
    table = draw_network(Structured(), Point(torch.zeros(5, 3), "hi", torch.zeros(2)).x)
    said = "{logits: (5, 3), hidden: [(2, 3), (1, 3)]}, {x: (5, 3), y: (3,)}, {tensors: (5, 3)}, [(3,)]"
    assert table.rows[0].cells()[3] == said
    assert table.output_bytes == 4 * (15 + 6 + 3 + 3 + 3)
    (row,) = draw_network(nn.Identity(), [Images(torch.zeros(2), 1)]).rows
    assert row.cells()[2:4] == ("[{tensors: (2,)}]", "{tensors: (2,)}")


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 4)

    def forward(self, sequences):
        return self.rnn(pack_sequence(sequences, enforce_sorted=False))


def test_packed_sequences():
    sequences = [torch.zeros(n, 3) for n in (2, 5, 4)]
    whole, rnn = draw_network(Recurrent(), (sequences,)).rows
    assert whole.cells()[2] == "[(2, 3), (5, 3), (4, 3)]"
    assert rnn.cells()[2:4] == ("(11, 3) packed from 3 sequences", "(11, 4) packed from 3 sequences, (1, 3, 4)")
    assert rnn.output_bytes == 4 * (11 * 4 + 12) + 8 * (5 + 3 + 3)  # with the numbers of sequences, and their order


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors(layout):
    nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(5, 3)], layout=layout)
    (row,) = draw_network(nn.ReLU(), nested).rows
    assert row.cells()[2:4] == ("(2, *, 3) nested",) * 2


class Sampling(nn.Module):
    def forward(self, x, generator):
        return x + torch.rand(x.shape, generator=generator)


def test_generator_that_is_given_stays_as_it_was():
    generator = torch.Generator().manual_seed(0)
    assert draw_network(Sampling(), torch.zeros(2, 3), {"generator": generator}).rows[0].outputs == (2, 3)
    assert torch.equal(generator.get_state(), torch.Generator().manual_seed(0).get_state())


class Keeping(nn.Linear):
    def forward(self, x):
        self.kept = [super().forward(x)]
        return self.kept[0]


def test_module_that_keeps_what_it_computed():
    module = Keeping(3, 4)
    module(torch.zeros(5, 3))
    kept = module.kept[0]
    assert draw_network(module, torch.zeros(2, 3)).rows[0].outputs == (2, 4)
    assert module.kept[0] is kept


def test_parameters_that_wait_for_their_first_input():
    lazy = nn.LazyLinear(4)
    (row,) = draw_network(lazy, torch.zeros(5, 3)).rows
    assert (row.kind, row.parameters) == ("Linear", 16)
    assert lazy.has_uninitialized_params()
    network = nn.ModuleDict({"used": nn.Linear(3, 2), "lazy": nn.LazyLinear(4)})
    network.forward = network["used"].forward
    assert draw_network(network, torch.zeros(5, 3)).rows[2].cells()[4] == "unknown before the first call"


class Careful(nn.Module):
    def __init__(self):
        super().__init__()
        self.broken, self.fine = nn.Linear(9, 9), nn.Linear(3, 2)

    def forward(self, x):
        try:
            return self.broken(x)
        except RuntimeError:
            return self.fine(x)


def test_error_that_the_network_catches():
    rows = draw_network(Careful(), torch.zeros(5, 3)).rows
    assert [(row.name, row.outputs) for row in rows] == [("", (5, 2)), ("broken", None), ("fine", (5, 2))]
    assert [row.cells()[3] for row in rows] == ["(5, 2)", "raised an error", "(5, 2)"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (46_758_048, "46.8 MB"), (999_900, "1 MB"), (2_500_000_000, "2.5 GB")],
)
def test_memory_is_in_units_of_a_thousand(count, text):
    network = nn.Module()
    network.register_parameter("w", nn.Parameter(torch.empty(count, dtype=torch.int8, device="meta"), False))
    network.forward = lambda: None
    assert draw_network(network, ()).rows[0].cells()[5] == text


def test_text_is_aligned_and_ends_with_the_totals():
    network = nn.Sequential(nn.Linear(3, 400), nn.Sequential(nn.ReLU()))
    lines = str(draw_network(network, torch.zeros(5, 3))).splitlines()
    assert lines == [
        "Module           Class       Input     Output    Parameters  Their memory  Output's memory",
        "---------------  ----------  --------  --------  ----------  ------------  ---------------",
        "(whole network)  Sequential  (5, 3)    (5, 400)           0           0 B             8 kB",
        "  0              Linear      (5, 3)    (5, 400)       1,600        6.4 kB             8 kB",
        "  1              Sequential  (5, 400)  (5, 400)           0           0 B             8 kB",
        "    1.0          ReLU        (5, 400)  (5, 400)           0           0 B             8 kB",
        "",
        "1,600 parameters, 1,600 of them trainable, 6.4 kB; outputs of the innermost modules 16 kB",
    ]
    assert repr(draw_network(network, torch.zeros(5, 3))).splitlines() == lines


def test_html_is_a_table_with_headings():
    network = nn.Sequential()
    network.add_module('<b>&"', nn.Linear(3, 4))
    table = draw_network(network, torch.zeros(5, 3))
    tree = ET.fromstring(table._repr_html_())
    assert (tree.tag, tree.get("class")) == ("table", "ptg-table")
    assert tree.findtext("caption") == table.totals
    assert [th.get("scope") for th in tree.iter("th")] == ["col"] * 7 + ["row"] * 2
    rows = [[cell.text or "" for cell in row] for row in tree.iter("tr")]
    assert rows[1:] == [list(row.cells()) for row in table.rows]
    assert rows[2][0] == '<b>&"'
    indents = [th.get("style").split("padding-left:")[1] for th in tree.iter("th") if th.get("scope") == "row"]
    assert indents == ["0.5em", "1.7em"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((nn.Linear, ()), TypeError, r"module has type type; expected a torch\.nn\.Module"),
        ((nn.Identity(), 1, None, -1), ValueError, "depth is -1; expected the number of levels to list, an integer"),
        ((nn.Identity(), 1, None, "2"), ValueError, "depth is '2'; expected the number of levels"),
    ],
)
def test_bad_argument_is_named(arguments, error, message):
    module, inputs, *options = arguments
    with pytest.raises(error, match=message):
        draw_network(module, inputs, **dict(zip(["kwargs", "depth"], options, strict=False)))


def test_module_or_input_that_cannot_be_copied():
    module = nn.Linear(3, 4)
    module.lock = threading.Lock()
    with pytest.raises(ValueError, match=r"module cannot be copied: cannot pickle .*a copy is run, so that yours"):
        draw_network(module, torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"inputs cannot be copied: cannot pickle .* so that yours stay as they are"):
        draw_network(nn.Identity(), threading.Lock())


def test_error_of_a_layer_tells_which():
    network = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(4, 2)))
    with pytest.raises(RuntimeError, match="cannot be multiplied") as caught:
        draw_network(network, torch.zeros(5, 3))
    assert caught.value.__notes__ == ["It was raised in 1.0 (Linear), which was given (5, 3)."]
    with pytest.raises(TypeError) as caught:
        draw_network(nn.ReLU(), (torch.zeros(5, 3), torch.zeros(1)))
    assert caught.value.__notes__ == ["It was raised in the whole network (ReLU), which was given (5, 3), (1,)."]
