"""
.. _pytorchstreamreader-failed:

RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory
==============================================================================================

The end of the file is missing, because a download, a copy or a save has stopped too early. Compare its size with that
of the original, delete it, and download or copy it again.
"""

# %%
# Set-up

import contextlib
import inspect
import io
import os
import pickle
import tempfile
import zipfile
from pathlib import Path

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
good, path = folder / "good.pt", folder / "weights.pt"
torch.save(nn.Linear(300, 200).state_dict(), good)
HTML = b"<!DOCTYPE html><title>Sign in</title>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 241\n"


def refused(content, **settings):
    """Write the bytes to a file; return the last line of why torch.load refuses them."""
    path.write_bytes(content)
    try:
        torch.load(path, **settings)
    except Exception as error:
        kind, lines = (
            type(error).__name__,
            [line for line in str(error).splitlines() if line.strip()],
        )
        about = [line for line in lines if "Unsupported operand" in line] or lines[:1] or [""]
        return f"{kind}: {about[0].strip()}"
    raise AssertionError("the file was loaded")


# %%

half = good.read_bytes()[: good.stat().st_size // 2]  # the download stopped half way
path.write_bytes(half)
with expect_error(RuntimeError, match="failed finding central directory"):
    torch.load(path)

# %%
# By default ``torch.save`` writes a zip archive. Its table of contents, the *central directory*, is at the end, and
# ``torch.load`` reads nothing without it. Other damage has other messages.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The message                                                             Fix
# ======================================================================  ==============================================
# :ref:`failed finding central directory <stream-look>`                   get it again, and compare the size
# :ref:`OSError, Invalid argument <stream-look>`                          the same: some kilobytes have arrived
# :ref:`failed locating file data.pkl <stream-save>`                      save beside it, then ``os.replace``
# :ref:`Unsupported operand 60 <stream-page>`                             it is a web page: get the file itself
# :ref:`Unsupported operand 118, invalid load key 'v' <stream-page>`      it is a pointer: ``git lfs pull``
# :ref:`EOFError, Ran out of input <stream-empty>`                        the file is empty, or ``buffer.seek``
# :ref:`Unsupported global: GLOBAL <weights-only-load-failed>`            the file is complete
# ======================================================================  ==============================================
#
# .. _stream-look:
#
# Look at the file
# ----------------
#
# A complete file begins with the letters PK and ends with the table. ``zipfile.is_zipfile`` looks for the end. A file
# in the cache of ``torch.hub``, ``~/.cache/torch/hub/checkpoints``, is used again as it is: delete a damaged one there.
# Where some kilobytes have arrived, the message is an ``OSError``, as in the last line.

for file in (good, path):
    content = file.read_bytes()
    print(f"{file.name:12}{len(content):8} bytes", content[:4], zipfile.is_zipfile(file))
assert zipfile.is_zipfile(good)
assert not zipfile.is_zipfile(path)

small = io.BytesIO()
torch.save({"weight": torch.ones(3000)}, small)
print(refused(small.getvalue()[:-100]))

# %%
# .. _stream-save:
#
# The save has stopped
# --------------------
#
# ``torch.save`` empties the old file before it writes the new one. If the process is killed, the disk is full, or
# something cannot be saved, the last good checkpoint is lost as well. Here ``model.parameters()`` is a generator, which
# cannot be saved. Write the new checkpoint to a second file. When it is complete, ``os.replace`` puts it in place of
# the old one.

model = nn.Linear(30, 20)
torch.save({"epoch": 7}, path)
with expect_error(TypeError, match="cannot pickle 'generator' object"):
    torch.save({"epoch": 8, "weights": model.parameters()}, path)
print("then:", refused(path.read_bytes()).partition(". This")[0])


def save_beside(value, path):
    beside = path.with_suffix(".new")
    torch.save(value, beside)
    os.replace(beside, path)


torch.save({"epoch": 7}, path)
with expect_error(TypeError, match="cannot pickle 'generator' object"):
    save_beside({"epoch": 8, "weights": model.parameters()}, path)
print("then:", torch.load(path))
assert torch.load(path) == {"epoch": 7}

# %%
# .. _stream-page:
#
# It is not a checkpoint
# ----------------------
#
# The address gave a web page, such as a form to sign in, and it was saved as ``weights.pt``. Or the repository keeps
# large files in Git LFS, and without ``git lfs pull`` you have a short text, the pointer, in their place. For these two
# texts, the number in the message is the first byte of the file. With ``weights_only=False`` the message shows it as a
# character.

for content in (HTML, POINTER):
    print(content[:30], "has first byte", content[0])
    print(refused(content), "|", refused(content, weights_only=False))
    assert str(content[0]) in refused(content)

# %%
# .. _stream-empty:
#
# It is empty, or was read before
# -------------------------------
#
# An empty file gives an ``EOFError``, and so does a buffer that is at its end. After writing to a buffer, go back to
# its start.

print(refused(b""), "|", refused(b"", weights_only=False))
buffer = io.BytesIO()
torch.save({"epoch": 7}, buffer)
with expect_error(EOFError, match="^$"):
    torch.load(buffer)
buffer.seek(0)
assert torch.load(buffer) == {"epoch": 7}

# %%
# .. use-this::
#
#    After a download compare the size, or better a hash, with what the source says. Save with a second file and
#    ``os.replace``, and keep the checkpoint before the last one. Load your newest checkpoint once before you delete an
#    older one. This costs the disk space of one more file while you save.
#
# A common mistake
# ----------------
#
# For a web page the message says that ``weights_only=False`` "will likely succeed". It does not help, because there are
# no weights in the file. It may run code of a file about which you know nothing.

with expect_error(pickle.UnpicklingError, match="will likely succeed"):
    path.write_bytes(HTML)
    torch.load(path)
with expect_error(pickle.UnpicklingError, match="invalid load key, '<'"):
    torch.load(path, weights_only=False)

# %%
# How this was checked

# What is left of the file decides the message; the bounds are those of this release.
content = good.read_bytes()
for left, message in {
    0: "EOFError",
    3: "UnpicklingError: Unsupported operand 80",
    21: "not a ZIP archive",
    22: "failed finding central directory",
    4096: "failed finding central directory",
    4097: "OSError",
    60_000: "OSError",
    70_000: "failed finding central directory",
    len(content) // 2: "failed finding central directory",
    len(content) - 1: "failed finding central directory",
}.items():
    assert message in refused(content[:left])
# zipfile.is_zipfile does not look at the first bytes.
path.write_bytes(b"<html>" + content)
assert zipfile.is_zipfile(path)
with expect_error(pickle.UnpicklingError, match="Unsupported operand 60"):
    torch.load(path)
# The older format of torch.save is no zip archive, and it loads.
torch.save({"epoch": 7}, path, _use_new_zipfile_serialization=False)
assert not zipfile.is_zipfile(path)
assert torch.load(path) == {"epoch": 7}
# A small file without its end.
for missing in (1, 100, 500):
    assert refused(small.getvalue()[:-missing]).startswith(("OSError", "RuntimeError"))
# torch.hub uses a file that is there; what it downloads has another name until it is complete.
assert "not os.path.exists(cached_file)" in inspect.getsource(torch.hub.load_state_dict_from_url)
source = inspect.getsource(torch.hub.download_url_to_file)
assert ".partial" in source
assert "shutil.move" in source
# The number is the first byte of other texts, too, where no command of a pickle begins with it.
for text in (b'{"error": 404}', b"Entry not found", b"\n\n<html>", b"Access denied"):
    assert refused(text) == f"UnpicklingError: Unsupported operand {text[0]}"
assert refused(b"(hello") != f"UnpicklingError: Unsupported operand {ord('(')}"
# A complete zip archive of another kind has another message.
other = io.BytesIO()
with zipfile.ZipFile(other, "w") as archive:
    archive.writestr("readme.txt", "hello")
assert "file in archive is not in a subdirectory" in refused(other.getvalue())
# The error of torch.save leaves a zip archive, and it is no checkpoint.
with expect_error(TypeError, match="cannot pickle 'generator' object"):
    torch.save({"weights": model.parameters()}, path)
assert zipfile.is_zipfile(path)
with expect_error(RuntimeError, match="failed locating file data.pkl"):
    torch.load(path)
# A number that has changed in the middle is not noticed.
damaged = bytearray(content)
place = len(content) // 2
damaged[place] ^= 255
path.write_bytes(bytes(damaged))
changed = torch.load(path)["weight"]
assert (changed != torch.load(good)["weight"]).sum() == 1

# %%
# Check yourself
# --------------

first = refused(b"Entry not found").rpartition(" ")[2]
ask(
    f"torch.load says 'Unsupported operand {first}'. What does the file begin with?",
    answer=chr(int(first)),
    choices={
        "P": "A file of torch.save begins with PK.",
        "<": f"That is the byte {ord('<')}, a web page.",
        "E": "The number is the first byte. Perhaps the file says 'Entry not found'.",
    },
)

# %%
# The next question is about the last good checkpoint.

torch.save({"epoch": 7}, path)
try:
    torch.save({"epoch": 8, "weights": model.parameters()}, path)
except TypeError:
    try:
        left = torch.load(path)["epoch"]
    except RuntimeError:
        left = "nothing"
ask(
    "weights.pt holds epoch 7. torch.save to the same path raises an error in the middle of epoch 8. Which epoch can "
    "be loaded from weights.pt?",
    answer=left,
    choices={
        7: "The old file was emptied before the new one was written.",
        8: "The new one is not complete.",
        "nothing": "The old file was emptied, and the new one is not complete. Write to a second file.",
    },
)

# %%
# **Exercise.** Save a value so that an error leaves the file at ``path`` as it was, and leave nothing beside it. (A
# lambda cannot be saved.)


def save_safely(value, path):
    raise NotImplementedError


def epochs_left(save):
    def run(value):
        place = Path(tempfile.mkdtemp(dir=folder))
        torch.save({"epoch": torch.tensor(1.0)}, place / "run.pt")
        with contextlib.suppress(pickle.PicklingError, AttributeError):
            save(value, place / "run.pt")
        files = sorted(file.name for file in place.iterdir())
        return torch.stack([torch.load(place / "run.pt")["epoch"], torch.tensor(float(len(files)))])

    return run


def epoch_and_files(value):
    return torch.tensor([1.0 if "broken" in value else value["epoch"].item(), 1.0])


cases = [
    ({"epoch": torch.tensor(2.0)},),
    ({"epoch": torch.tensor(3.0), "broken": lambda x: x},),
]
check(epochs_left(save_safely), epoch_and_files, cases)

# %%
# Save to a second file, and remove what is left of it if that fails. After ``os.replace`` the second file is gone, and
# ``missing_ok`` accepts that.

# Solution


def save_safely(value, path):
    beside = path.with_suffix(".new")
    try:
        torch.save(value, beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


report = check(epochs_left(save_safely), epoch_and_files, cases)
temporary.cleanup()
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`optimizer-got-an-empty-parameter-list`, an error of the line that makes the optimizer.
#
# - PyTorch contributors (2026). `Serialization semantics
#   <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__. What is in the zip archive.
# - Python Software Foundation (2026). `os.replace <https://docs.python.org/3/library/os.html#os.replace>`__. What it
#   promises, and where.
