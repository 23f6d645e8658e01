"""Which elements of the inputs does each element of the output depend on? The operation itself is run to find out.

An output element depends on an input element if changing this one alone, to some value that the operation accepts,
changes the output element; it *may depend* on it if that takes other values of other elements, too.

What a dependency is called comes from runs on other values, and not from a list of operations:

copied
    At all points that were tried, the output element was equal to some input element; at the values given it is this
    one. ``clamp`` lets some values pass and changes others, so it computes.
compared
    Another element was copied, and a change of this one changes which.
computed
    A change of the input element changes the output element, and it is not copied.
index
    The element of an index or a mask decides which element arrives: the other values of it change the output element.
maybe
    A change of the input element changes the output element when others have other values: the weight of ``prelu``
    while the input is positive. Of an index: some values that it could have would change the output element.

"The values given" includes those that are nearly the same: the product of ``x`` and a tensor of zeros depends on ``x``,
because a zero could be a little more. Indices and masks keep their values while others are changed: they choose, and
what they did not choose is not in the trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor

from ptguide import _tracing

__all__ = ["MOST_ELEMENTS", "Kind", "Link", "Trace", "trace"]

MOST_ELEMENTS = 4096  # of all inputs together, and of all outputs: one byte for each pair, 16 MB


class Kind(IntEnum):
    """How an output element depends on an input element; ``MAYBE`` if that takes other values of other elements."""

    NONE = 0
    COMPARED = 1
    INDEX = 2
    COMPUTED = 3
    COPIED = 4
    MAYBE = 5


@dataclass(frozen=True)
class Link:
    """One element at the other end of a dependency.

    Attributes
    ----------
    name : str
        The input (or, seen from an input, the output) that the element belongs to.
    index : tuple of int
        Its place there.
    kind : Kind
        How the output element depends on the input element.
    """

    name: str
    index: tuple[int, ...]
    kind: Kind


@dataclass(frozen=True)
class Trace:
    """What an operation gave, and what each element of it depends on.

    Attributes
    ----------
    inputs, outputs : tuple of Tensor
        The tensors found in the arguments, with the values that they had before the operation, and those of the
        result. An operation that returns no tensor has as its outputs the inputs that it wrote into.
    input_names, output_names : tuple of str
        ``x``, or ``a``, ``b``, ``c`` in the order of the call; a keyword argument has its own name. ``out``,
        or the field's name (``values``, ``indices``).
    kinds : tuple of tuple of Tensor, small integers
        ``kinds[o][i]``, of shape ``(*outputs[o].shape, *inputs[i].shape)`` as a Jacobian has it, holds the
        `Kind` of each pair.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    kinds: tuple[tuple[Tensor, ...], ...]

    def depends(self, output: int = 0, input: int = 0) -> Tensor:
        """Return whether each output element depends on each input element, whichever `Kind` it is.

        Returns
        -------
        Tensor, bool, of the shape of the output followed by that of the input
        """
        return self.kinds[output][input] != Kind.NONE

    def sources(self, index: Sequence[int], output: int = 0) -> list[Link]:
        """Return the input elements that one output element depends on.

        Parameters
        ----------
        index : sequence of int
            The place of the element in the output.
        output : int
            Which output.
        """
        _require_place(index, self.outputs[output], self.output_names[output])
        rows = (kinds[tuple(index)] for kinds in self.kinds[output])
        return [link for name, row in zip(self.input_names, rows, strict=True) for link in _links(name, row)]

    def targets(self, index: Sequence[int], input: int = 0) -> list[Link]:
        """Return the output elements that depend on one input element.

        Parameters
        ----------
        index : sequence of int
            The place of the element in the input.
        input : int
            Which input.
        """
        _require_place(index, self.inputs[input], self.input_names[input])
        links = []
        for name, output, matrices in zip(self.output_names, self.outputs, self.kinds, strict=True):
            whole_output: tuple[slice | int, ...] = (slice(None),) * output.ndim
            links += _links(name, matrices[input][whole_output + tuple(index)])
        return links


def _require_place(index: Sequence[int], tensor: Tensor, name: str) -> None:
    if len(index) != tensor.ndim or not all(-size <= i < size for i, size in zip(index, tensor.shape, strict=True)):
        raise ValueError(f"index is {tuple(index)}, which is no place in {name} of shape {tuple(tensor.shape)}.")


def _links(name: str, kinds: Tensor) -> list[Link]:
    return [Link(name, tuple(index), Kind(int(kinds[tuple(index)]))) for index in kinds.nonzero().tolist()]


def trace(op: Callable[..., Any], inputs: Any, /, **kwargs: Any) -> Trace:
    """Run an operation and find for each output element the input elements that it depends on.

    Parameters
    ----------
    op : callable
        A function of torch, a method such as ``torch.Tensor.add_``, a function of your own or an ``nn.Module``.
    inputs : Tensor, tuple or list
        What stands between the parentheses of the call: a tuple holds the arguments, ``(a, b)`` for ``op(a, b)``;
        anything else is the one argument, so ``[a, b]`` stands for ``op([a, b])``.
    **kwargs
        Keyword arguments of the call; tensors among them are inputs too.

    Returns
    -------
    Trace

    Raises
    ------
    TypeError
        If `op` cannot be called, or returns no tensor and writes into none.
    ValueError
        If there is no tensor in the inputs; if one is sparse, nested, quantized or without values; if inputs or
        outputs have more than `MOST_ELEMENTS` elements; if two runs on the same values differ; if the shape of an
        output depends on the values, which hides what went where (``nonzero``); or if no other values are accepted.
    Exception
        Whatever `op` itself raises on these inputs.

    Notes
    -----
    The arguments are not written into: each run gets copies, in the same memory layout, and the same state of
    torch's random numbers. Modules and generators among the arguments are copied too; a module's parameters are not
    inputs. What your function holds otherwise, such as a layer with batch norm, takes part in each run.

    One input element at a time is changed: to the other values among the inputs, their neighbours, larger and smaller
    ones, both truth values; on the values given, on others near them, and on others far from them (in other orders,
    equal, zero, random). Runs are made in float64 where the operation takes it, and many at once where
    `torch.func.vmap` gives the same. Then all that an output element was not seen to depend on is replaced; if it
    moves, elements are replaced one after the other on random ways from the values given to others, until it does not
    move any more. (NaN in place of the changes would be simpler, and wrong twice: ``0 * nan`` is NaN, so that attention
    would see what its mask hides, and ``sort`` puts NaN last.) Infinite values stay, because they are masks, and what
    they outweigh is not seen.

    With hundreds of elements fewer values are tried, and elements that change different outputs are changed at once, as
    sparse Jacobians are computed (Gebremedhin, Manne and Pothen, "What color is your Jacobian?", SIAM Review,
    2005).

    What it cannot see: a dependency that appears at none of these values, such as the branch of a rare condition.
    A change that is no larger than rounding does not count.

    An integer or boolean input counts as an index if the operation refuses its values as floating-point numbers, gives
    another result for them, or ignores their fractions. Where a mask changes the shape of the output, its links are the
    elements that are gone without it. Integers alone are computed with. Inputs that share memory are copied apart.

    Examples
    --------
    >>> import torch
    >>> stacked = trace(torch.stack, [torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
    >>> stacked.outputs[0].tolist()
    [[1, 3], [2, 4]]
    >>> stacked.sources((0, 1))
    [Link(name='b', index=(0,), kind=<Kind.COPIED: 4>)]
    >>> trace(torch.mul, (torch.ones(1), torch.zeros(1))).depends().item()
    True
    >>> summed = trace(torch.cumsum, torch.ones(4), dim=0)
    >>> summed.depends().int().tolist()  # row: output element, column: input element
    [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    """
    # not looked up: float64; 0 * nan — tests/unit/test_trace.py tries them
    if not callable(op):
        raise TypeError(f"op is {op!r}; expected something to call, such as torch.cat.")
    call = _tracing.Call(op, inputs, kwargs)
    # Tensors made in inference mode would not count what is written into them.
    with torch.random.fork_rng(devices=list(call.gpu_rng)), torch.inference_mode(False):
        return _trace(call, inputs)


def _trace(call: _tracing.Call, inputs: Any) -> Trace:
    _require_traceable("the inputs", call.tensors)
    actual = _first_run(call, inputs)
    kinds = tuple(map(tuple, _tracing.search(call, actual)))
    inputs_before = tuple(tensor.detach().clone() for tensor in call.tensors)
    return Trace(inputs_before, tuple(actual.tensors), tuple(call.names), tuple(actual.names), kinds)


def _first_run(call: _tracing.Call, inputs: Any) -> _tracing.Result:
    """Run the operation on the values given, twice."""
    try:
        first = call.run(call.tensors)
    except TypeError as error:
        if isinstance(inputs, list):
            error.add_note("inputs is a list, so it was passed as one argument; give (a, b) to call op(a, b).")
        elif isinstance(inputs, tuple):
            error.add_note("inputs is a tuple, so each part was passed by itself; give [a, b] to call op([a, b]).")
        raise
    if not first.tensors:
        raise TypeError(f"op returned {first.kind}, which holds no tensor, and wrote into none of its inputs.")
    _require_traceable("the result", first.tensors)
    second = call.run(call.tensors)
    if not all(map(_tracing.equal, first.tensors, second.tensors)):
        raise ValueError(
            "op gave two results for the same values, so it keeps something from call to call, or draws random numbers "
            "that torch.manual_seed does not govern; expected the same result. Seed them inside it."
        )
    return first


def _require_traceable(where: str, tensors: Sequence[Tensor]) -> None:
    if not tensors:
        raise ValueError(f"there is no tensor in {where}; expected at least one.")
    for tensor in tensors:
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested or tensor.device.type == "meta":
            what = "quantized" if tensor.is_quantized else "nested" if tensor.is_nested else str(tensor.layout)
            what = "on the meta device" if tensor.device.type == "meta" else what
            raise ValueError(f"a tensor in {where} is {what}; expected ordinary (strided) tensors with values.")
    count = sum(tensor.numel() for tensor in tensors)
    if count > MOST_ELEMENTS:
        raise ValueError(
            f"there are {count} elements in {where}; trace follows at most {MOST_ELEMENTS}. Take a smaller example."
        )
