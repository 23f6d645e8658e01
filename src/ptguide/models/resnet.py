"""Residual networks, equal to torchvision's weight for weight.

Axes: N items, C channels, H height, W width, K classes. In a comment, H and W are those of the image, and a division
rounds up. The sizes are those of ResNet-18; the blocks of ResNet-50 give four times as many channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx, nn

from ptguide.models._checks import (
    require_choice,
    require_flag,
    require_integer,
    require_items,
    require_settings,
    require_sizes,
)

fx.wrap("require_items")  # a leaf where the model is traced


class BasicBlock(nn.Module):
    """Add to the input what two 3 × 3 convolutions make of it.

    Parameters
    ----------
    before : int
        Channels that come in.
    width : int
        Channels of both convolutions, and so of the result.
    stride : int
        Pixels between two places of the first convolution: 2 halves height and width.

    Notes
    -----
    Figure 5 of He et al. (2015), arXiv:1512.03385, on the left.

    Examples
    --------
    >>> import torch
    >>> BasicBlock(8, 16, stride=2)(torch.ones(5, 8, 6, 4)).shape
    torch.Size([5, 16, 3, 2])
    """

    expansion = 1

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)  # the bias is the normalisation's
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the result of the block.

        Parameters
        ----------
        x : Tensor, shape (N, before, H, W)

        Returns
        -------
        Tensor, shape (N, width, H / stride, W / stride), rounded up
        """
        out = self.relu(self.bn1(self.conv1(x)))  # (N, width, H / stride, W / stride)
        out = self.bn2(self.conv2(out))  # (N, width, H / stride, W / stride)
        out += x if self.downsample is None else self.downsample(x)  # in place: one tensor less
        result: Tensor = self.relu(out)  # (N, width, H / stride, W / stride)
        return result


class Bottleneck(nn.Module):
    """Add to the input what a 3 × 3 convolution between two of 1 × 1 makes of it.

    The first 1 × 1 convolution makes the channels few, the last makes them four times as many.

    Parameters
    ----------
    before : int
        Channels that come in.
    width : int
        Channels of the 3 × 3 convolution; the result has ``4 * width``.
    stride : int
        Pixels between two places of the 3 × 3 convolution: 2 halves height and width.

    Notes
    -----
    Figure 5 of He et al. (2015), arXiv:1512.03385, on the right. There the first convolution has the stride; here, as
    in torchvision, the second, which is known as version 1.5 of ResNet: a 1 × 1 convolution with stride 2 skips three
    pixels of
    four.

    Examples
    --------
    >>> import torch
    >>> Bottleneck(8, 4, stride=2)(torch.ones(5, 8, 6, 4)).shape
    torch.Size([5, 16, 3, 2])
    """

    expansion = 4

    def __init__(self, before: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(before, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the result of the block.

        Parameters
        ----------
        x : Tensor, shape (N, before, H, W)

        Returns
        -------
        Tensor, shape (N, 4 * width, H / stride, W / stride), rounded up
        """
        out = self.relu(self.bn1(self.conv1(x)))  # (N, width, H, W)
        out = self.relu(self.bn2(self.conv2(out)))  # (N, width, H / stride, W / stride)
        out = self.bn3(self.conv3(out))  # (N, 4 * width, H / stride, W / stride)
        out += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(out)  # (N, 4 * width, H / stride, W / stride)
        return result


def _shortcut(before: int, after: int, stride: int) -> nn.Sequential | None:
    """Return what gives the input the shape of the result; None where it has that shape already."""
    if before == after and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


BLOCKS: dict[str, type[BasicBlock | Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


@dataclass(frozen=True)
class ResNetSettings:
    """Settings of `ResNet`; the defaults are those of ResNet-18 for ImageNet.

    Attributes
    ----------
    block : str
        What is repeated: ``"basic"`` (`BasicBlock`), or ``"bottleneck"`` (`Bottleneck`), which costs less where there
        are many channels.
    blocks : tuple of int
        Blocks in each of the four stages; with the stem and the last layer they make the 18 layers of the name.
    classes : int
        Logits to compute (K).
    channels : int
        Channels of an image (C): 3 for colors, 1 for gray.
    stem : str
        How an image enters. ``"imagenet"`` divides its height and width by 4 (a 7 × 7 convolution with stride 2, then
        pooling with stride 2). ``"small"`` keeps them (a 3 × 3 convolution, as section 4.2 of He et al. has it for
        CIFAR-10), so that a small image is more than one pixel after the last stage.
    width : int
        Channels of the first stage; each further stage has twice as many, since it has a quarter of the pixels.
    zero_init_residual : bool
        Whether each block begins as its shortcut alone (the last normalisation multiplies by 0), which Goyal et al.
        (2017), arXiv:1706.02677, section 5.1, found to train better.
    """

    block: str = "basic"
    blocks: tuple[int, int, int, int] = (2, 2, 2, 2)
    classes: int = 1000
    channels: int = 3
    stem: str = "imagenet"
    width: int = 64
    zero_init_residual: bool = False

    def __post_init__(self) -> None:
        require_choice("block", self.block, BLOCKS)
        require_sizes("blocks", self.blocks, like=(2, 2, 2, 2))
        require_integer("classes", self.classes)
        require_integer("channels", self.channels)
        require_choice("stem", self.stem, ("imagenet", "small"))
        require_integer("width", self.width)
        require_flag("zero_init_residual", self.zero_init_residual)

    @classmethod
    def resnet18(cls, **changes: Any) -> ResNetSettings:
        """Return the settings of ResNet-18 (11,689,512 parameters), with the changes given.

        Examples
        --------
        >>> ResNetSettings.resnet18(classes=10, stem="small").blocks
        (2, 2, 2, 2)
        """
        return cls(**{"block": "basic", "blocks": (2, 2, 2, 2), **changes})

    @classmethod
    def resnet34(cls, **changes: Any) -> ResNetSettings:
        """Return the settings of ResNet-34 (21,797,672 parameters), with the changes given."""
        return cls(**{"block": "basic", "blocks": (3, 4, 6, 3), **changes})

    @classmethod
    def resnet50(cls, **changes: Any) -> ResNetSettings:
        """Return the settings of ResNet-50 (25,557,032 parameters), with the changes given."""
        return cls(**{"block": "bottleneck", "blocks": (3, 4, 6, 3), **changes})


class ResNet(nn.Module):
    """Classify images with a stack of residual blocks.

    Parameters
    ----------
    settings : ResNetSettings

    Notes
    -----
    He et al. (2015), "Deep residual learning for image recognition", arXiv:1512.03385, table 1. The original is
    torchvision's (`torchvision.models.resnet18` and its siblings): ``load_state_dict`` takes its state dict, and the
    same seed gives the same weights.

    Examples
    --------
    >>> import torch
    >>> settings = ResNetSettings.resnet18(classes=10, channels=1, stem="small", width=16)
    >>> model, digits = ResNet(settings).eval(), torch.ones(5, 1, 8, 8)
    >>> for one in (ResNetSettings.resnet18(), ResNetSettings.resnet34(), ResNetSettings.resnet50()):
    ...     with torch.device("meta"):
    ...         whole = ResNet(one)
    ...     print(sum(parameter.numel() for parameter in whole.parameters()), whole.fc.in_features)
    11689512 512
    21797672 512
    25557032 2048
    >>> model(digits).shape, model.features(digits).shape
    (torch.Size([5, 10]), torch.Size([5, 128]))
    """

    def __init__(self, settings: ResNetSettings) -> None:
        require_settings(settings, ResNetSettings)
        super().__init__()
        self.settings = settings
        width = settings.width
        if settings.stem == "imagenet":
            self.conv1 = nn.Conv2d(settings.channels, width, 7, stride=2, padding=3, bias=False)
        else:
            self.conv1 = nn.Conv2d(settings.channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if settings.stem == "imagenet" else nn.Identity()
        expansion = BLOCKS[settings.block].expansion
        self.layer1 = self._stage(0, before=width, stride=1)
        self.layer2 = self._stage(1, before=width * expansion, stride=2)
        self.layer3 = self._stage(2, before=2 * width * expansion, stride=2)
        self.layer4 = self._stage(3, before=4 * width * expansion, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width * expansion, settings.classes)
        self._initialise()

    def _stage(self, index: int, before: int, stride: int) -> nn.Sequential:
        """Return the blocks of a stage, of which the first changes the shape."""
        block, width = BLOCKS[self.settings.block], self.settings.width * 2**index
        others = self.settings.blocks[index] - 1
        return nn.Sequential(
            block(before, width, stride), *(block(width * block.expansion, width) for _ in range(others))
        )

    def _initialise(self) -> None:
        """Draw the weights that keep the variance of the gradients through a convolution and a ReLU."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BasicBlock | Bottleneck) and self.settings.zero_init_residual:
                nn.init.zeros_((module.bn2 if isinstance(module, BasicBlock) else module.bn3).weight)

    def features(self, x: Tensor) -> Tensor:
        """Compute what the last layer classifies: the means of the last feature maps.

        Parameters
        ----------
        x : Tensor, shape (N, C, H, W)

        Returns
        -------
        Tensor, shape (N, 8 * width), four times as many with bottlenecks
            512 features for ResNet-18, 2048 for ResNet-50; at least 0 each.

        Raises
        ------
        ValueError
            If ``x`` has not four axes, or has other channels than the settings say.
        """
        require_items("x", x, (self.settings.channels, "H", "W"), "channels")
        x = self.relu(self.bn1(self.conv1(x)))  # (N, 64, H/2, W/2); the small stem keeps H and W
        x = self.maxpool(x)  # (N, 64, H/4, W/4)
        x = self.layer1(x)  # (N, 64, H/4, W/4)
        x = self.layer2(x)  # (N, 128, H/8, W/8)
        x = self.layer3(x)  # (N, 256, H/16, W/16)
        x = self.layer4(x)  # (N, 512, H/32, W/32)
        x = self.avgpool(x)  # (N, 512, 1, 1)
        return x.flatten(1)  # (N, 512)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits of each image.

        Parameters
        ----------
        x : Tensor, shape (N, C, H, W)

        Returns
        -------
        Tensor, shape (N, K)

        Raises
        ------
        ValueError
            If ``x`` has not four axes, or has other channels than the settings say.
        """
        logits: Tensor = self.fc(self.features(x))  # (N, K)
        return logits
