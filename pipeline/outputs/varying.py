"""Cells whose outputs vary with the processor: a training amplifies how it rounds, and ends with other weights.

Such a cell has a comment ``# Varies with the processor``. What it gives is kept together with the kind of
processor that gave it. On the same kind it is compared as any other output is; on another, all but its numbers is.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path

VARIES = re.compile(r"^[ \t]*# Varies with the processor\b", re.MULTILINE)
BEGIN = re.compile(r"\(varies with the processor; this is of (.*)\)(?:\n|\Z)")  # a cell that prints nothing ends there
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?|\bnan\b|[-+]?\binf\b")
CPUINFO = Path("/proc/cpuinfo")
SAME_EVERYWHERE = ("vendor_id", "cpu family", "model", "flags", "CPU implementer", "CPU part", "Features")


def processor() -> str:
    """Return what is equal on processors that compute alike: a name of their family, and a digest of their features."""
    lines = CPUINFO.read_text(encoding="utf-8").splitlines() if CPUINFO.is_file() else [platform.processor()]
    facts = sorted({line for line in lines if line.partition("\t")[0] in SAME_EVERYWHERE or not CPUINFO.is_file()})
    chosen = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name == "ATEN_CPU_CAPABILITY"]
    return f"{platform.machine()} {hashlib.sha256(chr(10).join([*facts, *chosen]).encode()).hexdigest()[:6]}"


def begun(output: str, kind: str) -> str:
    """Return an output that varies, together with the kind of processor that gave it."""
    return f"(varies with the processor; this is of {kind})\n{output}"


def comparable(expected: str, got: str) -> tuple[str, str]:
    """Return two outputs as they are to be compared: without their numbers if they vary, and are of two processors.

    Examples
    --------
    >>> comparable(begun("loss 0.25", "x"), begun("loss 0.31", "y")), comparable("loss 0.25", "loss 0.31")
    (('loss #', 'loss #'), ('loss 0.25', 'loss 0.31'))

    A cell that prints nothing is kept as the line alone.

    >>> comparable(begun("", "x").rstrip(), begun("", "y").rstrip())
    ('', '')
    """
    kinds = BEGIN.match(expected), BEGIN.match(got)
    if not all(kinds) or kinds[0][1] == kinds[1][1]:
        return expected, got
    return NUMBER.sub("#", BEGIN.sub("", expected)), NUMBER.sub("#", BEGIN.sub("", got))
