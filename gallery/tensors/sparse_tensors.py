"""
.. _sparse-tensors:

What is a sparse tensor, and when does it save memory?
======================================================

A table of who knows whom, or of which words are in which text, is nearly all zeros, and a dense tensor stores each of
them. A :term:`sparse` tensor stores the other elements and their places.
"""

# %%
# Set-up

import contextlib
import io
import itertools
import time

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
torch.sparse.check_sparse_tensor_invariants.enable()  # a wrong index raises
rows, columns = torch.tensor([[0, 1, 1, 2], [3, 0, 4, 1]])
values = torch.tensor([7.0, 8.0, 9.0, 6.0])


def dense(rows, columns, values):
    indices = torch.stack([rows, columns])
    return torch.sparse_coo_tensor(indices, values, (3, 5)).to_dense()


def with_share(share):
    table = torch.zeros(1000, 1000)
    table.view(-1)[torch.randperm(1_000_000)[: int(share * 1_000_000)]] = 1
    return table


def milliseconds(matrix):  # of a product with 32 columns, the best of seven
    times = []
    for _ in range(7):
        begin = time.perf_counter()
        matrix @ columns_32
        times.append(1000 * (time.perf_counter() - begin))
    return min(times)


columns_32 = torch.rand(1000, 32)


def to_csr(table):  # PyTorch warns that this layout is in beta state
    torch.set_warn_always(True)
    with contextlib.redirect_stdout(io.StringIO()), expect_warning(UserWarning, match="beta"):
        csr = table.to_sparse_csr()
    torch.set_warn_always(False)
    return csr


# %%

draw(dense, (rows, columns, values), names=["rows", "columns", "values"])

# %%
# The four values, each with its row and its column, hold the same information as the table of :val:`15 <table.numel()>`
# elements: the :val:`7 <int(values[0])>` goes to row :val:`0 <int(rows[0])>` and column :val:`3 <int(columns[0])>`.
# Point at an element of the table to see which value it is. You need to know :ref:`what a storage is
# <strides-and-storage>`.
#
# The rule
# --------
#
# The layout COO (coordinates) has ``indices`` of shape (axes, :math:`k`) and ``values`` of shape (:math:`k`,) for
# :math:`k` stored elements. The elements that are not stored are 0. ``to_sparse`` turns a dense tensor into it and
# ``to_dense`` goes back. :func:`torch.sparse_coo_tensor` takes indices and values, so the dense tensor need not exist.

table = dense(rows, columns, values)
sparse = table.to_sparse()
print(sparse.indices().tolist())
print(sparse.values().tolist(), sparse.layout)

# %%
# What it saves
# -------------
#
# An index takes :val:`8 <sparse.indices().itemsize>` bytes for each axis and a :val:`float32 <sparse.dtype>` value
# takes :val:`4 <sparse.values().itemsize>`, so a stored element of a matrix takes :val:`20 <8 + 8 + 4>` bytes. COO is
# smaller than this dense matrix of a million elements if less than a fifth of them is stored.

print(f"dense: {with_share(0).nbytes:>12,} bytes")
for share in (0.01, 0.2, 0.5):
    coo = with_share(share).to_sparse()
    print(f"{share:>5.0%}: {coo.indices().nbytes + coo.values().nbytes:>12,} bytes")

# %%
# Is it faster?
# -------------
#
# That depends on how much is stored, on the layout and on the device. CSR (compressed sparse rows) keeps the columns
# of the stored elements row after row, and where each row begins, so a product goes through memory in order. Here such
# a matrix is multiplied by a narrow one.

# Measured where this page runs.
for share in (0.01, 0.1):
    table = with_share(share)
    layouts = {"dense": table, "COO": table.to_sparse(), "CSR": to_csr(table)}
    times = [f"{name} {milliseconds(matrix):6.2f} ms" for name, matrix in layouts.items()]
    print(f"{share:<4.0%}: " + ", ".join(times))

# %%
# Sums over neighbors
# -------------------
#
# In a graph, edges are pairs of nodes. Put a 1 for each edge into a sparse matrix. Its product with the features adds
# up, for each node, the features of its neighbors, as layers of graph networks need it. The gradient goes back to the
# values. The cell prints this gradient, and then a row of sums for each node.

edges = torch.tensor([[0, 0, 1, 2], [1, 2, 2, 0]])  # node 0 sees 1 and 2, node 1 sees 2, ...
weights = torch.ones(4, requires_grad=True)  # one for each edge
graph = torch.sparse_coo_tensor(edges, weights, (3, 3))
features = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
(graph @ features).sum().backward()
print(weights.grad)
print((graph @ features).detach())

# %%
# .. use-this::
#
#    Stay dense until memory forces you, because some operations, such as ``reshape``, need dense tensors. Take COO to
#    build a large matrix of which a few percent are stored, and ``to_sparse_csr()`` to multiply by it. Measure the
#    product: with COO it can be slower than with the dense matrix. A product of a sparse and a dense matrix is dense.
#
# A common mistake
# ----------------
#
# **The same index twice.** If two values have the same index, both are kept, and the element is their sum.
# ``indices()`` raises until ``coalesce`` has added them up.

twice = torch.sparse_coo_tensor([[2, 0, 2]], [10.0, 20.0, 30.0], (4,))
with expect_error(RuntimeError, match="Cannot get indices on an uncoalesced tensor"):
    twice.indices()
print(twice.to_dense().tolist(), twice.coalesce().indices().tolist())

# %%
# How this was checked

with expect_error(RuntimeError, match="reshape is not implemented for sparse tensors"):
    sparse.reshape(5, 3)
assert (torch.ones(3, 5) + sparse).layout == torch.strided
table = sparse.to_dense()
assert torch.equal(sparse.indices(), table.nonzero().T)
assert torch.equal(sparse.values(), table[table != 0])
for shape in [(7,), (3, 4), (2, 3, 4), (0, 3)]:
    x = torch.randint(0, 2, shape).float()
    assert torch.equal(x.to_sparse().to_dense(), x)
    assert torch.equal(x.to_sparse().indices(), x.nonzero().T)
for stored in range(101):
    flat = torch.zeros(10, 10)
    flat.view(-1)[:stored] = 1
    part = flat.to_sparse()
    assert (part.indices().nbytes + part.values().nbytes < flat.nbytes) == (stored < 100 / 5)
assert graph.to_dense().tolist() == [[0, 1, 1], [0, 0, 1], [1, 0, 0]]
assert torch.equal(graph @ features, graph.to_dense() @ features)
assert torch.equal(weights.grad, features.sum(dim=1)[edges[1]])
assert (graph @ features).layout == torch.strided
assert twice.to_dense().tolist() == [20, 0, 40, 0]
with expect_error(RuntimeError, match=r"Use add\(dense, sparse\) instead"):
    sparse + torch.ones(3, 5)
# A wrong index is noticed if the checks are on.
with expect_error(RuntimeError, match="size is 4 but found index 7"):
    torch.sparse_coo_tensor([[7]], [10.0], (4,))
with torch.sparse.check_sparse_tensor_invariants(enable=False):
    assert torch.sparse_coo_tensor([[7]], [10.0], (4,)).shape == (4,)
with expect_error(RuntimeError, match="expand is unsupported for Sparse tensors"):
    sparse.expand(2, 3, 5)
with expect_error(NotImplementedError, match="Cannot access storage"):
    sparse.untyped_storage()
# CSR: the columns of all entries, row after row, and where each row begins.
table = sparse.to_dense()
csr = to_csr(table)
begin, places, stored = csr.crow_indices(), csr.col_indices(), csr.values()
assert (begin.tolist(), places.tolist()) == ([0, 1, 3, 4], [3, 0, 4, 1])
vector = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
entries_of = [range(a, b) for a, b in itertools.pairwise(begin.tolist())]
product = [sum(stored[k] * vector[places[k]] for k in entries) for entries in entries_of]
assert (csr @ vector).tolist() == product == (table @ vector).tolist()

# %%
# Check yourself
# --------------

million = torch.eye(1000).to_sparse()
ask(
    "How many bytes do indices and values of torch.eye(1000).to_sparse() take?",
    answer=million.indices().nbytes + million.values().nbytes,
    choices={
        4_000_000: "The million elements of the dense matrix take so many.",
        4_000: "These are the values alone. Each also needs its row and its column.",
        20_000: f"1000 entries, each with a row, a column and a value: {8 + 8 + 4} bytes.",
    },
)

# %%
# In the next question an edge is given twice.

double = torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 1.0], (2, 2))
ask(
    "double = torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 1.0], (2, 2)). What is double.to_dense()?",
    answer=double.to_dense(),
    choices={
        ((0.0, 1.0), (0.0, 0.0)): "Equal indices do not replace each other. They are summed.",
        ((0.0, 2.0), (0.0, 0.0)): "Both entries are at row 0, column 1, and count as their sum.",
        ((1.0, 0.0), (0.0, 1.0)): "The first list holds the rows, the second the columns.",
    },
)

# %%
# **Exercise.** Smooth the features of a graph: the new features of a node are the *mean* of those of the nodes that it
# sees. ``edges`` has shape (2, edges): row 0 is the node that looks, row 1 the node that it sees. Each node sees at
# least one.


def by_loop(edges, features):
    means = []
    for node in range(len(features)):
        seen = [features[b] for a, b in edges.T.tolist() if a == node]
        means.append(torch.stack(seen).mean(dim=0))
    return torch.stack(means)


ring = torch.tensor([[0, 1, 2, 3, 4, 0, 2], [1, 2, 3, 4, 0, 3, 0]])
cases = [(edges, features), (ring, torch.randn(5, 3))]


def smooth(edges, features):
    raise NotImplementedError


check(smooth, by_loop, cases)

# %%
# The same product with a column of ones counts the neighbors.

# Solution


def smooth(edges, features):
    count = len(features)
    graph = torch.sparse_coo_tensor(edges, torch.ones(edges.shape[1]), (count, count))
    return (graph @ features) / (graph @ torch.ones(count, 1))


report = check(smooth, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`exercises-in-tensors` lets you write a few of these things yourself.
#
# - PyTorch contributors (2026). `torch.sparse <https://docs.pytorch.org/docs/stable/sparse.html>`__. The layouts, and
#   which operations exist for them.
# - Kipf and Welling (2017). `Semi-supervised classification with graph convolutional networks
#   <https://arxiv.org/abs/1609.02907>`__. The layer that sums over neighbors, with a weight for each edge.
