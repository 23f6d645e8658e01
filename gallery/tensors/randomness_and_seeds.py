"""
.. _randomness-and-seeds:

How do I get the same random numbers again?
===========================================

You change one line, the accuracy rises by one percent, and you cannot say whether the line or other random numbers did
it. :func:`torch.manual_seed` makes the random numbers after it the same in each run.
"""

# %%
# Set-up

import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, get_worker_info

from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
first, second = torch.randint(1, 7, (2, 6)), torch.randint(1, 7, (1, 6))
torch.manual_seed(0)
again = torch.randint(1, 7, (3, 6))
calls = torch.tensor([[0] * 6, [0] * 6, [1] * 6])


def draw_from_each():
    of_numpy = np.random.rand()  # noqa: NPY002 - the generator that older code shares
    return round(random.random(), 2), round(of_numpy, 2), round(torch.rand(()).item(), 2)


class Crops(Dataset):
    """Each item is where a photo is cut: drawn from torch, and from a generator that the data set holds."""

    def __init__(self):
        self.held = np.random.default_rng(6)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        worker = get_worker_info()
        return worker.id, torch.randint(1000, ()).item(), int(self.held.integers(1000))


def items(workers=2, prepare=None, data=None):
    torch.manual_seed(0)
    loader = DataLoader(
        data or Crops(),
        batch_size=2,
        num_workers=workers,
        collate_fn=list,
        worker_init_fn=prepare,
        multiprocessing_context="fork",
    )
    return [item for batch in loader for item in batch]


# %%

colors = [calls[:2], calls[2:], calls]
draw([first, second, again], ["first", "second", "again"], colors=colors)

# %%
# A die was thrown in two calls, ``first`` and ``second``. Then the same :term:`seed` was set, and one call threw
# :val:`18 <again.numel()>` times: ``again`` has the numbers of both, in order. You need to know :ref:`how to make a
# tensor <making-tensors>`.
#
# The rule
# --------
#
# Random numbers are computed by a :term:`generator` from its *state*, and each draw changes the state. A seed sets the
# state. So you get the same numbers after the same seed *and* the same draws, on the same kind of device, with the
# same release of PyTorch. The seed itself means nothing: 42 is a number like the others.

for seed in (0, 42, 0):
    torch.manual_seed(seed)
    print(f"seed {seed:>2}:", torch.rand(4))

# %%
# A draw too many changes what follows
# ------------------------------------
#
# On the CPU, PyTorch's functions share one generator. If you add a layer to the network, it draws its weights from
# there, and the split of the data that is drawn next changes too. Give the split a :class:`torch.Generator` of its
# own: draws from the shared one do not touch it.


def split(layers, **options):
    torch.manual_seed(0)
    nn.Sequential(*[nn.Linear(3, 3) for _ in range(layers)])  # draws its weights
    return torch.randperm(8, **options).tolist()


for layers in (1, 2):
    own = torch.Generator().manual_seed(5)
    print(f"{layers} layers: shared {split(layers)}, own {split(layers, generator=own)}")

# %%
# Three generators, not one
# -------------------------
#
# Python's ``random`` and NumPy have generators of their own, which code for images may use. ``torch.manual_seed`` sets
# PyTorch's, on the CPU and on the GPUs, and leaves the other two alone: they go on in the second line.

random.seed(1)
np.random.seed(1)  # noqa: NPY002
for _ in range(2):
    torch.manual_seed(1)
    print("random {}, NumPy {}, torch {}".format(*draw_from_each()))

# %%
# .. use-this::
#
#    Call ``torch.manual_seed(s)``, ``random.seed(s)`` and ``np.random.seed(s)`` once, at the start of the program. For
#    splits and other things that have to stay the same when the program changes, pass a ``generator=``. To compare two
#    versions, run each with several seeds and look at the spread. Equal runs on a GPU can also need
#    :func:`torch.use_deterministic_algorithms`, which refuses some operations and can make others slower.
#
# Common mistakes
# ---------------
#
# **A seed inside a function.** Each call sets the generator back, so the noise is the same in each call. Seed once,
# outside the function.


def noisy(x, seed_inside):
    if seed_inside:
        torch.manual_seed(0)
    return x + torch.rand(())


for seed_inside in (True, False):
    results = {noisy(0, seed_inside).item() for _ in range(10)}
    print(f"{seed_inside = !s:<5}: {len(results)} different results in 10 calls")

# %%
# **A generator that a data set holds.** Each :term:`worker` of a ``DataLoader`` gets a copy of the data set, with the
# state of its generator. So the workers 0 and 1 here cut photos at the same places. A ``worker_init_fn`` gives
# each copy a generator with the worker's seed. PyTorch seeds its own generator there; see :ref:`dataloader-workers`.


def own_generator(worker):
    info = get_worker_info()
    info.dataset.held = np.random.default_rng(info.seed)


for name, prepare in {"held": None, "own_generator": own_generator}.items():
    print(f"{name:<14}", [(worker, number) for worker, _, number in items(prepare=prepare)])

# %%
# How this was checked

assert torch.equal(again, torch.cat([first, second]))
torch.manual_seed(0)
assert torch.equal(torch.randint(1, 7, (3, 2, 3)), again.reshape(3, 2, 3))


def after(seed):
    torch.manual_seed(seed)
    return tuple(torch.rand(5).tolist())


assert after(0) == after(0)
assert len({after(seed) for seed in range(1000)}) == 1000
assert after(2**32) == after(0)  # the generator of the CPU reads 32 bits of the seed
# From scratch: the CPU's generator is the Mersenne Twister, as NumPy's RandomState; rand keeps 24 of its 32 bits.
bits = np.random.RandomState(7).randint(0, 2**32, size=1000, dtype=np.uint32)
torch.manual_seed(7)
assert torch.equal(torch.rand(1000), torch.from_numpy(bits % 2**24 / 2**24).float())

assert split(1) != split(2)
own = torch.Generator()
assert len({tuple(split(n, generator=own.manual_seed(5))) for n in range(5)}) == 1
for other in (torch.rand, torch.randn, torch.randperm):
    expected = torch.randperm(8, generator=own.manual_seed(5))
    own.manual_seed(5)
    other(100)  # of the shared generator
    assert torch.equal(torch.randperm(8, generator=own), expected)

# The state can be kept and put back, and a part of a program can be fenced in.
state = own.get_state()
ahead = torch.rand(3, generator=own)
assert torch.equal(torch.rand(3, generator=own.set_state(state)), ahead)
torch.manual_seed(0)
expected = torch.rand(4)
torch.manual_seed(0)
with torch.random.fork_rng(devices=[]):
    torch.rand(1000)
assert torch.equal(torch.rand(4), expected)


# Another dtype uses other bits, and on the CPU randn has another algorithm from 16 numbers on.
def drawn(function, *sizes, **options):
    mine = torch.Generator().manual_seed(1)
    return torch.cat([function(size, generator=mine, **options) for size in sizes])


assert torch.equal(drawn(torch.rand, 20), drawn(torch.rand, 8, 12))
for n in range(9, 30):
    assert torch.equal(drawn(torch.randn, n)[:8], drawn(torch.randn, 8)) == (n < 16)
assert not torch.equal(drawn(torch.rand, 20), drawn(torch.rand, 20, dtype=torch.float64).float())

for seed_there, draw_there in ((random.seed, random.random), (np.random.seed, np.random.rand)):
    seed_there(3)
    number = draw_there()
    torch.manual_seed(3)
    assert draw_there() != number
    seed_there(3)
    assert draw_there() == number
assert len({noisy(0, seed_inside=True).item() for _ in range(10)}) == 1
assert len({noisy(0, seed_inside=False).item() for _ in range(10)}) == 10

held = [item[2] for item in items()]
assert held[:2] == held[2:]  # the two workers
assert len({item[1] for item in items()}) == 4  # torch's own generator
assert len({item[2] for item in items(prepare=own_generator)}) == 4
assert items() == items()

# %%
# Check yourself
# --------------

torch.manual_seed(0)
short = torch.rand(3)
torch.manual_seed(0)
ask(
    "After the same seed, are the first three numbers of torch.rand(50) those of torch.rand(3)?",
    answer=torch.equal(torch.rand(50)[:3], short),
    choices={
        True: "rand takes the generator's numbers one by one. For randn the answer is no.",
        False: "It is so for randn, which has another algorithm for many numbers.",
    },
)

# %%
# A print of a random number:

torch.manual_seed(3)
torch.rand(1)
shifted = torch.rand(2)
torch.manual_seed(3)
ask(
    "To look for an error, you add print(torch.rand(1)) after the seed. Does torch.rand(2), one line later, "
    "give the same numbers as without it?",
    answer="yes" if torch.equal(torch.rand(2), shifted) else "no",
    choices={
        "yes": "The draw that you print changes the state, and the next draws begin one number later.",
        "no": "The generator is one number ahead.",
    },
)

# %%
# **Exercise.** Choose ``k`` of ``n`` samples for the validation, by a random order that depends on ``seed`` alone. The
# draws of the rest of the program stay as they were: the check draws two numbers after your call.


def with_two_draws(choose):
    def run(n, k, seed):
        torch.manual_seed(1)
        return torch.cat([choose(n, k, seed), torch.rand(2)])

    return run


def fenced_in(n, k, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch.randperm(n)[:k]


cases = [(6, 2, 0), (6, 2, 7), (100, 10, 3)]


def choose(n, k, seed):
    raise NotImplementedError


check(with_two_draws(choose), with_two_draws(fenced_in), cases)

# %%
# A draw from a generator of its own leaves the shared one alone.

# Solution


def choose(n, k, seed):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:k]


report = check(with_two_draws(choose), with_two_draws(fenced_in), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`saving-tensors` keeps numbers, so that you need not make them again.
#
# - PyTorch contributors (2026). `Reproducibility <https://docs.pytorch.org/docs/stable/notes/randomness.html>`__.
#   What is promised, and how to make the operations of a GPU deterministic.
# - Bouthillier et al. (2021). `Accounting for variance in machine learning benchmarks
#   <https://arxiv.org/abs/2103.03098>`__. How much of a difference between two models is the seed.
