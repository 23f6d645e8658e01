"""What is raised stays what it was, wherever it is raised, and whatever goes wrong in the explanation."""

import os
import pickle
import re
import subprocess
import sys
import textwrap
import traceback

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

import ptguide.explain
from ptguide._explaining import _answer, _hooks
from ptguide.explain import explain

ADDRESS = "https://ptguide.github.io/ptguide/guide/errors/mat1_and_mat2_shapes.html"


def product():
    a, b = torch.rand(2, 3), torch.rand(4, 3)
    return a @ b


def raised(function, kind=Exception):
    """Return what a function raises within an explanation."""
    with pytest.raises(kind) as caught, explain():
        function()
    return caught.value


def notes(error):
    return getattr(error, "__notes__", [])


# --- What is raised ---------------------------------------------------------------------------------------------------


def test_type_arguments_and_frames_are_as_without_it():
    with pytest.raises(RuntimeError) as plain:
        product()
    error = raised(product)
    assert type(error) is type(plain.value)
    assert error.args == plain.value.args
    assert str(error) == str(plain.value)
    mine = [(frame.name, frame.line) for frame in traceback.extract_tb(error.__traceback__)][1:]
    assert mine == [(frame.name, frame.line) for frame in traceback.extract_tb(plain.value.__traceback__)][1:]
    assert error.__cause__ is None
    assert error.__context__ is None


def test_note_follows_the_message_wherever_it_is_printed():
    error = raised(product)
    printed = "".join(traceback.format_exception(error))
    assert printed.index("mat1 and mat2") < printed.index("ptguide explains:") < printed.index(ADDRESS)
    assert "a @ b.mT, which gives (2, 4)" in printed


def test_block_without_an_error_is_as_without_it():
    with explain() as nothing:
        result = torch.rand(2, 3) @ torch.rand(3, 4)
    assert nothing is None
    assert result.shape == (2, 4)


def test_error_can_still_be_pickled():
    error = pickle.loads(pickle.dumps(raised(product)))
    assert type(error) is RuntimeError
    assert len(notes(error)) == 1


def test_blocks_within_each_other_explain_once():
    def nested():
        with explain(), explain():
            product()

    assert len(notes(raised(nested))) == 1


@pytest.mark.parametrize(
    "error",
    [
        KeyError("k"),
        ValueError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x3)"),
        ValueError("optimizer got an empty parameter list"),
        StopIteration(),
        OSError("no"),
    ],
)
def test_error_that_is_not_torchs_gets_no_note(error):
    def fail():
        raise error

    with pytest.raises(type(error)) as caught, explain():
        fail()
    assert caught.value is error
    assert notes(error) == []


def test_error_of_another_library_gets_no_note():
    import numpy as np

    assert notes(raised(lambda: np.ones((2, 3)) @ np.ones((4, 5)), ValueError)) == []
    assert notes(raised(lambda: {}["k"], KeyError)) == []
    assert notes(raised(lambda: int("x"), ValueError)) == []


def test_errors_that_end_a_program_pass():
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit):
        error = kind()
        with pytest.raises(kind) as caught, explain():
            raise error
        assert caught.value is error
        assert notes(error) == []


def test_recursion_has_no_note():
    def deeper(x):
        return deeper(x + 1)

    assert notes(raised(lambda: deeper(torch.zeros(1)), RecursionError)) == []


def test_error_that_led_to_another_is_explained():
    def fail():
        try:
            product()
        except RuntimeError as error:
            raise ValueError("training failed") from error

    error = raised(fail, ValueError)
    assert notes(error) == []
    assert ADDRESS in notes(error.__cause__)[0]


def test_errors_of_a_group_are_explained():
    def fail():
        with pytest.raises(RuntimeError) as one:
            product()
        raise ExceptionGroup("two", [one.value, KeyError("k")])

    error = raised(fail, ExceptionGroup)
    assert [len(notes(one)) for one in error.exceptions] == [1, 0]


# --- Its own failure --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["find_site", "find", "tried", "Answer"])
@pytest.mark.parametrize("failure", [ValueError, RecursionError, MemoryError, AttributeError])
def test_own_failure_is_silent(monkeypatch, capfd, where, failure):
    def broken(*args, **kwargs):
        raise failure("broken")

    monkeypatch.setattr(_answer, where, broken)
    error = raised(product, RuntimeError)
    assert notes(error) == []
    assert error.__context__ is None
    assert capfd.readouterr() == ("", "")


def test_rule_that_fails_leaves_the_call_and_its_tensors(monkeypatch):
    from ptguide._explaining import _finding

    def broken(case):
        raise ZeroDivisionError

    entries = [_finding.Entry(entry.pattern, broken, entry.page, entry.anywhere) for entry in _finding.RULES]
    monkeypatch.setattr(_finding, "RULES", entries)
    monkeypatch.setattr(_answer, "search", lambda *_: None)
    note = notes(raised(product))[0]
    assert "a @ b" in note
    assert "rule" not in note


class Hostile:
    """An object that answers nothing."""

    def __getattr__(self, name):
        raise AssertionError("asked")

    def __eq__(self, other):
        raise AssertionError("compared")

    __hash__ = None

    def __repr__(self):
        raise AssertionError("printed")

    def __bool__(self):
        raise AssertionError("decided")

    def __len__(self):
        raise AssertionError("counted")


class Silent(torch.Tensor):
    """A tensor that cannot be printed."""

    def __repr__(self, **_):
        raise AssertionError("printed")


def test_hostile_objects_are_not_asked():
    def fail():
        hostile = Hostile()
        parts = {"x": torch.rand(2, 3), "hostile": hostile}
        return parts["x"] @ torch.rand(4, 3)

    note = notes(raised(fail, RuntimeError))[0]
    assert "parts['x']  " in note
    assert "(2, 3)" in note


def test_attributes_of_a_hostile_object_are_not_looked_up():
    asked = []

    class Box:
        @property
        def x(self):
            asked.append("x")
            return torch.rand(2, 3)

    def fail():
        box = Box()
        return box.x @ torch.rand(4, 3)

    error = raised(fail)
    assert asked == ["x"]  # by the code itself
    assert "box.x" in notes(error)[0]


def test_tensor_that_cannot_be_printed_is_explained():
    def fail():
        x = torch.rand(2, 3).as_subclass(Silent)
        return x @ torch.rand(4, 3)

    assert ADDRESS in notes(raised(fail, RuntimeError))[0]


def test_no_large_tensor_is_copied():
    def fail():
        x = torch.empty(1).expand(3_000_000_000, 7)  # 84 GB, if it were copied
        w = torch.empty(1).expand(9, 2_000_000_000)
        return x @ w

    note = notes(raised(fail))[0]
    assert "(3000000000, 7)" in note
    assert "Axis -1 of x is 7 and axis -2 of w is 9" in note


def test_no_large_result_is_computed(monkeypatch):
    from ptguide._explaining import _trying

    def refused(tensor):
        raise AssertionError("copied")

    def fail():
        x, w = torch.rand(50_000, 7), torch.rand(50_000, 7)  # x @ w.mT would take 10 GB
        return x @ w

    monkeypatch.setattr(_trying, "copied", refused)
    note = notes(raised(fail))[0]
    assert "w.mT" not in note
    assert "x.mT @ w, which gives (7, 7)" in note


def test_modes_see_what_the_code_does_and_nothing_more():
    from torch.overrides import TorchFunctionMode

    class Seen(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            called.append(function)
            return function(*args, **(kwargs or {}))

    def fail():
        with Seen():
            product()

    called = []
    with pytest.raises(RuntimeError):
        fail()
    plain = len(called)
    called.clear()

    def explained():
        with Seen(), explain():
            product()

    assert ADDRESS in notes(raised(explained))[0]
    assert len(called) == plain > 0


def test_variables_of_the_function_do_not_live_longer():
    import gc
    import weakref

    def run():
        x = torch.rand(2, 3)
        seen.append(weakref.ref(x))
        try:
            with explain():
                x @ torch.rand(4, 5)
        except RuntimeError:
            pass
        del x
        gc.collect()
        return seen[0]() is None

    seen = []
    assert run()


# --- Where it is raised -----------------------------------------------------------------------------------------------


def test_under_autocast():
    def fail():
        fc = nn.Linear(3, 2)
        x = torch.rand(4, 5)
        with torch.autocast("cpu"):
            fc(x)

    note = notes(raised(fail))[0]
    assert "fc = nn.Linear(5, 2), which gives (4, 2)" in note

    def inside():
        with torch.autocast("cpu"), explain():
            product()

    assert "a @ b.mT, which gives (2, 4)" in notes(raised(inside))[0]


def test_in_backward():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            weights = torch.rand(5)
            return grad * weights

    def fail():
        x = torch.rand(3, requires_grad=True)
        Double.apply(x).sum().backward()

    note = notes(raised(fail))[0]
    assert "in backward: grad * weights" in note
    assert "axis -1 is 3 in grad and 5 in weights" in note


@pytest.mark.filterwarnings("ignore")
def test_under_compile(capfd):
    torch._dynamo.reset()

    @torch.compile(backend="eager")
    def compiled(a, b):
        c = a.relu()
        return c @ b

    error = raised(lambda: compiled(torch.rand(2, 3), torch.rand(4, 3)))
    note = notes(error)[0]
    assert re.search(r"where    test_explain_raised.py, line \d+, in compiled: return c @ b", note)
    assert "Axis -1 of c is 3 and axis -2 of b is 4" in note
    assert "c @ b.mT, which gives (2, 4)" in note
    capfd.readouterr()


class Photos(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        photo, mean = torch.rand(3, 8, 8), torch.rand(3)
        return photo - mean


def load():
    for _ in DataLoader(Photos(), batch_size=2, num_workers=2, multiprocessing_context="fork"):
        pass


@pytest.mark.filterwarnings("ignore")
def test_in_the_workers_of_a_data_loader():
    with pytest.raises(RuntimeError) as plain:
        load()
    error = raised(load, RuntimeError)
    assert "in __getitem__: photo - mean" in notes(error)[0]
    assert "axis -1 is 8 in photo and 3 in mean" in notes(error)[0]
    assert len(error.args) == 1
    assert [re.sub(r"line \d+|process \d+", "", str(one)) for one in (error, plain.value)] == [
        re.sub(r"line \d+|process \d+", "", str(plain.value))
    ] * 2
    original = torch._utils.ExceptionWrapper.__init__
    assert original.__qualname__ == "ExceptionWrapper.__init__"  # put back


def test_in_threads(script):
    code = "import threading, torch\nfrom ptguide import explain\nexplain.install()\n"
    code += "def product():\n    a, b = torch.rand(2, 3), torch.rand(4, 3)\n    return a @ b\n"
    told = run(script(code + "thread = threading.Thread(target=product)\nthread.start()\nthread.join()"))
    assert told.returncode == 0
    assert "Exception in thread" in told.stderr
    assert "(2x3 and 4x3)" in told.stderr.partition("ptguide explains:")[0]


def test_install_twice_and_hooks_of_others(monkeypatch):
    called = []

    def hook(kind, error, traceback):
        called.append(error)

    monkeypatch.setattr(sys, "excepthook", hook)
    explain.install()
    explain.install()
    error = None
    try:
        product()
    except RuntimeError as caught:
        error = caught
    sys.excepthook(type(error), error, error.__traceback__)
    assert called == [error]
    assert len(notes(error)) == 1
    explain.uninstall()
    assert sys.excepthook is hook
    explain.uninstall()
    assert sys.excepthook is hook
    assert torch._utils.ExceptionWrapper.__init__.__qualname__ == "ExceptionWrapper.__init__"


def test_uninstall_leaves_a_hook_that_came_later(monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    explain.install()

    def later(kind, error, traceback):
        pass

    sys.excepthook = later
    explain.uninstall()
    assert sys.excepthook is later


def test_module_is_called_as_the_function():
    from ptguide import explain as module

    with pytest.raises(RuntimeError) as caught, module():
        product()
    assert ADDRESS in notes(caught.value)[0]
    assert ptguide.explain.install is explain.install


# --- Programs ---------------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
import torch

def forward(x):
    w = torch.rand(4, 3)
    return x @ w

if __name__ == "__main__":
    print(sys.argv[1:])
    forward(torch.rand(2, 3))
"""


def run(*words, code=None, **settings):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *words], input=code, capture_output=True, text=True, env=environment, **settings
    )


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "train.py"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


def test_script_prints_its_own_traceback_and_the_note(script):
    path = script(SCRIPT)
    plain, told = run(path, "--epochs", "3"), run("-m", "ptguide", "explain", path, "--epochs", "3")
    assert (told.returncode, told.stdout) == (plain.returncode, plain.stdout) == (1, "['--epochs', '3']\n")
    assert told.stderr.startswith(plain.stderr)
    assert "x @ w.mT, which gives (2, 4)" in told.stderr.removeprefix(plain.stderr)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("import sys; sys.exit('no')", 1),
        ("print(1)", 0),
        ("1 / 0", 1),
        ("import os; os._exit(5)", 5),
        ("def f(:", 1),
    ],
)
def test_exit_status_and_output_are_the_scripts(script, code, status):
    path = script(code)
    plain, told = run(path), run("-m", "ptguide", "explain", path)
    assert told.returncode == plain.returncode == status
    assert (told.stdout, told.stderr) == (plain.stdout, plain.stderr)


def test_interrupted_script_ends_as_one_that_is_interrupted(script):
    path = script("import os, signal; os.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(60)")
    assert run("-m", "ptguide", "explain", path).returncode == run(path).returncode


def test_module_is_run(script, tmp_path):
    script(SCRIPT)
    told = run("-m", "ptguide", "explain", "-m", "train", "word", cwd=tmp_path)
    assert told.returncode == 1
    assert told.stdout == "['word']\n"
    assert "x @ w.mT, which gives (2, 4)" in told.stderr


def test_processes_that_a_script_spawns_find_its_functions(script):
    path = script(
        """
        import torch.multiprocessing as mp

        def work(number):
            print(number, flush=True)

        if __name__ == "__main__":
            context = mp.get_context("spawn")
            process = context.Process(target=work, args=(3,))
            process.start()
            process.join()
        """
    )
    told = run("-m", "ptguide", "explain", path)
    assert (told.stdout, told.returncode) == ("3\n", 0), told.stderr


def test_command_without_words_says_how_it_is_used():
    told = run("-m", "ptguide", "explain", "--help")
    assert told.returncode == 0
    assert "python -m ptguide explain train.py" in told.stdout
    assert run("-m", "ptguide", "explain", "--what").returncode == 2
    missing = run("-m", "ptguide", "explain", "nowhere.py")
    assert missing.returncode == 2
    assert missing.stderr == "There is no file 'nowhere.py' to run.\n"


def test_under_torchrun(script, tmp_path):
    path = script(
        """
        import os
        import torch
        import torch.distributed as dist

        dist.init_process_group("gloo")
        rank = dist.get_rank()
        dist.barrier()
        weights = torch.rand(4, 3)
        batch = torch.rand(2, 3 if rank else 4)
        result = batch @ weights
        dist.barrier()
        dist.destroy_process_group()
        """
    )
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "ptguide", "explain", path]
    told = run(*words, timeout=300)
    assert told.returncode == 1
    assert "batch @ weights.mT, which gives (2, 4)" in told.stderr
    assert "rank      : 1" in told.stderr


# --- Notebooks --------------------------------------------------------------------------------------------------------


START = """
import torch
from ptguide.explain import explain
explain.install()
a, b = torch.rand(2, 3), torch.rand(4, 3)
"""


@pytest.fixture
def shell():
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    yield lambda code: _run_cell(shell, capture_output, code)
    explain.uninstall()
    InteractiveShell.clear_instance()


def _run_cell(shell, capture_output, code):
    with capture_output() as captured:
        result = shell.run_cell(code)
    return result, captured


@pytest.mark.filterwarnings("ignore")
def test_notebook_draws_the_shapes(shell):
    result, _ = shell(START)
    assert result.success
    result, captured = shell("a @ b")
    assert isinstance(result.error_in_exec, RuntimeError)
    assert "a @ b.mT, which gives (2, 4)" in captured.stdout
    assert len(captured.outputs) == 1
    html = captured.outputs[0].data["text/html"]
    assert "svg" in html
    assert "a of shape (2, 3); b of shape (4, 3)" in html
    result, captured = shell("1 / 0")
    assert captured.outputs == []
    explain.uninstall()
    result, captured = shell("a @ b")
    assert captured.outputs == []
    assert "ptguide" not in captured.stdout


@pytest.mark.filterwarnings("ignore")
def test_block_in_a_notebook_draws_once(shell):
    shell(START)
    _, captured = shell("with explain():\n    a @ b")
    assert len(captured.outputs) == 1
    assert captured.stdout.count("ptguide explains:") == 1


def test_picture_reads_no_value():
    from ptguide._explaining._picture import shapes

    try:
        torch.empty(1).expand(3_000_000_000, 7) @ torch.empty(1).expand(9, 5)
    except RuntimeError as error:
        picture = shapes(_answer.explain_error(error))
    assert "of shape (3000000000, 7)" in picture.description
    assert picture.svg.count("<rect") == 3  # two tensors, and the paper


def test_nothing_of_the_explanation_is_loaded_before_an_error():
    code = "import sys, ptguide.explain\nprint([name for name in sys.modules if 'torch' in name or '_answer' in name])"
    assert run("-c", code).stdout == "[]\n"
    assert _hooks.HEAD == "ptguide explains:"
