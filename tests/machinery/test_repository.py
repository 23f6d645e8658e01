"""What the files of the repository promise to those who open it."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

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
