"""Every way to run the project. `nox -l` lists the sessions; arguments after `--` reach the tool."""

from __future__ import annotations

import argparse
import hashlib
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
# Each Python that runs nox has environments of its own, and `--force-python 3.13` adds those of another.
nox.options.envdir = f".nox/{sys.version_info.major}.{sys.version_info.minor}"
PROGRAMS: dict[str | None, Path] = {}  # the folder of each shared environment's programs; `env` enters its own

# Of pytest: many tests wait for a build, a process or a browser. A file stays together, for its tests share these.
SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")
TEXTS = "gallery src pipeline tests docs/conf.py docs/reference README.md CONTRIBUTING.md CHANGELOG.md".split()
TEXTS += [str(file.relative_to(ROOT)) for file in sorted((ROOT / "docs").glob("*.md"))]
PACKAGE = ("--doctest-modules", "tests/unit", "src")

# torch pins these exactly itself; left out of the lock, a CPU-only torch (UV_TORCH_BACKEND=cpu) needs none.
CUDA_PACKAGES = (
    "cuda-bindings cuda-pathfinder cuda-toolkit triton nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc "
    "nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver "
    "nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx"
).split()


@nox.session(reuse_venv=True, default=False)
def env(session: nox.Session) -> None:
    """Install the locked packages once; the sessions below share this environment."""
    PROGRAMS[session.python] = ROOT / session.bin
    wanted = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in (LOCK, "pyproject.toml"))).hexdigest()
    stamp = ROOT / session.virtualenv.location / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        session.log("the shared environment is up to date")
        return
    stamp.unlink(missing_ok=True)
    session.install("-r", LOCK)
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    stamp.write_text(wanted)


def run(session: nox.Session, *args: str | os.PathLike[str], **env: str | None) -> None:
    """Run Python of the shared environment, which may keep its byte code (torch imports twice as fast)."""
    session.run(PROGRAMS[session.python] / "python", *args, external=True, env={"PYTHONDONTWRITEBYTECODE": None, **env})


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


@nox.session(venv_backend="none", requires=["env"])
def docs(session: nox.Session) -> None:
    """Build the site, every page executed (-- --twice, --update-outputs [pages], --shard 2/5, --join FOLDER)."""
    parser = argparse.ArgumentParser(prog="nox -s docs --", allow_abbrev=False)
    parser.add_argument("--twice", action="store_true", help="run each page twice; the second time as a download")
    parser.add_argument("--update-outputs", nargs="*", metavar="PAGE", help="accept new outputs, of these pages or all")
    parser.add_argument("--variant", action="store_true", help="accept them for this version of Python and later ones")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--shard", metavar="2/5", help="run a fifth of the pages, keep what they make, build nothing")
    one.add_argument("--join", metavar="FOLDER", help="build the site of what all shards kept in a folder")
    chosen, options = parser.parse_known_args(session.posargs)
    twice = ["--twice"] if chosen.twice or chosen.update_outputs is not None else []
    if chosen.shard:
        run(session, "-m", "pipeline", "shards", "--shard", chosen.shard, *twice)
        return
    if chosen.join:
        run(session, "-m", "pipeline", "shards", "--join", chosen.join, *twice)
    switches = {
        "-Dpages_run_twice=1": chosen.twice,
        "-Dpages_update_outputs=1": chosen.update_outputs is not None,
        f"-Dpages_to_update={','.join(chosen.update_outputs or [])}": chosen.update_outputs,
        "-Dpages_variant=1": chosen.variant,
    }
    build(session, *(switch for switch, wanted in switches.items() if wanted), *options)
    session.log(f"Open {(SITE / 'index.html').as_uri()}")


@nox.session(venv_backend="none", requires=["env"])
def tests(session: nox.Session) -> None:
    """Test the package and its docstrings, with their coverage, the snippets in Markdown and the machinery."""
    if session.posargs:
        run(session, "-m", "pytest", *session.posargs)
        return
    run(session, "-m", "coverage", "erase")
    run(session, "-m", "coverage", "run", "-m", "pytest", *SIDE_BY_SIDE, *PACKAGE)
    run(session, "-m", "coverage", "combine", "--quiet")
    run(session, "-m", "coverage", "report")
    run(session, "-m", "pytest", *SIDE_BY_SIDE, "--doctest-modules", "tests/machinery", "pipeline", "docs", "README.md")


@nox.session(venv_backend="none", requires=["env"], default=False)
def unit(session: nox.Session) -> None:
    """Test the package and its docstrings alone, as on each Python (--force-python 3.13 takes another)."""
    run(session, "-m", "pytest", *SIDE_BY_SIDE, *PACKAGE, *session.posargs)


@nox.session(reuse_venv=True, default=False)
def tests_lowest(session: nox.Session) -> None:
    """Test the package with the oldest torch that it supports."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lowest"))
    session.install("--no-deps", "-e", ".")
    session.run("pytest", *(session.posargs or PACKAGE))


@nox.session(venv_backend="none", requires=["env"], default=False)
def scripts(session: nox.Session) -> None:
    """Run the scripts that readers download of the built site (-- shapes/stack; --force-python 3.13 for that one)."""
    run(session, "-m", "pipeline", "scripts", *session.posargs)


@nox.session(reuse_venv=True, default=False)
def scripts_lowest(session: nox.Session) -> None:
    """Run the scripts of the built site with the oldest torch that the package supports, whatever they print."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lowest-pages"))
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run("python", "-m", "pipeline", "scripts", "--any-output", *session.posargs)


@nox.session(venv_backend="none", requires=["env"])
def site(session: nox.Session) -> None:
    """Check the built site: in a browser, and every download in an empty directory."""
    build(session)
    run(session, "-m", "pipeline", "scripts")
    run(session, "-m", "pytest", *(session.posargs or [*SIDE_BY_SIDE, "tests/site", "tests/gallery"]))


@nox.session(venv_backend="none", requires=["env"])
def lint(session: nox.Session) -> None:
    """Check style, types, language and the workflow files."""
    fix = ["--fix"] if "--fix" in session.posargs else []
    run(session, "-m", "ruff", "check", *fix, ".")
    run(session, "-m", "ruff", "format", *([] if fix else ["--check"]), ".")
    run(session, "-m", "mypy")
    session.run(PROGRAMS[session.python] / "lint-imports", "--no-cache", external=True, env={"PYTHONPATH": "."})
    run(session, "-m", "codespell_lib", *TEXTS)
    run(session, "-m", "pipeline", "language")
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
    session.run(PROGRAMS[session.python] / "zizmor", "--offline", "--no-progress", *workflows, external=True)


@nox.session(venv_backend="none", requires=["env"], default=False)
def record(session: nox.Session) -> None:
    """Run the pages on this machine's GPU and keep what they give (-- gpu/transfer); on a CPU, compare."""
    run(session, "-m", "pipeline", "record", *session.posargs)


@nox.session(venv_backend="none", requires=["env"], default=False)
def recordings(session: nox.Session) -> None:
    """List what GPUs gave: fresh, stale or missing (--check fails unless all is fresh)."""
    run(session, "-m", "pipeline", "record", "--list", *session.posargs)


@nox.session(venv_backend="none", requires=["env"], default=False)
def new(session: nox.Session) -> None:
    """Begin a page: -- computing/diff 'How does torch.diff work?' [--after matmul]."""
    run(session, "-m", "pipeline", "new", *session.posargs)


@nox.session(venv_backend="none", requires=["env"], default=False)
def serve(session: nox.Session) -> None:
    """Show the site while writing: a saved file is run, built and reloaded in the browser."""
    run(session, "-m", "pipeline", "serve", *session.posargs)


@nox.session(venv_backend="none", requires=["env"], default=False)
def links(session: nox.Session) -> None:
    """Follow every external link (needs a network; hosts go down, so never part of the default)."""
    build(session, *session.posargs, out=SITE.parent / "linkcheck", builder="linkcheck")


@nox.session(venv_backend="none", requires=["env"], default=False)
def bench(session: nox.Session) -> None:
    """Measure everything that has a limit, or one part of it (-- build_speed --pages 30, -- ci site)."""
    folder = ROOT / "tests" / "benchmarks"
    name, *options = session.posargs or [""]
    if name in ("", "training"):
        session.notify("peers", posargs=options)
    everything = "imports pictures modules rules data models sequence_models paint build_speed".split()
    for one in (name,) if name else everything:
        if one != "training":
            run(session, folder / f"{one}.py", *options)


@nox.session(reuse_venv=True, default=False)
def peers(session: nox.Session) -> None:
    """Compare the training loop with one written by hand and with other libraries (--rounds 5 is quicker)."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "peers"))
    session.install("--no-deps", "-e", ".")
    session.run("python", ROOT / "tests" / "benchmarks" / "training.py", *session.posargs)


@nox.session(venv_backend="none", requires=["env"], default=False)
def mutants(session: nox.Session) -> None:
    """Change the package, or pages (--pages, --where text), and see whether anything notices (--sample 50, --all)."""
    pages = "--pages" in session.posargs
    script = ROOT / "tests" / ("page_mutants.py" if pages else "mutants.py")
    run(session, script, *(option for option in session.posargs if option != "--pages"))


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


@nox.session(venv_backend="none", requires=["env"], default=False)
def tensorboard_picture(session: nox.Session) -> None:
    """Take the pictures of TensorBoard anew, in Chromium, from the log of its page."""
    run(session, ROOT / "docs" / "tensorboard_picture.py", *session.posargs)


@nox.session(venv_backend="none", default=False)
def clean(session: nox.Session) -> None:
    """Delete what the build made; the next one starts from nothing."""
    for folder in ("docs/_build", "docs/guide"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)


@nox.session(venv_backend="none", requires=["env"], default=False)
def inventories(session: nox.Session) -> None:
    """Make the inventories that stand in for the live ones where there is no network."""
    run(session, ROOT / "docs" / "inventories" / "make.py")
