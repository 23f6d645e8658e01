"""How `ptguide.trace` finds dependencies: runs of one call on other values, and what arrives where.

Axes: O elements of one output, I elements of all inputs together (in their order, each in row-major order).
"""

from __future__ import annotations

import copy
import itertools
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn

NONE, COMPARED, INDEX, COMPUTED, COPIED = range(5)  # the values of trace.Kind
SPARE_BITS = 16  # a code that an operation makes up by chance is one of the inputs' with probability below I / 2**16
MOST_CLASSES = 32  # tried one by one, for operations such as one_hot
MOST_SUBSETS = 256  # of the integer inputs, tried as values
SHAPE_DEPENDS = (
    "cannot trace op: the shape of its output depends on the values, so that no element keeps its place. "
    "Trace an operation whose output has the same shape for all values."
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass
class Result:
    """The tensors that a run gave, with their names, and what it returned in a word."""

    tensors: list[Tensor]
    names: list[str]
    kind: str


class Call:
    """A call whose tensors can be replaced.

    Attributes
    ----------
    tensors : list of Tensor
        Every tensor in the arguments, in order; ``names`` has one for each.
    """

    def __init__(self, op: Callable[..., Any], inputs: Any, kwargs: dict[str, Any]) -> None:
        self.op = op
        self.args = inputs if isinstance(inputs, tuple) and not hasattr(inputs, "_fields") else (inputs,)
        self.kwargs = kwargs
        positional = [tensor.detach() for tensor in _tensors_in(self.args)]
        self.tensors = positional + [tensor.detach() for tensor in _tensors_in(kwargs)]
        named = [name for name, value in kwargs.items() for _ in _tensors_in(value)]
        devices = {tensor.device for tensor in self.tensors if tensor.device.type == "cuda"}
        self.gpu_rng = {device: torch.cuda.get_rng_state(device) for device in devices}
        self.rng = torch.get_rng_state()
        self.names = (["x"] if len(positional) == 1 else _letters(len(positional))) + named

    def run(self, tensors: Sequence[Tensor], double: bool = False) -> Result:
        """Run the operation on copies of other tensors; with a module's parameters in float64 if `double`."""
        copies = [_laid_out(new, like) for new, like in zip(tensors, self.tensors, strict=True)]
        versions = [tensor._version for tensor in copies]
        replacements = iter(copies)
        op = _copied_op(self.op, double)
        args, kwargs = _replaced(self.args, replacements, double), _replaced(self.kwargs, replacements, double)
        torch.set_rng_state(self.rng)
        for device, state in self.gpu_rng.items():
            torch.cuda.set_rng_state(state, device)
        returned = op(*args, **kwargs)
        found = list(_named_tensors(returned, ""))
        if not found:
            changed = [place for place, tensor in enumerate(copies) if tensor._version != versions[place]]
            found = [(self.names[place], copies[place]) for place in changed]
        names = [name or ("out" if len(found) == 1 else f"out{place}") for place, (name, _) in enumerate(found)]
        # Clones, because the operation may give the same memory every time, such as its own buffer.
        return Result([tensor.detach().clone() for _, tensor in found], names, type(returned).__name__)

    def attempt(self, tensors: Sequence[Tensor], double: bool) -> list[Tensor] | None:
        """Return the outputs for other values, None if the operation refuses them, in whatever way it does that."""
        try:
            return self.run(tensors, double).tensors
        except Exception:
            return None


def _copied_op(op: Callable[..., Any], double: bool) -> Callable[..., Any]:
    """Return a copy of a module, or a method of such a copy; any other operation itself."""
    if isinstance(op, MethodType) and isinstance(op.__self__, nn.Module):
        return MethodType(op.__func__, _copied_module(op.__self__, double))
    return _copied_module(op, double) if isinstance(op, nn.Module) else op


def _copied_module(module: nn.Module, double: bool) -> nn.Module:
    module = copy.deepcopy(module)
    return module.double() if double else module


def _letters(count: int) -> list[str]:
    return list(LETTERS[:count]) if count <= len(LETTERS) else [f"x{place}" for place in range(count)]


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors_in(part)


def _replaced(value: Any, tensors: Iterator[Tensor], double: bool) -> Any:
    """Return arguments with other tensors, and with copies of what a call could change."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, nn.Module):
        return _copied_module(value, double)
    if isinstance(value, torch.Generator):
        return value.clone_state()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_replaced(part, tensors, double) for part in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(part, tensors, double) for part in value)
    if isinstance(value, dict):
        changed = copy.copy(value)
        changed.update({key: _replaced(part, tensors, double) for key, part in value.items()})
        return changed
    return value


def _named_tensors(value: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a result with the names of their fields, as far as they have any."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _named_tensors(part, str(key))
    elif isinstance(value, (list, tuple)):
        # A named tuple of Python has _fields; those of torch (torch.return_types) have __match_args__ alone.
        fields = getattr(value, "_fields", None) or getattr(type(value), "__match_args__", None) or [name] * len(value)
        for field, part in zip(fields, value, strict=True):
            yield from _named_tensors(part, field)


def _laid_out(new: Tensor, like: Tensor) -> Tensor:
    """Return a copy with the strides of another tensor, where these give each element a place of its own."""
    new = new.to(like.device)
    if like.is_contiguous():
        return new.clone(memory_format=torch.contiguous_format)
    reach = 0
    for stride, size in sorted(zip(like.stride(), like.shape, strict=True)):
        if size > 1 and stride <= reach:
            return new.clone(memory_format=torch.contiguous_format)
        reach += (size - 1) * stride
    return torch.empty_strided(like.shape, like.stride(), dtype=new.dtype, device=new.device).copy_(new)


def differing(one: Tensor, two: Tensor) -> Tensor:
    """Return where two tensors of one shape differ; NaN equals NaN."""
    return (one != two) & ((one == one) | (two == two))


def equal(one: Tensor, two: Tensor) -> bool:
    """Return whether two tensors have one shape and the same values; NaN equals NaN."""
    return one.shape == two.shape and not differing(one, two).any()


# --- The search ------------------------------------------------------------------------------------------------------


@dataclass
class Search:
    """What is known of one call while its dependencies are looked for.

    Attributes
    ----------
    values, steering : list of int
        The inputs whose values flow into the outputs, and those that only say which element goes where.
    double : bool
        Whether the operation gives the same when all values are float64.
    actual : list of Tensor
        The outputs for the values given.
    kinds : list of Tensor, uint8, shape (O, I)
        What was found so far, for each output.
    open : list of Tensor, bool, shape (O,)
        The elements of each output whose sources are not known yet.
    """

    call: Call
    values: list[int]
    steering: list[int]
    double: bool
    actual: list[Tensor]
    kinds: list[Tensor]
    open: list[Tensor]

    def __post_init__(self) -> None:
        sizes = [tensor.numel() for tensor in self.call.tensors]
        starts = [0, *itertools.accumulate(sizes)]
        self.starts = starts
        self.random = random.Random(0)
        # The elements of the value inputs, as columns of `kinds`.
        self.columns = [column for i in self.values for column in range(starts[i], starts[i + 1])]

    def run(self, new: dict[int, Tensor], double: bool) -> list[Tensor] | None:
        """Return the outputs with some inputs replaced, None if the operation refuses them or their number changes."""
        tensors = [new.get(place, tensor) for place, tensor in enumerate(self.call.tensors)]
        outputs = self.call.attempt(tensors, double)
        return outputs if outputs is not None and len(outputs) == len(self.actual) else None

    def spread(self, flat: Tensor, double: bool) -> dict[int, Tensor]:
        """Return the value inputs filled, one after the other, from one flat tensor, in the dtypes they are run in."""
        new, start = {}, 0
        for i in self.values:
            like = self.call.tensors[i]
            part = flat[start : start + like.numel()].reshape(like.shape)
            start += like.numel()
            new[i] = part.to(_double_dtype(like) if double else like.dtype)
        return new

    @property
    def is_done(self) -> bool:
        return not any(bool(part.any()) for part in self.open)

    @property
    def are_integers(self) -> bool:
        """Whether the operation computes with integers or booleans and nothing else."""
        return not self.double and not any(_is_number(self.call.tensors[i].dtype) for i in self.values)

    @property
    def allows_any_integer(self) -> bool:
        """Whether an integer out of range does no harm; it might be an index, and a GPU does not survive that."""
        devices = (self.call.tensors[i].device.type for i in self.values)
        return not self.are_integers or all(device == "cpu" for device in devices)


def search(call: Call, actual: Result) -> list[Tensor]:
    """Return for each output of a call a `Kind` for each pair of elements, uint8, shape (O, I)."""
    values, double = _value_inputs(call, actual.tensors)
    total = sum(tensor.numel() for tensor in call.tensors)
    found = Search(
        call=call,
        values=values,
        steering=[place for place in range(len(call.tensors)) if place not in values],
        double=double,
        actual=actual.tensors,
        kinds=[torch.zeros(tensor.numel(), total, dtype=torch.uint8) for tensor in actual.tensors],
        open=[torch.ones(tensor.numel(), dtype=torch.bool) for tensor in actual.tensors],
    )
    # The tensors are small, and threads that wait for each other on a busy machine made it 100 times slower.
    with _one_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that the caller never gave
        _find_copies(found)
        _find_ordered_copies(found)
        _find_computed(found)
        _find_indices(found)
    return found.kinds


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# --- Values or indices: what integers mean ---------------------------------------------------------------------------


def _value_inputs(call: Call, actual: list[Tensor]) -> tuple[list[int], bool]:
    """Return the inputs that hold values, and whether the operation takes them as float64.

    Integers and booleans are values if the operation gives the same for them as floating-point numbers, and not the
    same for fractions; what remains are indices and masks. Where that leaves no values, the integers are what the
    operation computes with.
    """
    floating = [i for i, t in enumerate(call.tensors) if _is_number(t.dtype)]
    others = [i for i in range(len(call.tensors)) if i not in floating]
    samples = [(call.tensors, actual), *(_samples(call) if others else [])]
    subsets = (chosen for count in range(len(others), -1, -1) for chosen in itertools.combinations(others, count))
    for chosen in itertools.islice(subsets, MOST_SUBSETS):
        values = sorted([*floating, *chosen])
        as_double = [_in_double(call, tensors, values) for tensors, _ in samples]
        if values and all(
            found is not None and len(found) == len(expected) and all(map(_agree, found, expected))
            for found, (_, expected) in zip(as_double, samples, strict=True)
        ):
            whole = [i for i in chosen if _only_whole_counts(call, samples, as_double, values, i)]
            rest = [i for i in values if i not in whole]
            return (rest, True) if rest else (values, False)
    return (floating, False) if floating else (others, False)


def _samples(call: Call) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Return other values that the operation takes, with their outputs: a mask may have been all true by chance.

    Indices change their order and so stay in range. Floating-point numbers are once positive, and twice a little
    above an integer of the others, where a comparison with these notices a fraction.
    """
    generator = torch.Generator().manual_seed(0)
    flat = [t.flatten().cpu().double() for t in call.tensors if not _is_number(t.dtype)]
    pool = torch.cat([*flat, torch.ones(1, dtype=torch.float64)])
    samples = []
    for from_pool in (False, True, True):
        tensors = []
        for tensor in call.tensors:
            drawn = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            if tensor.dtype == torch.bool:
                tensors.append(~tensor)
            elif _is_number(tensor.dtype):
                whole = pool[torch.randint(len(pool), tensor.shape, generator=generator)]
                tensors.append((whole + 0.05 + 0.15 * drawn if from_pool else 0.55 + 0.9 * drawn).to(tensor))
            else:
                tensors.append(tensor.flatten().flip(0).reshape(tensor.shape))
        outputs = call.attempt(tensors, double=False)
        if outputs is not None:
            samples.append((tensors, outputs))
    return samples


def _only_whole_counts(
    call: Call,
    samples: list[tuple[list[Tensor], list[Tensor]]],
    as_double: list[list[Tensor] | None],
    values: list[int],
    i: int,
) -> bool:
    """Return whether fractions added to an input change nothing: the operation makes integers of it by itself."""
    for (tensors, _), before in zip(samples, as_double, strict=True):
        part = tensors[i].to(_double_dtype(tensors[i]))
        part = part * 1.25 if tensors[i].dtype == torch.bool else part + torch.where(part < 0, -0.25, 0.25)
        after = _in_double(call, [*tensors[:i], part, *tensors[i + 1 :]], values)
        if before is None or after is None or not all(map(equal, before, after)):
            return False
    return True


def _in_double(call: Call, tensors: list[Tensor], values: list[int]) -> list[Tensor] | None:
    converted = [t.to(_double_dtype(t)) if i in values else t for i, t in enumerate(tensors)]
    return call.attempt(converted, double=True)


def _is_number(dtype: torch.dtype) -> bool:
    return dtype.is_floating_point or dtype.is_complex


def _double_dtype(tensor: Tensor) -> torch.dtype:
    """Return the dtype of a tensor's values in double precision."""
    return torch.complex128 if tensor.dtype.is_complex else torch.float64


def _agree(one: Tensor, two: Tensor) -> bool:
    """Return whether two outputs are the same up to the rounding of the coarser one."""
    if one.shape != two.shape:
        return False
    if not _is_number(two.dtype):
        return equal(one, two)
    tolerance = 8 * torch.finfo(two.dtype).eps ** 0.5
    return torch.allclose(one.to(two.dtype), two, rtol=tolerance, atol=tolerance, equal_nan=True)


# --- Copied: each element carries a code, and the code arrives -------------------------------------------------------


def _find_copies(search: Search) -> None:
    """Look for copies in the outputs of each dtype, with codes that this dtype can hold."""
    if search.allows_any_integer:
        for dtype in dict.fromkeys(tensor.dtype for tensor in search.actual):
            _find_copies_in(search, dtype)


def _find_copies_in(search: Search, dtype: torch.dtype) -> None:
    """Label every value with one of two numbers, the bit of its code, in as many runs as a code has bits.

    Each run is done again with the two numbers swapped, which tells a bit from a constant of the operation.
    """
    count = len(search.columns)
    bits = max(count - 1, 1).bit_length() + SPARE_BITS
    codes = search.random.sample(range(1 << bits), count)
    places = [o for o, tensor in enumerate(search.actual) if tensor.dtype == dtype]
    arrived = {o: torch.zeros(search.actual[o].numel(), dtype=torch.int64) for o in places}
    is_code = {o: torch.ones(search.actual[o].numel(), dtype=torch.bool) for o in places}
    is_constant = {o: search.open[o] & (dtype != torch.bool) for o in places}
    for bit in range(bits):
        on = torch.tensor([bool(code >> bit & 1) for code in codes], dtype=torch.bool)
        labelled = _labelled_runs(search, on, dtype, bit)
        if labelled is None:
            return
        (low, high), *runs = labelled
        for o in places:
            if not runs[0][o].shape == runs[1][o].shape == search.actual[o].shape:
                is_code[o].zero_()
                is_constant[o].zero_()
                continue
            output, swapped = (run[o].flatten().cpu() for run in runs)
            is_code[o] &= ((output == low) & (swapped == high)) | ((output == high) & (swapped == low))
            is_constant[o] &= ~differing(output, swapped) & ~differing(output, search.actual[o].flatten().cpu())
            arrived[o] |= (output == high).long() << bit
        if not any(bool((is_code[o] | is_constant[o]).any()) for o in places):
            return
    sources = [i for i in search.values for _ in range(search.call.tensors[i].numel())]
    fitting = [_holds(search.call.tensors[i].dtype, dtype, search.double) for i in sources]
    of_code = {code: [c] for code, c, fits in zip(codes, search.columns, fitting, strict=True) if fits}
    for o in places:
        _keep(search, o, {p: of_code.get(int(arrived[o][p]), []) for p in is_code[o].nonzero().flatten().tolist()})
        search.open[o] &= ~is_constant[o]


def _holds(source: torch.dtype, dtype: torch.dtype, double: bool) -> bool:
    """Return whether an output of some dtype can hold copies of an input, and not what a comparison or floor gave."""
    if torch.bool in (source, dtype):
        return source == dtype or (double and dtype != torch.bool)
    if _is_number(source) and not _is_number(dtype):
        return False
    return source.is_complex == dtype.is_complex


def _labelled_runs(
    search: Search, on: Tensor, dtype: torch.dtype, bit: int
) -> tuple[tuple[Any, Any], list[Tensor], list[Tensor]] | None:
    """Return the two numbers as an output of some dtype has them, and what two runs on them gave; None if refused."""
    double = search.double and dtype != torch.bool
    dtypes = [dtype, *([] if double else [search.call.tensors[i].dtype for i in search.values])]
    for careful in (False, True):
        low, high = _two_numbers(dtypes, bit, careful, search.random)
        pairs = {"bool": (0, 1), "real": (low, high), "complex": (complex(low, high), complex(high, -low))}
        runs = []
        for ones in (on, ~on):
            new = {}
            for i, part in search.spread(ones, double).items():
                boolean = search.call.tensors[i].dtype == torch.bool and not double
                zero, one = pairs["complex" if part.is_complex() else "bool" if boolean else "real"]
                new[i] = torch.where(
                    part != 0, torch.tensor(one, dtype=part.dtype), torch.tensor(zero, dtype=part.dtype)
                )
            runs.append(search.run(new, double))
        if runs[0] is not None and runs[1] is not None:
            return pairs["complex" if dtype.is_complex else "bool" if dtype == torch.bool else "real"], runs[0], runs[1]
    return None


def _two_numbers(dtypes: list[torch.dtype], bit: int, careful: bool, source: random.Random) -> tuple[Any, Any]:
    """Return two numbers that every dtype holds exactly: large, small and negative ones, which few operations let pass.

    Every fourth bit has a zero, which is what changes the shape of ``nonzero``. If `careful`, in case that an
    operation refuses some of these, both are small and positive.
    """
    numbers = [dtype for dtype in dtypes if dtype != torch.bool]
    if not numbers:
        return 0, 1
    signed = all(dtype.is_signed for dtype in numbers) and not careful
    low, high = source.sample([*range(-19, -1), *range(2, 20)] if signed else [*range(2, 20)], 2)
    scale: float = 1
    if bit % 3 == 1 and not careful:
        scale = 1 << min(map(_spare_bits, numbers))
    if bit % 3 == 2 and all(map(_is_number, numbers)):
        scale = 2.0**-6
    return (0 if bit % 4 == 0 and not careful else low * scale), high * scale


def _spare_bits(dtype: torch.dtype) -> int:
    """Return how many more bits than 20 has a number that a dtype can hold, with room for a sum of products."""
    if _is_number(dtype):
        return 0 if dtype == torch.float16 else 40
    return {1: 0, 2: 10, 4: 20}.get(dtype.itemsize, 40)


def _keep(search: Search, o: int, found: dict[int, list[int]]) -> list[int]:
    """Note copies (columns by place in output `o`) whose value is what the operation gave; return the places."""
    values = torch.cat([_comparable(search.call.tensors[i], search.actual[o]) for i in range(len(search.call.tensors))])
    actual = search.actual[o].flatten().cpu()
    kept = []
    for place, columns in found.items():
        if columns and not differing(values[columns[0]], actual[place]):
            search.kinds[o][place, columns] = COPIED
            search.open[o][place] = False
            kept.append(place)
    return kept


def _comparable(tensor: Tensor, like: Tensor) -> Tensor:
    """Return a tensor's elements as an output of some dtype would hold copies of them."""
    flat = tensor.flatten().cpu()
    return (flat.real if flat.is_complex() and not like.is_complex() else flat).to(like.dtype)


# --- Copied by order: codes that keep the order of the values --------------------------------------------------------


@dataclass
class Ordered:
    """Runs on codes that keep the order of the values: far above zero, far below it, and around it.

    Attributes
    ----------
    codes : list of list of float
        For each run, one code for each value.
    runs : list of (list of Tensor)
        For each run, what the operation gave.
    """

    codes: list[list[float]]
    runs: list[list[Tensor]]

    def matches(self, o: int, columns: list[int]) -> list[list[int]]:
        """Return for each element of output `o` the columns whose codes arrived there, the same ones in every run."""
        found: list[list[int]] = []
        for codes, run in zip(self.codes, self.runs, strict=True):
            of_code: dict[float, list[int]] = {}
            for column, code in zip(columns, codes, strict=True):
                of_code.setdefault(code, []).append(column)
            arrived = [of_code.get(code, []) for code in run[o].flatten().tolist()]
            found = [one if one == two else [] for one, two in zip(found or arrived, arrived, strict=True)]
        return found


def _find_ordered_copies(search: Search) -> None:
    """Replace the values by others in the same order: what sorts, ranks or takes a maximum makes the same choice.

    Of equal values the earlier one counts as smaller, or as larger if that explains the indices that the operation
    gave, or they share one code (``unique``). The last is believed only where codes of their own were not mixed:
    the mean of equal values is that value, too.
    """
    if not search.double or search.is_done:
        return
    parts = [search.call.tensors[i].flatten().cpu() for i in search.values]
    if not search.columns or any(part.dtype.is_complex for part in parts):
        return
    values = torch.cat([part.double() for part in parts]).tolist()
    has_ties = len(set(values)) < len(values)
    tried = [_ordered_runs(search, values, ties) for ties in (["up", "down"] if has_ties else ["up"])]
    separate = next((found for found in tried if found and _explains(search, found)), tried[0])
    together = _ordered_runs(search, values, "one") if has_ties else None
    for o, actual in enumerate(search.actual):
        fits = separate is not None and _fits(separate, o, actual)
        unmixed = [True] * actual.numel()
        if separate is not None and fits:
            matches = separate.matches(o, search.columns)
            unmixed = [bool(columns) for columns in matches]
            kept = _keep(search, o, _open_ones(search, o, matches))
            _find_compared(search, o, separate, kept)
        if together is not None and _fits(together, o, actual):
            matches = together.matches(o, search.columns)
            _keep(
                search, o, _open_ones(search, o, [m if fine else [] for m, fine in zip(matches, unmixed, strict=True)])
            )


def _open_ones(search: Search, o: int, matches: list[list[int]]) -> dict[int, list[int]]:
    return {place: matches[place] for place in search.open[o].nonzero().flatten().tolist()}


def _fits(found: Ordered, o: int, actual: Tensor) -> bool:
    return all(run[o].shape == actual.shape and run[o].is_floating_point() for run in found.runs)


def _explains(search: Search, found: Ordered) -> bool:
    """Return whether the operation gave the same indices as for the values themselves."""
    return all(
        equal(new, actual)
        for new, actual in zip(found.runs[0], search.actual, strict=True)
        if not (new.is_floating_point() or actual.is_floating_point())
    )


def _ordered_runs(search: Search, values: list[float], ties: str) -> Ordered | None:
    """Run the operation on increasing codes for the values; equal ones go ``"up"`` or ``"down"``, or have ``"one"``."""
    direction = -1 if ties == "down" else 1
    # NaN is above all else, as in torch.sort.
    order = sorted(
        range(len(values)), key=lambda place: (values[place] != values[place], values[place], direction * place)
    )
    ranks, rank = [0.0] * len(values), 0.0
    for before, place in zip([None, *order], order, strict=False):
        if not (ties == "one" and before is not None and values[before] == values[place]):
            rank += 1 + search.random.random()
        ranks[place] = rank
    codes = [[1e12 + r for r in ranks], [r - 1e12 for r in ranks], [r / (rank + 1) - 0.49 for r in ranks]]
    runs = [search.run(search.spread(torch.tensor(part, dtype=torch.float64), True), True) for part in codes]
    found = [run for run in runs if run is not None]
    return Ordered(codes, found) if len(found) == len(codes) else None


def _find_compared(search: Search, o: int, ordered: Ordered, places: list[int]) -> None:
    """Move each element below and above all others: an output that takes another element then had compared it."""
    if not places:
        return
    codes = ordered.codes[0]
    flat = torch.tensor(codes, dtype=torch.float64)
    rows = torch.tensor(places)
    before = ordered.runs[0][o].flatten().cpu()[rows]
    for place, column in enumerate(search.columns):
        for extreme in (min(codes) - 1, max(codes) + 1):
            moved = flat.clone()
            moved[place] = extreme
            run = search.run(search.spread(moved, True), True)
            if run is not None and run[o].shape == search.actual[o].shape:
                changed = rows[run[o].flatten().cpu()[rows] != before]
                kinds = search.kinds[o][changed, column]
                search.kinds[o][changed, column] = torch.where(kinds == NONE, COMPARED, kinds)


# --- Computed: change an element, and look what changes --------------------------------------------------------------


def _find_computed(search: Search) -> None:
    """Change one value at a time, on the values given and on others."""
    if search.is_done:
        return
    seen, reshaped = torch.zeros(2, len(search.columns), dtype=torch.bool)
    moved = [torch.zeros(len(search.columns), len(is_open), dtype=torch.bool) for is_open in search.open]
    for place, base, run in _changed_runs(search):
        if _keeps_shapes(search, run):
            seen[place] = True
            for o, is_open in enumerate(search.open):
                if is_open.any():
                    moved[o][place] |= _moved(base[o], run[o])
        else:
            reshaped[place] = True
    matters = torch.zeros(len(search.columns), dtype=torch.bool)
    for o, is_open in enumerate(search.open):
        rows, places = (moved[o] & is_open).T.nonzero(as_tuple=True)
        search.kinds[o][rows, torch.tensor(search.columns, dtype=torch.int64)[places]] = COMPUTED
        matters[places] = True
    if (reshaped & ~matters).any():
        raise ValueError(SHAPE_DEPENDS)
    if not search.are_integers and not seen.all():
        raise ValueError(
            "cannot trace op: it refuses every other value of some element, so that nothing shows what depends on it. "
            "Trace it without its checks."
        )


def _changed_runs(search: Search) -> Iterator[tuple[int, list[Tensor], list[Tensor]]]:
    """Yield the place of a value, and what the operation gave before and after a change of this value alone."""
    for flat, changes in _draws(search):
        base = search.run(search.spread(flat, search.double), search.double)
        if base is None or not _keeps_shapes(search, base):
            continue
        for place in range(len(search.columns)):
            for value in changes(place):
                changed = flat.clone()
                changed[place] = value
                run = search.run(search.spread(changed, search.double), search.double)
                if run is not None:
                    yield place, base, run


def _keeps_shapes(search: Search, outputs: list[Tensor]) -> bool:
    """Return whether the outputs still looked at have their shapes.

    With other shapes no element keeps its place, which is an error. Integers that say how large the output is
    (``one_hot``, ``bincount``) are tried for those changes that leave it so.
    """
    pairs = zip(search.open, outputs, search.actual, strict=True)
    keeps = all(output.shape == actual.shape or not is_open.any() for is_open, output, actual in pairs)
    if not keeps and not search.are_integers:
        raise ValueError(SHAPE_DEPENDS)
    return keeps


def _moved(base: Tensor, run: Tensor) -> Tensor:
    """Return which elements changed; NaN, which a change elsewhere may leave or lift (0 * inf), is no evidence."""
    if _is_number(base.dtype):
        return ((run - base).abs() > 0).flatten().cpu()
    return (run != base).flatten().cpu()


Draw = tuple[Tensor, Callable[[int], list[Any]]]


def _draws(search: Search) -> Iterator[Draw]:
    """Yield sets of values for all inputs together, each with the changes to try on the element at some place."""
    parts = [search.call.tensors[i].flatten().cpu() for i in search.values]
    given = torch.cat([part.to(_double_dtype(part)) for part in parts]) if search.double else torch.cat(parts)
    if _is_number(given.dtype):
        yield from _number_draws(given, torch.cat([torch.full(part.shape, part.dtype == torch.bool) for part in parts]))
    elif len(given):
        yield from _integer_draws(given, parts, search.allows_any_integer)


def _number_draws(given: Tensor, boolean: Tensor) -> Iterator[Draw]:
    generator = torch.Generator().manual_seed(0)
    dtype = torch.complex128 if given.dtype.is_complex else torch.float64
    unit = torch.rand(given.shape, generator=generator, dtype=dtype) * 0.9 + 0.05
    normal = torch.randn(given.shape, generator=generator, dtype=dtype) * 2
    reach = 1e3  # beyond all others, and beyond the bound of most conditions

    def draw(values: Tensor, truth: Tensor, near: Callable[[Any], list[Any]]) -> Draw:
        # An infinite value hides others, which is what a mask is for; it stays.
        flat = torch.where(given.isinf(), given, torch.where(boolean, truth, values).to(given.dtype))

        def changes(place: int) -> list[Any]:
            value = flat[place].item()
            if boolean[place]:
                return [1 - value]
            return near(value) if abs(value) < float("inf") else [0.5, 1.5]

        return flat, changes

    zeros, ones = torch.zeros_like(unit), torch.ones_like(unit)
    yield draw(unit + 0.5, ones, lambda value: [value + 0.83])
    yield draw(unit, zeros, lambda value: [0.4 if value.real > 0.5 else 0.77])
    yield draw(0.7 * ones, ones, lambda value: [0])  # all equal, then not
    yield draw(zeros, zeros, lambda value: [0.7])
    yield draw(normal, (normal.real > 0).to(dtype), lambda value: [reach, -reach])
    yield draw(given, given, lambda value: [value + step * (1 + abs(value)) for step in (1.7, -1.7, 1e-3)])


def _integer_draws(given: Tensor, parts: list[Tensor], any_integer: bool) -> Iterator[Draw]:
    """Yield integers: those given, in other orders, and all bits off or on; booleans are integers of one bit."""
    limits = [torch.iinfo(part.dtype) for part in parts if part.dtype != torch.bool]
    lowest, highest = max((i.min for i in limits), default=0), min((i.max for i in limits), default=1)

    def draw(flat: Tensor) -> Draw:
        def changes(place: int) -> list[Any]:
            value = int(flat[place])
            others = {int(flat[place - 1]), int(flat[(place + 1) % len(flat)])}
            if any_integer:
                others |= {value + 1, value - 1, value ^ 1, value ^ 2, *(() if flat.any() else range(MOST_CLASSES))}
            return sorted(other for other in others - {value} if lowest <= other <= highest)

        return flat, changes

    yield draw(given)
    yield draw(given.roll(1))
    yield draw(given.flip(0))
    if any_integer or not limits:
        yield draw(torch.zeros_like(given))
        yield draw(torch.full_like(given, highest if lowest == 0 else -1))


# --- Index: change where an index points, and look what arrives instead ----------------------------------------------


def _find_indices(search: Search) -> None:
    """Change one element of an index or mask at a time; it matters where every change makes a difference."""
    if not search.steering:
        return
    for flat, _ in _draws(search):
        new = search.spread(flat, search.double)
        base = search.run(new, search.double)
        if base is not None and all(b.shape == a.shape for b, a in zip(base, search.actual, strict=True)):
            break
    else:
        return
    for i in search.steering:
        given = search.call.tensors[i].flatten()
        for place in range(len(given)):
            differs: list[Tensor] = []
            for value in _other_indices(given, place):
                changed = given.clone()
                changed[place] = value
                run = search.run({**new, i: changed.reshape(search.call.tensors[i].shape)}, search.double)
                now = [_missing(b, r) for b, r in zip(base, run, strict=True)] if run is not None else []
                if any(bool(rows.any()) for rows in now):  # or the value means the same, as -1 and the last do
                    differs = [d & n for d, n in zip(differs or now, now, strict=True)]
            for o, rows in enumerate(differs):
                search.kinds[o][rows, search.starts[i] + place] = INDEX


def _other_indices(given: Tensor, place: int) -> list[Any]:
    if given.dtype == torch.bool:
        return [not given[place].item()]
    value = int(given[place])
    others = {0, *sorted(set(given.tolist()))[:4]}
    if given.device.type == "cpu":  # a GPU does not survive an index out of range
        others |= {value + 1, value - 1, value + 2, value - 2}
    limits = torch.iinfo(given.dtype)
    return sorted(other for other in others - {value} if limits.min <= other <= limits.max)


def _missing(base: Tensor, run: Tensor) -> Tensor:
    """Return which elements changed, or, if the shape did, which are nowhere to be found any more; shape (O,)."""
    if base.shape == run.shape:
        return differing(base, run).flatten().cpu()
    return ~torch.isin(base.flatten(), run.flatten()).cpu()
