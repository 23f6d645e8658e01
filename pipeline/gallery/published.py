"""The script that readers download: a page's source, above it what it needs, and the wheel of the helper package.

The build runs a page a second time as this very script, with this wheel.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from urllib.parse import quote

from sphinx.errors import ExtensionError

from pipeline.gallery import sources

FOLDER = "download"
KNOWN = {"torch": "torch>=2.11", "torchvision": "torchvision", "numpy": "numpy", "matplotlib": "matplotlib"}
KNOWN |= {"sklearn": "scikit-learn", "PIL": "pillow", "lovely_tensors": "lovely-tensors"}
WHEELS = f"{FOLDER}/wheels"
PYTHON = ">=3.11"


def header(requirements: list[str], requires_python: str) -> str:
    """Return the inline metadata (PEP 723) with which ``uv run page.py`` works in an empty folder.

    Parameters
    ----------
    requirements : list of str
        What the page needs.
    requires_python : str
        A version specifier.
    """
    listed = "".join(f'#     "{requirement}",\n' for requirement in requirements)
    return f'# /// script\n# requires-python = "{requires_python}"\n# dependencies = [\n{listed}# ]\n# ///\n'


def header_of(source: str, wheel_address: str) -> str:
    """Return what stands above the source of a page in the script that readers download."""
    return header([*packages_of(source), helper_of(source, wheel_address)], PYTHON)


def address_of(wheel: Path, base: str) -> str:
    """Return where a wheel is found on the site with this address."""
    return f"{base}{WHEELS}/{quote(wheel.name)}"


def helper_of(script: str, wheel_address: str) -> str:
    """Return the requirement of the helper package, with the extras that a page needs.

    Examples
    --------
    >>> helper_of("from ptguide.data import digits", "https://example.org/p.whl")
    'ptguide[data] @ https://example.org/p.whl'
    >>> helper_of("from ptguide import data", "https://example.org/p.whl")
    'ptguide[data] @ https://example.org/p.whl'
    """
    extras = [
        name
        for name in ("data", "training")
        if re.search(rf"^\s*from ptguide(?:\.{name} import|(?: import .*\b{name}\b))", script, re.MULTILINE)
    ]
    return f"ptguide[{','.join(extras)}] @ {wheel_address}" if extras else f"ptguide @ {wheel_address}"


def packages_of(script: str) -> list[str]:
    r"""Return the requirements of a page besides the helper package, as its imports say.

    A script that the page writes, and starts, has its imports in a text: of these, the known ones count. A module that
    the page writes is no package. torch asks for NumPy only where a tensor becomes an array, or an array a tensor, and
    for TensorBoard and ONNX only where its part for them is used.

    Examples
    --------
    >>> packages_of("import os, torch\nfrom sklearn.svm import SVC")
    ['scikit-learn', 'torch>=2.11']
    >>> packages_of("import pandas  # https://pandas.pydata.org\nimport made  # it writes made.py")
    ['pandas']
    >>> packages_of("import torch\ntorch.onnx.export(model, (x,))")
    ['onnx', 'onnxscript', 'torch>=2.11']
    """
    imported = sources.packages_of(script) | KNOWN.keys() & set(
        re.findall(r"^\s*(?:import|from) (\w+)", script, re.MULTILINE)
    )
    attributes = {node.attr for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Attribute)}
    imported |= {"numpy"} if attributes & {"numpy", "from_numpy"} else set()
    imported |= {"tensorboard"} if "torch.utils.tensorboard" in script else set()
    imported |= {"PIL"} if "load_sample_image" in script else set()  # scikit-learn reads its pictures with Pillow
    imported |= {"onnx", "onnxscript"} if "torch.onnx.export" in script else set()  # torch imports both
    imported -= sys.stdlib_module_names | {"ptguide"}
    imported -= {name for name in imported - KNOWN.keys() if re.search(rf"\b{name}\.py\b", script)}
    return sorted(KNOWN.get(name, name) for name in imported)


def build_wheel(project: Path, target: Path) -> Path:
    """Build the helper package, with a version that names its content, unless it is there; return the wheel.

    Two sites may be built at one version of the package from different sources. The local part of the version
    (``0.1.0+c65de59de76a7``) lets a downloaded page see that it has the very helpers that it ran with.

    Parameters
    ----------
    project : Path
        The folder of pyproject.toml.
    target : Path
        The folder for wheels.
    """
    names = [name for name in ("pyproject.toml", "README.md", "LICENSE") if (project / name).is_file()]
    files = (path for path in sorted((project / "src").rglob("*")) if path.is_file())
    names += [path.relative_to(project).as_posix() for path in files if "__pycache__" not in path.parts]
    digest = hashlib.sha256(b"\0".join((project / name).read_bytes() for name in names)).hexdigest()[:12]
    if not (found := list(target.glob(f"*+c{digest}-*.whl"))):
        with tempfile.TemporaryDirectory() as copy:
            for name in names:
                Path(copy, name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(project / name, Path(copy, name))
            settings = Path(copy, "pyproject.toml")
            text = re.sub(
                r'^version = "(.*)"$', rf'version = "\1+c{digest}"', settings.read_text(), count=1, flags=re.M
            )
            settings.write_text(text)
            code = f"from hatchling.build import build_wheel; build_wheel({str(target.resolve())!r})"
            done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ExtensionError(f"the wheel of ptguide cannot be built:\n{done.stderr}")
        found = list(target.glob(f"*+c{digest}-*.whl"))
    return found[0]


def add_file(wheel: Path, target: Path, name: str, content: bytes) -> None:
    """Write a copy of a wheel that holds one file more, listed with its hash as the others are.

    Parameters
    ----------
    wheel, target : Path
        The wheel, and where the copy comes to lie; one that is equal stays as it is.
    name : str
        Of the file within the wheel, for example ``ptguide/data.txt``.
    content : bytes
        Of the file.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.endswith(".dist-info/RECORD"):
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                data = f"{name},sha256={digest},{len(content)}\n".encode() + data
            new.writestr(info, data)
        date = old.infolist()[0].date_time
        added = zipfile.ZipInfo(name, date)
        added.compress_type = zipfile.ZIP_DEFLATED
        added.external_attr = old.infolist()[0].external_attr
        new.writestr(added, content)
    if not target.is_file() or target.read_bytes() != made.getvalue():
        target.write_bytes(made.getvalue())


def unpacked(wheel: Path) -> Path:
    """Return a folder with what a wheel holds, as an installer would put it."""
    folder = wheel.with_suffix("")
    if not folder.is_dir():
        new = folder.with_suffix(".new")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(new)
        new.rename(folder)  # whole, or not there
    return folder
