"""The output size of convolutions and transposed convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ptguide.rules._explanation import (
    Explanation,
    RefusalError,
    Shape,
    counted,
    explain,
    read_integer,
    read_setting,
    read_shape,
    written,
)


def explain_conv(
    input_shape: Sequence[int] | Tensor,
    weight_shape: Sequence[int] | Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    transposed: bool = False,
    output_padding: int | Sequence[int] = 0,
) -> Explanation:
    """Explain the output size of a convolution over 1 to 3 axes.

    Parameters
    ----------
    input_shape : sequence of int or Tensor, shape (items, channels, ...) or (channels, ...)
    weight_shape : sequence of int or Tensor, shape (channels out, channels in / groups, ...)
        Its number of axes says which function it is: 3 axes for `torch.nn.functional.conv1d`, and so on. Transposed:
        (channels in, channels out / groups, ...).
    stride, dilation : int or sequence of int
        At least 1 each.
    padding : int, sequence of int, "same" or "valid"
        At least 0.
    groups : int
        At least 1.
    transposed : bool
        Explain `torch.nn.functional.conv_transpose1d` and its siblings instead.
    output_padding : int or sequence of int
        At least 0; for transposed convolutions only.

    Returns
    -------
    Explanation
        Its text puts the numbers into the formula, axis by axis. Where torch raises an error, it says why and, where
        the channels or the padding are to blame, names a change that works.

    Raises
    ------
    TypeError
        If an argument is not of these types.
    ValueError
        If a setting or a size of the kernel is below its least value, if the weight has not 3 to 5 axes, or if
        ``output_padding`` is given for a convolution that is not transposed. Also if a transposed convolution of an
        input with elements has an output size of 0: which of torch's kernels runs decides whether an empty tensor
        comes out or an error, so there is nothing to predict.

    Examples
    --------
    >>> explain_conv((2, 3, 17, 15), (8, 3, 5, 3), stride=2, padding=(2, 0))
    conv2d of (2, 3, 17, 15) with weight (8, 3, 5, 3)
    2 items; the weight takes 3 channels and gives 8
    size: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    axis -2: (17 + 2 * 2 - 1 * (5 - 1) - 1) // 2 + 1 = 9
    axis -1: (15 + 2 * 0 - 1 * (3 - 1) - 1) // 2 + 1 = 7
    result (2, 8, 9, 7)
    >>> explain_conv((17, 15, 3), (8, 3, 5, 3))
    conv2d of (17, 15, 3) with weight (8, 3, 5, 3)
    one item; the weight takes 3 channels and gives 8
    The input has 17 channels (axis 0); expected groups * weight.shape[1] = 1 * 3 = 3.
    Try input.movedim(-1, 0), which gives (8, 13, 13).
    """
    given = read_shape("input_shape", input_shape)
    weight = read_shape("weight_shape", weight_shape)
    if not 3 <= len(weight) <= 5:
        raise ValueError(f"weight_shape is {weight}; expected 3 to 5 axes: two of channels, the others of the kernel.")
    if 0 in weight[2:]:
        raise ValueError(f"weight_shape is {weight}; expected a kernel of at least 1 along every axis.")
    if not transposed and output_padding != 0:
        raise ValueError(f"output_padding is {output_padding!r}; only a transposed convolution has one.")
    if isinstance(padding, str) and padding not in ("same", "valid"):
        raise ValueError(f"padding is {padding!r}; expected an integer, integers, 'same' or 'valid'.")
    if read_integer("groups", groups) < 1:
        raise ValueError(f"groups is {groups}; expected at least 1.")

    def rule(lines: list[str]) -> Shape:
        axes = len(weight) - 2
        lines.append(f"conv{'_transpose' if transposed else ''}{axes}d of {given} with weight {weight}")
        conv = _Conv(
            given,
            weight,
            read_setting("stride", stride, axes, 1),
            padding if isinstance(padding, str) else read_setting("padding", padding, axes, 0),
            read_setting("dilation", dilation, axes, 1),
            groups,
            transposed,
            read_setting("output_padding", output_padding, axes, 0),
        )
        return conv.explain(lines)

    return explain(rule)


@dataclass(frozen=True)
class _Conv:
    """One convolution; every setting has one entry an axis."""

    input: Shape
    weight: Shape
    stride: Shape
    padding: Shape | str
    dilation: Shape
    groups: int
    transposed: bool
    output_padding: Shape

    @property
    def axes(self) -> int:
        return len(self.weight) - 2

    @property
    def channels(self) -> tuple[int, int]:
        """The channels that come in and go out, as the weight has them."""
        first, second = self.weight[0], self.weight[1] * self.groups
        return (first, second) if self.transposed else (second, first)

    def explain(self, lines: list[str]) -> Shape:
        batched = len(self.input) == self.axes + 2
        if not batched and len(self.input) != self.axes + 1:
            raise RefusalError(
                f"The input has shape {self.input}; expected {self.axes + 2} axes "
                f"(items, channels and {self.axes} more), or {self.axes + 1} for one item."
            )
        before, after = self.channels
        items = counted(self.input[0], "item") if batched else "one item"
        lines.append(f"{items}; the weight takes {counted(before, 'channel')} and gives {after}")
        self._require_settings()
        self._require_channels(axis=int(batched))
        empty = 0 in self.input[: 1 + batched]
        if 0 in self.input and not empty:
            raise RefusalError("Only the items and the channels may be 0; another axis of the input is.")
        sizes = self._sizes(lines, empty)
        if not before:
            lines.append("Without input channels, the result has no channels either, whatever the weight says.")
        result = (*self.input[: int(batched)], after if before else 0, *sizes)
        lines.append(f"result {result}")
        return result

    def _require_settings(self) -> None:
        if self.weight[0] < self.groups or self.weight[0] % self.groups:
            raise RefusalError(
                f"weight.shape[0] is {self.weight[0]}; expected a multiple of groups={self.groups}, and not 0."
            )
        if self.transposed and not self.weight[1]:
            raise RefusalError("weight.shape[1] is 0, so no channels would come out; expected at least 1.")
        if self.transposed and isinstance(self.padding, str):
            raise RefusalError(f"padding is {self.padding!r}; a transposed convolution takes integers only.")
        if self.padding == "same" and set(self.stride) != {1}:
            raise RefusalError(f"padding='same' needs stride 1; stride is {written(self.stride)}.")

    def _require_channels(self, axis: int) -> None:
        wanted, found = self.channels[0], self.input[axis]
        if found != wanted:
            formula = f"groups * weight.shape[1] = {self.groups} * {self.weight[1]}"
            formula = "weight.shape[0]" if self.transposed else formula
            why = f"The input has {found} channels (axis {axis}); expected {formula} = {wanted}."
            remedies = {f"input.movedim(-1, {axis})": replace(self, input=_last_axis_to(axis, self.input)).explain}
            if not self.transposed and 0 < self.weight[1] <= found:
                groups = found // self.weight[1]
                remedies[f"groups={groups}"] = replace(self, groups=groups).explain
            raise RefusalError(why, remedies)

    def _sizes(self, lines: list[str], empty: bool) -> list[int]:
        if self.padding == "same":
            lines.append("padding='same' adds dilation * (kernel - 1) in all, which keeps every size.")
            if 0 in self.input[-self.axes :]:
                raise RefusalError("An axis of size 0 is smaller than any kernel.")
            return list(self.input[-self.axes :])
        padding = (0,) * self.axes if isinstance(self.padding, str) else self.padding
        if self.transposed:
            return self._transposed_sizes(padding, lines, empty)
        lines.append("size: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1")
        windows = zip(*self._windows(), padding, strict=True)
        return [self._size(axis - self.axes, *window, lines) for axis, window in enumerate(windows)]

    def _windows(self) -> tuple[Shape, Shape, Shape, Shape]:
        return self.input[-self.axes :], self.weight[2:], self.stride, self.dilation

    def _size(
        self, axis: int, size: int, kernel: int, stride: int, dilation: int, padding: int, lines: list[str]
    ) -> int:
        reach = dilation * (kernel - 1) + 1
        if size + 2 * padding < reach:
            why = (
                f"axis {axis}: the kernel reaches over dilation * (kernel - 1) + 1 = "
                f"{dilation} * ({kernel} - 1) + 1 = {reach}, "
                f"more than the {size} + 2 * {padding} = {size + 2 * padding} of the padded input."
            )
            wider = self._wider_padding()
            raise RefusalError(why, {f"padding={written(wider)}": replace(self, padding=wider).explain})
        result = (size + 2 * padding - reach) // stride + 1
        lines.append(
            f"axis {axis}: ({size} + 2 * {padding} - {dilation} * ({kernel} - 1) - 1) // {stride} + 1 = {result}"
        )
        return result

    def _wider_padding(self) -> Shape:
        assert not isinstance(self.padding, str) or self.padding == "valid"
        present = (0,) * self.axes if isinstance(self.padding, str) else self.padding
        return tuple(
            max(padding, (dilation * (kernel - 1) + 2 - size) // 2)
            for size, kernel, _, dilation, padding in zip(*self._windows(), present, strict=True)
        )

    def _transposed_sizes(self, padding: Shape, lines: list[str], empty: bool) -> list[int]:
        lines.append("size: (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1")
        sizes = []
        for place, (size, kernel, stride, dilation, around, extra) in enumerate(
            zip(*self._windows(), padding, self.output_padding, strict=True)
        ):
            axis = place - self.axes
            if extra >= max(stride, dilation) and not empty:
                limits = f"stride ({stride}) or dilation ({dilation})"
                raise RefusalError(f"axis {axis}: output_padding is {extra}; expected less than {limits}.")
            sizes.append((size - 1) * stride - 2 * around + dilation * (kernel - 1) + extra + 1)
            formula = f"({size} - 1) * {stride} - 2 * {around} + {dilation} * ({kernel} - 1) + {extra} + 1"
            lines.append(f"axis {axis}: {formula} = {sizes[-1]}")
        if min(sizes) < 0:
            raise RefusalError("A size of the result would be negative; expected less padding.")
        if 0 in sizes and not empty:
            why = f"input_shape is {self.input}, so the result would have sizes {tuple(sizes)}"
            raise ValueError(f"{why}; expected at least 1 each, since torch's kernels disagree about 0.")
        return sizes


def _last_axis_to(axis: int, shape: Shape) -> Shape:
    return (*shape[:axis], shape[-1], *shape[axis:-1])
