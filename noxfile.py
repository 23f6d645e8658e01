"""Every way to run the project. `nox -l` lists the sessions; arguments after `--` reach the tool."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "tests", "docs", "site"]

ROOT = Path(__file__).parent
SITE = ROOT / "docs" / "_build" / "html"
LOCK = "requirements.lock"
ENV = ROOT / ".nox" / "env"
PYTHON = ENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

# Of pytest: many tests wait for a build, a process or a browser. A file stays together, for its tests share these.
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")

# torch pins these exactly itself; left out of the lock, a CPU-only torch (UV_TORCH_BACKEND=cpu) needs none.
CUDA_PACKAGES = (
    "cuda-bindings cuda-pathfinder cuda-toolkit triton nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc "
    "nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver "
    "nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx"
).split()


@nox.session(reuse_venv=True, default=False)
def env(session: nox.Session) -> None:
    """Install the locked packages once; the sessions below share this environment."""
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in (LOCK, "pyproject.toml"))).hexdigest()
    stamp = ENV / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        session.log("the shared environment is up to date")
        return
    stamp.unlink(missing_ok=True)
    session.install("-r", LOCK)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    stamp.write_text(wanted)


def run(session: nox.Session, *args: str | os.PathLike[str], **env: str | None) -> None:
    """Run Python of the shared environment, which may keep its byte code (torch imports twice as fast)."""
    session.run(PYTHON, *args, external=True, env={"PYTHONDONTWRITEBYTECODE": None, **env})


def build(session: nox.Session, *args: str | os.PathLike[str], out: Path = SITE, builder: str = "html") -> None:
    """Build the site; warnings are errors, and so is a reference that leads nowhere."""
    strict = ("-W", "-n", "-T", "--keep-going")
    run(
        session,
        "-m",
        "sphinx",
        "-b",
        builder,
        *strict,
        "-d",
        out.parent / "doctrees",
        *args,
        ROOT / "docs",
        out,
    )


@nox.session(python=False, requires=["env"])
def docs(session: nox.Session) -> None:
    """Build the site, every page executed (--update-outputs [pages] accepts new outputs, --twice runs pages twice)."""
    switches = {"--update-outputs": "-Dpages_update_outputs=1", "--variant": "-Dpages_variant=1"}
    switches["--twice"] = "-Dpages_run_twice=1"
    after = itertools.dropwhile(lambda arg: arg != "--update-outputs", session.posargs)
    named = list(itertools.takewhile(lambda arg: not arg.startswith("-"), itertools.islice(after, 1, None)))
    options = [switches.get(arg, arg) for arg in session.posargs if arg not in named]
    build(session, *options, *([f"-Dpages_to_update={','.join(named)}"] if named else []))
    session.log(f"Open {(SITE / 'index.html').as_uri()}")


@nox.session(python=False, requires=["env"])
def tests(session: nox.Session) -> None:
    """Test the package and its docstrings, with their coverage, the snippets in Markdown and the machinery."""
    if session.posargs:
        run(session, "-m", "pytest", *session.posargs)
        return
    pytest = ("-m", "pytest", *SIDE_BY_SIDE, "--doctest-modules")
    run(session, "-m", "coverage", "erase")
    run(session, "-m", "coverage", "run", *pytest, "tests/unit", "src")
    run(session, "-m", "coverage", "combine", "--quiet")
    run(session, "-m", "coverage", "report")
    run(session, *pytest, "tests/machinery", "pipeline", "docs", "README.md")


@nox.session(reuse_venv=True, default=False)
def tests_lowest(session: nox.Session) -> None:
    """Test the package with the oldest torch that it supports."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lowest"))
    session.install("--no-deps", "-e", ".")
    session.run("pytest", *(session.posargs or ["--doctest-modules", "tests/unit", "src"]))


@nox.session(python=False, requires=["env"])
def site(session: nox.Session) -> None:
    """Check the built site: in a browser, and every download in an empty directory."""
    build(session)
    run(session, "-m", "pytest", *(session.posargs or [*SIDE_BY_SIDE, "tests/site", "tests/gallery"]))


@nox.session(python=False, requires=["env"])
def lint(session: nox.Session) -> None:
    """Check style, types and the workflow files."""
    fix = ["--fix"] if "--fix" in session.posargs else []
    run(session, "-m", "ruff", "check", *fix, ".")
    run(session, "-m", "ruff", "format", *([] if fix else ["--check"]), ".")
    run(session, "-m", "mypy")
    session.run(PYTHON.with_name("lint-imports"), "--no-cache", external=True, env={"PYTHONPATH": "."})
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    run(session, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    run(
        session,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.readthedocs",
        ROOT / ".readthedocs.yaml",
    )
    session.run(PYTHON.with_name("zizmor"), "--offline", "--no-progress", *workflows, external=True)


@nox.session(python=False, requires=["env"], default=False)
def record(session: nox.Session) -> None:
    """Run the pages on this machine's GPU and keep what they give (-- gpu/transfer); on a CPU, compare."""
    run(session, "-m", "pipeline", "record", *session.posargs)


@nox.session(python=False, requires=["env"], default=False)
def recordings(session: nox.Session) -> None:
    """List what GPUs gave: fresh, stale or missing (--check fails unless all is fresh)."""
    run(session, "-m", "pipeline", "record", "--list", *session.posargs)


@nox.session(python=False, requires=["env"], default=False)
def serve(session: nox.Session) -> None:
    """Show the site while writing: a saved file is run, built and reloaded in the browser."""
    run(session, "-m", "pipeline", "serve", *session.posargs)


@nox.session(python=False, requires=["env"], default=False)
def links(session: nox.Session) -> None:
    """Follow every external link (needs a network; hosts go down, so never part of the default)."""
    build(session, *session.posargs, out=SITE.parent / "linkcheck", builder="linkcheck")


@nox.session(python=False, requires=["env"], default=False)
def bench(session: nox.Session) -> None:
    """Measure everything that has a limit, or one part of it (-- build_speed --pages 30)."""
    folder = ROOT / "tests" / "benchmarks"
    name, *options = session.posargs or [""]
    if name in ("", "training"):
        session.notify("peers", posargs=options)
    everything = ("imports", "pictures", "rules", "data", "models", "sequence_models", "paint", "build_speed")
    for one in (name,) if name else everything:
        if one != "training":
            run(session, folder / f"{one}.py", *options)


@nox.session(reuse_venv=True, default=False)
def peers(session: nox.Session) -> None:
    """Compare the training loop with one written by hand and with other libraries (--rounds 5 is quicker)."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "peers"))
    session.install("--no-deps", "-e", ".")
    session.run("python", ROOT / "tests" / "benchmarks" / "training.py", *session.posargs)


@nox.session(python=False, requires=["env"], default=False)
def mutants(session: nox.Session) -> None:
    """Change the package in random places, and see whether the tests notice (--sample 50, --seed 1, --all)."""
    run(session, ROOT / "tests" / "mutants.py", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Pin every version anew in requirements.lock, without addresses (--upgrade takes the newest)."""
    session.install("uv")
    left_out = [f"--no-emit-package={name}" for name in CUDA_PACKAGES]
    session.run(
        *(
            "uv",
            "pip",
            "compile",
            "--universal",
            "--python-version=3.11",
            "--group=all",
            "--output-file",
            LOCK,
        ),
        *(
            "--no-annotate",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--quiet",
            *left_out,
            *session.posargs,
        ),
        "pyproject.toml",
        env={"UV_CUSTOM_COMPILE_COMMAND": "nox -s lock"},
    )


@nox.session(python=False, requires=["env"], default=False)
def tensorboard_picture(session: nox.Session) -> None:
    """Take the pictures of TensorBoard anew, in Chromium, from the log of its page."""
    run(session, ROOT / "docs" / "tensorboard_picture.py", *session.posargs)


@nox.session(python=False, default=False)
def clean(session: nox.Session) -> None:
    """Delete what the build made; the next one starts from nothing."""
    for folder in ("docs/_build", "docs/guide"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)


@nox.session(python=False, requires=["env"], default=False)
def inventories(session: nox.Session) -> None:
    """Make the inventories that stand in for the live ones where there is no network."""
    run(session, ROOT / "docs" / "inventories" / "make.py")
