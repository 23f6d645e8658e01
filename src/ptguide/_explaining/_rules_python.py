"""Tensors in the place of Python's own values, and old code."""

from __future__ import annotations

from ptguide._explaining._calls import Operand
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._standins import UNKNOWN


@explains("Boolean value of Tensor with (more than one|no) value", "tensors/tensor_to_python", anywhere=True)
def truth(case: Case) -> Finding:
    """One value is true or false, several are not."""
    call = case.site.call
    text = call.text
    operands = [one for one in call.args if one.is_tensor]
    shape = operands[0].shape if operands else None
    has = f" has {operands[0].value.numel()} elements" if shape else " has several"
    rule = f"A condition is one value; {text}{has}."
    x = Operand(
        text,
        operands[0].value if operands else UNKNOWN,
        operands[0].device if operands else None,
        call.op not in ("gt", "ge", "lt", "le", "eq", "ne"),
    )
    changes = ["bool({x}.any())", "bool({x}.all())"]
    return Finding(rule, {"x": x}, "bool({x})", changes, values=True)


@explains(
    "cannot be converted to Scalar|only one element tensors can be converted|only integer tensors of a single element",
    "tensors/tensor_to_python",
    anywhere=True,
)
def item(case: Case) -> Finding:
    """One element becomes a number."""
    call = case.nearest(1)
    x = call.tensors()[0]
    rule = (
        f"{x.name} has shape {x.shape}, so {x.value.numel()} elements; one of them, or what they are "
        f"reduced to, is a number."
    )
    first = ", ".join("0" for _ in x.shape)
    changes = [f"{{x}}[{first}].item()", "{x}.sum().item()", "{x}.tolist()"]
    return Finding(rule, {"x": x}, "{x}.item()", changes, values=True, most=3)


@explains("expected sequence of length (\\d+) at dim (\\d+) \\(got (\\d+)\\)", "tensors/tensor_from_data")
def ragged(case: Case) -> Finding:
    """The rows of a tensor are equally long."""
    call = case.call("tensor", "as_tensor", "LongTensor", "FloatTensor")
    data = call.get(0, "data")
    rule = (
        f"All lists at one depth are equally long; here one along axis {case.match[2]} has "
        f"{case.match[1]} entries, another {case.match[3]}."
    )
    if type(data.value) is not list or not all(type(row) is list for row in data.value):
        return Finding(rule)
    shown = f"torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in {data.name}], batch_first=True)"
    code = "nn.utils.rnn.pad_sequence([torch.tensor(row) for row in {d}], batch_first=True)"
    return Finding(rule, {"d": data}, "torch.tensor({d})", [Change(code, shown)], values=True)


@explains("too many dimensions 'str'|new\\(\\): invalid data type 'str'", "tensors/tensor_from_data")
def strings(case: Case) -> Finding:
    """A tensor holds numbers."""
    data = case.call("tensor", "as_tensor").get(0, "data")
    rule = "A tensor holds numbers; words are numbered first."
    if type(data.value) is not list or not all(type(word) is str for word in data.value):
        return Finding(rule)
    code = "torch.tensor([sorted(set({d})).index(word) for word in {d}])"
    return Finding(rule, {"d": data}, "torch.tensor({d})", [code], values=True)


@explains("can't convert np.ndarray of type numpy.object_", "tensors/numpy_and_back")
def objects(case: Case) -> Finding:
    """An array of objects holds pointers and no numbers."""
    call = case.site.call
    array = call.get(0)
    rule = "An array of type object holds Python's objects in any mixture; a tensor holds numbers of one type."
    if array.value is UNKNOWN:
        return Finding(rule)
    return Finding(rule, {"d": array}, "torch.from_numpy({d})", ["torch.from_numpy({d}.astype(float))"], values=True)


@explains("'builtin_function_or_method' object has no attribute '(\\w+)'", "tensors/attributes", anywhere=True)
def method(case: Case) -> Finding | None:
    """A method is called before something is done with its result."""
    call = case.site.call
    text = call.text
    op = call.op.removeprefix(".")
    for name in ("size", "dim", "numel", "tolist", "item"):
        if f".{name}.{case.match[1]}" in text:
            base = text.partition(f".{name}.")[0]
            rule = f"{base}.{name} is a method; what it returns has {case.match[1]}, once it is called."
            shown = text.replace(f".{name}.", f".{name}().")
            probe = f"torch.zeros(2, 3).{name}%s.{case.match[1]}"
            probe += "()" if op == case.match[1] else ""
            return Finding(rule, {}, probe % "", [Change(probe % "()", shown)], values=True, example=True)
    return None


@explains("'torch.(Size|dtype|device)' object is not callable", "tensors/attributes", anywhere=True)
def not_callable(case: Case) -> Finding | None:
    """An attribute is read without parentheses."""
    call = case.site.call
    name = {"Size": "shape", "dtype": "dtype", "device": "device"}[case.match[1]]
    if not call.text.endswith(f".{name}()"):
        return None
    x = call.args[0] if call.args else Operand("x", UNKNOWN)
    rule = f"{name} is an attribute: it is read without parentheses."
    if not x.is_tensor:
        return Finding(rule)
    return Finding(rule, {"x": x}, f"{{x}}.{name}()", [f"{{x}}.{name}"], values=True)


@explains("cannot assign (module|parameters?|buffers?) before Module.__init__", "modules/anatomy_of_nn_module")
def no_init(case: Case) -> Finding:
    """A module is made before its parts are."""
    layer = case.site.layer
    name = type(layer.module).__name__ if layer else "The class"
    rule = (
        f"{name} keeps its layers in lists that nn.Module.__init__ makes; call it before the first layer is assigned."
    )
    start = (
        "class Net(torch.nn.Module):\n    def __init__(self):\n%s        self.fc = torch.nn.Linear(2, "
        "2)\nresult = Net()"
    )
    changes = [Change(start % "        super().__init__()\n", "super().__init__() as the first line of __init__")]
    return Finding(rule, {}, start % "", changes, values=True, example=True)


@explains("optimizer got an empty parameter list", "training/the_training_loop")
def empty(case: Case) -> Finding:
    """An optimizer changes parameters that it was given."""
    rule = (
        f"{case.site.call.text} was given no parameters. A model without layers, or with its layers in a "
        f"plain list, has none."
    )
    start = "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    start += "        self.layers = %s\nresult = len(list(Net().parameters()))\nassert result"
    made = "[torch.nn.Linear(2, 2)]"
    changes = [Change(start % f"torch.nn.ModuleList({made})", "nn.ModuleList([...]) for layers in a list")]
    return Finding(rule, {}, start % made, changes, values=True, example=True)


@explains("DataLoaderIter' object has no attribute 'next'", "errors/old_code", anywhere=True)
def old_next(case: Case) -> Finding | None:
    """An iterator is asked by next()."""
    text = case.site.call.text.removesuffix("()")
    if not text.endswith(".next"):
        return None
    rule = "An iterator of Python 3 has no method next; the function next asks it."
    start = "batches = iter(torch.utils.data.DataLoader([1, 2]))\nresult = %s"
    shown = f"next({text.removesuffix('.next')})"
    return Finding(
        rule, {}, start % "batches.next()", [Change(start % "next(batches)", shown)], values=True, example=True
    )


@explains("unexpected keyword argument 'verbose'", "errors/old_code", anywhere=True)
def old_verbose(case: Case) -> Finding | None:
    """The schedules print nothing any more."""
    if not case.site.in_torch:
        return None
    text = case.site.call.text
    rule = "The schedules of the learning rate have no verbose any more; get_last_lr() gives what it printed."
    start = "result = torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(2)], lr=1), 1%s)"
    shown = text.replace(", verbose=True", "").replace(", verbose=False", "")
    return Finding(rule, {}, start % ", verbose=True", [Change(start % "", shown)], values=True, example=True)


@explains("default_collate: batch must contain tensors", "training/custom_dataset")
def collate(case: Case) -> Finding:
    """A batch is made of tensors, arrays and numbers."""
    rule = (
        f"A DataLoader makes batches of tensors, arrays, numbers, and dicts and lists of "
        f"these.{case.message.rpartition(';')[2].replace(' found', ' This sample has')}."
    )
    start = "result = next(iter(torch.utils.data.DataLoader([object()]%s)))"
    changes = [Change(start % ", collate_fn=list", "DataLoader(..., collate_fn=list) keeps the samples as they are")]
    return Finding(rule, {}, start % "", changes, values=True, example=True)


@explains("Subclasses of Dataset should implement __getitem__", "training/custom_dataset")
def no_item(case: Case) -> Finding:
    """A data set says what its samples are."""
    rule = (
        "A data set has two methods: __len__ says how many samples there are, __getitem__(self, index) "
        "returns one of them."
    )
    start = "class Data(torch.utils.data.Dataset):\n    def __len__(self):\n        return 3\n%sresult = Data()[0]"
    method = "    def __getitem__(self, index):\n        return torch.tensor(index)\n"
    shown = "def __getitem__(self, index): return one sample"
    return Finding(rule, {}, start % "", [Change(start % method, shown)], values=True, example=True)


@explains("No module named 'torch\\.(\\w+)'", "errors/no_module_named_torch", anywhere=True)
def no_module(case: Case) -> Finding:
    """A part of torch is there or it is not."""
    return Finding(f"This torch has no part named {case.match[1]}.")
