"""
.. _randomness-and-seeds:

How do I get the same random numbers again?
===========================================

Random numbers in PyTorch are computed by a *generator* from its *state*. :func:`torch.manual_seed` sets the state, and
the same calls after it give the same numbers. This page shows how far the promise goes, and where it ends: shapes,
dtypes, devices, and the processes of a ``DataLoader``. You need to know :ref:`how to make a tensor <making-tensors>`.
"""

# %%
# Twelve throws of a die, six more, and again the seed. Orange throws are those of the second call: they go on where the
# first stopped. After the same :term:`seed` the throws repeat, and one call for :val:`18 <again.numel()>` throws gives
# both in order.

import random

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
first, second = torch.randint(1, 7, (2, 6)), torch.randint(1, 7, (1, 6))
torch.manual_seed(0)
again = torch.randint(1, 7, (3, 6))
colors = torch.tensor([[0] * 6, [0] * 6, [1] * 6])
draw([first, second, again], ["first", "second", "again"], colors=[colors[:2], colors[2:], colors])

# %%
# The picture as a claim. The numbers fill a tensor in the order of printing, last axis first, so the shape does not
# matter here:

assert torch.equal(again, torch.cat([first, second]))
torch.manual_seed(0)
assert torch.equal(torch.randint(1, 7, (3, 2, 3)), again.reshape(3, 2, 3))

# %%
# What a seed is, from scratch
# ----------------------------
#
# A :term:`generator` holds a state. Each draw computes a number and the next state from it; nothing is left to chance,
# which is why the numbers are called *pseudo-random*. On the CPU torch computes them as NumPy's older ``RandomState``
# does, by the algorithm Mersenne Twister: ``rand`` keeps the last 24 of 32 bits, as many as a
# :val:`float32 <torch.rand(1).dtype>` holds exactly.

bits = np.random.RandomState(7).randint(0, 2**32, size=1000, dtype=np.uint32)
torch.manual_seed(7)
assert torch.equal(torch.rand(1000), torch.from_numpy(bits % 2**24 / 2**24).float())
torch.manual_seed(7)
assert torch.equal(torch.randint(100, (1000,)), torch.from_numpy(bits % 100).long())

# %%
# Another seed gives other numbers, if it is from 0 to :math:`2^{32} - 1`: the generator of the CPU reads the lowest 32
# bits of a seed and drops the others. That a seed gives the same numbers in each run is promised for *one* release of
# torch and *one* kind of device; a GPU has a generator and an algorithm of its own.


def after(seed):
    torch.manual_seed(seed)
    return tuple(torch.rand(5).tolist())


for seed in (0, 1, 42):
    print(f"seed {seed:>2}: {torch.tensor(after(seed))}")
    assert torch.initial_seed() == seed
assert len({after(seed) for seed in range(1000)}) == 1000
assert after(2**32) == after(0)

# %%
# A generator of your own
# -----------------------
#
# On the CPU, torch's random functions share one generator, so a draw anywhere shifts what comes after it. Draws from a
# :class:`torch.Generator`, passed as ``generator=``, leave the shared one as it is, and other draws do not touch yours.

torch.manual_seed(0)
expected = torch.rand(4)
mine = torch.Generator().manual_seed(5)
torch.manual_seed(0)
shuffled = torch.randperm(8, generator=mine)
assert torch.equal(torch.rand(4), expected)  # as if randperm had not been called
assert torch.equal(torch.randperm(8, generator=mine.manual_seed(5)), shuffled)
for other in (torch.rand, torch.randn, torch.randperm):
    mine.manual_seed(5)
    other(100)  # of the shared generator
    assert torch.equal(torch.randperm(8, generator=mine), shuffled)

# %%
# Fork: go back to a state, or draw beside it
# -------------------------------------------
#
# ``get_state`` takes a copy of the state, ``set_state`` puts it back. ``clone_state`` makes a second generator that
# goes on from the same state: both give the *same* numbers. For other numbers, take another seed.
# ``torch.random.fork_rng`` puts the shared generator back when its block ends.

state = mine.get_state()
ahead = torch.rand(3, generator=mine)
assert torch.equal(torch.rand(3, generator=mine.set_state(state)), ahead)
fork = mine.clone_state()
assert torch.equal(torch.rand(3, generator=mine), torch.rand(3, generator=fork))

torch.manual_seed(0)
with torch.random.fork_rng(devices=[]):  # on machines with GPUs, leave their generators out
    torch.manual_seed(99)
    torch.rand(1000)
assert torch.equal(torch.rand(4), expected)

# %%
# The limits
# ----------
#
# The seed is one thing of several that have to stay the same. Another dtype uses other bits. And on the CPU ``randn``
# has one algorithm for fewer than 16 numbers and another from 16 on.


def drawn(function, *sizes, **options):
    mine = torch.Generator().manual_seed(1)
    return torch.cat([function(size, generator=mine, **options) for size in sizes])


assert torch.equal(drawn(torch.rand, 20), drawn(torch.rand, 8, 12))
assert torch.equal(drawn(torch.randn, 14), drawn(torch.randn, 8, 6))
for count in range(9, 30):
    assert torch.equal(drawn(torch.randn, count)[:8], drawn(torch.randn, 8)) == (count < 16)
assert not torch.equal(drawn(torch.rand, 20), drawn(torch.rand, 20, dtype=torch.float64).float())

# %%
# Python's ``random`` and NumPy have generators that ``torch.manual_seed`` does not touch. And without random numbers,
# the last digits of a sum can change when its order does, as it may on another device, or between two runs on a GPU;
# :func:`torch.use_deterministic_algorithms` asks for an order that stays.

for seed_there, draw_there in ((random.seed, random.random), (np.random.seed, np.random.rand)):
    seed_there(3)
    number = draw_there()
    torch.manual_seed(3)
    assert draw_there() != number
    seed_there(3)
    assert draw_there() == number
a, b, c = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
assert (a + b) + c != a + (b + c)

# %%
# The workers of a DataLoader
# ---------------------------
#
# A :class:`DataLoader <torch.utils.data.DataLoader>` fetches items from a data set, with ``num_workers`` in two
# :term:`processes <process>` beside yours. Each is a :term:`worker`, with a copy of the data set, and with a seed of
# its own: a number drawn from the shared generator once an :term:`epoch`, plus the number of the worker.


class Dice(Dataset):
    def __init__(self):
        self.held = np.random.default_rng(6)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        info = get_worker_info()
        by_torch, by_held = torch.randint(1000, ()).item(), int(self.held.integers(1000))
        by_numpy = np.random.randint(1000)  # noqa: NPY002 - what many data sets do
        return info.id, info.seed, by_torch, by_numpy, by_held


# %%
# An epoch takes each item once, here in batches of 2: worker 0 makes the first, worker 1 the second. ``"fork"`` starts
# a worker as a copy of this process. Windows has no such thing: there, put the class into a file that can be imported.


def epochs(data, workers, prepare=None):
    torch.manual_seed(0)
    options = {"collate_fn": list, "worker_init_fn": prepare, "multiprocessing_context": "fork"}
    loader = DataLoader(data, batch_size=2, num_workers=workers, **options)
    return [[item for batch in loader for item in batch] for epoch in range(2)]


one, two = epochs(Dice(), workers=2)
for worker, _, *draws in one:
    print("worker {}: torch {:>3}, NumPy {:>3}, held by the data set {:>3}".format(worker, *draws))
assert [item[0] for item in one] == [0, 0, 1, 1]
assert one[2][1] == one[0][1] + 1  # the seeds
assert epochs(Dice(), workers=2) == [one, two]

# %%
# The shared generators of torch and NumPy are seeded in each worker, so their draws differ. A generator
# that the data set *holds* is copied with its state into both workers, and in the next epoch once more, so it gives the
# same numbers again.

for place in (2, 3):
    assert len({item[place] for item in one + two}) == 8
held = [item[4] for item in one + two]
assert held[:2] == held[2:4] == held[4:6] == held[6:]

# %%
# The remedy is ``worker_init_fn``, which runs in each worker at its start: it gives the copy of the data set a
# generator with the worker's seed, which differs between workers and between epochs.


def own_generator(worker):
    info = get_worker_info()
    info.dataset.held = np.random.default_rng(info.seed)


mended = epochs(Dice(), workers=2, prepare=own_generator)
assert len({item[4] for epoch in mended for item in epoch}) == 8

# %%
# What an item gets still depends on how many workers there are. To avoid that, make a generator from the item's index.


class Steady(Dice):
    def __getitem__(self, index):
        return torch.randint(1000, (), generator=torch.Generator().manual_seed(index)).item()


assert [item[2] for item in epochs(Dice(), workers=1)[0]] != [item[2] for item in one]
assert epochs(Steady(), workers=1) == epochs(Steady(), workers=2)

# %%
# Check yourself
# --------------


def noisy(x):
    torch.manual_seed(0)
    return x + torch.rand(())


ask(
    "A function calls torch.manual_seed(0), then returns x + torch.rand(()). "
    "How many different results do 10 calls with the same x give?",
    answer=len({noisy(torch.zeros(())).item() for _ in range(10)}),
    choices={
        10: "The seed sets the state back in every call, so the draw is the same each time.",
        1: "The noise is no noise any more. Seed once, at the start of the program.",
    },
)

# %%
# Two shapes:

torch.manual_seed(0)
short = torch.rand(3)
torch.manual_seed(0)
ask(
    "After the same seed, are the first three numbers of torch.rand(50) those of torch.rand(3)?",
    answer=torch.equal(torch.rand(50)[:3], short),
    choices={
        True: "rand takes the generator's numbers one by one. For randn the answer is no.",
        False: "That is so for randn, which has another algorithm for many numbers.",
    },
)

# %%
# Next: :ref:`saving-and-printing-tensors`, which keeps numbers without making them again.
