"""What a learner would draw: for each function, which inputs each output element depends on, said by hand or by a loop.

An expectation is a matrix of letters for each input, a row for each output element: ``=`` copied, ``~`` compared, ``*``
computed, ``i`` index, ``?`` may depend, ``.`` no link.
"""

import itertools

import pytest
import torch
import torch.nn.functional as F

from ptguide.trace import trace

LETTERS = ".~i*=?"
X = torch.tensor([0.3, -1.2, 2.5, 0.4])
SCORES = torch.tensor([1.0, 3.0, 2.0])
CASES = {}


def case(op, inputs, *expected, **kwargs):
    name = f"{len(CASES)}-{getattr(op, '__name__', 'op')}"
    CASES[name] = (op, inputs, kwargs, [text.split() for text in expected])


def letters(found, output=0):
    size = found.outputs[output].numel()
    return [
        ["".join(LETTERS[kind] for kind in row) for row in kinds.reshape(size, -1).tolist()]
        for kinds in found.kinds[output]
    ]


def named(name, op):
    op.__name__ = name
    return op


# --- Activations -----------------------------------------------------------------------------------------------------

EACH = "*... .*.. ..*. ...*"
case(F.relu, X, EACH)
case(F.leaky_relu, X, EACH)
case(F.prelu, (torch.tensor([1.0, 2, 3]), torch.tensor([0.25])), "*.. .*. ..*", "? ? ?")
case(F.prelu, (torch.tensor([-1.0, 2, -3]), torch.tensor([0.25])), "*.. .*. ..*", "* ? *")
case(named("leaky_by_where", lambda x, w: torch.where(x > 0, x, w * x)), (X, torch.tensor(0.1)), EACH, "? * ? ?")
case(F.hardshrink, X, EACH)
case(F.threshold, (X, 0.1, 20.0), EACH)
case(F.glu, X, "*.*. .*.*")
case(torch.softmax, X, "**** **** **** ****", dim=0)
case(torch.abs, X, EACH)
case(torch.sign, X, EACH)
case(torch.copysign, (X, X.flip(0)), EACH, EACH)
case(torch.heaviside, (torch.tensor([0.0, 2.0]), torch.tensor([0.5])), "*. .*", "* ?")

# --- Limits and remainders -------------------------------------------------------------------------------------------

case(named("clamp_by_numbers", lambda x: x.clamp(-1, 1)), X, EACH)
case(
    torch.clamp,
    (X, torch.tensor(-1.0), torch.tensor(1.0)),
    "=... .~.. ..~. ...=",
    "~ = ? ~",
    "~ ~ = ~",
)
case(torch.maximum, (torch.tensor([1, 2]), torch.tensor([0, 0])), "=. .=", "~. .~")
case(torch.fmod, (torch.tensor([1.0, 5.0]), torch.tensor([3.0, 3.0])), "*. .*", "*. .*")
case(torch.remainder, (torch.tensor([1, 5]), 3), "*. .*")
case(torch.floor_divide, (torch.tensor([1, 2]), torch.tensor([1, 1])), "*. .*", "*. .*")
case(torch.round, X, EACH)
case(torch.frac, X, EACH)

# --- Comparisons and truth values ------------------------------------------------------------------------------------

case(torch.eq, (torch.tensor([3, 1, 2]), torch.tensor([3, 0, 2])), "*.. .*. ..*", "*.. .*. ..*")
case(torch.lt, (torch.tensor([1, 2]), torch.tensor([0, 0])), "*. .*", "*. .*")
case(torch.isin, (torch.tensor([1, 2, 3]), torch.tensor([2, 5])), "*.. .*. ..*", "** *? **")
case(torch.isclose, (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0])), "*. .*", "*. .*")
case(named("between", lambda x: (x > 0) & (x < 1)), X, EACH)
# 5 is larger than one of its neighbours only if both are changed when both are larger.
case(
    named("larger_than_neighbours", lambda x: (x[1:-1] > x[:-2]) & (x[1:-1] > x[2:])),
    torch.tensor([1.0, 3.0, 2.0, 5.0, 4.0]),
    "***.. .?*?. ..***",
)
case(torch.any, torch.tensor([True, True, False]), "???")
case(torch.any, torch.tensor([False, True, False]), "?*?")
case(torch.all, torch.tensor([True, False, True]), "?*?")
case(torch.logical_and, (torch.tensor([True, False]), torch.tensor([False, False])), "?. .?", "*. .?")
case(torch.logical_xor, (torch.tensor([True, False]), torch.tensor([False, False])), "*. .*", "*. .*")

# --- Choices by value ------------------------------------------------------------------------------------------------

case(torch.argmax, SCORES, "***")
case(named("one_hot_of_argmax", lambda x: F.one_hot(x.argmax(), 3)), SCORES, "*?? *** ?**")
case(named("hard_gumbel", lambda x: F.gumbel_softmax(x, hard=True, dim=0).round()), torch.zeros(2), "** **")
case(torch.sort, torch.tensor([2.0, 1.0, 3.0]), "~=~ =~~ ~~=")
case(torch.amax, SCORES, "~=~")
case(torch.median, SCORES, "~~=")
case(torch.cummax, torch.tensor([1.0, 3.0, 2.0]), "=.. ~=. ~=~", dim=0)
case(named("masked_maximum", lambda x, m: x.masked_fill(~m, -torch.inf).amax()), (X, X < 1), "~~.=", "??ii")
case(named("top_2", lambda x: torch.where(x >= x.topk(2).values[-1], x, -torch.inf)), SCORES, "*** ?*? *?*")
case(F.max_pool1d, torch.tensor([[1.0, 3.0, 2.0, 0.0]]), "~=.. ..=~", kernel_size=2)
case(
    F.max_unpool1d,
    (torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[0, 3]]])),
    "=. .. .. .=",
    "i? ?? ?? .i",
    kernel_size=2,
)
case(torch.unique, torch.tensor([2, 5, 2, 1]), "?~?= =~=~ ?=?~")
case(named("histogram", lambda x: torch.histc(x, 3, 0, 3)), torch.tensor([0.5, 1.5]), "** ** **")
case(torch.bincount, torch.tensor([0, 1]), "** **", minlength=2)
case(torch.searchsorted, (torch.tensor([1.0, 3.0]), torch.tensor([2.0])), "**", "*")

# --- Scores ----------------------------------------------------------------------------------------------------------

case(named("accuracy", lambda p, y: (p == y).float().mean()), (torch.tensor([3, 1]), torch.tensor([3, 0])), "**", "**")
case(F.l1_loss, (X, X.clone()), "****", "****")
case(F.mse_loss, (X, X.clone()), "****", "****")
case(F.huber_loss, (X, X.clone()), "****", "****")
case(F.hinge_embedding_loss, (torch.tensor([2.0, 3.0]), torch.tensor([-1.0, -1.0])), "**", "**")
case(
    named("hinge", lambda s, y: F.relu(1 - y * s).sum()),
    (torch.tensor([2.0, -3.0]), torch.tensor([1.0, -1.0])),
    "**",
    "**",
)
case(F.cross_entropy, (torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])), "****", "ii")

# --- Zeros and constants ---------------------------------------------------------------------------------------------

case(torch.mul, (torch.tensor([1, 2]), torch.tensor([0, 0])), "*. .*", "*. .*")
case(torch.dot, (torch.tensor([1, 2]), torch.tensor([0, 0])), "**", "**")
case(torch.matmul, (torch.tensor([[1, 2]]), torch.zeros(2, 2, dtype=torch.int64)), "** **", "*.*. .*.*")
case(F.conv1d, (torch.ones(1, 1, 3, dtype=torch.int64), torch.zeros(1, 1, 2, dtype=torch.int64)), "**. .**", "** **")
case(torch.prod, torch.tensor([0.0, 0.0, 2.0]), "***")
case(torch.cumprod, torch.tensor([2.0, 0.0, 3.0]), "=.. **. ***", dim=0)

# --- Indices and masks over truth values and complex numbers ---------------------------------------------------------

YES = torch.tensor([True, True, True])
case(torch.where, (torch.tensor([True, False]), YES[:2], YES[:2]), "i. .i", "=. ..", ".. .=")
case(named("gather", lambda x, i: x.gather(0, i)), (YES, torch.tensor([2, 0])), "..= =..", "i. .i")
case(named("take_along", lambda x, i: torch.take_along_dim(x, i, 0)), (YES, torch.tensor([2, 0])), "..= =..", "i. .i")
case(named("index", lambda x, i: x[i]), (YES, torch.tensor([2, 0])), "..= =..", "i. .i")
Z = torch.tensor([1 + 2j, 3 + 0j])
case(named("where_of_complex", lambda m, z: torch.where(m, z, 0)), (torch.tensor([True, False]), Z), "i. .i", "=. ..")
case(named("mask_of_complex", lambda z, m: z[m]), (Z, torch.tensor([True, False])), "=.", "i.")


@pytest.mark.parametrize(("op", "inputs", "kwargs", "expected"), CASES.values(), ids=CASES)
def test_what_a_learner_would_draw(op, inputs, kwargs, expected):
    torch.manual_seed(0)
    assert letters(trace(op, inputs, **kwargs)) == expected


def test_there_are_as_many_as_a_learner_would_draw():
    assert len(CASES) >= 63


@pytest.mark.parametrize("values", [*itertools.product([False, True], repeat=3)])
def test_all_assignments_of_truth_values(values):
    """What flips the result alone is computed; what flips it for another assignment may."""

    def op(a, b, c):
        return a | (b & c)

    found = trace(op, tuple(map(torch.tensor, values)))
    for place in range(3):
        flipped = [value != (place == n) for n, value in enumerate(values)]
        assert letters(found)[place] == ["*" if op(*flipped) != op(*values) else "?"]


def test_an_operation_that_takes_ever_longer_for_larger_values_ends():
    found = trace(lambda x: torch.polygamma(1, x), torch.tensor([0.5, 1.5]))
    assert letters(found) == [["*.", ".*"]]


def test_every_choice_of_an_argmax_is_found():
    found = trace(lambda x: F.one_hot(x.argmax(), 8), torch.tensor([3.0, 1, 4, 1.5, 9, 2.6, 5, 3.5]))
    assert found.depends().all()
