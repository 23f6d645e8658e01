"""A checkpoint is whole or not there, comes back as it was, and runs no code; damage is found and named."""

import errno
import json
import math
import os
import pickle
import re
import subprocess
import sys
import threading
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torch import nn

from ptguide.training import Checkpoints
from ptguide.training import _checkpoints as module
from ptguide.training import _files as plain
from ptguide.training._files import check_plain


def labels(checkpoints):
    return [path.name.partition("_sha256")[0] for path in checkpoints.paths()]


def flip_a_bit(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


@pytest.fixture
def checkpoints(tmp_path):
    store = Checkpoints(tmp_path / "run")
    yield store
    store.close()


def save_steps(store, *steps):
    return [store.save({"step": step, "weight": torch.full((3,), float(step))}, step) for step in steps]


def test_state_comes_back_bit_by_bit(checkpoints):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "milestones": Counter([2, 2, 5]),
        "plain": [1, 2.5, 1e-300, math.inf, True, None, "text", b"bytes", (2**70, 1j), {3}],
        "others": [torch.float16, torch.device("cpu"), torch.Size([2, 3])],
        "half": torch.tensor([1.5, float("nan")], dtype=torch.bfloat16),
    }
    checkpoints.save(state, 1)
    loaded = checkpoints.latest()
    assert loaded.keys() == state.keys()
    for key in ("plain", "others", "milestones"):
        assert loaded[key] == state[key]
    assert torch.equal(loaded["rng"], state["rng"])
    assert loaded["half"].view(torch.int16).tolist() == state["half"].view(torch.int16).tolist()
    twin = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    twin.load_state_dict(loaded["model"])
    assert all(torch.equal(a, b) for a, b in zip(twin.state_dict().values(), state["model"].values(), strict=True))
    moments = [entry["exp_avg_sq"] for entry in loaded["optimizer"]["state"].values()]
    assert all(map(torch.equal, moments, [optimizer.state[p]["exp_avg_sq"] for p in model.parameters()]))


def test_name_holds_step_score_and_the_checksum_of_the_content(checkpoints):
    path = checkpoints.save({"weight": torch.ones(2)}, 120, 0.1 + 0.2)
    checksum = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout[:16]
    assert path == checkpoints.folder / f"step-00000120_score-0.30000000000000004_sha256-{checksum}.pt"
    assert checkpoints.save({"weight": torch.ones(2)}, 10**9).name.startswith("step-1000000000_sha256-")
    assert [float(path.name.split("_")[1][6:]) for path in checkpoints.paths()[:1]] == [0.1 + 0.2]


def test_file_is_one_that_plain_torch_reads(checkpoints):
    path = checkpoints.save({"weight": torch.ones(2)}, 1)
    assert torch.load(path, weights_only=True)["weight"].tolist() == [1.0, 1.0]


def test_file_may_be_read_by_whom_the_user_allows(checkpoints):
    before = os.umask(0o022)
    try:
        path = checkpoints.save({"weight": torch.ones(2)}, 1)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_tensors_are_loaded_on_the_cpu(checkpoints, monkeypatch):
    seen = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: seen.append(kwargs) or load(*args, **kwargs))
    save_steps(checkpoints, 1)
    checkpoints.latest()
    assert seen == [{"map_location": "cpu", "weights_only": True}]


def test_empty_folder_has_no_checkpoint(tmp_path):
    store = Checkpoints(tmp_path / "a" / "b")
    assert store.paths() == []
    assert store.best() is None
    assert not store.folder.exists()
    assert store.latest() is None


def test_newest_and_best_are_kept(checkpoints):
    checkpoints.keep = 2
    scores = {1: 3.0, 2: 1.0, 3: 2.0, 4: 1.0, 5: math.nan, 6: None, 7: -math.inf}
    kept = []
    for step, score in scores.items():
        checkpoints.save({"step": step}, step, score)
        kept.append([int(label[5:13]) for label in labels(checkpoints)])
    # Step 2 has the lowest score, and step 4, which has the same, does not replace it.
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [2, 5, 6], [2, 6, 7]]
    assert checkpoints.best()["step"] == 2
    assert checkpoints.latest()["step"] == 7


def test_without_scores_the_newest_are_kept(checkpoints):
    save_steps(checkpoints, *range(5))
    assert labels(checkpoints) == ["step-00000002", "step-00000003", "step-00000004"]
    assert checkpoints.best() is None


def test_one_is_kept_beside_the_best(tmp_path):
    store = Checkpoints(tmp_path, keep=1)
    for step, score in enumerate([0.5, 0.25, 0.75]):
        store.save({"step": step}, step, score)
    assert labels(store) == ["step-00000001_score-0.25", "step-00000002_score-0.75"]


def test_step_that_is_saved_twice_counts_once_and_the_later_file_is_loaded(tmp_path):
    store = Checkpoints(tmp_path, keep=2)
    for number, (step, score) in enumerate([(1, None), (2, None), (2, 0.5), (3, None), (3, None)]):
        path = store.save({"number": number}, step, score)
        os.utime(path, ns=(number, number))
    assert labels(store) == ["step-00000002_score-0.5", "step-00000003"]
    assert store.latest()["number"] == 4


def test_of_two_files_of_one_step_the_later_is_loaded(tmp_path):
    store = Checkpoints(tmp_path)
    for number, score in ((0, 0.25), (1, 0.75), (2, 0.5)):
        (tmp_path / "a").mkdir(exist_ok=True)
        other = Checkpoints(tmp_path / "a" / str(number))
        path = other.save({"number": number}, 7, score)
        os.utime(path, ns=(10**9 + number, 10**9 + number))
        os.replace(path, tmp_path / path.name)
    assert store.latest()["number"] == 2


@pytest.mark.parametrize(("every", "due"), [(None, []), (1, [1, 2, 3, 4, 5, 6]), (3, [3, 6])])
def test_steps_at_which_a_checkpoint_is_due(tmp_path, every, due):
    store = Checkpoints(tmp_path, every=every)
    assert [step for step in range(1, 7) if store.due(step)] == due


def test_files_of_others_are_left_alone(checkpoints):
    checkpoints.latest()
    others = ["notes.txt", "step-1.pt", "step-00000001_sha256-0123456789abcdeX.pt", "model.unfinished"]
    for name in others:
        (checkpoints.folder / name).write_text("mine")
    save_steps(checkpoints, *range(6))
    assert len(checkpoints.paths()) == 3
    assert all((checkpoints.folder / name).read_text() == "mine" for name in others)


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        lambda path: flip_a_bit(path, 0.0),
        lambda path: flip_a_bit(path, 0.999),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.with_name(first_name(path)).read_bytes()),
    ],
    ids=["a bit", "the first byte", "near the end", "truncated", "longer", "empty", "another checkpoint's content"],
)
def test_damaged_checkpoint_is_named_and_the_one_before_it_is_used(checkpoints, damage):
    paths = save_steps(checkpoints, 1, 2, 3)
    damage(paths[2])
    said = (
        rf"^Checkpoint {re.escape(str(paths[2]))} is damaged: the SHA-256 of its content begins with [0-9a-f]{{16}}\. "
        rf"It is renamed to \*\.damaged; {re.escape(paths[1].name)} is taken instead\.$"
    )
    with pytest.warns(UserWarning, match=said):
        state = checkpoints.latest()
    assert state["step"] == 2
    assert checkpoints.paths() == paths[:2]
    assert Path(f"{paths[2]}.damaged").exists()
    save_steps(checkpoints, 3)
    assert checkpoints.latest()["step"] == 3  # and nothing is said any more


def test_warning_points_at_the_line_that_asked(checkpoints):
    flip_a_bit(save_steps(checkpoints, 1, 2)[1])
    with pytest.warns(UserWarning, match="is damaged") as caught:
        checkpoints.latest()
    assert caught[0].filename == __file__


def first_name(path):
    return min(entry.name for entry in path.parent.glob("step-*.pt"))


def test_torch_itself_does_not_notice_a_flipped_bit(checkpoints):
    """Why there is a checksum at all: should torch ever check, this test says so."""
    path = checkpoints.save({"weight": torch.zeros(10_000)}, 1)
    flip_a_bit(path)
    assert torch.load(path, weights_only=True)["weight"].count_nonzero() == 1


def test_two_damaged_checkpoints_are_both_named(checkpoints):
    paths = save_steps(checkpoints, 1, 2, 3)
    flip_a_bit(paths[1])
    flip_a_bit(paths[2])
    with pytest.warns(UserWarning, match="is damaged") as caught:
        assert checkpoints.latest()["step"] == 1
    assert [
        paths[2 - number].name in str(entry.message).partition(" is damaged")[0] for number, entry in enumerate(caught)
    ] == [True, True]


def test_training_does_not_begin_anew_when_all_are_damaged(checkpoints):
    paths = save_steps(checkpoints, 1, 2)
    for path in paths:
        flip_a_bit(path)
    said = (
        rf"^No checkpoint in {re.escape(str(checkpoints.folder))} is whole: {paths[0].name}\.damaged, "
        rf"{paths[1].name}\.damaged\. Put back a copy, or delete them to begin anew\.$"
    )
    with pytest.warns(UserWarning, match="is damaged") as caught, pytest.raises(RuntimeError, match=said):
        checkpoints.latest()
    assert [str(entry.message).endswith("; there is none before it.") for entry in caught] == [False, True]
    with pytest.raises(RuntimeError, match=said):  # nor when it is started once more
        checkpoints.latest()
    for path in paths:
        Path(f"{path}.damaged").unlink()
    assert checkpoints.latest() is None


def test_damaged_best_gives_way_to_the_next_best(checkpoints):
    paths = [checkpoints.save({"step": step}, step, score) for step, score in ((1, 0.5), (2, 0.25), (3, None))]
    flip_a_bit(paths[1])
    with pytest.warns(UserWarning, match=re.escape(f"{paths[0].name} is taken instead")):
        assert checkpoints.best()["step"] == 1


def test_best_looks_again_when_training_has_deleted_it(checkpoints, monkeypatch):
    paths = [checkpoints.save({"step": step}, step, score) for step, score in ((1, 0.5), (2, 0.25))]
    entries, gone = checkpoints._entries(), []

    def listed():
        if not gone:
            gone.append(paths[1].unlink())
            return entries
        return entries[:1]

    monkeypatch.setattr(checkpoints, "_entries", listed)
    assert checkpoints.best()["step"] == 1


# Code


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def plant(folder, content):
    """Put a file in the folder whose name fits its content, as whoever wants to do harm can."""
    folder.mkdir()
    path = folder / "evil.pt"
    torch.save(content, path)
    return path.rename(folder / f"step-00000009_sha256-{sha256(path)[:16]}.pt")


def sha256(path):
    return subprocess.check_output(["sha256sum", path], text=True)[:64]


def test_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = plant(tmp_path / "run", {"model": Evil()})
    said = rf"^{re.escape(str(path))} holds more than tensors and plain values, and is not loaded: .*mkdir"
    with pytest.raises(ValueError, match=re.compile(said, re.DOTALL)):
        Checkpoints(tmp_path / "run").latest()
    assert not Path("evil").exists()
    pickle.loads(pickle.dumps(Evil()))
    assert Path("evil").exists()  # it would have run


def test_pickle_that_runs_code_is_refused_also_where_the_environment_allows_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    plant(tmp_path / "run", {"model": Evil()})
    with pytest.raises(ValueError, match="holds more than tensors"):
        Checkpoints(tmp_path / "run").latest()
    assert not Path("evil").exists()


class OtherFloat(float):
    pass


@pytest.mark.parametrize(
    ("value", "where", "kind"),
    [
        ({"model": nn.Linear(2, 3)}, "['model']", "torch.nn.modules.linear.Linear"),
        ({"schedule": {"lr_lambdas": [None, len]}}, "['schedule']['lr_lambdas'][1]", "builtin_function_or_method"),
        ({"a": (1, {"b": OtherFloat(1)})}, "['a'][1]['b']", f"{__name__}.OtherFloat"),
        ({"a": {Path("k"): 1}}, f"['a'][{Path('k')!r}]", f"{type(Path()).__module__}.{type(Path()).__qualname__}"),
        ({"a": range(3)}, "['a']", "range"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(checkpoints, value, where, kind):
    said = f"state{where} is a {kind}, which cannot be loaded without running code. Convert it to tensors, "
    with pytest.raises(TypeError, match=f"^{re.escape(said)}"):
        checkpoints.save(value, 1)
    assert checkpoints.paths() == []


def test_numpy_numbers_are_not_taken_for_pythons(checkpoints):
    numpy = pytest.importorskip("numpy")
    with pytest.raises(TypeError, match=r"^state\['best'\] is a numpy\.float64, which"):
        checkpoints.save({"best": numpy.float64(1.0)}, 1)


def test_state_must_be_a_dictionary(checkpoints):
    with pytest.raises(TypeError, match=r"^state is a torch\.Tensor; expected a dictionary such as \{'model': model"):
        checkpoints.save(torch.ones(2), 1)


@pytest.mark.parametrize("kind", ["VALUES", "CONTAINERS"])
def test_what_is_let_through_can_be_loaded(tmp_path, kind):
    examples = {
        "VALUES": [
            *(torch.ones(2), nn.Parameter(torch.ones(2)), torch.Size([2]), torch.int8, torch.device("cpu")),
            *(True, 1, 1.5, 1j, "text", b"bytes", None),
        ],
        "CONTAINERS": [{1: 2}, OrderedDict(a=1), Counter("aab"), [1], (1, 2), {1, 2}],
    }[kind]
    assert [type(example) for example in examples] == list(getattr(plain, kind))
    for example in examples:
        check_plain({"example": example})
        torch.save(example, tmp_path / "example.pt")
        loaded = torch.load(tmp_path / "example.pt", weights_only=True)
        assert type(loaded) is type(example)
        assert torch.equal(loaded, example) if isinstance(example, torch.Tensor) else loaded == example


# Failures


class Full:
    """A disk on which there is room for so many writes."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self._file.close()

    def write(self, data):
        self._room -= 1
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)


@pytest.mark.parametrize("room", [0, 1, 4, 10, 17])
def test_full_disk_is_an_error_that_names_the_file_and_the_older_ones_stay(checkpoints, monkeypatch, room):
    paths = save_steps(checkpoints, 1, 2)
    before = {path: path.read_bytes() for path in paths}
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, mode="r": Full(opened(self, mode), room) if mode == "xb" else opened(self, mode)
    )
    said = (
        rf"^\[Errno 28\] No space left on device; this checkpoint is not written, those before it are untouched: "
        rf"'{re.escape(str(checkpoints.folder))}/step-00000003'$"
    )
    with pytest.raises(OSError, match=said) as caught:
        checkpoints.save({"step": 3, "weight": torch.ones(3)}, 3)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in checkpoints.folder.glob("step-*")} == before
    assert checkpoints.latest()["step"] == 2
    save_steps(checkpoints, 3)
    assert checkpoints.latest()["step"] == 3


def test_size_limit_of_the_system_is_an_error_that_names_the_file(tmp_path):
    """The real thing: the system refuses to let a file grow over 64 kB."""
    code = """
import resource, sys, torch
from ptguide.training import Checkpoints
store = Checkpoints(sys.argv[1])
store.save({"weight": torch.zeros(10)}, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
try:
    store.save({"weight": torch.zeros(1 << 20)}, 2)
except OSError as error:
    print(error)
print(store.latest()["weight"].shape, len(list(store.folder.glob("step-*"))))
"""
    printed = subprocess.check_output([sys.executable, "-c", code, tmp_path], text=True).splitlines()
    assert printed[0].startswith("[Errno 27] File too large; this checkpoint is not written")
    assert printed[0].endswith(f"'{tmp_path}/step-00000002'")
    assert printed[1] == "torch.Size([10]) 1"


def test_other_errors_of_torch_are_not_hidden(checkpoints, monkeypatch):
    def broken(state, target):
        raise RuntimeError("broken")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(RuntimeError, match=r"^broken$"):
        checkpoints.save({"step": 1}, 1)
    assert list(checkpoints.folder.glob("step-*")) == []


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_the_old_files_go(checkpoints, monkeypatch):
    calls = []
    fsync, replace, unlink = os.fsync, os.replace, Path.unlink

    def record_sync(descriptor):
        calls.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).suffix or 'folder'}")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", lambda *paths: calls.append("rename") or replace(*paths))
    monkeypatch.setattr(Path, "unlink", lambda self, **kwargs: calls.append("delete") or unlink(self, **kwargs))
    checkpoints.keep = 1
    save_steps(checkpoints, 1, 2)
    assert calls == ["sync .unfinished", "rename", "sync folder", "sync .unfinished", "rename", "sync folder", "delete"]


CRASHES = """
import json, os, pathlib, signal, sys
import torch
from ptguide.training import Checkpoints
from ptguide.training import _files as durable

# The process dies just before and just after every call that changes the folder.
def counted(function, every=1):
    calls = 0

    def call(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls % every == 0:
            die()
        result = function(*args, **kwargs)
        if calls % every == 0:
            die()
        return result

    return call

def die():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def child(folder):
    os.fsync, os.replace = counted(os.fsync), counted(os.replace)
    pathlib.Path.unlink = counted(pathlib.Path.unlink)
    durable._Hashing.write = counted(durable._Hashing.write, every=8)
    store = Checkpoints(folder, keep=1)
    for step, score in ((1, 0.5), (2, 0.25), (3, 0.75), (4, 0.75)):
        store.save({"step": step, "weight": torch.full((5, 7), float(step))}, step, score)
        (folder.parent / "done").write_text(str(step))
    os._exit(0)

torch.set_num_threads(1)
outcomes = []
for moment in range(1, 1000):
    folder = pathlib.Path(sys.argv[1]) / str(moment) / "run"
    folder.parent.mkdir()
    left = moment
    pid = os.fork()
    if pid == 0:
        child(folder)
    status = os.waitpid(pid, 0)[1]
    done = folder.parent / "done"
    done = int(done.read_text()) if done.exists() else 0
    left = 10**9
    store = Checkpoints(folder, keep=1)
    state = store.latest()
    found = 0 if state is None else state["step"]
    whole = state is None or bool((state["weight"] == found).all())
    best = store.best()
    again = store.save({"step": 9}, 9)
    names = sorted(path.name[:13] for path in folder.iterdir() if path.name != ".lock")
    outcomes.append((done, found, whole, best and best["step"], names))
    store.close()
    if status == 0:
        break
print(json.dumps(outcomes))
"""


def test_process_that_dies_at_any_call_leaves_whole_checkpoints(tmp_path):
    command = [sys.executable, "-W", "error", "-c", CRASHES, tmp_path]
    outcomes = json.loads(subprocess.check_output(command, text=True))
    print(len(outcomes))
    assert 50 < len(outcomes) < 999
    for done, found, whole, best, names in outcomes:
        assert found in (done, done + 1)
        assert whole
        assert best == {0: None, 1: 1}.get(found, 2)
        # The newest and the best: whatever was left unfinished is gone.
        assert names == [f"step-{step:08d}" for step in (best, 9) if step]
    assert {done for done, *_ in outcomes} == {0, 1, 2, 3, 4}
    assert {found - done for done, found, *_ in outcomes} == {0, 1}


# Two runs


def test_folder_of_another_process_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    code = (
        "import sys; from ptguide.training import Checkpoints; store = Checkpoints(sys.argv[1]);"
        "store.save({'step': 1}, 1); print('saved', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "saved\n"
    store = Checkpoints(tmp_path)
    said = (
        rf"^Another process is writing checkpoints to {re.escape(str(tmp_path))}\. Give each run a folder of its own, "
        r"or wait until that one has ended\.$"
    )
    with pytest.raises(RuntimeError, match=said):
        store.latest()
    with pytest.raises(RuntimeError, match=said):
        store.save({"step": 2}, 2)
    assert len(store.paths()) == 1  # looking on is allowed
    assert store.best() is None
    other.kill()
    other.communicate()
    assert store.latest() == {"step": 1}  # a killed process holds nothing


def refuse(*args, **settings):
    raise PermissionError(errno.EACCES, "Permission denied")


def test_folder_that_can_only_be_read_is_read(tmp_path, monkeypatch):
    with_two = Checkpoints(tmp_path)
    paths = save_steps(with_two, 1, 2)
    with_two.close()
    monkeypatch.setattr(FileLock, "acquire", refuse)
    reader = Checkpoints(tmp_path)
    assert reader.latest()["step"] == 2
    with pytest.raises(PermissionError):
        reader.save({}, 3)
    flip_a_bit(paths[1])
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.warns(UserWarning, match=r"is damaged: .* It cannot be renamed \(Permission denied\); step-00000001_"):
        assert reader.latest()["step"] == 1


def test_two_objects_of_one_process_share_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    first, second = Checkpoints(tmp_path), Checkpoints(tmp_path)
    first.save({"step": 1}, 1)
    assert second.latest() == {"step": 1}
    lock = FileLock(tmp_path / ".lock", is_singleton=True, thread_local=False)
    assert lock.is_locked
    first.close()
    first.close()
    assert lock.is_locked  # for the second
    thread = threading.Thread(target=lambda: Checkpoints(tmp_path).save({"step": 2}, 2))
    thread.start()
    thread.join()
    assert second.latest() == {"step": 2}
    second.close()
    assert not lock.is_locked


def test_closed_folder_is_free_for_another_process(tmp_path):
    store = Checkpoints(tmp_path)
    store.save({"step": 1}, 1)
    store.close()
    code = "import sys; from ptguide.training import Checkpoints; print(Checkpoints(sys.argv[1]).latest())"
    assert subprocess.check_output([sys.executable, "-c", code, tmp_path], text=True) == "{'step': 1}\n"


def test_checkpoint_of_a_later_step_is_not_deleted_but_named(checkpoints):
    checkpoints.keep = 1
    path = save_steps(checkpoints, 100)[0]
    said = rf"^step is 99, but {re.escape(str(path))} is of step 100, so another run wrote it\. Give each run a folder"
    with pytest.raises(ValueError, match=said):
        save_steps(checkpoints, 99)
    assert checkpoints.paths() == [path]
    save_steps(checkpoints, 100)


# Arguments


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"keep": 0}, ValueError, r"^keep is 0; expected 1 or more\.$"),
        ({"keep": 1.0}, TypeError, r"^keep is 1\.0, a float; expected an integer of 1 or more\.$"),
        ({"keep": True}, TypeError, r"^keep is True, a bool; expected an integer of 1 or more\.$"),
        ({"keep": None}, TypeError, r"^keep is None, a NoneType; expected an integer of 1 or more\.$"),
        ({"every": 0}, ValueError, r"^every is 0; expected 1 or more\.$"),
        ({"every": "9"}, TypeError, r"^every is '9', a str; expected an integer of 1 or more\.$"),
    ],
)
def test_wrong_settings_are_named(tmp_path, settings, kind, said):
    with pytest.raises(kind, match=said):
        Checkpoints(tmp_path, **settings)


@pytest.mark.parametrize(
    ("step", "kind", "said"),
    [
        (-1, ValueError, r"^step is -1; expected 0 or more\.$"),
        (1.5, TypeError, r"^step is 1\.5, a float; expected an integer of 0 or more\.$"),
    ],
)
def test_wrong_step_is_named(checkpoints, step, kind, said):
    with pytest.raises(kind, match=said):
        checkpoints.save({}, step)


def test_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    said = rf"^folder is '{re.escape(str(tmp_path))}/run', a file; name a folder, or one that is not there yet\.$"
    with pytest.raises(ValueError, match=said):
        Checkpoints(tmp_path / "run")


def test_defaults(tmp_path):
    store = Checkpoints(str(tmp_path))
    assert (store.folder, store.keep, store.every) == (tmp_path, 3, None)
