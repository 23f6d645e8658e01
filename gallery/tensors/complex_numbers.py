"""
.. _complex-numbers:

How do I use complex numbers and the FFT?
=========================================

A sound is noisy, and you look for the tone in it. The fast Fourier transform (FFT, in ``torch.fft``) splits the sound
into waves: one :term:`complex number` for each wave, whose ``abs`` says how strong the wave is.
"""

# %%
# Set-up

import math

import matplotlib.pyplot as plt
import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
seconds = torch.arange(200) / 200
tone = torch.sin(2 * math.pi * 12 * seconds)  # 12 waves in a second
sound = tone + 1.2 * torch.randn(200)
z = torch.tensor([3 + 4j, -1 + 0j, 2j])


def draw_sound(waves):
    _, (left, right) = plt.subplots(1, 2, figsize=(5.4, 2.4), layout="constrained")
    left.plot(seconds.numpy(), sound.numpy(), linewidth=1)
    left.set(title="The sound hides its tone", xlabel="seconds")
    right.stem(waves.abs().numpy(), markerfmt=" ", basefmt=" ")
    right.set(title="Its waves show it", xlabel="waves in a second")
    plt.show()


# %%

waves = torch.fft.rfft(sound)
draw_sound(waves)
print(waves.dtype, waves.abs().argmax().item())

# %%
# The sound lasts one second, so entry :math:`k` of the result is the wave of :math:`k` periods in a second. The tone
# at :val:`12 <waves.abs().argmax().item()>` stands out among the noise. You need to know :ref:`what a dtype is
# <dtypes>`.
#
# The rule
# --------
#
# A complex number :math:`a + bi` is a real part :math:`a` and an imaginary part :math:`b`, with :math:`i^2 = -1`.
# Python writes ``j`` for :math:`i`. The number is also a point with the coordinates :math:`a` and :math:`b`. Its
# ``abs`` is the distance from 0, and its ``angle`` is the direction, in radians. For a wave, these are its strength and
# its phase: where in its period it begins.

for number in z:
    print(f"{number.item()!s:<8} abs {number.abs():.0f}, angle {number.angle():.2f}")

# %%
# In memory
# ---------
#
# The two parts of an element are neighbors. :val:`complex64 <z.dtype>` is two numbers of
# :val:`float32 <z.real.dtype>`, so an element takes :val:`8 <z.itemsize>` bytes. ``z.real`` and ``z.imag`` are
# :term:`views <view>`; :func:`torch.view_as_real` is a view of both.

pairs = torch.view_as_real(z)
draw_storage([pairs, z.real, z.imag], ["view_as_real(z)", "z.real", "z.imag"])

# %%
# Back to the sound
# -----------------
#
# ``torch.fft.irfft`` adds the waves up again. Without the weak waves, most of the noise is gone. The cell prints how
# far the sound is from the tone, as a root mean square, before and after, for three noises.

for seed in range(3):
    torch.manual_seed(seed)
    noisy = tone + 1.2 * torch.randn(200)
    spectrum = torch.fft.rfft(noisy)
    strong = spectrum.abs() > 0.8 * spectrum.abs().max()
    cleaned = torch.fft.irfft(spectrum * strong, n=200)
    before, after = ((x - tone).square().mean().sqrt() for x in (noisy, cleaned))
    print(f"{before:.2f} -> {after:.2f}")
    assert after < before / 3

# %%
# .. use-this::
#
#    For real signals, ``torch.fft.rfft`` takes about half the memory of ``fft``. Go back with
#    ``torch.fft.irfft(waves, n=len(sound))``, since an odd length is lost without ``n``. Look at ``abs`` for the
#    strength and keep the complex numbers for the way back. Pass ``torch.view_as_real(z)`` to layers of real weights.
#
# Common mistakes
# ---------------
#
# **A loss that is complex.** ``backward`` needs a real number. The squared ``abs`` is real, and its :term:`gradient` is
# twice the complex number, as for :math:`x^2`.

w = z.clone().requires_grad_()
with expect_error(RuntimeError, match="can be implicitly created only for real scalar outputs"):
    (w**2).sum().backward()
w.abs().square().sum().backward()
print(w.grad)

# %%
# **Throwing away half of the numbers.** A conversion to floats drops the imaginary parts, with a warning that comes
# once in a process. Write ``z.real`` if you mean that, or ``z.abs()``.

torch.set_warn_always(True)
with expect_warning(UserWarning, match="discards the imaginary part"):
    print(z.float().tolist(), z.abs().tolist())
torch.set_warn_always(False)

# %%
# How this was checked

# From scratch: a matrix of turning pairs, whose row k turns k times, times the signal.
n = torch.arange(200)
turns = torch.polar(torch.ones(101, 200), -2 * math.pi / 200 * torch.outer(torch.arange(101), n))
torch.testing.assert_close(turns @ sound.to(torch.complex64), waves, rtol=1e-3, atol=1e-3)
assert waves.abs().argmax() == 12
torch.testing.assert_close(torch.polar(z.abs(), z.angle()), z)
torch.testing.assert_close(torch.fft.irfft(waves, n=200), sound)
torch.testing.assert_close(w.grad, 2 * z)
for x in zoo(axes=range(4), dtypes=[torch.complex64, torch.complex128]).values():
    x = x.detach()
    assert x.itemsize == 2 * x.real.itemsize
    assert torch.view_as_real(x).shape == (*x.shape, 2)
    assert torch.equal(torch.complex(x.real, x.imag), x)
    torch.testing.assert_close(x.abs(), (x.real**2 + x.imag**2).sqrt())
    assert torch.equal(torch.view_as_complex(torch.view_as_real(x.contiguous())), x)
written = z.clone()
written.imag[1] = -2
assert written[1] == -1 - 2j  # a view
assert (z.conj().is_conj(), z.conj().data_ptr() == z.data_ptr()) == (True, True)
for compare in (torch.max, torch.sort, torch.argmax, lambda z: z < 1):
    with expect_error(RuntimeError, match="ComplexFloat|does not support complex"):
        compare(z)
assert (z == z.clone()).all()
assert torch.tensor(-1.0).sqrt().isnan()
assert torch.tensor(-1.0 + 0j).sqrt() == 1j
assert len(torch.fft.irfft(torch.fft.rfft(sound[:7]))) == 6
assert len(torch.fft.irfft(torch.fft.rfft(sound[:7]), n=7)) == 7
assert len(torch.fft.fft(sound)) == 200
assert len(waves) == 101
torch.testing.assert_close(torch.fft.fft(sound)[:101], waves)
matrix = torch.tensor([[1 + 2j, 3j], [4, 5 - 1j], [2 - 2j, 6]])
assert torch.equal(matrix.mH, matrix.mT.conj())

# %%
# Check yourself
# --------------

ask(
    "z is complex64 of shape (4, 6). What is the shape of torch.view_as_real(z)?",
    answer=torch.view_as_real(torch.zeros(4, 6, dtype=torch.complex64)).shape,
    choices={
        (4, 6, 2): "The pair is a new last axis.",
        (2, 4, 6): "The two parts are neighbors in memory, so their axis is the last.",
        (4, 12): "The two parts get an axis of their own. They do not make a row longer.",
    },
)

# %%
# One number:

ask(
    "What is torch.tensor(6 - 8j).abs()?",
    answer=torch.tensor(6 - 8j).abs().item(),
    choices={
        10.0: "It is the root of 6² + 8².",
        14.0: "The distance from 0 is not the sum of both parts.",
        2.0: "The minus sign belongs to the imaginary part, whose square is added.",
    },
)

# %%
# **Exercise.** Find the pitch of a sound: how many waves in a second has its strongest tone? ``rate`` is the number of
# samples in a second. A constant added to the sound is no tone.


def pitch_by_trying(sound, rate):
    count, time = len(sound), torch.arange(len(sound)) / rate
    strength = []
    for k in range(1, count // 2 + 1):
        frequency = k * rate / count
        turn = 2 * math.pi * frequency * time
        strength.append((sound @ turn.sin()) ** 2 + (sound @ turn.cos()) ** 2)
    return (torch.stack(strength).argmax() + 1) * rate / count


second = torch.arange(300) / 100
cases = [
    (sound, 200),
    (5 + torch.sin(2 * math.pi * 7 * second) + 0.5 * torch.sin(2 * math.pi * 20 * second), 100),
]


def pitch(sound, rate):
    raise NotImplementedError


check(pitch, pitch_by_trying, cases)

# %%
# Entry :math:`k` of the result of ``rfft`` is a wave with :math:`k` periods in the whole sound. The first entry is the
# sum.

# Solution


def pitch(sound, rate):
    waves = torch.fft.rfft(sound).abs()
    return (waves[1:].argmax() + 1) * rate / len(sound)


report = check(pitch, pitch_by_trying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`sparse-tensors` is about another kind of tensor.
#
# - PyTorch contributors (2026). `Complex numbers <https://docs.pytorch.org/docs/stable/complex_numbers.html>`__. What
#   is supported, with gradients and optimizers.
# - Smith (1997). `The scientist and engineer's guide to digital signal processing <https://www.dspguide.com>`__. The
#   Fourier transform in words and pictures.
