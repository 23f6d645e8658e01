"""What the files of the repository promise to those who open it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pipeline.text.backing import Backing
from pipeline.text.typed import in_words
from ptguide.data import digits

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)\n```", README, re.DOTALL)


def tracked():
    names = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True).splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_readme_has_its_two_commands():
    assert [f'python -m pip install "nox[uv]" && nox -s {session}' for session in ("docs", "tests")] == COMMANDS


def test_continuous_integration_runs_the_readme_s_test_command():
    assert COMMANDS[1] in (ROOT / ".ci/run").read_text().splitlines()
    assert "bash .ci/run" in (ROOT / ".github/workflows/ci.yml").read_text()


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "docs/install.md"])
def test_every_session_that_is_named_exists(file):
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    named = set(re.findall(r"nox -s (\w+)", (ROOT / file).read_text()))
    assert named
    assert named <= sessions


def prose_of(text):
    """Return Markdown or reST without code, addresses and the marks of a list; each line stays where it is."""
    left_out = r"```.*?```|`[^`]*`|\]\([^)]*\)|^\d+\. "
    return re.sub(left_out, lambda found: re.sub(r"[^\n]", "|", found[0]), text, flags=re.DOTALL | re.MULTILINE)


# What backs the texts that the build does not look up.
BACKED_BY = {
    "README.md": re.findall(r"```python\n(.*?)\n```", README, re.DOTALL),
    "CONTRIBUTING.md": [
        *((ROOT / file).read_text() for file in ("tests/site/test_form.py", "pipeline/form/check.py")),
        *re.findall(r"^fail_under = \d+$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE),
    ],
}
HEADERS = sorted(str(file.relative_to(ROOT)) for file in ROOT.glob("gallery/*/GALLERY_HEADER.rst"))
BACKED_BY |= {file: [repr(tuple(digits("test")[0][0].shape))] for file in HEADERS}


def not_backed(text, code):
    backing = Backing(code)
    return [typed.text for typed in in_words(prose_of(text), 1) if not backing.has(typed)]


@pytest.mark.parametrize("file", BACKED_BY)
def test_what_is_typed_outside_the_pages_is_backed(file):
    assert not_backed((ROOT / file).read_text(), BACKED_BY[file]) == []


def test_what_is_typed_outside_the_pages_can_be_wrong():
    assert not_backed("Stacked along axis 1: (3, 2, 5), float64, 5.5 GB.", BACKED_BY["README.md"]) == [
        "(3, 2, 5)",
        "float64",
        "5.5 GB",
    ]
    assert not_backed(README.replace("(3, 2, 4)", "(2, 3, 4)"), BACKED_BY["README.md"]) == ["(2, 3, 4)"]


def pythons_of_a_sentence(file):
    ((first, last),) = re.findall(r"Python (3\.\d+) to (3\.\d+)", (ROOT / file).read_text())
    return [f"3.{minor}" for minor in range(int(first[2:]), int(last[2:]) + 1)]


def test_every_place_names_the_pythons_that_are_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one) for one in project["classifiers"]]
    pythons = [one[1] for one in named if one]
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["pythons"]["strategy"]["matrix"] == {"python": pythons}
    assert pythons_of_a_sentence("README.md") == pythons
    assert pythons_of_a_sentence("docs/install.md") == pythons
    assert project["requires-python"] == f">={pythons[0]}"


def test_every_session_has_one_line_of_documentation():
    code = (ROOT / "noxfile.py").read_text()
    sessions = re.findall(r'^def \w+\(session: nox.Session\) -> None:\n    """([^"\n]+\.)"""\n', code, re.MULTILINE)
    assert len(sessions) == code.count("@nox.session(") >= 9


def test_lock_pins_versions_without_addresses():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!]+( ; .+)?", line) for line in pins)
    assert {"torch==2.14.1", "torchvision==0.29.2"} <= set(pins)


# Spelled in two parts, so that this file does not hold what it looks for.
FORBIDDEN = ["py" + "pi.org", "files.python" + "hosted.org", "registry.npm" + "js.org", "deb.deb" + "ian.org"]
FORBIDDEN += ["/ro" + "ot/", "/wo" + "rk/", "/home" + "/"]


@pytest.mark.parametrize("path", tracked(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_names_a_machine_or_a_registry(path):
    text = path.read_text(encoding="utf-8", errors="ignore")
    assert [word for word in FORBIDDEN if word in text] == []


def test_every_public_name_stands_in_the_reference():
    import ast

    missing = []
    package = ROOT / "src/ptguide"
    for path in sorted([*package.glob("[!_]*.py"), *package.glob("[!_]*/__init__.py")]):
        module = path.parent.name if path.stem == "__init__" else path.stem
        tree = ast.parse(path.read_text())
        assigned = [n for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "__all__"]
        page = ROOT / "docs/reference" / f"{module}.md"
        text = page.read_text() if page.exists() else ""
        missing += [f"{module}.{name}" for name in ast.literal_eval(assigned[0].value) if f":: {name}\n" not in text]
    assert missing == []


def test_the_script_needs_only_what_it_says():
    command = ("-m", "pipeline", "record")
    done = subprocess.run([sys.executable, "-S", "-E", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "record needs Sphinx and sphinx-gallery, torch, and what the pages import." in done.stderr
    assert b" fresh" in subprocess.check_output([sys.executable, *command, "--list"], cwd=ROOT)


def test_the_workflow_records_on_a_gpu_and_keeps_what_passed():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["gpu"]
    assert job["env"] == {"PTGUIDE_DEVICE": "cuda"}
    record, upload, build = job["steps"][1:]
    assert record["run"].endswith("nox -s record")
    assert upload["with"]["path"].split() == ["docs/outputs", "!docs/outputs/cpu"]
    assert build["run"] == "nox -s docs"
    assert upload["if"] == build["if"] == "${{ !cancelled() }}"
