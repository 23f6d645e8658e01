"""
.. _temperature:

What does the temperature of softmax do?
========================================

A language model that takes the most probable word each time can fall into repetition, and one that draws from its
probabilities can leave the subject. Divide the :term:`logits` by a temperature before the softmax: near 0 the most
probable word gets nearly everything, and 1 leaves the probabilities as they are.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch

from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
words = ["the", "a", "my", "no", "blue"]
logits = torch.tensor([3.0, 2.0, 1.5, 0.5, -1.0])
colors = {0.25: "tab:blue", 1.0: "tab:gray", 4.0: "tab:red"}


def draw_temperatures():
    _, axis = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
    for place, (t, color) in enumerate(colors.items()):
        x = torch.arange(5) + (place - 1) * 0.27
        p = (logits / t).softmax(dim=0)
        axis.bar(x.tolist(), p.tolist(), width=0.25, color=color, label=f"T = {t:g}")
    axis.set_xticks(range(5), words)
    axis.set(ylabel="probability", title="A low temperature favors the largest logit")
    axis.legend()
    plt.show()


# %%

draw_temperatures()

# %%
# Each group of bars is a word with its probability at three temperatures. At 0.25 nearly everything goes to the first
# word. At 4 the five probabilities come closer to each other. The order of the words stays. You need to know
# :ref:`softmax`.
#
# The rule
# --------
#
# Each logit is divided by :math:`T`, so :math:`p_i = e^{x_i / T} / \sum_j e^{x_j / T}`. Softmax turns a difference of
# two logits into a ratio of two probabilities, and :math:`T` divides the difference. With 1 the model is as it was
# trained. As :math:`T` goes to 0, the largest logit gets everything (equal ones share it). As :math:`T` grows, the
# words become equally probable.

for t in (0.01, 0.25, 1, 4, 1000):
    p = (logits / t).softmax(dim=0)
    print(f"T = {t:<6g}", "  ".join(f"{value:.3f}" for value in p.tolist()))
    torch.testing.assert_close(p[0] / p[1], torch.tensor((3.0 - 2.0) / t).exp())
    assert p.argsort(descending=True, stable=True).tolist() == [0, 1, 2, 3, 4]

# %%
# Sampling
# --------
#
# :func:`torch.multinomial` draws positions by the probabilities that it is given. The higher the temperature, the
# fewer of these 20 words are "the".


def sample(logits, t, count, generator):
    p = (logits / t).softmax(dim=0)
    return torch.multinomial(p, count, replacement=True, generator=generator)


for t in colors:
    drawn = sample(logits, t, 20, torch.Generator().manual_seed(1))
    counts = drawn.bincount(minlength=5).tolist()
    print(f"T = {t:<5g}", ", ".join(f"{n} {word}" for word, n in zip(words, counts, strict=True)))

# %%
# The spread can be given as one number, the entropy :math:`-\sum_i p_i \log p_i` in nats. It is 0 when one word is
# certain, and the logarithm of 5, :val:`1.609 <torch.tensor(5.0).log()>`, when the five are equal. Where the logits
# differ, the entropy rises with the temperature.


def entropy(logits, t):
    log_p = (logits / t).log_softmax(dim=0)
    return -(log_p.exp() * log_p).sum()


entropies = [entropy(logits, t).item() for t in (0.1, 0.25, 0.5, 1, 2, 4, 100)]
print([round(value, 3) for value in entropies])
assert entropies == sorted(entropies)
assert entropies[-1] < torch.tensor(5.0).log()

# %%
# .. use-this::
#
#    Start with 1. Go below it where you want the likely answer and fewer surprises, above it where you want variety.
#    For the most probable word take ``argmax``, as a temperature of 0 divides by 0. Divide the *logits*, before the
#    softmax. The order stays, and with it the accuracy of a classifier, except where rounding makes two probabilities
#    equal. It costs one division for each logit.

for t in (0.01, 0.5, 1.0, 7.0, 100.0):
    batch = torch.randn(200, 5)
    assert torch.equal((batch / t).softmax(dim=1).argmax(dim=1), batch.argmax(dim=1))

# %%
# A common mistake
# ----------------
#
# **Dividing the probabilities.** A temperature applied after the softmax has no effect. It multiplies the five numbers
# by one factor, and dividing by their sum, as ``multinomial`` does too, cancels that factor. A temperature of 0 gives
# :term:`NaN`, and not the most probable word.

p = logits.softmax(dim=0)
after = (p / 0.25) / (p / 0.25).sum()
torch.testing.assert_close(after, p)
print("divided after:", [round(value, 3) for value in after.tolist()])
print("T = 0:        ", (logits / 0).softmax(dim=0).tolist())
assert (logits / 0).softmax(dim=0).isnan().all()

# %%
# How this was checked

for seed in range(20):
    generator = torch.Generator().manual_seed(seed)
    x = 3 * torch.randn(9, dtype=torch.float64, generator=generator)
    previous = torch.tensor(-1.0)
    for t in (0.1, 0.3, 1.0, 3.0, 10.0, 100.0):
        now = entropy(x, t)
        assert now > previous
        previous = now
        torch.testing.assert_close(
            (x / t).softmax(dim=0),
            x.softmax(dim=0) ** (1 / t) / (x.softmax(dim=0) ** (1 / t)).sum(),
        )
    torch.testing.assert_close(
        (x / 1e6).softmax(dim=0), torch.full((9,), 1 / 9).double(), rtol=0, atol=1e-4
    )
    assert (x / 1e-4).softmax(dim=0)[x.argmax()] > 0.999
    draws = []
    for given in (p, p / 0.25):  # multinomial divides by the sum itself
        again = torch.Generator().manual_seed(seed)
        draws.append(torch.multinomial(given, 1000, replacement=True, generator=again))
    assert torch.equal(*draws)
# Neighbors in float32 can be rounded to one number, and argmax then takes the first.
neighbors = torch.tensor([1.0, 1.0 + 2**-23])
assert (neighbors.argmax(), (neighbors / 3).softmax(dim=0).argmax()) == (1, 0)
# Equal logits share everything at a low temperature, and have one entropy at each.
assert (torch.tensor([2.0, 2.0, 0.0]) / 0.01).softmax(dim=0).tolist() == [0.5, 0.5, 0]
assert entropy(torch.ones(4), 0.1) == entropy(torch.ones(4), 10)
firsts = [(sample(logits, t, 20, torch.Generator().manual_seed(1)) == 0).sum() for t in colors]
assert firsts[0] > firsts[1] > firsts[2]
# Drawn often, the words come as often as their probabilities say.
for t in colors:
    often = (
        sample(logits, t, 100_000, torch.Generator().manual_seed(0)).bincount(minlength=5) / 100_000
    )
    torch.testing.assert_close(often, (logits / t).softmax(dim=0), rtol=0, atol=0.01)

# %%
# Check yourself
# --------------

pair = torch.tensor([2.0, 0.0])
ratio = (pair / 2).softmax(dim=0)
ask(
    "Two logits are 2 and 0. By which factor is the first more probable at T = 2?",
    answer="e" if torch.allclose(ratio[0] / ratio[1], torch.tensor(1.0).exp()) else "e²",
    choices={
        "e²": "That is T = 1: the difference is 2.",
        "e": "The difference of 2 is divided by 2, and exp(1) is e.",
        "e⁴": "That is T = 0.5: the difference is divided, so it becomes 4.",
    },
)

# %%
# The next question asks about the accuracy.

batch, labels = torch.randn(1000, 10), torch.randint(10, (1000,))
accuracy = {t: ((batch / t).argmax(dim=1) == labels).float().mean() for t in (1.0, 5.0)}
ask(
    "All logits of a classifier are divided by 5. What happens to its accuracy?",
    answer="it stays" if accuracy[1.0] == accuracy[5.0] else "it falls",
    choices={
        "it falls": "The probabilities come closer to each other, but the largest stays the largest.",
        "it stays": "The order of the logits is the same, and the accuracy looks at the largest alone.",
        "it rises": "The classifier is less sure of itself, and chooses as before.",
    },
)

# %%
# **Exercise.** Top-k sampling keeps the ``k`` largest logits, divides them by the temperature, and gives the other
# words the probability 0. Return the probabilities, one for each logit. No two logits are equal.


def by_loops(logits, k, t):
    kept = sorted(logits.tolist(), reverse=True)[:k]
    e = [torch.tensor(x / t).exp() if x in kept else torch.tensor(0.0) for x in logits.tolist()]
    return torch.stack(e) / sum(e)


cases = [
    (torch.tensor([1.0, 3.0, 2.0]), 2, 1.0),
    (logits, 3, 0.5),
    (torch.randn(30), 10, 2.0),
]


def top_k(logits, k, t):
    raise NotImplementedError


check(top_k, by_loops, cases)

# %%
# ``topk`` finds the smallest logit that is kept. What is below it gets minus infinity.

# Solution


def top_k(logits, k, t):
    least = logits.topk(k).values[-1]
    return (logits.masked_fill(logits < least, -torch.inf) / t).softmax(dim=0)


report = check(top_k, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`log-softmax` computes the logarithms that losses need.
#
# - Hinton, Vinyals and Dean (2015). `Distilling the knowledge in a neural network
#   <https://arxiv.org/abs/1503.02531>`__. A high temperature shows a small network what a large one finds similar.
# - Holtzman et al. (2020). `The curious case of neural text degeneration <https://arxiv.org/abs/1904.09751>`__. Why
#   the most probable text gets stuck in repetition, and what to sample from instead.
