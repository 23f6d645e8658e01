"""Compare every explanation of `ptguide.rules` with torch itself, on random cases, about half of which torch refuses.

Each rule has a function that draws a case (the arguments of its explanation) and one that asks torch. The tests
of the package draw from the same functions.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings
from collections import Counter

import torch
from torch.nn import functional as F

from ptguide import rules


def size(rng, most=4, zero=0.1):
    """Draw the size of an axis; 0 is rare and 1 is common."""
    return 0 if rng.random() < zero else rng.choice((1, *range(1, most + 1)))


def sizes(rng, axes, most=4, zero=0.1):
    return tuple(size(rng, most, zero) for _ in range(axes))


def draw_broadcast(rng):
    result = sizes(rng, rng.choice((0, 1, 2, 2, 3, 3, 4)))
    shapes = []
    for _ in range(rng.choice((1, 2, 2, 2, 3))):
        left_out = rng.randint(0, len(result))
        shapes.append(tuple(rng.choice((entry,) * 4 + (1,)) for entry in result[left_out:]))
    if len(shapes) > 1 and rng.random() < 0.6:
        for shape, entry in zip(rng.sample(shapes, 2), (2, rng.randint(0, 4)), strict=True):
            place = rng.randint(0, min(len(shape), 1))
            changed = (*shape[: len(shape) - place], entry, *shape[len(shape) - place + 1 :])
            shapes[shapes.index(shape)] = changed
    return tuple(shapes), {}


def ask_broadcast(*shapes):
    tensors = torch.broadcast_tensors(*(torch.empty(shape) for shape in shapes))
    assert all(tensor.shape == tensors[0].shape for tensor in tensors)
    return tensors[0], None


def draw_matmul(rng):
    inner = size(rng)
    batch = sizes(rng, rng.choice((0, 0, 1, 2)))
    a = (*(rng.choice((entry, 1)) for entry in batch), size(rng), inner)
    b = (*(rng.choice((entry, 1)) for entry in batch[rng.randint(0, len(batch)) :]), inner, size(rng))
    if rng.random() < 0.2:
        a = (inner,)
    if rng.random() < 0.2:
        b = (inner,)
    kind = rng.randrange(6)
    if kind == 0:
        a = sizes(rng, rng.randint(0, 4))
    elif kind == 1:
        b = sizes(rng, rng.randint(0, 4))
    elif kind == 2:
        a, b = b, a
    return (a, b), {}


def ask_matmul(a, b):
    return torch.empty(a) @ torch.empty(b), None


def draw_view(rng):
    shape = tuple(rng.choice((1, 2, 2, 3, 4)) for _ in range(rng.randint(0, 4)))
    if rng.random() < 0.1:
        shape = sizes(rng, rng.randint(1, 4), zero=0.4)
    if rng.random() < 0.4:  # what people do to a tensor
        order = list(range(len(shape)))
        tensor = torch.empty(shape).permute(rng.choice((order, rng.sample(order, len(order)))))
        if tensor.ndim and rng.random() < 0.3:
            tensor = tensor[..., :: rng.randint(1, 2)]
        if rng.random() < 0.3:
            tensor = tensor.unsqueeze(0).expand(rng.randint(1, 3), *tensor.shape)
        shape, stride = tuple(tensor.shape), tensor.stride()
    else:
        stride = tuple(rng.choice((0, 1, 2, 3, 4, 6, 8, 12)) for _ in shape)
    wanted, rest = [], torch.Size(shape).numel()
    while rest > 1 or rng.random() < 0.3:
        wanted.append(rng.choice([n for n in range(1, rest + 1) if rest % n == 0] or [0, 1, 2]))
        rest //= wanted[-1] or 1
        if not rest:
            break
    if torch.Size(shape).numel() == 0:
        wanted = rng.sample([0, 1, *sizes(rng, 2)], rng.randint(1, 4))
    wanted = rng.choice((wanted, wanted, list(shape)))
    if rng.random() < 0.15 and wanted:
        wanted[rng.randrange(len(wanted))] = rng.choice((-1, 0, 1, 2))
    if rng.random() < 0.2 and wanted:
        wanted[rng.randrange(len(wanted))] = -1
    return ((shape, stride), tuple(wanted)), {}


def strided(layout):
    """Make a tensor of a shape and strides."""
    shape, stride = layout
    reach = sum(max(n - 1, 0) * step for n, step in zip(shape, stride, strict=True)) + 1
    return torch.empty(reach).as_strided(shape, stride)


def ask_view(layout, wanted):
    x = strided(layout)
    result = x.view(wanted)
    return result, result.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


def settings(rng, axes, values, wrong=0.01):
    """Draw one number, one for each axis, or too many."""
    entries = [rng.choice(values) for _ in range(axes + (rng.random() < wrong))]
    return entries[0] if rng.random() < 0.3 else tuple(entries[: rng.choice((1, *[len(entries)] * 9))])


def draw_conv(rng):
    axes, groups, transposed = rng.choice((1, 1, 2, 2, 3)), rng.choice((1, 1, 2, 3)), rng.random() < 0.4
    channels = [size(rng, 2, 0.04) * groups for _ in range(2)]
    before, after = (size(rng, 6, 0.02) if rng.random() < 0.06 else entry for entry in channels)
    weight = (before, after // groups) if transposed else (after, before // groups)
    kernel = sizes(rng, axes, 3, 0)
    options = {"stride": settings(rng, axes, (1, 1, 2, 3)), "padding": settings(rng, axes, (0, 0, 1, 2))}
    options |= {"dilation": settings(rng, axes, (1, 1, 2, 3)), "groups": groups}
    if transposed:
        options |= {"transposed": True, "output_padding": settings(rng, axes, (0, 0, 0, 1, 2))}
    elif rng.random() < 0.2:
        options["padding"] = rng.choice(("same", "same", "valid"))
        options["stride"] = rng.choice((1, 1, 2))
    items = () if rng.random() < 0.25 else (size(rng, 3, 0.06),)
    given = (*items, before if rng.random() < 0.93 else size(rng, 6), *sizes(rng, axes, 7, 0.03))
    if rng.random() < 0.04:
        given = rng.choice((given[1:], (2, *given), (*given[-axes:], before)))
    return (given, (*weight, *kernel)), options


def ask_conv(given, weight, transposed=False, dtype=torch.float32, **options):
    names = ("conv1d", "conv2d", "conv3d")
    if transposed:
        names = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
    return getattr(F, names[len(weight) - 3])(
        torch.zeros(given, dtype=dtype), torch.zeros(weight, dtype=dtype), **options
    ), None


def draw_pool(rng):
    axes, kind = rng.choice((1, 1, 2, 2, 3)), rng.choice(("max", "avg"))
    options = {"kernel_size": settings(rng, axes, (1, 2, 3, 4, 5)), "padding": settings(rng, axes, (0, 0, 0, 1, 2))}
    if rng.random() < 0.6:
        options["stride"] = settings(rng, axes, (1, 2, 3, 7))
    if kind == "max":
        options["dilation"] = settings(rng, axes, (1, 1, 2, 3))
    options |= {"ceil_mode": rng.random() < 0.5, "kind": kind, "axes": axes}
    items = () if rng.random() < 0.3 else (size(rng, 3, 0.06),)
    given = (*items, size(rng, 3, 0.03), *sizes(rng, axes, 9, 0.03))
    if rng.random() < 0.04:
        given = rng.choice((given[1:], (2, 2, *given)))
    return (given,), options


def ask_pool(given, kind, axes, **options):
    return getattr(F, f"{kind}_pool{axes}d")(torch.zeros(given), **options), None


def draw_index(rng):
    shape = sizes(rng, rng.choice((0, 1, 2, 3, 3, 4)), zero=0.05)
    common = sizes(rng, rng.choice((1, 1, 1, 2)), 3, 0.05)
    parts, place = [], 0
    for _ in range(rng.choice((0, 1, 2, 3, 3, 4, 5))):
        part, taken = draw_part(rng, shape[place:], common)
        parts.append(part)
        place += taken
    if rng.random() < 0.3:
        parts = [part for part in parts if not isinstance(part, (list, torch.Tensor))]
    if len(parts) == 1 and rng.random() < 0.7:
        return (shape, parts[0]), {}
    return (shape, rng.choice((tuple(parts),) * 9 + (parts,))), {}


def draw_part(rng, rest, common):
    """Draw one part of an index for the axes that are left, and the number of axes that it takes."""
    n = rest[0] if rest else rng.randint(0, 3)
    kind = rng.choices(range(8), (4, 5, 1.5, 1, 0.7, 4, 2, 0.4))[0]
    wide = 1 if rng.random() < 0.04 else 0
    if kind == 0:
        number = rng.randint(-n - wide, max(n - 1, 0) + wide)
        return rng.choice((number, number, torch.tensor(number), torch.tensor(number, dtype=torch.int16))), 1
    if kind == 1:
        bounds = [rng.choice((None, rng.randint(-6, 6))) for _ in range(2)]
        return rng.choice((slice(None), slice(*bounds, rng.choice((None, 1, 2, 3, 3, rng.randint(-1, 1)))))), 1
    if kind in (2, 3):
        return (None, Ellipsis)[kind - 2], rng.randint(0, 2) if kind == 3 else 0
    if kind == 4:
        flag = rng.random() < 0.7
        return rng.choice((flag, torch.tensor(flag), torch.tensor(2 * int(flag), dtype=torch.uint8))), 0
    if kind == 5:
        shape = common if rng.random() < 0.85 else sizes(rng, 1, 3, 0.1)
        values = torch.tensor([rng.randint(-n - wide, max(n - 1, 0) + wide) for _ in range(torch.Size(shape).numel())])
        values = values.long().reshape(shape)
        return rng.choice((values, values.int(), values.tolist(), values.tolist(), range(min(n, 2)))), 1
    if kind == 6:
        axes = rest[: rng.choice((1, 1, 2))] or (2,)
        mask_shape = axes if rng.random() < 0.9 else sizes(rng, len(axes))
        count = torch.Size(mask_shape).numel()
        mask = torch.tensor([rng.random() < 0.5 for _ in range(count)], dtype=torch.bool).reshape(mask_shape)
        return rng.choice((mask, mask, mask.byte(), mask.tolist() if count else mask)), len(axes)
    return rng.choice((0.0, [0.7], torch.tensor([0.0]), torch.tensor([0], dtype=torch.int8), [[0], [0, 0]])), 1


def ask_index(shape, index):
    x = torch.zeros(shape)
    result = x[index]
    same = result.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert same == result._is_view() or not result.numel()
    return result, not result._is_view()


RULES = {
    name: (globals()[f"draw_{name}"], getattr(rules, f"explain_{name}"), globals()[f"ask_{name}"])
    for name in ("broadcast", "matmul", "view", "conv", "pool", "index")
}


def answer(ask, args, options):
    """Return what torch gives: works, shape, copies, and its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result, copies = ask(*args, **options)
        except (RuntimeError, IndexError, ValueError, TypeError) as error:
            return (False, None, None), str(error)
    return (True, tuple(result.shape), copies), ""


def compare(name, rng):
    """Draw a case and compare; return the verdict, what happened in words, and the seconds of the explanation."""
    draw, explain, ask = RULES[name]
    args, options = draw(rng)
    started = time.perf_counter()
    try:
        told = explain(*args, **options)
    except ValueError as error:  # the rule says that torch's answer is not defined
        return "open", f"{args} {options}: {error}", 0.0
    seconds = time.perf_counter() - started
    given, error = answer(ask, args, options)
    verdict = ("accepted" if given[0] else "refused") if (told.works, told.shape, told.copies) == given else "wrong"
    return verdict, f"{name} {args} {options}\n  torch: {given} {error}\n  told: {told}", seconds


def main() -> int:
    """Print the table; return 1 if an explanation was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'rule':<12}{'cases':>8}{'accepted':>10}{'refused':>9}{'open':>7}{'wrong':>7}{'us each':>9}")
    wrong = 0
    for name in RULES:
        rng, verdicts, seconds = random.Random(options.seed), Counter(), 0.0
        for _ in range(options.cases):
            verdict, words, taken = compare(name, rng)
            verdicts[verdict] += 1
            seconds += taken
            if verdict == "wrong" and verdicts[verdict] <= 5:
                print(words)
        counts = [verdicts[verdict] for verdict in ("accepted", "refused", "open", "wrong")]
        each = 1e6 * seconds / max(sum(counts[:2]) + counts[3], 1)
        print(f"{name:<12}{options.cases:>8}{counts[0]:>10}{counts[1]:>9}{counts[2]:>7}{counts[3]:>7}{each:>9.0f}")
        wrong += verdicts["wrong"]
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
