"""The trace of each operation agrees with loops that say, element by element, what the output depends on.

A case draws shapes and values and returns the operation, its inputs, its keyword arguments, and for every output an
oracle: a function of an output index that gives the set of ``(number of the input, index there, kind)``. The oracles
are written from the documented meaning of each operation and use index arithmetic alone.
"""

import itertools
import math
import operator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ptguide.trace import Kind, trace

CASES = {}


def case(make):
    CASES[make.__name__.strip("_")] = make
    return make


class Pick:
    """Draws sizes from Hypothesis, and values from a generator whose seed is drawn."""

    def __init__(self, data):
        self.draw = data.draw
        self.generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))

    def size(self, low=0, high=3):
        """A number that is often 2 or more, since many wrong sources look right along an axis of one element."""
        sizes = range(low, high + 1)
        return self.draw(st.sampled_from([*(size for size in sizes if size > 1), *sizes]))

    def one_of(self, *options):
        return self.draw(st.sampled_from(options))

    def shape(self, fewest=1, most=3, low=0, high=3):
        return tuple(self.size(low, high) for _ in range(self.size(fewest, most)))

    def dim(self, shape, more=0):
        ndim = len(shape) + more
        return self.draw(st.integers(-ndim, ndim - 1))

    def normal(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def integers(self, low, high, *shape):
        return torch.randint(low, high, shape, generator=self.generator)

    def bools(self, *shape):
        return self.integers(0, 2, *shape).bool()

    def distinct(self, *shape):
        count = math.prod(shape)
        return (torch.randperm(count, generator=self.generator) - count // 2).float().reshape(shape)

    def order(self, count):
        return torch.randperm(count, generator=self.generator)

    def part(self, shape):
        """A shape that broadcasts to another one."""
        skipped = self.size(0, len(shape))
        return tuple(self.one_of(1, size) for size in shape[skipped:])


def places(*sizes):
    return itertools.product(*map(range, sizes))


def copied(index, input=0):
    return {(input, tuple(index), Kind.COPIED)}


def computed(indices, input=0):
    return {(input, tuple(index), Kind.COMPUTED) for index in indices}


def compared(indices, input=0):
    return {(input, tuple(index), Kind.COMPARED) for index in indices}


def steered(index, input=1):
    return {(input, tuple(index), Kind.INDEX)}


def maybe(indices, input=0):
    return {(input, tuple(index), Kind.MAYBE) for index in indices}


def pointed(entries, here, target, overwrites=True):
    """What indices say of one place: that which points here decides, and others could point here instead.

    Of two that point here the later one is written, so that an earlier one could not change that.
    """
    last = max((k for k in entries if target(k) == here), default=None)
    others = [k for k in entries if (last is None or (overwrites and k > last))]
    return last, others


def reduced(indices, input=0):
    """What adds up or multiplies its elements: a single one arrives as it is."""
    indices = list(indices)
    return copied(indices[0], input) if len(indices) == 1 else computed(indices, input)


def mixed(indices, input=0):
    """What is constant for a single element (a softmax), and else depends on all."""
    indices = list(indices)
    return computed(indices, input) if len(indices) > 1 else set()


def chosen(x, indices, rank, input=0):
    """What takes the element at some rank, having compared it with the others."""
    ranked = sorted(indices, key=lambda index: x[index].item())
    best = ranked.pop(rank)
    return copied(best, input) | compared(ranked, input)


def at(index, dim, *new):
    """An index with its entry at an axis replaced by others, or by none."""
    dim %= len(index)
    return (*index[:dim], *new, *index[dim + 1 :])


def inserted(index, dim, new):
    """An index with a new axis, whose number counts in the result."""
    dim %= len(index) + 1
    return (*index[:dim], new, *index[dim:])


def line(index, dim, size):
    return [at(index, dim, place) for place in range(size)]


def aligned(index, shape):
    """Where an element of a broadcast result is in a tensor of a smaller shape."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if size == 1 else place for place, size in zip(tail, shape, strict=True))


def to_flat(index, shape):
    flat = 0
    for place, size in zip(index, shape, strict=True):
        flat = flat * size + place
    return flat


def from_flat(flat, shape):
    index = []
    for size in reversed(shape):
        index.insert(0, flat % size)
        flat //= size
    return tuple(index)


# --- Layout ----------------------------------------------------------------------------------------------------------


@case
def cat(pick):
    shape = pick.shape()
    d = pick.dim(shape)
    parts = [pick.normal(*at(shape, d, pick.size())) for _ in range(pick.size(1, 3))]

    def oracle(*i):
        place = i[d]
        for number, part in enumerate(parts):
            if place < part.shape[d]:
                return copied(at(i, d, place), number)
            place -= part.shape[d]
        raise AssertionError("the output is longer than its parts")

    return torch.cat, parts, {"dim": d}, oracle


@case
def stack(pick):
    shape = pick.shape(0)
    d = pick.dim(shape, more=1)
    parts = [pick.normal(*shape) for _ in range(pick.size(1, 3))]
    return torch.stack, parts, {"dim": d}, lambda *i: copied(at(i, d), i[d])


def in_order(pick, op):
    shape = pick.shape(1, 3)
    new = pick.one_of(shape[::-1], (math.prod(shape),), (*shape[:1], math.prod(shape[1:])), (1, *shape))
    return op, (pick.normal(*shape), new), {}, lambda *i: copied(from_flat(to_flat(i, new), shape))


@case
def reshape(pick):
    return in_order(pick, torch.reshape)


@case
def view(pick):
    return in_order(pick, lambda x, shape: x.view(shape))


@case
def reshape_of_a_transposed(pick):
    shape = pick.shape(2, 2)
    x = pick.normal(*shape).T
    return torch.reshape, (x, (-1,)) if x.numel() else (x, (0,)), {}, lambda n: copied(from_flat(n, shape[::-1]))


@case
def transpose(pick):
    shape = pick.shape(2, 3)
    d, e = pick.dim(shape), pick.dim(shape)
    return torch.transpose, (pick.normal(*shape), d, e), {}, lambda *i: copied(at(at(i, d, i[e]), e, i[d]))


@case
def permute(pick):
    shape = pick.shape(1, 3)
    dims = pick.order(len(shape)).tolist()

    def oracle(*i):
        source = [0] * len(shape)
        for place, dim in zip(i, dims, strict=True):
            source[dim] = place
        return copied(source)

    return torch.permute, (pick.normal(*shape), dims), {}, oracle


@case
def movedim(pick):
    shape = pick.shape(2, 3)
    d, e = pick.dim(shape), pick.dim(shape)
    return torch.movedim, (pick.normal(*shape), d, e), {}, lambda *i: copied(inserted(at(i, e), d % len(i), i[e]))


@case
def transposed_by_attribute(pick):
    return operator.attrgetter("T"), pick.normal(*pick.shape(2, 2)), {}, lambda i, j: copied((j, i))


@case
def matrices_transposed_by_attribute(pick):
    return operator.attrgetter("mT"), pick.normal(*pick.shape(3, 3)), {}, lambda b, i, j: copied((b, j, i))


@case
def flatten(pick):
    shape = pick.shape(3, 3)
    start = pick.size(0, 2)
    end = pick.size(start, 2)

    def oracle(*i):
        return copied((*i[:start], *from_flat(i[start], shape[start : end + 1]), *i[start + 1 :]))

    return torch.flatten, (pick.normal(*shape), start, end - 3), {}, oracle


@case
def unflatten(pick):
    a, b, c = pick.shape(3, 3, low=1)
    return torch.unflatten, (pick.normal(a * b, c), 0, (a, b)), {}, lambda i, j, k: copied((i * b + j, k))


@case
def squeeze(pick):
    shape = pick.shape(1, 3)
    d = pick.dim((*shape, 1))
    x = pick.normal(*at((*shape, 1), d, 1))
    return torch.squeeze, (x, d), {}, lambda *i: copied(inserted(i, d, 0))


@case
def unsqueeze(pick):
    shape = pick.shape(0, 3)
    d = pick.dim(shape, more=1)
    return torch.unsqueeze, (pick.normal(*shape), d), {}, lambda *i: copied(at(i, d))


def spread(pick, op):
    shape = pick.shape(1, 3)
    small = pick.part(shape)
    return op, (pick.normal(*small), shape), {}, lambda *i: copied(aligned(i, small))


@case
def expand(pick):
    return spread(pick, torch.Tensor.expand)


@case
def broadcast_to(pick):
    return spread(pick, torch.broadcast_to)


def repeated(pick, op):
    shape = pick.shape(1, 2)
    counts = (pick.size(1, 2), *(pick.size(0, 2) for _ in shape))

    def oracle(*i):
        return copied(place % size for place, size in zip(i[1:], shape, strict=True))

    return op, (pick.normal(*shape), counts), {}, oracle


@case
def repeat(pick):
    return repeated(pick, torch.Tensor.repeat)


@case
def tile(pick):
    return repeated(pick, torch.tile)


@case
def repeat_interleave(pick):
    shape = pick.shape()
    d, count = pick.dim(shape), pick.size(1, 3)
    x = pick.normal(*shape)
    return torch.repeat_interleave, (x, count), {"dim": d}, lambda *i: copied(at(i, d, i[d] // count))


@case
def repeat_interleave_by_a_tensor(pick):
    n = pick.size(1, 4)
    counts = pick.integers(0, 4, n)
    order = [place for place in range(n) for _ in range(counts[place])]
    return torch.repeat_interleave, (pick.normal(n), counts), {}, lambda i: copied((order[i],)) | steered((order[i],))


@case
def flip(pick):
    shape = pick.shape()
    d = pick.dim(shape)
    return torch.flip, (pick.normal(*shape), (d,)), {}, lambda *i: copied(at(i, d, shape[d] - 1 - i[d]))


@case
def roll(pick):
    shape = pick.shape()
    d, shift = pick.dim(shape), pick.size(-4, 4)
    return torch.roll, (pick.normal(*shape), shift, d), {}, lambda *i: copied(at(i, d, (i[d] - shift) % shape[d]))


@case
def rot90(pick):
    shape = pick.shape(2, 2)
    return torch.rot90, pick.normal(*shape), {}, lambda i, j: copied((j, shape[1] - 1 - i))


def padded(pick, mode, source, low):
    shape = (pick.size(1), pick.size(1), pick.size(low, 4))
    left, right = (pick.size(0, max(low - 1, 0)) for _ in range(2))

    def oracle(*i):
        place = source(i[2] - left, shape[2])
        return set() if place is None else copied(at(i, 2, place))

    return F.pad, (pick.normal(*shape), (left, right)), {"mode": mode}, oracle


@case
def pad_constant(pick):
    return padded(pick, "constant", lambda place, size: place if 0 <= place < size else None, 2)


@case
def pad_reflect(pick):
    return padded(pick, "reflect", lambda place, size: min(abs(place), 2 * (size - 1) - abs(place)), 3)


@case
def pad_replicate(pick):
    return padded(pick, "replicate", lambda place, size: min(max(place, 0), size - 1), 2)


@case
def pad_circular(pick):
    return padded(pick, "circular", lambda place, size: place % size, 3)


@case
def unbind(pick):
    shape = pick.shape(1, 3, low=1)
    d = pick.dim(shape)
    oracles = [lambda *i, o=o: copied(inserted(i, d % len(shape), o)) for o in range(shape[d])]
    return torch.unbind, pick.normal(*shape), {"dim": d}, oracles


def pieces(op, x, argument, starts, d):
    oracles = [lambda *i, start=start: copied(at(i, d, i[d] + start)) for start in starts]
    return op, (x, argument), {"dim": d}, oracles


@case
def split(pick):
    shape = pick.shape(1, 3, low=1, high=4)
    d, size = pick.dim(shape), pick.size(1, 3)
    return pieces(torch.split, pick.normal(*shape), size, range(0, shape[d], size), d)


@case
def split_into_sizes(pick):
    shape = pick.shape(1, 2)
    d = pick.dim(shape)
    a, b, c = pick.size(), pick.size(), pick.size()
    return pieces(torch.split, pick.normal(*at(shape, d, a + b + c)), [a, b, c], [0, a, a + b], d)


@case
def chunk(pick):
    shape = pick.shape(1, 3, low=1, high=4)
    d, count = pick.dim(shape), pick.size(1, 4)
    return pieces(torch.chunk, pick.normal(*shape), count, range(0, shape[d], -(-shape[d] // count)), d)


@case
def narrow(pick):
    shape = pick.shape()
    d = pick.dim(shape)
    start = pick.size(0, shape[d])
    return (
        torch.narrow,
        (pick.normal(*shape), d, start, pick.size(0, shape[d] - start)),
        {},
        lambda *i: copied(at(i, d, i[d] + start)),
    )


@case
def select(pick):
    shape = pick.shape(1, 3, low=1)
    d = pick.dim(shape)
    place = pick.size(-shape[d], shape[d] - 1)
    x = pick.normal(*shape)
    return torch.select, (x, d, place), {}, lambda *i: copied(inserted(i, d % len(shape), place % shape[d]))


@case
def slice_with_step(pick):
    shape = pick.shape(2, 2, high=5)
    start, step = pick.size(0, 2), pick.size(1, 3)
    return (
        lambda x: x[:, start::step],
        pick.normal(*shape),
        {},
        lambda i, j: copied((i, start + j * step)),
    )


@case
def diagonal(pick):
    shape = pick.shape(2, 2)
    k = pick.size(-2, 2)
    return torch.diagonal, (pick.normal(*shape), k), {}, lambda i: copied((i + max(-k, 0), i + max(k, 0)))


def on_diagonal(pick, op, shape):
    k = pick.size(-2, 2)

    def oracle(*i):
        return copied((*i[:-2], min(i[-2:]))) if i[-1] - i[-2] == k else set()

    return op, (pick.normal(*shape), k), {}, oracle


@case
def diag(pick):
    return on_diagonal(pick, torch.diag, pick.shape(1, 1))


@case
def diag_embed(pick):
    return on_diagonal(pick, torch.diag_embed, pick.shape(1, 2))


def triangle(pick, op, keeps):
    k = pick.size(-2, 2)
    x = pick.normal(*pick.shape(2, 3))
    return op, (x, k), {}, lambda *i: copied(i) if keeps(i[-1] - i[-2], k) else set()


@case
def tril(pick):
    return triangle(pick, torch.tril, operator.le)


@case
def triu(pick):
    return triangle(pick, torch.triu, operator.ge)


@case
def unfold_a_line(pick):
    n, size, step = pick.size(3, 6), pick.size(1, 3), pick.size(1, 2)
    x = pick.normal(2, n)
    return torch.Tensor.unfold, (x, 1, size, step), {}, lambda i, window, j: copied((i, window * step + j))


@case
def unfold_an_image(pick):
    n, c, h, w = pick.size(1, 2), pick.size(1, 2), pick.size(2, 4), pick.size(2, 4)

    def oracle(b, row, column):
        channel, ki, kj = from_flat(row, (c, 2, 2))
        i, j = from_flat(column, (h + 1, w + 1))
        i, j = i + ki - 1, j + kj - 1
        return copied((b, channel, i, j)) if 0 <= i < h and 0 <= j < w else set()

    return F.unfold, pick.normal(n, c, h, w), {"kernel_size": 2, "padding": 1}, oracle


@case
def pixel_shuffle(pick):
    r = pick.size(1, 2)
    c, h, w = pick.shape(3, 3, low=1, high=2)

    def oracle(channel, i, j):
        return copied((channel * r * r + (i % r) * r + j % r, i // r, j // r))

    return F.pixel_shuffle, (pick.normal(c * r * r, h, w), r), {}, oracle


@case
def meshgrid(pick):
    a, b = pick.normal(pick.size()), pick.normal(pick.size())
    return torch.meshgrid, (a, b), {"indexing": "ij"}, [lambda i, j: copied((i,), 0), lambda i, j: copied((j,), 1)]


@case
def interpolate_nearest(pick):
    k = pick.size(1, 3)
    x = pick.normal(*pick.shape(3, 3, low=1))
    return F.interpolate, x, {"scale_factor": k}, lambda n, c, i: copied((n, c, i // k))


# --- Indices and masks -----------------------------------------------------------------------------------------------


def from_line(pick, op):
    shape = pick.shape(1, 2, low=1)
    d = pick.dim(shape)
    n = shape[d]
    index = pick.integers(0, n, *at(shape, d, pick.size(0, 4)))

    def oracle(*i):
        return copied(at(i, d, index[i].item())) | (steered(i) if n > 1 else set())

    return op(d), (pick.normal(*shape), index), {}, oracle


@case
def gather(pick):
    return from_line(pick, lambda d: lambda x, index: torch.gather(x, d, index))


@case
def take_along_dim(pick):
    return from_line(pick, lambda d: lambda x, index: torch.take_along_dim(x, index, dim=d))


@case
def index_select(pick):
    shape = pick.shape(1, 3, low=1)
    d = pick.dim(shape)
    n = shape[d]
    index = pick.integers(0, n, pick.size(0, 4))

    def oracle(*i):
        return copied(at(i, d, index[i[d]].item())) | (steered((i[d],), 1) if n > 1 else set())

    return lambda x, index: torch.index_select(x, d, index), (pick.normal(*shape), index), {}, oracle


@case
def advanced_indexing(pick):
    m, n, count = pick.size(1), pick.size(1), pick.size(0, 4)
    rows, columns = pick.integers(-m, m, count), pick.integers(-n, n, count)

    def oracle(i):
        links = copied((rows[i].item() % m, columns[i].item() % n))
        return links | (steered((i,), 1) if m > 1 else set()) | (steered((i,), 2) if n > 1 else set())

    return lambda x, rows, columns: x[rows, columns], (pick.normal(m, n), rows, columns), {}, oracle


@case
def scatter(pick):
    m, n = pick.size(0, 2), pick.one_of(1, 3, 4)
    count = pick.size(0, n)
    index = torch.stack([pick.order(n)[:count] for _ in range(m)]) if m else pick.integers(0, n, 0, count)

    def oracle(i, j):
        k, others = pointed(range(count), j, lambda k: index[i, k])
        found = copied((i, k), 2) | steered((i, k)) if k is not None else copied((i, j))
        return found - steered((i, k)) if n == 1 else found | maybe(((i, other) for other in others), 1)

    return lambda x, index, y: x.scatter(1, index, y), (pick.normal(m, n), index, pick.normal(m, count)), {}, oracle


def to_lines(pick, op, source):
    n, m = pick.one_of(1, 3, 4), pick.size(0, 2)
    count = pick.size(0, n)
    index = pick.order(n)[:count]
    d = pick.one_of(0, -2)

    def oracle(i, j):
        k, others = pointed(range(count), i, lambda k: index[k], overwrites=bool(source(0, 0)))
        found = copied(source(k, j), 2) | steered((k,)) if k is not None else copied((i, j))
        return found - steered((k,)) if n == 1 else found | maybe(((other,) for other in others), 1)

    values = pick.normal(count, m) if source(0, 0) else pick.normal()
    return lambda x, index, y: op(x, d, index, y), (pick.normal(n, m), index, values), {}, oracle


@case
def index_copy(pick):
    return to_lines(pick, torch.index_copy, lambda k, j: (k, j))


@case
def index_fill(pick):
    return to_lines(pick, torch.index_fill, lambda k, j: ())


def filled(pick, op):
    shape = pick.shape()
    small = pick.part(shape)
    mask = pick.bools(*small)

    def oracle(*i):
        place = aligned(i, small)
        return steered(place) | (set() if mask[place] else copied(i))

    return op, (pick.normal(*shape), mask, -7.0), {}, oracle


@case
def masked_fill(pick):
    return filled(pick, torch.masked_fill)


@case
def masked_fill_in_place(pick):
    return filled(pick, torch.Tensor.masked_fill_)


@case
def where(pick):
    shape = pick.shape()
    shapes = [shape, pick.part(shape), pick.part(shape)]
    mask = pick.bools(*shape)

    def oracle(*i):
        number = 1 if mask[i] else 2
        return steered(i, 0) | copied(aligned(i, shapes[number]), number)

    return torch.where, (mask, pick.normal(*shapes[1]), pick.normal(*shapes[2])), {}, oracle


def selected(pick, op):
    shape = pick.shape()
    mask = pick.bools(*shape)
    order = [place for place in places(*shape) if mask[place]]
    return op, (pick.normal(*shape), mask), {}, lambda i: copied(order[i]) | steered(order[i])


@case
def masked_select(pick):
    return selected(pick, torch.masked_select)


@case
def boolean_mask(pick):
    return selected(pick, operator.getitem)


@case
def embedding(pick):
    rows, width = pick.size(1), pick.size(0, 2)
    tokens = pick.integers(0, rows, *pick.shape(1, 2))

    def oracle(*i):
        return copied((tokens[i[:-1]].item(), i[-1]), 1) | (steered(i[:-1], 0) if rows > 1 else set())

    return F.embedding, (tokens, pick.normal(rows, width)), {}, oracle


# --- Order -----------------------------------------------------------------------------------------------------------


@case
def sort(pick):
    shape = pick.shape(1, 2, high=4)
    d, descending = pick.dim(shape), pick.one_of(False, True)
    x = pick.integers(-2, 3, *shape).float()  # with ties, which keep their order
    n = shape[d]

    def values(*i):
        sign = -1 if descending else 1
        ranked = sorted(line(i, d, n), key=lambda place: sign * x[place].item())
        best = ranked.pop(i[d])
        return copied(best) | compared(ranked)

    return (
        torch.sort,
        x,
        {"dim": d, "descending": descending, "stable": True},
        [values, lambda *i: mixed(line(i, d, n))],
    )


@case
def topk(pick):
    shape = pick.shape(1, 2, low=1, high=4)
    d, largest = pick.dim(shape), pick.one_of(False, True)
    x, n = pick.distinct(*shape), shape[d]

    def values(*i):
        return chosen(x, line(i, d, n), n - 1 - i[d] if largest else i[d])

    options = {"k": pick.size(0, n), "dim": d, "largest": largest}
    return torch.topk, x, options, [values, lambda *i: mixed(line(i, d, n))]


def one_of_line(pick, op, rank):
    shape = pick.shape(1, 2, low=1, high=4)
    d, keepdim = pick.dim(shape), pick.one_of(False, True)
    x, n = pick.distinct(*shape), shape[d]

    def on_line(i):
        return line(i if keepdim else inserted(i, d % len(shape), 0), d, n)

    oracles = [lambda *i: chosen(x, on_line(i), rank(n)), lambda *i: mixed(on_line(i))]
    return op, x, {"dim": d, "keepdim": keepdim}, oracles


@case
def max_over_dim(pick):
    return one_of_line(pick, torch.max, lambda n: n - 1)


@case
def min_over_dim(pick):
    return one_of_line(pick, torch.min, lambda n: 0)


@case
def median(pick):
    return one_of_line(pick, torch.median, lambda n: (n - 1) // 2)


@case
def kthvalue(pick):
    return one_of_line(pick, lambda x, dim, keepdim: torch.kthvalue(x, x.shape[dim], dim, keepdim), lambda n: n - 1)


@case
def argmax(pick):
    _, x, options, oracles = one_of_line(pick, torch.max, lambda n: n - 1)
    return torch.argmax, x, options, oracles[1]


@case
def amax(pick):
    x = pick.distinct(*pick.shape(2, 2, low=1))
    return torch.amax, x, {"dim": (0, -1)}, lambda: chosen(x, places(*x.shape), -1)


@case
def maximum(pick):
    shape = pick.shape()
    other = pick.part(shape)
    count = math.prod(shape)
    values = pick.distinct(count + math.prod(other))
    x, y = values[:count].reshape(shape), values[count:].reshape(other)

    def oracle(*i):
        j = aligned(i, other)
        return copied(i) | compared([j], 1) if x[i] > y[j] else copied(j, 1) | compared([i])

    return torch.maximum, (x, y), {}, oracle


@case
def cummax(pick):
    shape = pick.shape(1, 2, high=4)
    d = pick.dim(shape)
    x = pick.distinct(*shape)
    oracles = [lambda *i: chosen(x, line(i, d, i[d] + 1), -1), lambda *i: mixed(line(i, d, i[d] + 1))]
    return torch.cummax, x, {"dim": d}, oracles


@case
def max_pool1d(pick):
    n, size, stride = pick.size(3, 6), pick.size(2, 3), pick.size(1, 2)
    padding = pick.size(0, 1)
    x = pick.distinct(1, 2, n)

    def oracle(b, c, i):
        start = i * stride - padding
        return chosen(x, [(b, c, j) for j in range(start, start + size) if 0 <= j < n], -1)

    return F.max_pool1d, x, {"kernel_size": size, "stride": stride, "padding": padding}, oracle


@case
def max_pool2d(pick):
    h, w, dilation, stride = pick.size(3, 5), pick.size(3, 5), pick.size(1, 2), pick.size(1, 2)
    x = pick.distinct(1, h, w)

    def oracle(c, i, j):
        return chosen(x, [(c, i * stride + dilation * k, j * stride + dilation * m) for k, m in places(2, 2)], -1)

    return F.max_pool2d, x, {"kernel_size": 2, "stride": stride, "dilation": dilation}, oracle


# --- Arithmetic ------------------------------------------------------------------------------------------------------


def pointwise(pick, op, values=None):
    values = values or pick.normal
    shape = pick.shape(0, 3)
    other = pick.part(shape)
    return op, (values(*shape), values(*other)), {}, lambda *i: computed([i]) | computed([aligned(i, other)], 1)


@case
def add(pick):
    return pointwise(pick, torch.add)


@case
def mul(pick):
    return pointwise(pick, torch.mul)


@case
def add_in_place(pick):
    return pointwise(pick, torch.Tensor.add_)


@case
def greater(pick):
    return pointwise(pick, torch.gt)


@case
def equal(pick):
    return pointwise(pick, torch.eq)


def outvoted(pick, op, values):
    """Of what is zero or false on one side, the other side says nothing at these values."""
    shape = pick.shape(0, 3)
    other = pick.part(shape)
    x, y = values(*shape), values(*other)

    def oracle(*i):
        j = aligned(i, other)
        return (computed if y[j] else maybe)([i]) | (computed if x[i] else maybe)([j], 1)

    return op, (x, y), {}, oracle


@case
def bitwise_and(pick):
    return outvoted(pick, torch.bitwise_and, lambda *shape: pick.integers(-8, 8, *shape))


@case
def logical_and(pick):
    return outvoted(pick, torch.logical_and, pick.bools)


def of_one(pick, op):
    return op, pick.normal(*pick.shape(0, 3)), {}, lambda *i: computed([i])


@case
def relu(pick):
    return of_one(pick, torch.relu)


@case
def sigmoid(pick):
    return of_one(pick, torch.sigmoid)


@case
def exp(pick):
    return of_one(pick, torch.exp)


@case
def clamp(pick):
    return of_one(pick, lambda x: x.clamp(-1, 1))


@case
def round_(pick):
    return of_one(pick, torch.round)


def over_dims(pick, op, rule, values=None, low=0):
    shape = pick.shape(2, 3, low=low)
    dims = sorted(set(pick.order(len(shape))[: pick.one_of(1, 1, len(shape))].tolist()))
    keepdim = pick.one_of(False, True)

    def oracle(*i):
        kept = i if keepdim else tuple(0 if d in dims else i[d - sum(e < d for e in dims)] for d in range(len(shape)))
        return rule([p for p in places(*shape) if all(d in dims or p[d] == kept[d] for d in range(len(shape)))])

    given_dims = [d - pick.one_of(0, len(shape)) for d in dims]
    return op, (values or pick.normal)(*shape), {"dim": given_dims, "keepdim": keepdim}, oracle


@case
def sum_(pick):
    return over_dims(pick, torch.sum, reduced)


@case
def sum_of_integers(pick):
    return over_dims(pick, torch.sum, reduced, lambda *shape: pick.integers(-5, 6, *shape))


@case
def mean(pick):
    return over_dims(pick, torch.mean, reduced)


@case
def logsumexp(pick):
    return over_dims(pick, torch.logsumexp, reduced)


@case
def vector_norm(pick):
    return over_dims(pick, torch.linalg.vector_norm, computed)


@case
def var(pick):
    return over_dims(pick, torch.var, mixed, low=2)


@case
def std(pick):
    return over_dims(pick, lambda x, dim, keepdim: torch.std(x, dim, correction=0, keepdim=keepdim), mixed, low=1)


def decided(pick, op, deciding):
    """One element that decides leaves the others nothing to say."""
    drawn = []

    def values(*shape):
        drawn.append(pick.bools(*shape))
        return drawn[0]

    def rule(members):
        votes = {index: drawn[0][index].item() == deciding for index in members}
        if len(votes) == 1:
            return copied(*votes)
        silent = [index for index in votes if any(vote for other, vote in votes.items() if other != index)]
        return maybe(silent) | computed(index for index in votes if index not in silent)

    return over_dims(pick, op, rule, values)


@case
def any_(pick):
    return decided(pick, torch.any, True)


@case
def all_(pick):
    return decided(pick, torch.all, False)


def along(pick, op, rule, values=None):
    shape = pick.shape()
    d = pick.dim(shape)
    return op, (values or pick.normal)(*shape), {"dim": d}, lambda *i: rule(line(i, d, shape[d]), i[d])


@case
def prod(pick):
    shape = pick.shape()
    d = pick.dim(shape)
    x = pick.normal(*shape)
    return torch.prod, x, {"dim": d}, lambda *i: reduced(line(inserted(i, d % len(shape), 0), d, shape[d]))


@case
def cumsum(pick):
    return along(pick, torch.cumsum, lambda members, k: reduced(members[: k + 1]))


@case
def cumprod(pick):
    return along(pick, torch.cumprod, lambda members, k: reduced(members[: k + 1]))


@case
def softmax(pick):
    return along(pick, torch.softmax, lambda members, k: mixed(members))


@case
def log_softmax(pick):
    return along(pick, torch.log_softmax, lambda members, k: mixed(members))


@case
def diff(pick):
    return along(pick, torch.diff, lambda members, k: computed(members[k : k + 2]))


# --- Products --------------------------------------------------------------------------------------------------------


@case
def matmul(pick):
    rows, inner, columns = pick.shape(3, 3)
    batch = pick.shape(0, 1)
    left = pick.one_of((inner,), (rows, inner), (*batch, rows, inner))
    right = pick.one_of((inner,), (inner, columns), (*pick.part(batch), inner, columns))

    def oracle(*i):
        i = list(i)
        column = [i.pop()] if len(right) > 1 else []
        row = [i.pop()] if len(left) > 1 else []
        a, b = aligned(i, left[:-2]), aligned(i, right[:-2])
        return computed((*a, *row, k) for k in range(inner)) | computed(((*b, k, *column) for k in range(inner)), 1)

    return torch.matmul, (pick.normal(*left), pick.normal(*right)), {}, oracle


@case
def bmm(pick):
    b, i, j, k = pick.shape(4, 4)

    def oracle(n, row, column):
        return computed((n, row, m) for m in range(j)) | computed(((n, m, column) for m in range(j)), 1)

    return torch.bmm, (pick.normal(b, i, j), pick.normal(b, j, k)), {}, oracle


@case
def outer(pick):
    a, b = pick.normal(pick.size()), pick.normal(pick.size())
    return torch.outer, (a, b), {}, lambda i, j: computed([(i,)]) | computed([(j,)], 1)


@case
def einsum(pick):
    a, b, c = pick.shape(3, 3)

    def oracle(k, i):
        return computed((i, j, k) for j in range(b)) | computed(((j,) for j in range(b)), 1)

    return lambda x, y: torch.einsum("ijk,j->ki", x, y), (pick.normal(a, b, c), pick.normal(b)), {}, oracle


@case
def linear(pick):
    rows, inner, out = pick.size(), pick.size(1), pick.size(1)

    def oracle(i, j):
        weights = computed(((j, k) for k in range(inner)), 1)
        return computed((i, k) for k in range(inner)) | weights | computed([(j,)], 2)

    return F.linear, (pick.normal(rows, inner), pick.normal(out, inner), pick.normal(out)), {}, oracle


@case
def conv1d(pick):
    c, out, n, size = pick.size(1, 2), pick.size(1, 2), pick.size(3, 5), pick.size(1, 3)
    padding = pick.size(0, 1)

    def oracle(b, o, i):
        taps = [(ch, k) for ch, k in places(c, size) if 0 <= i + k - padding < n]
        weights = computed(((o, ch, k) for ch, k in taps), 1)
        return computed((b, ch, i + k - padding) for ch, k in taps) | weights

    return F.conv1d, (pick.normal(2, c, n), pick.normal(out, c, size)), {"padding": padding}, oracle


@case
def conv2d(pick):
    groups, per_group, out_per_group = pick.size(1, 2), pick.size(1, 2), pick.size(1, 2)
    h, w, size = pick.size(3, 4), pick.size(3, 4), pick.size(1, 2)
    stride, padding, dilation = pick.size(1, 2), pick.size(0, 1), pick.size(1, 2)
    out = groups * out_per_group

    def oracle(b, o, i, j):
        links = computed([(o,)], 2)
        for ch, k, m in places(per_group, size, size):
            row, column = i * stride + k * dilation - padding, j * stride + m * dilation - padding
            if 0 <= row < h and 0 <= column < w:
                links |= computed([(b, o // out_per_group * per_group + ch, row, column)])
                links |= computed([(o, ch, k, m)], 1)
        # Where the kernel sees padding alone, the bias arrives as it is.
        return links if len(links) > 1 else copied((o,), 2)

    inputs = pick.normal(1, groups * per_group, h, w), pick.normal(out, per_group, size, size), pick.normal(out)
    return F.conv2d, inputs, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}, oracle


@case
def conv_transpose1d(pick):
    c, out, n, size = pick.size(1, 2), pick.size(1, 2), pick.size(1, 3), pick.size(1, 3)
    stride = pick.size(1, 3)

    def oracle(b, o, i):
        taps = [(ch, s, i - s * stride) for ch, s in places(c, n) if 0 <= i - s * stride < size]
        return computed((b, ch, s) for ch, s, _ in taps) | computed(((ch, o, k) for ch, _, k in taps), 1)

    return F.conv_transpose1d, (pick.normal(1, c, n), pick.normal(c, out, size)), {"stride": stride}, oracle


@case
def avg_pool1d(pick):
    n, size, stride = pick.size(3, 6), pick.size(1, 3), pick.size(1, 2)
    x = pick.normal(1, 2, n)
    return F.avg_pool1d, (x, size, stride), {}, lambda b, c, i: reduced((b, c, i * stride + k) for k in range(size))


# --- Normalization, losses, attention and modules --------------------------------------------------------------------


def normalized(members, channel):
    """Mean 0 and deviation 1 leave nothing of a single element, so that the bias arrives as it is."""
    if len(members) == 1:
        return copied((channel,), 2)
    return computed(members) | computed([(channel,)], 1) | computed([(channel,)], 2)


@case
def layer_norm(pick):
    rows, n = pick.size(), pick.size(1)
    weight, bias = pick.normal(n), pick.normal(n)
    return (
        lambda x, weight, bias: F.layer_norm(x, (n,), weight, bias),
        (pick.normal(rows, n), weight, bias),
        {},
        lambda i, j: normalized(line((i, j), 1, n), j),
    )


@case
def group_norm(pick):
    rows, groups, size, n = pick.size(1, 2), pick.size(1, 2), pick.size(1, 2), pick.size(1, 3)
    n = max(n, 3 - size)  # a single value leaves its rounding error
    weight, bias = pick.normal(groups * size), pick.normal(groups * size)

    def oracle(b, c, _):
        start = c // size * size
        return normalized([(b, d, k) for d in range(start, start + size) for k in range(n)], c)

    x = pick.normal(rows, groups * size, n)
    return lambda x, weight, bias: F.group_norm(x, groups, weight, bias), (x, weight, bias), {}, oracle


@case
def batch_norm(pick):
    rows, channels, n = pick.size(2), pick.size(1), pick.size(1)
    weight, bias = pick.normal(channels), pick.normal(channels)
    return (
        lambda x, weight, bias: F.batch_norm(x, None, None, weight, bias, training=True),
        (pick.normal(rows, channels, n), weight, bias),
        {},
        lambda b, c, _: normalized([(a, c, k) for a, k in places(rows, n)], c),
    )


def loss(pick, reduction):
    rows, classes = pick.size(1), pick.size(1)
    target = pick.integers(0, classes, rows)

    def of_row(i):
        row = [(i, k) for k in range(classes)]
        return mixed(row) | (steered((i,)) if classes > 1 else set())

    def of_all():
        return set().union(*(of_row(i) for i in range(rows)))

    x = pick.normal(rows, classes)
    return F.cross_entropy, (x, target), {"reduction": reduction}, of_row if reduction == "none" else of_all


@case
def cross_entropy(pick):
    return loss(pick, "none")


@case
def cross_entropy_mean(pick):
    return loss(pick, "mean")


def attention(pick, sees, queries, keys, width, **kwargs):
    features = pick.size(1, 2)

    def oracle(b, t, f):
        seen = [s for s in range(keys) if sees(t, s)]
        masks = {("attn_mask" in kwargs and 3, (t, s), Kind.INDEX) for s in range(keys)} if kwargs else set()
        masks = masks if "attn_mask" in kwargs else set()
        if len(seen) == 1:
            return copied((b, seen[0], f), 2) | masks
        by_key = computed(((b, s, e) for s in seen for e in range(width)), 1)
        return computed((b, t, e) for e in range(width)) | by_key | computed(((b, s, f) for s in seen), 2) | masks

    inputs = pick.normal(1, queries, width), pick.normal(1, keys, width), pick.normal(1, keys, features)
    return F.scaled_dot_product_attention, inputs, kwargs, oracle


@case
def attention_plain(pick):
    return attention(pick, lambda t, s: True, pick.size(0), pick.size(1), pick.size(1, 2))


@case
def attention_causal(pick):
    n = pick.size(1)
    return attention(pick, lambda t, s: s <= t, n, n, pick.size(1, 2), is_causal=True)


@case
def attention_with_a_mask(pick):
    queries, keys = pick.size(1), pick.size(1)
    mask = pick.bools(queries, keys)
    mask[:, 0] |= ~mask.any(dim=1)
    return attention(pick, lambda t, s: mask[t, s], queries, keys, pick.size(1, 2), attn_mask=mask)


def seeded(make):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make()


@case
def module(pick):
    rows, n = pick.size(), pick.size(1)
    net = seeded(lambda: nn.Sequential(nn.Linear(n, 4), nn.Tanh(), nn.Linear(4, 2)))
    return net, pick.normal(rows, n), {}, lambda i, j: computed(line((i, 0), 1, n))


def recurrent(pick, layer, states):
    steps, rows, n = pick.size(1), pick.size(1, 2), pick.size(1, 2)
    net = seeded(lambda: layer(n, 2))

    def until(last):
        return lambda b: computed((s, b, k) for s in range(last + 1) for k in range(n))

    oracles = [lambda t, b, _: until(t)(b)] + [lambda _, b, __: until(steps - 1)(b)] * states
    return net, pick.normal(steps, rows, n), {}, oracles


@case
def lstm(pick):
    return recurrent(pick, nn.LSTM, 2)


@case
def gru(pick):
    return recurrent(pick, nn.GRU, 1)


@case
def one_hot(pick):
    classes = pick.size(2, 5)
    labels = pick.integers(0, classes, *pick.shape(1, 2))
    return F.one_hot, labels, {"num_classes": classes}, lambda *i: computed([i[:-1]])


# --- In place --------------------------------------------------------------------------------------------------------


def copy_rows(x, rows):
    x[1:].copy_(rows)


@case
def copy_into_a_slice(pick):
    n, m = pick.size(1), pick.size()

    def oracle(i, j):
        return copied((i - 1, j), 1) if i else copied((i, j))

    return copy_rows, (pick.normal(n, m), pick.normal(n - 1, m)), {}, oracle


@case
def setitem(pick):
    n = pick.one_of(1, 3, 4)
    index = pick.order(n)[: pick.size(0, n)]

    def oracle(i):
        k, others = pointed(range(len(index)), i, lambda k: index[k])
        found = copied((k,), 2) | steered((k,)) if k is not None else copied((i,))
        return found - steered((k,)) if n == 1 else found | maybe(((other,) for other in others), 1)

    return torch.Tensor.__setitem__, (pick.normal(n), index, pick.normal(len(index))), {}, oracle


def links(found, o, index):
    """What the trace says of one element, in the form of an oracle."""
    return {
        (number, tuple(place), Kind(int(kinds[index][tuple(place)])))
        for number, kinds in enumerate(found.kinds[o])
        for place in kinds[index].nonzero().tolist()
    }


@pytest.mark.parametrize("make", CASES.values(), ids=CASES)
@settings(deadline=None, derandomize=True, max_examples=10)
@given(data=st.data())
def test_trace_agrees_with_a_loop(make, data):
    op, inputs, kwargs, oracles = make(Pick(data))
    oracles = oracles if isinstance(oracles, list) else [oracles]
    found = trace(op, inputs, **kwargs)
    assert len(found.outputs) == len(oracles)
    for o, (oracle, output) in enumerate(zip(oracles, found.outputs, strict=True)):
        for index in places(*output.shape):
            assert links(found, o, index) == oracle(*index), f"output {o}, element {index}"


def test_there_are_enough_operations():
    assert len(CASES) >= 75
