"""Draw tensors beside each other, or an operation with its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from torch import Tensor

from ptguide.pictures._choice import Choice
from ptguide.pictures._images import image_panel
from ptguide.pictures._operation import operation
from ptguide.pictures._panels import colored, hue, tensor_panel
from ptguide.pictures._picture import Picture


@overload
def draw(
    subject: Tensor | Sequence[Tensor],
    names: str | Sequence[str] = (),
    /,
    *,
    colors: Tensor | Sequence[Tensor] | None = None,
    axes: str | Sequence[str] = (),
    image: bool = False,
) -> Picture: ...


@overload
def draw(subject: Callable[..., Any], inputs: Any, /, **kwargs: Any) -> Picture: ...


def draw(subject: Any, inputs: Any = (), /, **options: Any) -> Picture:
    """Draw tensors, or an operation: its inputs, what it gives, and what each element was made of.

    Rows run down and columns to the right, as in print. A tensor of three axes is drawn as slices along axis 0, one
    of four as a grid of slices; each slice bears its indices. A long axis is shortened in its middle.

    ``draw(op, inputs, **kwargs)`` runs ``op`` through `ptguide.trace.trace`. Hover over an element, tap it or move to
    it with the arrow keys, and the elements that it was made of, or that were made of it, are framed and named: with a
    solid line for what was copied or computed with, dashed for an index, dotted for what was compared. Without
    scripts one example is framed. With several inputs a color, and a letter in the corner of what was copied, stands
    for each; with one input colors stand for its rows, the first eight of them.

    With ``dim=Choice(0, 1)`` among the options, ``op`` runs once for each value of the `Choice`, and buttons step
    through the results. Without scripts, and in a file, they stand one under the other.

    Parameters
    ----------
    subject : Tensor, sequence of Tensor, or callable
        What to draw: tensors, each of 0 to 4 axes, or an operation.
    inputs : str or sequence of str; for an operation: Tensor, tuple or list
        The names to write above the tensors. For an operation its arguments: a tuple holds several, a list is one.
    colors : Tensor or sequence of Tensor, each of the shape of the tensor that it colors
        The color of each element, an integer from 0 to 9: 4 is gray, 5 a dashed box without a color. Left out, each
        of the first eight tensors has a color of its own, and the others are gray.
    axes : str or sequence of str
        A name for each axis, to write beside its size: ``"NCHW"``. All tensors then have the same number of axes.
    image : bool
        Whether to draw tensors of shape (H, W), (C, H, W) or (N, C, H, W), with C 1 or 3, as images.
    **options
        For an operation: its keyword arguments, one of which may be a `Choice`; ``names``, a sequence of str for the
        inputs, if they are not to be called x or a, b, c; and ``at``, the index of the output element that is framed
        at first.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If a tensor has more than 4 axes, if there are names or colors but not one for each tensor, if the colors of a
        tensor have another shape or are not 0 to 9, if there is not a name for each axis, or if a tensor to be drawn
        as an image has no such shape, if `at` is no index of the output, or if there are two of `Choice`. For an
        operation, what `ptguide.trace.trace` raises; with a `Choice`, a note names the value that it was raised with.
    TypeError
        If an option is not known, or a `Choice` stands among the inputs.

    Examples
    --------
    >>> import torch
    >>> draw(torch.arange(6).reshape(2, 3), "x").description
    'x of shape (2, 3): [[0, 1, 2], [3, 4, 5]]'
    >>> print(draw(torch.sum, torch.tensor([[1, 2, 4], [0, 3, 5]]), dim=1).said)
    out[1] = 8, computed from x[1, :].
    >>> from ptguide.pictures import Choice
    >>> picture = draw(torch.sum, torch.tensor([[1, 2, 4], [0, 3, 5]]), dim=Choice(0, 1))
    >>> print(picture.pictures[0].said, picture.pictures[1].said)
    out[1] = 5, computed from x[:, 1]. out[1] = 8, computed from x[1, :].
    """
    if callable(subject) and not isinstance(subject, Tensor):
        return operation(subject, inputs, options)
    if isinstance(subject, Choice):
        raise TypeError(
            f"subject is {subject!r}; expected tensors or an operation, and a Choice for an argument of it."
        )
    return _tensors(subject, inputs, **options)


def _tensors(
    tensors: Tensor | Sequence[Tensor],
    names: str | Sequence[str] = (),
    *,
    colors: Tensor | Sequence[Tensor] | None = None,
    axes: str | Sequence[str] = (),
    image: bool = False,
) -> Picture:
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    names = [names] if isinstance(names, str) else list(names)
    if colors is None:
        colors = [colored(tensor, hue(place)) for place, tensor in enumerate(tensors)]
    colors = [colors] if isinstance(colors, Tensor) else list(colors)
    names = names or [""] * len(tensors)
    for argument, given in (("names", names), ("colors", colors)):
        if len(given) != len(tensors):
            raise ValueError(f"{argument} has {len(given)} entries; expected {len(tensors)}, one for each tensor.")
    if image:
        return Picture(tuple(image_panel(tensor, name) for tensor, name in zip(tensors, names, strict=True)))
    for place, (tensor, hues) in enumerate(zip(tensors, colors, strict=True)):
        _require_drawable(tensor, hues, axes, place)
    parts = zip(tensors, names, colors, strict=True)
    return Picture(tuple(tensor_panel(tensor.detach().cpu(), name, hues, axes) for tensor, name, hues in parts))


def _require_drawable(tensor: Tensor, colors: Tensor, axes: Sequence[str], place: int) -> None:
    shape = tuple(tensor.shape)
    if tensor.dim() > 4:
        raise ValueError(f"tensors[{place}] has shape {shape}; expected 0 to 4 axes.")
    if axes and len(axes) != tensor.dim():
        raise ValueError(f"axes has {len(axes)} names; expected {tensor.dim()}, as tensors[{place}] has shape {shape}.")
    if tuple(colors.shape) != shape:
        raise ValueError(f"colors[{place}] has shape {tuple(colors.shape)}; expected {shape} as tensors[{place}].")
    if colors.numel() and not 0 <= colors.min() <= colors.max() <= 9:
        lowest, highest = colors.min().item(), colors.max().item()
        raise ValueError(f"colors[{place}] goes from {lowest} to {highest}; expected integers from 0 to 9.")
