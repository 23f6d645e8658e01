"""A convolutional network for small images, after LeNet-5.

Axes: N items, C channels of the image, H height, W width, K classes. The names of the stages are LeCun's: C for a
convolution, S for subsampling. The sizes in the comments are those of the default settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, fx, nn

from ptguide.models._checks import require_choice, require_integer, require_items, require_settings, require_sizes
from ptguide.models.mlp import ACTIVATIONS

POOLINGS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}


fx.wrap("require_items")  # a leaf where the model is traced


@dataclass(frozen=True)
class LeNetSettings:
    """Settings of `LeNet`; the defaults are for images of 28 × 28, such as MNIST's.

    Attributes
    ----------
    shape : tuple of int
        Channels, height and width of an image, in pixels.
    classes : int
        Logits to compute (K).
    maps : tuple of int
        Feature maps of the two convolutions; the second has more, since there are more patterns of patterns.
    kernel : int
        Height and width of both convolutions, in pixels; 3 for images as small as 8 × 8.
    padding : tuple of int
        Pixels of zeros around the input of each convolution. The first makes an image of 28 × 28 as large as the
        32 × 32 that LeNet-5 was made for, where it is 0.
    hidden : tuple of int
        Units of the two layers between the last feature maps and the logits.
    activation : str
        What follows each layer but the last; the names are those of `MLPSettings`. LeCun's network had a tanh.
    pooling : str
        How 2 × 2 pixels become one: ``"max"`` or ``"average"``.
    """

    shape: tuple[int, int, int] = (1, 28, 28)
    classes: int = 10
    maps: tuple[int, int] = (6, 16)
    kernel: int = 5
    padding: tuple[int, int] = (2, 0)
    hidden: tuple[int, int] = (120, 84)
    activation: str = "relu"
    pooling: str = "max"

    def __post_init__(self) -> None:
        require_sizes("shape", self.shape, like=(1, 28, 28))
        require_integer("classes", self.classes)
        require_sizes("maps", self.maps, like=(6, 16))
        require_integer("kernel", self.kernel)
        require_sizes("padding", self.padding, like=(2, 0), least=0)
        require_sizes("hidden", self.hidden, like=(120, 84))
        require_choice("activation", self.activation, ACTIVATIONS)
        require_choice("pooling", self.pooling, POOLINGS)
        for axis, size in zip(("height", "width"), self.shape[1:], strict=True):
            if min(self.sizes_after(size)) < 1:
                raise ValueError(
                    f"shape is {self.shape}: its {axis} of {size} shrinks to {self.sizes_after(size)} after c1, s2, c3 "
                    f"and s4, with kernel={self.kernel} and padding={self.padding}; expected at least 1 after each. "
                    "Images of 8 x 8 fit with kernel=3 and padding=(1, 1)."
                )

    def sizes_after(self, size: int) -> tuple[int, int, int, int]:
        """Return what becomes of a height or a width, in pixels, after c1, s2, c3 and s4.

        Examples
        --------
        >>> LeNetSettings().sizes_after(28)
        (28, 14, 10, 5)
        """
        c1 = size + 2 * self.padding[0] - self.kernel + 1
        s2 = c1 // 2
        c3 = s2 + 2 * self.padding[1] - self.kernel + 1
        return c1, s2, c3, c3 // 2


class LeNet(nn.Module):
    """Classify small images with two convolutions and three linear layers.

    Parameters
    ----------
    settings : LeNetSettings

    Notes
    -----
    This is LeNet-5 as it is taught now, with 61,706 parameters for 10 classes and images of 28 × 28 (or of 32 × 32
    without padding): the network of PyTorch's tutorial "Neural Networks", whose state dict it loads. LeCun, Bottou,
    Bengio and Haffner (1998), "Gradient-based learning applied to document recognition", section II.B, count 60,000.
    There, the second convolution sees a part of the maps only (1,516 parameters; here 2,400 weights and 16
    biases), subsampling learns a weight and a bias for each map (here none), and fixed codes of the classes stand in
    the place of the last layer (here 840 weights and 10 biases).

    Examples
    --------
    >>> import torch
    >>> model = LeNet(LeNetSettings())
    >>> sum(parameter.numel() for parameter in model.parameters())
    61706
    >>> [parameter.numel() for parameter in model.parameters()]
    [150, 6, 2400, 16, 48000, 120, 10080, 84, 840, 10]
    >>> original = LeNet(LeNetSettings(shape=(1, 32, 32), padding=(0, 0)))
    >>> original(torch.ones(3, 1, 32, 32)).shape
    torch.Size([3, 10])
    >>> model(torch.ones(3, 1, 28, 28)).shape
    torch.Size([3, 10])
    >>> small = LeNet(LeNetSettings(shape=(1, 8, 8), kernel=3, padding=(1, 1)))
    >>> {name: tuple(maps.shape) for name, maps in small.feature_maps(torch.ones(3, 1, 8, 8)).items()}
    {'c1': (3, 6, 8, 8), 's2': (3, 6, 4, 4), 'c3': (3, 16, 4, 4), 's4': (3, 16, 2, 2)}
    """

    # not looked up: 60,000; 1,516 — counts of the paper

    def __init__(self, settings: LeNetSettings) -> None:
        require_settings(settings, LeNetSettings)
        super().__init__()
        self.settings = settings
        channels, height, width = settings.shape
        pixels = settings.sizes_after(height)[-1] * settings.sizes_after(width)[-1]
        (first, second), (pad_first, pad_second) = settings.maps, settings.padding
        self.conv1 = nn.Conv2d(channels, first, settings.kernel, padding=pad_first)
        self.conv2 = nn.Conv2d(first, second, settings.kernel, padding=pad_second)
        self.pool = POOLINGS[settings.pooling](2)
        self.activation = ACTIVATIONS[settings.activation]()
        self.fc1 = nn.Linear(second * pixels, settings.hidden[0])
        self.fc2 = nn.Linear(*settings.hidden)
        self.fc3 = nn.Linear(settings.hidden[1], settings.classes)

    def feature_maps(self, x: Tensor) -> dict[str, Tensor]:
        """Compute what the network sees in the images, stage by stage.

        Parameters
        ----------
        x : Tensor, shape (N, C, H, W)

        Returns
        -------
        dict of str to Tensor, shape (N, maps, height, width)
            Under ``"c1"``, ``"s2"``, ``"c3"`` and ``"s4"``.

        Raises
        ------
        ValueError
            If the images have another shape than the settings say.
        """
        require_items("x", x, self.settings.shape, "shape")
        c1 = self.activation(self.conv1(x))  # (N, 6, 28, 28)
        s2 = self.pool(c1)  # (N, 6, 14, 14)
        c3 = self.activation(self.conv2(s2))  # (N, 16, 10, 10)
        s4 = self.pool(c3)  # (N, 16, 5, 5)
        return {"c1": c1, "s2": s2, "c3": c3, "s4": s4}

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
            If the images have another shape than the settings say.
        """
        x = self.feature_maps(x)["s4"].flatten(1)  # (N, 400)
        x = self.activation(self.fc1(x))  # (N, 120)
        x = self.activation(self.fc2(x))  # (N, 84)
        logits: Tensor = self.fc3(x)  # (N, 10)
        return logits
