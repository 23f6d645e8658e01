"""Is a trace right for every operation that torch itself tests? Its databases of operations and modules give the calls.

The oracle knows nothing of `ptguide.trace`: it changes one element at a time in the dtype that is given, on the values
given and on others, and takes the derivative where there is one. What changed on the values given must be in the trace,
and what is in the trace must have changed somewhere.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import sys
import types
import unittest
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.trace import trace

MOST_ELEMENTS = 300  # of a call, inputs and outputs together
DTYPES = (torch.float32, torch.float64, torch.int64, torch.bool, torch.complex128)
SECONDS = 300  # for one call, after which it counts as hung
GOAL = 0.995

Call = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]


# --- Calls -----------------------------------------------------------------------------------------------------------


def databases() -> tuple[list[Any], list[Any]]:
    """Return torch's databases of operations and modules."""
    # torch's own tests need a package for this one class; the databases only derive from it.
    sys.modules.setdefault("expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))  # type: ignore[arg-type]
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

    return op_db, module_db


def calls_of(info: Any, samples: int) -> Iterator[Call]:
    """Yield calls of an operation or a module, a few for each dtype that it takes."""
    is_module = hasattr(info, "module_cls")
    for dtype in DTYPES:
        if dtype in (info.dtypes if is_module else info.supported_dtypes("cpu")):
            torch.manual_seed(0)
            make = _module_calls(info, dtype) if is_module else _operation_calls(info, dtype)
            name = f"{info.formatted_name if is_module else info.full_name} {str(dtype)[6:]}"
            small = (call for call in make if 0 < _size(call[1:]) <= MOST_ELEMENTS)
            for number, (op, args, kwargs) in zip(range(samples), small, strict=False):
                yield f"{name} {number}", op, args, kwargs


def _operation_calls(info: Any, dtype: torch.dtype) -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    for sample in info.sample_inputs("cpu", dtype):
        yield info.get_op(), (sample.input, *sample.args), sample.kwargs


def _module_calls(info: Any, dtype: torch.dtype) -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    for training in (False, True):
        for given in info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=False, training=training):
            made = given.constructor_input
            module = info.module_cls(*made.args, **made.kwargs).to(dtype).train(training)
            yield module, given.forward_input.args, given.forward_input.kwargs


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors of an argument or a result, in order."""
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]


def _size(value: Any) -> int:
    return sum(tensor.numel() for tensor in tensors_in(value))


# --- The oracle ------------------------------------------------------------------------------------------------------


class Oracle:
    """What changes when one element of a call is changed."""

    def __init__(self, call: Call) -> None:
        _, self.op, self.args, self.kwargs = call
        self.inputs = [tensor.detach().clone() for tensor in tensors_in((self.args, self.kwargs))]
        self.state = torch.get_rng_state()
        self.generator = torch.Generator().manual_seed(1)
        self.outputs = self.run(self.inputs)

    def run(self, inputs: list[Tensor]) -> list[Tensor] | None:
        """Return the outputs for other inputs, None if they are refused."""
        replacements = iter([tensor.clone() for tensor in inputs])
        args, kwargs = _with_others(self.args, replacements), _with_others(self.kwargs, replacements)
        torch.set_rng_state(self.state)
        op = _fresh(self.op)
        try:
            return [tensor.detach().clone() for tensor in tensors_in(op(*args, **kwargs))]
        except Exception:
            return None

    def dependencies(self) -> tuple[Tensor, Tensor]:
        """Return what changes on the values given, and what changes anywhere; bool, shape (O, I)."""
        here = self._changed_from(self.inputs, 40)[0]
        anywhere = here | self._jacobian()[0]  # which may be another than the operation's, as for cholesky_inverse
        for number in range(20):
            anywhere |= self._changed_from([self._drawn(tensor, number) for tensor in self.inputs], 6)[0]
        return here, anywhere

    def _drawn(self, tensor: Tensor, number: int) -> Tensor:
        """Return other values: in another order, between 0 and 1, around 0, large, or mixed with those given."""
        order = torch.randperm(tensor.numel(), generator=self.generator)
        mixed = tensor.flatten()[order].reshape(tensor.shape)
        if tensor.dtype == torch.bool:
            return torch.rand(tensor.shape, generator=self.generator) < (0.5, 0.1, 0.9, 1, 0)[number % 5]
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return mixed if number % 2 else tensor
        noise = torch.randn(tensor.shape, generator=self.generator, dtype=torch.float64)
        values = (
            tensor + 1e-2 * noise,
            mixed,
            noise.abs().clamp(0.05, 0.95),
            3 * noise,
            0 * noise,
            tensor,
            0 * noise + 0.7,
        )
        return values[number % 7].to(tensor.dtype)

    def _values(self, tensor: Tensor, place: int, count: int) -> list[Any]:
        value = tensor.flatten()[place].item()
        if tensor.dtype == torch.bool:
            return [not value]
        pool = [other for t in (tensor, *self.inputs) if t.dtype == tensor.dtype for other in t.flatten().tolist()]
        others = list(dict.fromkeys([*pool[:6], *pool[-6:], *pool]))[:count]
        if tensor.is_floating_point() or tensor.is_complex():
            drawn = (torch.randn(count // 3, generator=self.generator, dtype=torch.float64) * 3).tolist()
            return [
                value + 0.37,
                0.0,
                0.5,
                1.5,
                3.0,
                value - 1.3,
                1e-2 + value,
                -30.0,
                30.0,
                2e3,
                -2e3,
                *others,
                *drawn,
            ]
        nearby = [step + other for other in others[:4] for step in (1, -1)]
        return [value + 1, value - 1, 0, value + 2, 1, -100, 100, *others, *nearby, *range(count // 3)]

    def _changed_from(self, inputs: list[Tensor], count: int) -> Tensor:
        """Return which outputs change when one element of these inputs is changed, bool, shape (1, O, I)."""
        size = sum(output.numel() for output in self.outputs or [])
        base, columns = self.run(inputs), []
        for i, tensor in enumerate(inputs):
            for place in range(tensor.numel()):
                column = torch.zeros(size, dtype=torch.bool)
                for value in self._values(tensor, place, count) if base is not None else ():
                    changed = tensor.flatten().clone()
                    try:
                        changed[place] = value
                    except (RuntimeError, OverflowError):
                        continue
                    after = self.run([*inputs[:i], changed.reshape(tensor.shape), *inputs[i + 1 :]])
                    column |= _differs(base, after, size)
                columns.append(column)
        return torch.stack(columns, dim=1)[None] if columns else torch.zeros(1, size, 0, dtype=torch.bool)

    def _jacobian(self) -> Tensor:
        """Return where the derivative is not 0, bool, shape (1, O, I); nowhere if there is none."""
        size = sum(output.numel() for output in self.outputs or [])
        inputs = [t.clone().requires_grad_(t.is_floating_point() or t.is_complex()) for t in self.inputs]
        found = torch.zeros(1, size, sum(t.numel() for t in inputs), dtype=torch.bool)
        replacements = iter(inputs)
        args, kwargs = _with_others(self.args, replacements), _with_others(self.kwargs, replacements)
        torch.set_rng_state(self.state)
        try:
            outputs = tensors_in(_fresh(self.op)(*args, **kwargs))
            wanted = [t for t in inputs if t.requires_grad]
            row = 0
            for output in outputs:
                for element in output.flatten():
                    if wanted and element.requires_grad:
                        grads = iter(torch.autograd.grad(element, wanted, retain_graph=True, allow_unused=True))
                        parts = [next(grads) if t.requires_grad else None for t in inputs]
                        flat = [
                            torch.zeros(t.numel(), dtype=torch.bool) if g is None else _matters(g)
                            for t, g in zip(inputs, parts, strict=True)
                        ]
                        found[0, row] = torch.cat(flat)
                    row += 1
        except Exception:
            return torch.zeros_like(found)
        return found


def _matters(gradient: Tensor) -> Tensor:
    size = gradient.abs().flatten()
    return (size > 1e-6) & size.isfinite()


def _fresh(op: Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(op, nn.Module):
        return op
    import copy

    return copy.deepcopy(op)


def _with_others(value: Any, tensors: Iterator[Tensor]) -> Any:
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_with_others(part, tensors) for part in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_with_others(part, tensors) for part in value)
    if isinstance(value, dict):
        return {key: _with_others(part, tensors) for key, part in value.items()}
    return value


def _differs(before: list[Tensor], after: list[Tensor] | None, size: int) -> Tensor:
    """Return which elements differ by more than rounding; nothing if a shape does, and NaN tells nothing."""
    if after is None or [t.shape for t in after] != [t.shape for t in before]:
        return torch.zeros(size, dtype=torch.bool)
    parts = []
    for one, two in zip(before, after, strict=True):
        one, two = one.flatten(), two.flatten()
        if one.is_floating_point() or one.is_complex():
            limit = 1e-4 if one.dtype in (torch.float32, torch.complex64) else 1e-9
            scale = 1e-2 + one.abs().nan_to_num(0, 0, 0)
            parts.append((two - one).abs().nan_to_num(0) > limit * scale)
        else:
            parts.append(one != two)
    return torch.cat(parts) if parts else torch.zeros(size, dtype=torch.bool)


# --- The comparison --------------------------------------------------------------------------------------------------


def verdict(call: Call) -> tuple[str, str]:
    """Return what came of one call: exact, wrong, refused, crashed or left out, and what is to be said of it."""
    oracle = Oracle(call)
    tensors = [*oracle.inputs, *(oracle.outputs or [])]
    if not oracle.inputs or not oracle.outputs or sum(t.numel() for t in tensors) > MOST_ELEMENTS:
        return "left out", ""
    if any(t.layout != torch.strided or t.is_quantized or t.is_nested for t in tensors):
        return "left out", ""
    again = oracle.run(oracle.inputs)
    if again is None or _differs(oracle.outputs, again, sum(t.numel() for t in again)).any():
        return "left out", ""
    _, op, args, kwargs = call
    torch.set_rng_state(oracle.state)
    try:
        found = trace(op, args, **kwargs)
    except (ValueError, TypeError) as error:
        ours = any(word in str(error) for word in ("cannot trace op", "trace follows", "op gave two", "ordinary"))
        return ("refused" if ours else "crashed"), f"{type(error).__name__}: {error}"[:200]
    except Exception as error:
        return "crashed", f"{type(error).__name__}: {error}"[:200]
    rows = [
        torch.cat([k.reshape(o.numel(), i.numel()) for k, i in zip(row, found.inputs, strict=True)], dim=1)
        for row, o in zip(found.kinds, found.outputs, strict=True)
    ]
    linked = torch.cat(rows) != 0
    here, anywhere = oracle.dependencies()
    missing, extra = here & ~linked, linked & ~anywhere
    if missing.any() or extra.any():
        return "wrong", f"{int(missing.sum())} missing, {int(extra.sum())} too many of {linked.numel()}"
    return "exact", ""


def _judge(info: Any, samples: int, pipe: Connection) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for call in calls_of(info, samples):
        pipe.send(("begun", call[0], ""))
        what, said = verdict(call)
        pipe.send((what, call[0], said))
    pipe.send(("done", "", ""))


def judge(info: Any, samples: int) -> Iterator[tuple[str, str, str]]:
    """Yield the verdicts on an operation, each call in a process that may crash or hang."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_judge, args=(info, samples, there))
    process.start()
    there.close()
    name = getattr(info, "name", "") or str(info)
    try:
        while True:
            if not here.poll(SECONDS):
                yield "hung", name, ""
                return
            what, name, said = here.recv()
            if what == "done":
                return
            if what != "begun":
                yield what, name, said
    except EOFError:
        yield "crashed", name, "the process ended"
    finally:
        process.kill()
        process.join()


def main() -> int:
    """Print the verdicts; return 1 if fewer than the goal are exact, or one crashed or hung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=2, help="calls of each operation and dtype")
    parser.add_argument("--only", default="", help="operations whose name has this part")
    parser.add_argument("--every", type=int, default=1, help="take each n-th operation")
    chosen = parser.parse_args()
    operations, modules = databases()
    infos = [
        info
        for info in [*operations, *modules]
        if chosen.only in (getattr(info, "full_name", "") or info.formatted_name)
    ]
    counts: collections.Counter[str] = collections.Counter()
    for info in infos[:: chosen.every]:
        for what, name, said in judge(info, chosen.samples):
            counts[what] += 1
            if what not in ("exact", "left out"):
                print(f"{what:<9}{name:<56}{said}", flush=True)
    judged = sum(counts.values()) - counts["left out"]
    print(f"{judged} calls of {len(infos[:: chosen.every])} operations and modules:", dict(counts))
    print(f"exact: {100 * counts['exact'] / max(judged, 1):.1f} %, the goal is {100 * GOAL:.1f} %")
    return int(counts["exact"] < GOAL * judged or counts["crashed"] + counts["hung"] > 0)


if __name__ == "__main__":
    sys.exit(main())
