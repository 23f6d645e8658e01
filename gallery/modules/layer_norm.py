"""
.. _layer-norm:

LayerNorm, GroupNorm or RMSNorm: which axes are averaged?
=========================================================

You want to normalize sentences or small batches, and batch norm makes a result depend on the other samples. BatchNorm,
LayerNorm, GroupNorm, InstanceNorm and RMSNorm differ in the axes over which they average.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.convnext import LayerNorm2d

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

train_set, validation_set = digits("train"), digits("validation")


class Swapped(nn.Module):
    """Give a layer that wants (B, D, T) a batch of shape (B, T, D)."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.mT).mT


def groups(layer, shape):
    """Return a number for each element: those with equal numbers share mean and variance."""
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix = torch.autograd.functional.jacobian(layer.double(), x).reshape(x.numel(), x.numel())
    first = [row.nonzero()[0].item() for row in matrix]  # the first element that matters
    names = sorted(set(first))
    return torch.tensor([names.index(one) for one in first]).reshape(shape)


def colors(numbers):
    palette = torch.tensor([0, 1, 2, 3, 6, 7, 8, 9])  # 4 and 5 are gray and none
    return palette[numbers]


def trained(norm, seed, batch_size, steps):
    """Train two hidden layers with a normalization, and return the accuracy in %."""
    torch.manual_seed(seed)
    hidden = [nn.Linear(64, 32), norm(), nn.ReLU(), nn.Linear(32, 32), norm(), nn.ReLU()]
    network = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(32, 10))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.03, fused=True)
    order, done = torch.Generator().manual_seed(seed), 0
    while done < steps:
        for images, labels in batches(train_set, batch_size, shuffle=True, generator=order):
            if done == steps or len(labels) < batch_size:
                break
            loss = F.cross_entropy(network(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done += 1
    network.eval()
    with torch.no_grad():
        answers = network(validation_set.inputs).argmax(dim=1)
    return 100 * (answers == validation_set.targets).float().mean().item()


small = torch.arange(24).reshape(2, 3, 4)
shown = {
    "BatchNorm": groups(Swapped(nn.BatchNorm1d(4)), (2, 3, 4)),
    "LayerNorm": groups(nn.LayerNorm(4), (2, 3, 4)),
    "GroupNorm": groups(Swapped(nn.GroupNorm(2, 4)), (2, 3, 4)),
    "InstanceNorm": groups(Swapped(nn.InstanceNorm1d(4)), (2, 3, 4)),
}


def draw_groups(*names):
    return draw([small] * 2, names, colors=[colors(shown[name]) for name in names], axes="BTD")


# %%

draw_groups("BatchNorm", "LayerNorm")

# %%
# The batch has :val:`2 <small.shape[0]>` sentences (B) of :val:`3 <small.shape[1]>` tokens (T) with
# :val:`4 <small.shape[2]>` features each (D). Elements of one color share a mean and a variance. Batch norm takes one
# feature of all tokens in the batch. Layer norm takes one token with all its features. You need to know
# :ref:`batch-norm`.
#
# .. longer: 7 screens — each of seven questions has a cell
#
# The rule
# --------
#
# Over the named axes, :math:`y = \frac{x - \text{mean}}{\sqrt{\text{var} + \varepsilon}}`, and then a weight and a bias
# for each feature that begin as :val:`1 <nn.LayerNorm(6).weight[0]>` and :val:`0 <nn.LayerNorm(6).bias[0]>`. *RMSNorm*
# has the axes of layer norm. It subtracts no mean, divides by the root mean square and has no bias. *GroupNorm* takes a
# sentence and a group of its features. *InstanceNorm* takes a sentence and one feature, and by default it has neither
# weight nor bias. Here they are from scratch.


def standard(x, axes, eps=1e-5):
    var, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt()


torch.manual_seed(0)
x = 3 + torch.randn(4, 7, 6)  # (B, T, D)
tiny = torch.finfo(x.dtype).eps
pairs = {
    "BatchNorm1d": (Swapped(nn.BatchNorm1d(6)), standard(x, (0, 1))),
    "LayerNorm": (nn.LayerNorm(6), standard(x, 2)),
    "RMSNorm": (nn.RMSNorm(6), x / (x.square().mean(2, keepdim=True) + tiny).sqrt()),
    "GroupNorm": (Swapped(nn.GroupNorm(3, 6)), standard(x.unflatten(2, (3, 2)), (1, 3)).flatten(2)),
    "InstanceNorm1d": (Swapped(nn.InstanceNorm1d(6)), standard(x, 1)),
}
for name, (layer, ours) in pairs.items():
    torch.testing.assert_close(layer(x), ours)
    print(f"{name:<15}{len(list(layer.parameters()))} learned tensors")
draw_groups("GroupNorm", "InstanceNorm")

# %%
# What does a result depend on?
# -----------------------------
#
# Change one thing, and look at the first token of the first sentence. Layer norm and RMSNorm don't average over the
# batch, nor over the tokens. So a sentence gives the same alone, and padding beside it does no harm. With the default
# settings, batch norm alone computes something else after ``eval()``.

other_sentence, other_token = x.clone(), x.clone()
other_sentence[3] += torch.randn(7, 6)
other_token[0, 6] += 9
print("changes with:   other sentence  other token  eval()")
depends = {}
for name, (layer, _) in pairs.items():
    y = layer.train()(x)[0, 0]
    results = [layer(other_sentence)[0, 0], layer(other_token)[0, 0], layer.eval()(x)[0, 0]]
    depends[name] = [not torch.allclose(y, result) for result in results]
    print("{:<15} {!s:<15} {!s:<12} {}".format(name, *depends[name]))

# %%
# Two features leave only a sign
# ------------------------------
#
# Mean 0 and variance 1 fix two numbers of each token. With two features nothing else is left: one is +1, the other -1,
# whatever came in, unless they are nearly equal. RMSNorm fixes the mean square alone. Normalize over many features.

pairs_of_two = torch.tensor([[3.0, 7.0], [-50.0, 20.0], [0.2, 0.1]])
y = nn.LayerNorm(2)(pairs_of_two)
for name, rows in {"LayerNorm": y, "RMSNorm": nn.RMSNorm(2)(pairs_of_two)}.items():
    print(f"{name:<10}", [[round(number, 2) for number in row] for row in rows.tolist()])
for row, before in zip(y, pairs_of_two, strict=True):
    assert (row - (before - before.mean()).sign()).abs().max() < 0.01

# %%
# RMSNorm: no mean, no bias
# -------------------------
#
# Layer norm removes a constant that is added to all features, and RMSNorm does not. RMSNorm's ``eps=None`` means the
# machine epsilon, far below the :val:`1e-5 <nn.LayerNorm(6).eps>` of the others. The square of 300 overflows in
# float16. On a CPU the layer computes in single precision, and with the epsilon of that precision.

half = torch.tensor([[300.0, -300.0, 150.0, 0.0]], dtype=torch.float16)
print("the layer:   ", nn.RMSNorm(4, dtype=torch.float16)(half).tolist()[0])
print("by hand:     ", (half / half.square().mean(-1, keepdim=True).sqrt()).tolist()[0])
for layer in (nn.LayerNorm(6), nn.RMSNorm(6)):
    moved = (layer(x + 10) - layer(x)).abs().max()
    count = sum(p.numel() for p in layer.parameters())
    print(f"{type(layer).__name__:<10}{count} parameters, x + 10 changes the result by {moved:.2f}")

# %%
# Three "layer norms" for images
# ------------------------------
#
# ``nn.LayerNorm`` takes the *last* axes, as many as ``normalized_shape`` names. Images of shape (N, C, H, W) have their
# channels first. ``GroupNorm(1, 6)`` averages over pixels, too, so it is not the layer norm of a pixel. It begins like
# ``LayerNorm((6, 5, 4))``, and has a weight for each channel instead of each place. The layer norm of a pixel needs the
# channels last, as in ConvNeXt, whose layer in torchvision moves them.

images = torch.randn(2, 6, 5, 4)
nn_last, per_pixel = nn.LayerNorm(6), LayerNorm2d(6)
moved_axes = nn_last(images.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
ways = {"LayerNorm(6), channels last": (nn_last, moved_axes)}
ways["torchvision's LayerNorm2d(6)"] = (per_pixel, per_pixel(images))
whole, grouped = nn.LayerNorm((6, 5, 4)), nn.GroupNorm(1, 6)
ways |= {
    "LayerNorm((6, 5, 4))": (whole, whole(images)),
    "GroupNorm(1, 6)": (grouped, grouped(images)),
}
for name, (layer, result) in ways.items():
    same = torch.allclose(result, moved_axes, atol=1e-5)
    print(f"{name:<29}weight {tuple(layer.weight.shape)!s:<10} like the first: {same}")
torch.testing.assert_close(grouped(images), whole(images))
with expect_error(RuntimeError, match="expected input with shape .*, 6"):
    nn.LayerNorm(6)(images)

# %%
# With batches of two
# -------------------
#
# A network with two hidden layers learns digits in 200 steps. The figures say how many of the validation images it gets
# right, as a range over three seeds. In batches of two each layer learns less from fewer images. Batch norm also has
# little to average, and on average over the seeds it learns least.

# Varies with the processor: a training amplifies how it rounds.
kinds = {"BatchNorm1d(32)": lambda: nn.BatchNorm1d(32), "LayerNorm(32)": lambda: nn.LayerNorm(32)}
kinds |= {"RMSNorm(32)": lambda: nn.RMSNorm(32), "GroupNorm(4, 32)": lambda: nn.GroupNorm(4, 32)}
reached = {}
for name, norm in kinds.items():
    for batch_size in (50, 2):
        reached[name, batch_size] = [
            trained(norm, seed, batch_size, steps=200) for seed in range(3)
        ]
    words = [f"{min(reached[name, n]):.0f} to {max(reached[name, n]):.0f} %" for n in (50, 2)]
    print(f"{name:<17}batches of 50: {words[0]:<12} of 2: {words[1]}")

# %%
# .. use-this::
#
#    For sequences take ``nn.LayerNorm(D)``, first in each branch of a Transformer, or ``nn.RMSNorm(D)``, which newer
#    language models have. It computes a little less. For images in batches of 16 or more take :ref:`batch-norm`. In
#    smaller ones take ``nn.GroupNorm`` with 32 groups or fewer, a number that divides the channels. They cost one or
#    two parameters for each feature. Weights of layer norm load into a group norm without an error, and mean another
#    thing.
#
# A common mistake
# ----------------
#
# ``nn.LayerNorm(x.shape[1:])`` **for sentences.** It averages over the tokens of a sentence. Each token then sees later
# ones, also under a causal mask, and a sentence of another length raises an error. Give it the features alone.

whole, features = nn.LayerNorm(x.shape[1:]), nn.LayerNorm(6)
for name, layer in {"LayerNorm((7, 6))": whole, "LayerNorm(6)": features}.items():
    leak = (layer(other_token)[0, :6] - layer(x)[0, :6]).abs().max()
    print(f"{name:<18}a new last token changes the first six by {leak:.4f}")
assert not torch.allclose(whole(other_token)[0, 0], whole(x)[0, 0], atol=0.01)
assert torch.equal(features(other_token)[0, :6], features(x)[0, :6])
with expect_error(RuntimeError, match="Given normalized_shape="):
    whole(x[:, :5])

# %%
# How this was checked

# From scratch, for several shapes: each layer beside its axes, on sequences and on images.
torch.manual_seed(0)
for n, c, h, w in ((2, 6, 5, 4), (1, 12, 3, 1), (5, 4, 1, 7), (3, 8, 2, 9)):
    z = 5 * torch.randn(n, c, h, w) + 2
    torch.testing.assert_close(nn.BatchNorm2d(c)(z), standard(z, (0, 2, 3)))
    torch.testing.assert_close(nn.InstanceNorm2d(c)(z), standard(z, (2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(nn.LayerNorm(w)(z), standard(z, 3))
    torch.testing.assert_close(nn.LayerNorm((h, w))(z), standard(z, (2, 3)))
    torch.testing.assert_close(nn.LayerNorm((c, h, w))(z), standard(z, (1, 2, 3)))
    torch.testing.assert_close(nn.GroupNorm(1, c)(z), standard(z, (1, 2, 3)))
    torch.testing.assert_close(nn.GroupNorm(c, c)(z), nn.InstanceNorm2d(c)(z))
    torch.testing.assert_close(LayerNorm2d(c, eps=1e-5)(z), standard(z, 1))
    for count in range(1, c + 1):
        if c % count == 0:
            grouped = standard(z.unflatten(1, (count, -1)), (2, 3, 4)).flatten(1, 2)
            torch.testing.assert_close(nn.GroupNorm(count, c)(z), grouped, rtol=1e-4, atol=1e-4)
    for axes, sizes in ((3, (w,)), ((2, 3), (h, w)), ((1, 2, 3), (c, h, w))):
        eps = torch.finfo(z.dtype).eps
        ours = z / (z.square().mean(axes, keepdim=True) + eps).sqrt()
        torch.testing.assert_close(nn.RMSNorm(sizes)(z), ours)
with expect_error(ValueError, match="must be divisible by num_groups"):
    nn.GroupNorm(4, 6)
# The picture: which elements share a mean, by hand.
for name, axes in (("BatchNorm", [2]), ("LayerNorm", [0, 1]), ("InstanceNorm", [0, 2])):
    for a in range(24):
        for b in range(24):
            i, j = [torch.unravel_index(torch.tensor(one), (2, 3, 4)) for one in (a, b)]
            together = all(i[axis] == j[axis] for axis in axes)
            assert (shown[name].flatten()[a] == shown[name].flatten()[b]) == together
assert [len(one.unique()) for one in shown.values()] == [4, 6, 4, 8]
# The table: what a result depends on.
expected = {
    "BatchNorm1d": [True, True, True],
    "LayerNorm": [False, False, False],
    "RMSNorm": [False, False, False],
    "GroupNorm": [False, True, False],
    "InstanceNorm1d": [False, True, False],
}
assert depends == expected
# A sentence alone, and beside padding.
for layer in (nn.LayerNorm(6), nn.RMSNorm(6)):
    torch.testing.assert_close(layer(x[:1]), layer(x)[:1])
    padded = torch.cat([x, torch.zeros(4, 3, 6)], dim=1)
    torch.testing.assert_close(layer(padded)[:, :7], layer(x))
# With two features +1 and -1, for many tokens whose features differ by more than 0.1; RMSNorm keeps more.
many = torch.randn(1000, 2)
many = many[(many[:, 0] - many[:, 1]).abs() > 0.1]
ends = nn.LayerNorm(2)(many)
assert (ends.abs() - 1).abs().max() < 0.01
assert nn.RMSNorm(2)(many)[:, 0].std() > 0.3
assert nn.LayerNorm(3)(torch.randn(1000, 3))[:, 0].std() > 0.3
assert nn.LayerNorm(2)(torch.tensor([[4.0, 4.0]])).abs().max() == 0
# Means and spreads of the results, and parameters.
y = nn.LayerNorm(6)(x)
assert y.mean(2).abs().max() < 1e-5
assert (y.var(2, correction=0) - 1).abs().max() < 1e-3
assert (nn.RMSNorm(6)(x).square().mean(2) - 1).abs().max() < 1e-3
assert nn.RMSNorm(6).eps is None
assert [name for name, _ in nn.RMSNorm(6).named_parameters()] == ["weight"]
assert [name for name, _ in nn.LayerNorm(6, bias=False).named_parameters()] == ["weight"]
assert not list(nn.InstanceNorm1d(6).parameters())
for layer in (nn.LayerNorm(6), nn.RMSNorm(6), nn.GroupNorm(3, 6)):
    assert not list(layer.buffers())
# The epsilon decides for tiny inputs: in float32 and in float64.
for dtype in (torch.float32, torch.float64):
    faint = torch.tensor([[1e-4, -2e-4]], dtype=dtype)
    eps = torch.finfo(dtype).eps
    by_hand = faint / (faint.square().mean(-1, keepdim=True) + eps).sqrt()
    torch.testing.assert_close(nn.RMSNorm(2, dtype=dtype)(faint), by_hand)
    assert nn.LayerNorm(2, dtype=dtype)(faint).abs().max() < 0.1
# For float16 and bfloat16 the epsilon is that of float32.
for dtype in (torch.float16, torch.bfloat16):
    faint = torch.tensor([[1e-3, -2e-3]], dtype=dtype)
    y = nn.RMSNorm(2, dtype=dtype)(faint).float()
    torch.testing.assert_close(y, nn.RMSNorm(2)(faint.float()), rtol=1e-2, atol=1e-2)
    assert y.abs().max() > 1  # with the epsilon of float16 it would be below 0.1
    assert abs(faint.float().abs().max() / torch.finfo(dtype).eps ** 0.5) < 0.1
# In float16 the layer is right where squares overflow, and the version by hand gives zeros.
wide = half.float()
torch.testing.assert_close(
    nn.RMSNorm(4, dtype=torch.float16)(half).float(), nn.RMSNorm(4)(wide), rtol=1e-3, atol=1e-3
)
assert not (half / half.square().mean(-1, keepdim=True).sqrt()).any()
# Two of the four for images are the same.
assert torch.allclose(ways["torchvision's LayerNorm2d(6)"][1], moved_axes, atol=1e-5)
assert not torch.allclose(nn.GroupNorm(1, 6)(images), moved_axes, atol=0.1)
# A Transformer layer has LayerNorm over its features, and can have it first.
layer = nn.TransformerEncoderLayer(8, 2, norm_first=True)
assert [m.normalized_shape for m in layer.modules() if isinstance(m, nn.LayerNorm)] == [(8,), (8,)]
# In the trainings.
for name in kinds:
    assert min(reached[name, 50]) > 70
    if name != "BatchNorm1d(32)":
        assert sum(reached[name, 2]) > sum(reached["BatchNorm1d(32)", 2]) + 3 * 8
    assert sum(reached[name, 2]) < sum(reached[name, 50]) - 3 * 5
# Instance norm with running averages has two modes, like batch norm.
tracked = nn.InstanceNorm1d(6, track_running_stats=True)
assert not torch.allclose(tracked(x.mT), tracked.eval()(x.mT), atol=0.01)
# Weights of layer norm fit a group norm, and those of RMSNorm do not fit layer norm.
nn.GroupNorm(3, 6).load_state_dict(nn.LayerNorm(6).state_dict())
with expect_error(RuntimeError, match="Missing key"):
    nn.LayerNorm(6).load_state_dict(nn.RMSNorm(6).state_dict())

# %%
# Check yourself
# --------------

two = nn.LayerNorm(2)(torch.tensor([3.0, 7.0]))
ask(
    "What does a new nn.LayerNorm(2) make of the features 3 and 7, rounded?",
    answer=two.round(),
    choices={
        (-1.0, 1.0): "The smaller becomes -1 and the larger +1, for 30 and 70 as well.",
        (
            -2.0,
            2.0,
        ): "That is x minus its mean. It is divided by the standard deviation, which is 2.",
        (0.0, 0.0): "That would be the result for two equal features.",
    },
)

# %%
# The next question is about images.

sizes = {
    "nn.LayerNorm((6, 5, 4))": sum(p.numel() for p in nn.LayerNorm((6, 5, 4)).parameters()),
    "nn.GroupNorm(1, 6)": sum(p.numel() for p in nn.GroupNorm(1, 6).parameters()),
    "nn.RMSNorm((6, 5, 4))": sum(p.numel() for p in nn.RMSNorm((6, 5, 4)).parameters()),
}
ask(
    "Images have the shape (2, 6, 5, 4). Which of these layers has the most parameters?",
    answer=max(sizes, key=sizes.get),
    choices={
        "nn.LayerNorm((6, 5, 4))": "It has a weight and a bias for each of 120 places, so it fits one image size only.",
        "nn.GroupNorm(1, 6)": "It has a weight and a bias for each channel.",
        "nn.RMSNorm((6, 5, 4))": "It has as many weights as LayerNorm, and no bias.",
    },
)

# %%
# **Exercise.** Write group norm for images of shape (N, C, H, W), without weight and bias, and without calling it. The
# default eps is :val:`1e-5 <nn.GroupNorm(1, 6).eps>`.


def by_torch(x, groups):
    return F.group_norm(x, groups)


torch.manual_seed(0)
double = torch.float64
cases = [(torch.tensor([[[[1.0, 3.0]], [[5.0, 9.0]]]], dtype=double), 1)]
cases += [(torch.randn(2, 6, 3, 4, dtype=double), 3)]
cases += [(2 + torch.randn(3, 4, 5, 1, dtype=double), groups) for groups in (1, 2, 4)]


def group_norm(x, groups):
    raise NotImplementedError


check(group_norm, by_torch, cases, without=["group_norm"])

# %%
# ``unflatten`` makes an axis for the groups. Then mean and variance are taken over the channels of a group and over the
# pixels.

# Solution


def group_norm(x, groups):
    split = x.unflatten(1, (groups, -1))  # (N, G, C / G, H, W)
    var, mean = torch.var_mean(split, (2, 3, 4), correction=0, keepdim=True)
    return ((split - mean) / (var + 1e-5).sqrt()).flatten(1, 2)


report = check(group_norm, by_torch, cases, without=["group_norm"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`conv2d` is about the layer that images go through before they are normalized.
#
# - Ba, Kiros and Hinton (2016). `Layer normalization <https://arxiv.org/abs/1607.06450>`__. The layer, made for
#   recurrent networks.
# - Wu and He (2018). `Group normalization <https://arxiv.org/abs/1803.08494>`__. The picture of the axes, and small
#   batches measured.
# - Zhang and Sennrich (2019). `Root mean square layer normalization <https://arxiv.org/abs/1910.07467>`__. Why the mean
#   can be left out.
