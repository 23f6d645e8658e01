"""
.. _child-failed-error:

torch.distributed.elastic.multiprocessing.errors.ChildFailedError, exitcode: -9, ProcessRaisedException
=======================================================================================================

One of several processes failed, and the cause is in the traceback of that process, further up. With ``exitcode: -9``
the system ended the process, most often because memory was short, and there is no traceback.
"""

# %%
# Set-up

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ptguide.exercises import check
from ptguide.questions import ask

TRAIN = """# train.py
import os

def main():
    if os.environ["RANK"] == "1":
        raise ValueError("this process has no labels")

main()
"""
RECORD = "from torch.distributed.elastic.multiprocessing.errors import record\n\n@record\ndef main"
ENDED = TRAIN.replace("raise ValueError", "os.kill(os.getpid(), 9)  # ")
# torch is imported once for three runs of torchrun, and once more in each process that mp.spawn starts.
START = """# start.py
import os
import sys
import torch.multiprocessing as mp

def train(rank, how):
    if how == "end":
        os.kill(os.getpid(), 9)
    if rank == 1:
        raise ValueError("this process has no labels")

if __name__ == "__main__":
    from torch.distributed.run import main  # what torchrun calls

    forked = {}
    for name in ("plain", "record", "ended"):
        forked[name] = os.fork()
        if forked[name] == 0:
            os.dup2(os.open(f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
            main(["--standalone", "--nproc-per-node=2", f"{name}.py"])
            sys.exit()
    for how, processes in (("raise", 2), ("end", 1)):
        try:
            mp.spawn(train, args=(how,), nprocs=processes)
        except Exception as error:
            print(f"{type(error).__module__}.{type(error).__name__}: {error}")
    for name, process in forked.items():
        _, status = os.waitpid(process, 0)
        print("exit code of", name, os.waitstatus_to_exitcode(status))
"""
BREAK = "=" * 9
scripts = {
    "plain": TRAIN,
    "record": TRAIN.replace("\ndef main", f"\n{RECORD}"),
    "ended": ENDED,
    "start": START,
}
env = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
with tempfile.TemporaryDirectory() as folder:
    for name, code in scripts.items():
        Path(folder, f"{name}.py").write_text(code)
    command = [sys.executable, "start.py"]
    started = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    said = {name: Path(folder, f"{name}.log").read_text() for name in ("plain", "record", "ended")}
from_spawn, *exit_codes = re.split("exit code of ", started.stdout)


def part(text, start, end=None):
    """Return the lines from one with a word to the next with another."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if re.search(start, line))
    last = next(
        (n for n, line in enumerate(lines) if n > first and end and re.search(end, line)), first
    )
    kept = [
        line
        for line in lines[first : last + 1]
        if not re.match(r" +(time|host|error_file) *:", line)
    ]
    return [re.sub(r"\(pid: \d+\)|PID \d+", "(pid: ...)", line).strip() for line in kept]


(code,) = part(said["ended"], r"failed \(exitcode: -9\)")
killed = f"ERROR:torch.distributed.elastic.multiprocessing.api:{code[code.index('failed') :]}"
killed = killed.partition(" of binary")[0] + " of binary: python"

# %%

(banner,) = part(said["plain"], r"errors\.ChildFailedError")
(cause,) = part(said["plain"], "ValueError: this process")
print(cause, "...", banner.strip(": "), sep="\n")
print(*part(said["plain"], "Root Cause", "traceback"), sep="\n")
print("...", killed, sep="\n")
assert said["plain"].index(cause) < said["plain"].index(banner)

# %%
# ``torchrun`` started a script twice, and process 1 failed. The lines below the banner name the process and its exit
# code, but no reason. The reason is the last line of its own traceback, *above* them: in a log, search upwards for
# ``Error:``. The last printed line is from another run, in which the system ended process 1.
#
# .. longer: 6 screens — each exit code has a cell of its own
#
# ===================================================================  ==============================================
# The last lines say                                                   Look for
# ===================================================================  ==============================================
# :ref:`exitcode: 1 <child-one>`                                       the traceback of that process, ``@record``
# :ref:`exitcode: -9, SIGKILL <child-killed>`                          main memory: fewer workers, one copy of data
# :ref:`exitcode: -11 or -6, SIGSEGV, SIGABRT <child-signals>`         a library: versions, ``faulthandler``
# :ref:`exitcode: -15, SIGTERM <child-signals>`                        another process: it failed first
# :ref:`SignalException: got signal: 1 <child-signals>`                start it in tmux or screen
# :ref:`ProcessRaisedException, ProcessExitedException <child-spawn>`  the lines below it
# :ref:`exitcode: 2, unrecognized arguments <child-one>`               ``--local-rank``
# ===================================================================  ==============================================
#
# .. _child-one:
#
# Let the last lines name the cause
# ---------------------------------
#
# With ``@record`` above the function that trains, ``torchrun`` puts the traceback of the first process that failed into
# its last lines. Exit code 2 comes from a parser of arguments. Since torch 2.0 the old launcher
# ``torch.distributed.launch`` passes ``--local-rank`` with a hyphen, but old scripts know ``--local_rank`` alone.
# ``torchrun`` passes no such argument. It puts the number into ``os.environ["LOCAL_RANK"]``.

print(*RECORD.splitlines(), "...", sep="\n")
root = part(said["record"], "Root Cause", BREAK)
print(*[line for line in root if "exitcode" in line or "Error:" in line], sep="\n")
assert any("ValueError: this process has no labels" in line for line in root)
assert "Error:" not in "".join(part(said["plain"], "Root Cause", BREAK))
parser = """import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--local_rank", type=int)
parser.parse_args(["--local-rank=0"])"""
done = subprocess.run([sys.executable, "-c", parser], capture_output=True, text=True)
assert done.returncode == 2
assert "unrecognized arguments: --local-rank=0" in done.stderr
print("exitcode:", done.returncode, "|", done.stderr.strip().partition("error: ")[2])

# %%
# .. _child-killed:
#
# exitcode: -9
# ------------
#
# A negative code is the number of a signal. With 9 the system ended the process at once, so there is no traceback. Most
# often the main memory was full: each process loads the model and the data, and each worker of a loader too. The
# kernel's log says so: ``dmesg | grep -i oom``. On a cluster, look at the memory that the job asked for.

print(*part(said["ended"], "Root Cause", "traceback"), sep="\n")
assert "ValueError" not in said["ended"]
assert signal.Signals(9).name == "SIGKILL"

# %%
# How much memory does it take?
# -----------------------------
#
# Before you start, multiply the number of processes on the machine by what each one loads. A file of weights that is
# mapped is not read as a whole. Each process then holds the weights once, not twice. The cell counts for
# :val:`8 <processes>` processes with :val:`4 <workers>` workers each.

weights, processes, workers, dataset = (
    13e9,
    8,
    4,
    2e9,
)  # bytes of a model, and of a data set in a list
loaded = processes * weights + processes * (1 + workers) * dataset
print(f"{loaded / 1e9:.0f} GB, of which the workers {processes * workers * dataset / 1e9:.0f} GB")
with tempfile.TemporaryDirectory() as folder:
    torch.save({"weight": torch.arange(12.0)}, f"{folder}/model.pt")
    mapped = torch.load(f"{folder}/model.pt", mmap=True)["weight"]
    print(mapped.sum())
    assert torch.equal(mapped, torch.arange(12.0))
    del mapped

# %%
# .. _child-signals:
#
# Other signals
# -------------
#
# Codes -11 and -6 come from code that is not Python: a library or an extension crashed. ``PYTHONFAULTHANDLER=1`` then
# prints the line of your code. -15 is what ``torchrun`` sends to the others after the first has failed. A cluster sends
# it at the end of the time that it gave. If ``torchrun`` itself got signal 1, `the terminal was closed
# <https://github.com/keyu-tian/SparK/issues/19>`__, in other threads also under ``nohup``. The line with
# ``SignalException`` is quoted.

for number in (9, 11, 6, 15, 1):
    print(f"exitcode: -{number} is {signal.Signals(number).name}")
print("torch.distributed.elastic.multiprocessing.api.SignalException: Process 8665 got signal: 1")
crash = "import ctypes\nctypes.string_at(0)"
done = subprocess.run(
    [sys.executable, "-c", crash],
    capture_output=True,
    text=True,
    env=env | {"PYTHONFAULTHANDLER": "1"},
)
print("with a fault handler:", done.returncode, "|", done.stderr.splitlines()[0])
assert done.returncode == -signal.SIGSEGV
assert 'File "<string>", line 2' in done.stderr

# %%
# .. _child-spawn:
#
# ProcessRaisedException
# ----------------------
#
# ``mp.spawn`` puts the traceback of the process below its own. Its last line is the cause. If a signal ended the
# process, ``ProcessExitedException`` names it, and the rules above hold.

raised, ended = from_spawn.split("torch.multiprocessing.spawn.ProcessExitedException: ")
lines = [line for line in raised.splitlines() if line]
print(lines[0], lines[1], "...", lines[-1], sep="\n")
print("torch.multiprocessing.spawn.ProcessExitedException:", ended.strip())
assert lines[-1] == "ValueError: this process has no labels"
assert "signal SIGKILL" in ended

# %%
# .. use-this::
#
#    Put ``@record`` above your ``main``, and search the log upwards for the first ``Error:``. Run the script once with
#    ``--nproc-per-node=1``: most causes stay, and one traceback is left. If a process was killed, look at the main
#    memory while it runs. torchrun's options ``--redirects`` and ``--log-dir`` write a file for each process.
#
# A common mistake
# ----------------
#
# Without ``@record`` the last lines do not name the cause, so a search for them does not help. ``torchrun`` also ends
# the other processes, and *their* errors, such as a connection that was closed, can come after the first. Look for the
# earliest time.

times = re.findall(r"time +: (\S+)", said["record"])
assert times
print(
    "lines about the cause below the last banner:",
    said["plain"].split("ChildFailedError")[-1].count("labels"),
)
assert "labels" not in said["plain"].split("ChildFailedError")[-1]

# %%
# How this was checked

assert [line.split() for line in exit_codes] == [["plain", "1"], ["record", "1"], ["ended", "1"]]
assert started.returncode == 0  # it caught both of mp.spawn
for name in ("plain", "record", "ended"):
    assert "ChildFailedError" in said[name]
    assert re.search(r"rank +: 1 \(local_rank: 1\)", said[name])
assert "error_file: <N/A>" in said["plain"]
assert re.search("error_file: .*error.json", said["record"])
assert re.search(r"Signal 9 \(SIGKILL\) received", said["ended"])
# %%
# Check yourself
# --------------

ask(
    "The last lines say exitcode: -9 and: Signal 9 received. Which signal is that?",
    answer=signal.Signals(9).name,
    choices={
        "SIGKILL": "The system ended the process, mostly because memory was short.",
        "SIGSEGV": "That is 11: a library crashed.",
        "SIGTERM": "That is 15: torchrun ended it, after another had failed.",
    },
)

# %%
# The next question is about places in a log.

above = said["plain"].index("ValueError") < said["plain"].index("ChildFailedError")
ask(
    "Without @record, where in the log is the cause?",
    answer="above the banner" if above else "below the banner",
    choices={
        "above the banner": "The process printed it before torchrun knew.",
        "below the banner": "There are a time, a rank and an exit code.",
    },
)

# %%
# **Exercise.** Find the cause. ``lines`` are those of a log. Return the place of the last line that has ``Error:`` and
# is above the one with ``ChildFailedError``, as a tensor. Return -1 otherwise.


def cause_of(lines):
    raise NotImplementedError


def by_search(lines):
    place = -1
    for number, line in enumerate(lines):
        if "ChildFailedError" in line:
            break
        if "Error:" in line:
            place = number
    return torch.tensor(place)


end = "ChildFailedError:"
cases = [
    (["epoch 1", "ValueError: no labels", "closing", end, "KeyError: x"],),
    (["epoch 1", "epoch 2", end],),
    (["KeyError: a", "RuntimeError: b", end],),
]
check(cause_of, by_search, cases)

# %%
# ``ChildFailedError:`` holds ``Error:`` too, so cut the list first.

# Solution


def cause_of(lines):
    end = next(number for number, line in enumerate(lines) if "ChildFailedError" in line)
    return torch.tensor(max((n for n in range(end) if "Error:" in lines[n]), default=-1))


report = check(cause_of, by_search, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`duplicate-gpu-detected`, errors of the exchange between GPUs.
#
# - PyTorch contributors (2026). `Error propagation
#   <https://docs.pytorch.org/docs/stable/elastic/errors.html>`__. What ``@record`` writes.
# - PyTorch contributors (2026). `torchrun <https://docs.pytorch.org/docs/stable/elastic/run.html>`__. Its options for
#   logs.
