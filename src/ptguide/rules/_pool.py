"""The output size of max and average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from ptguide.rules._explanation import (
    Explanation,
    RefusalError,
    Rule,
    Shape,
    counted,
    explain,
    read_setting,
    read_shape,
    written,
)


def explain_pool(
    input_shape: Sequence[int] | Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    *,
    kind: Literal["max", "avg"] = "max",
    axes: int | None = None,
) -> Explanation:
    """Explain the output size of max or average pooling over 1 to 3 axes.

    Parameters
    ----------
    input_shape : sequence of int or Tensor, shape (items, channels, ...) or (channels, ...)
    kernel_size : int or sequence of int
        At least 1 each.
    stride : int or sequence of int, optional
        At least 1 each; left out, it is the size of the kernel.
    padding : int or sequence of int
        At least 0 each.
    dilation : int or sequence of int
        At least 1 each; for max pooling only.
    ceil_mode : bool
        Whether a window that hangs over the end counts too.
    kind : {"max", "avg"}
        Whether to explain `torch.nn.functional.max_pool1d` or `torch.nn.functional.avg_pool1d`, and so on.
    axes : int, optional
        The number of pooled axes, 1 to 3. Left out, it is the number of entries of ``kernel_size``; where that is an
        integer, the input is taken as a batch.

    Returns
    -------
    Explanation
        Its text puts the numbers into the formula, axis by axis. Where torch raises an error, it says why and, where
        the padding or the kernel are to blame, names a change that works.

    Raises
    ------
    TypeError
        If an argument is not of these types.
    ValueError
        If a setting is below its least value, if ``kind`` or ``axes`` is none of these, or if ``dilation`` is given for
        average pooling.

    Examples
    --------
    >>> explain_pool((2, 3, 17, 15), 3, stride=2, padding=1)
    max_pool2d of (2, 3, 17, 15)
    2 items, 3 channels
    size: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    axis -2: (17 + 2 * 1 - 1 * (3 - 1) - 1) // 2 + 1 = 9
    axis -1: (15 + 2 * 1 - 1 * (3 - 1) - 1) // 2 + 1 = 8
    result (2, 3, 9, 8)
    >>> explain_pool((3, 4), 7)
    max_pool1d of (3, 4)
    one item, 3 channels
    size: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    axis -1: (4 + 2 * 0 - 1 * (7 - 1) - 1) // 7 + 1 = 0
    A size of the result is below 1.
    Try kernel_size=4, which gives (3, 1).
    """
    given = read_shape("input_shape", input_shape)
    if kind not in ("max", "avg"):
        raise ValueError(f"kind is {kind!r}; expected 'max' or 'avg'.")
    if kind == "avg" and dilation != 1:
        raise ValueError(f"dilation is {dilation!r}; average pooling has none.")
    if axes is None:
        entries = len(kernel_size) if isinstance(kernel_size, Sequence) else len(given) - 2
        axes = entries if isinstance(kernel_size, Sequence) else min(max(entries, 1), 3)
    if axes not in (1, 2, 3):
        raise ValueError(f"axes is {axes!r} (by default, the entries of kernel_size); expected 1, 2 or 3.")
    pooled: int = axes

    def rule(lines: list[str]) -> Shape:
        lines.append(f"{kind}_pool{pooled}d of {given}")
        kernel = read_setting("kernel_size", kernel_size, pooled, 1)
        pool = _Pool(
            kind,
            given,
            kernel,
            kernel if stride is None else read_setting("stride", stride, pooled, 1),
            read_setting("padding", padding, pooled, 0),
            read_setting("dilation", dilation, pooled, 1),
            bool(ceil_mode),
            stride is None,
        )
        return pool.explain(lines)

    return explain(rule)


@dataclass(frozen=True)
class _Pool:
    """One pooling; every setting has one entry an axis."""

    kind: str
    input: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    ceil_mode: bool
    stride_is_kernel: bool

    def explain(self, lines: list[str]) -> Shape:
        axes = len(self.kernel)
        batched = len(self.input) == axes + 2
        if not batched and len(self.input) != axes + 1:
            raise RefusalError(
                f"The input has shape {self.input}; expected {axes + 2} axes (items, channels and {axes} more), "
                f"or {axes + 1} for one item."
            )
        items = counted(self.input[0], "item") if batched else "one item"
        lines.append(f"{items}, {counted(self.input[-axes - 1], 'channel')}")
        if 0 in self.input[int(batched) :]:
            raise RefusalError("Only the number of items may be 0; another axis of the input is.")
        self._require_padding()
        self._require_kernel_inside()
        sizes = self._sizes(lines)
        if min(sizes) < 1:
            raise RefusalError("A size of the result is below 1.", self._smaller_kernel())
        result = (*self.input[:-axes], *sizes)
        lines.append(f"result {result}")
        return result

    def _require_padding(self) -> None:
        most = tuple(kernel // 2 for kernel in self.kernel)
        if any(padding > limit for padding, limit in zip(self.padding, most, strict=True)):
            why = (
                f"padding is {written(self.padding)}; expected at most kernel_size // 2 = {written(most)}, "
                "whatever the dilation."
            )
            least = tuple(map(min, self.padding, most))
            raise RefusalError(why, {f"padding={written(least)}": replace(self, padding=least).explain})

    def _require_kernel_inside(self) -> None:
        """Refuse what only avg_pool3d refuses: padding does not count there, nor does ceil_mode."""
        sizes = self.input[-len(self.kernel) :]
        if (self.kind, len(self.kernel)) == ("avg", 3) and any(map(int.__gt__, self.kernel, sizes)):
            why = f"avg_pool3d needs the kernel {self.kernel} inside the sizes {sizes}, padding not counted."
            raise RefusalError(why, self._smaller_kernel())

    def _sizes(self, lines: list[str]) -> list[int]:
        axes = len(self.kernel)
        if self.ceil_mode:
            lines.append("size: (size + 2 * padding - dilation * (kernel - 1) - 1 + stride - 1) // stride + 1")
        else:
            lines.append("size: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1")
        windows = zip(self.input[-axes:], self.kernel, self.stride, self.padding, self.dilation, strict=True)
        sizes = []
        for place, (size, kernel, stride, padding, dilation) in enumerate(windows):
            more = stride - 1 if self.ceil_mode else 0
            result = (size + 2 * padding - dilation * (kernel - 1) - 1 + more) // stride + 1
            added = f" + {stride} - 1" if self.ceil_mode else ""
            formula = f"({size} + 2 * {padding} - {dilation} * ({kernel} - 1) - 1{added}) // {stride} + 1"
            lines.append(f"axis {place - axes}: {formula} = {result}")
            if self.ceil_mode and (result - 1) * stride >= size + padding:
                result -= 1
                lines.append(f"  less 1, since the last window would start behind the input: {result}")
            sizes.append(result)
        return sizes

    def _smaller_kernel(self) -> dict[str, Rule]:
        """Return the largest kernel that lies inside the input."""
        sizes = zip(self.kernel, self.input[-len(self.kernel) :], self.dilation, strict=True)
        kernel = tuple(min(kernel, (size - 1) // dilation + 1) for kernel, size, dilation in sizes)
        stride = kernel if self.stride_is_kernel else self.stride
        return {f"kernel_size={written(kernel)}": replace(self, kernel=kernel, stride=stride).explain}
