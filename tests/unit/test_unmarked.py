"""What `fit` leaves out of an optimizer's step is what nobody would notice."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from ptguide.training import fit

DATA = [(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])), (torch.tensor([[0.5, -1.0]]), torch.tensor([[1.0]]))]


def train(optimizer_of=torch.optim.Adam, prepare=lambda optimizer: None, **settings):
    """Train a small network for two steps; return its weights."""
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    optimizer = optimizer_of(model.parameters(), lr=0.1)
    prepare(optimizer)
    fit(model, DATA, F.mse_loss, optimizer, **settings)
    return model.weight.detach()


def test_nothing_is_marked_while_no_profiler_runs(monkeypatch):
    train()  # torch wraps the step of a class when its first optimizer is made
    marked = []
    record = torch.autograd.profiler.record_function
    monkeypatch.setattr(torch.autograd.profiler, "record_function", lambda name: marked.append(name) or record(name))
    train()
    assert marked == []
    train(clip_norm=1.0)
    assert marked == []


def test_a_profiler_sees_the_marks():
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as profiler:
        train()
    marks = {event.name: 0 for event in profiler.events() if event.name.startswith("Optimizer.")}
    assert set(marks) == {"Optimizer.step#Adam.step", "Optimizer.zero_grad#Adam.zero_grad"}


@pytest.mark.parametrize("kind", ["pre", "post"])
def test_hooks_are_called(kind):
    called = []

    def note(*args):
        called.append(kind)

    plain = train()
    hooked = train(prepare=lambda optimizer: getattr(optimizer, f"register_step_{kind}_hook")(note))
    assert called == [kind] * 2
    assert torch.equal(hooked, plain)
    register = {"pre": register_optimizer_step_pre_hook, "post": register_optimizer_step_post_hook}[kind]
    handle = register(note)
    try:
        train()
    finally:
        handle.remove()
    assert called == [kind] * 4
    train()
    assert called == [kind] * 4


def test_a_hook_that_comes_during_the_training_is_called():
    called = []

    def prepare(optimizer):
        def before(*args):
            called.append("hook")

        optimizer.register_step_pre_hook(lambda *args: optimizer.register_step_post_hook(before) and None)

    train(prepare=prepare)
    assert called == ["hook"] * 3  # one in the first step, two in the second


def test_a_step_of_ones_own_is_called(monkeypatch):
    called = []

    class Counting(torch.optim.SGD):
        def step(self, closure=None):
            called.append("class")
            return super().step(closure)

    plain = train(torch.optim.SGD)
    assert torch.equal(train(Counting), plain)
    assert called == ["class"] * 2

    def own(optimizer):
        step = optimizer.step
        optimizer.step = lambda *args: called.append("object") or step(*args)

    assert torch.equal(train(torch.optim.SGD, own), plain)
    assert called[2:] == ["object"] * 2

    wrapped = torch.optim.SGD.step

    @functools.wraps(wrapped)  # copies torch's sign that the step is wrapped
    def around(self, *args):
        called.append("around")
        return wrapped(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", around)
    assert torch.equal(train(torch.optim.SGD), plain)
    assert called[4:] == ["around"] * 2


def test_a_schedule_counts_the_steps(recwarn):
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)  # wraps the step, to warn if it does not come first
    fit(model, DATA, F.mse_loss, optimizer, schedule=schedule, schedule_every="epoch", epochs=2)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)
    assert not [warning for warning in recwarn if "lr_scheduler.step()" in str(warning.message)]


def test_parameters_that_are_added_during_the_training_are_treated_as_the_others():
    body, head = nn.Linear(2, 1), nn.Linear(1, 1)
    model = nn.Sequential(body, head)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    norms = []

    def thaw(*args):
        if len(optimizer.param_groups) == 1:
            optimizer.add_param_group({"params": list(body.parameters())})
        else:
            norms.append(body.weight.grad.norm().item())

    optimizer.register_step_post_hook(thaw)
    batch = (torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    fit(model, [batch] * 4, lambda outputs, targets: 1e-3 * outputs.mean(), optimizer)
    # Were the gradients of the new ones never forgotten, they would grow with every step.
    assert norms == pytest.approx([norms[0]] * 3, rel=1e-3)
