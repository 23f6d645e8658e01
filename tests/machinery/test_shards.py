"""Three shards of the miniature site, joined, are the site that one build makes; a shard from elsewhere is refused."""

import json
import re
import shutil
import subprocess
import zipfile

import pytest

PAGES = ["gamma", "delta", "epsilon"]
# What no two builds share: when a page ran and how long, and the commit, which is that of the folder.
TIMES = re.compile(r'<time datetime="[^"]*">[\d-]*</time>|in \d+\.\d+ s')


@pytest.fixture(scope="module")
def sharded(copy_of_accepted, tmp_path_factory):
    """Return a site of five pages, under git, whose three shards have run, and of which nothing else is made."""
    site = copy_of_accepted(tmp_path_factory.mktemp("sharded"))
    for name in PAGES:
        site.page(name, f"print('{name} and', 1 / 3)\nassert {len(name)} == len('{name}')")
    site.write(".gitignore", "docs/_build\ndocs/guide\n")
    git(site.root, "init", "--quiet")
    commit(site.root, "first")
    shutil.rmtree(site.root / "docs/_build")
    shutil.rmtree(site.root / "docs/guide")
    site.printed = "".join(site.run("shards", "--shard", f"{number}/3") for number in (1, 2, 3))
    return site


@pytest.fixture
def site(sharded, copy_of_accepted, tmp_path):
    """Return a copy of the sharded site, with the shards in the folder ``shards`` that a service brought."""
    made = copy_of_accepted(tmp_path / "site")
    shutil.rmtree(made.root)
    shutil.copytree(sharded.root, made.root)
    shutil.move(made.root / "docs/_build/shards", made.root / "docs/_build/brought")
    return made


def git(root, *arguments):
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    subprocess.run(command, cwd=root, check=True)


def commit(root, message):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)


def join(site, status, *options):
    """Join what was brought; return what was printed. A folder of its own lies beside, and must not be touched."""
    guide = site.root / "docs/guide"
    guide.mkdir(exist_ok=True)
    (guide / "before").touch()
    printed = site.run("shards", "--join", "docs/_build/brought", *options, status=status)
    assert (guide / "before").exists() == bool(status)
    return printed


def files(site):
    """Return what the site holds, without times; an archive as the files in it."""
    root = site.root / "docs/_build/html"
    return {path.relative_to(root).as_posix(): content(path) for path in root.rglob("*") if path.is_file()}


def content(path):
    if path.suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return {name: archive.read(name) for name in archive.namelist()}
    return TIMES.sub("", path.read_text()) if path.suffix == ".html" else path.read_bytes()


def test_joined_shards_make_the_site_of_one_build(sharded, site, tmp_path):
    one = type(site)(tmp_path / "one")
    shutil.rmtree(one.root)
    shutil.copytree(sharded.root, one.root)
    assert one.ran(one.build("-Doutputs_check=0")) == {f"one/{name}" for name in ["alpha", "beta", *PAGES]}
    join(site, 0)
    assert site.ran(site.build("-Doutputs_check=0")) == set()
    assert files(site).keys() == files(one).keys()
    assert [name for name, text in files(site).items() if text != files(one)[name]] == []


def test_every_page_runs_in_one_shard(sharded):
    ran = re.findall(r"^pages: (\S+) ran$", sharded.printed, re.MULTILINE)
    assert sorted(ran) == sorted(f"one/{name}" for name in ["alpha", "beta", *PAGES])
    assert not (sharded.root / "docs/guide").exists()


def test_missing_shard_is_named(site):
    shutil.rmtree(site.root / "docs/_build/brought/2-of-3")
    assert "Shard 2/3 is missing in docs/_build/brought: put there what nox -s docs -- --shard 2/3 made" in join(
        site, 1
    )


def test_shard_that_is_given_twice_is_named(site):
    shutil.copytree(site.root / "docs/_build/brought/2-of-3", site.root / "docs/_build/brought/again")
    assert re.search(r"Shard 2/3 is given 2 times: \S*brought/2-of-3, \S*brought/again\.", join(site, 1))


def test_shards_of_other_divisions_are_named(site):
    site.run("shards", "--shard", "1/2")
    shutil.move(site.root / "docs/_build/shards/1-of-2", site.root / "docs/_build/brought")
    assert "holds 1/2, 1/3, 2/3, 3/3; expected all shards of one division" in join(site, 1)


def test_folder_without_shards_is_named(site):
    shutil.rmtree(site.root / "docs/_build/brought")
    assert "docs/_build/brought holds no shard" in join(site, 1)


def test_shard_of_another_commit_is_named(site):
    commit(site.root, "second")
    site.run("shards", "--shard", "1/3")
    shutil.rmtree(site.root / "docs/_build/brought/1-of-3")
    shutil.move(site.root / "docs/_build/shards/1-of-3", site.root / "docs/_build/brought")
    printed = join(site, 1)
    assert re.search(
        r"Shard 2/3 was made of commit (\w{12}), and this is (?!\1)\w{12}\. Run it anew from here", printed
    )
    assert "Shard 1/3" not in printed


def test_shard_of_other_sources_is_named(site):
    site.edit("gallery/one/beta.py", "three = 3", "three = 2 + 1")
    printed = join(site, 1)
    assert "Shard 2/3 did not run one/beta from these sources" in printed
    assert "Shard 1/3 did not run" not in printed


def test_shard_of_other_surroundings_is_named(site):
    file = site.root / "docs/_build/brought/3-of-3/shard.json"
    manifest = json.loads(file.read_text())
    manifest["surroundings"]["torch"] = "0.4.1"
    file.write_text(json.dumps(manifest))
    assert re.search(r"Shard 3/3 was made with torch '0\.4\.1', and here it is '\d", join(site, 1))


def test_shard_that_lost_a_file_is_named(site):
    next((site.root / "docs/_build/brought/1-of-3").rglob("*_thumb.svg")).unlink()
    assert re.search(r"Shard 1/3 in \S+ is not as it was made: one/images/thumb/\S+_thumb\.svg differs", join(site, 1))


def test_shard_that_ran_once_is_no_shard_that_ran_twice(site):
    printed = join(site, 1, "--twice")
    assert "Shard 1/3 did not run one/alpha, one/delta twice" in printed
    assert "nox -s docs -- --shard 1/3 --twice" in printed


def test_shard_with_a_failing_page_is_none(site):
    site.edit("gallery/one/beta.py", "three == 1 + 2", "three == 2 + 2")
    printed = site.run("shards", "--shard", "2/3", status=1)
    assert re.search(r"gallery/one/beta\.py:\d+: (.|\n)*Shard 2/3: 1 of 2 pages failed", printed)
    assert not (site.root / "docs/_build/shards/2-of-3/shard.json").exists()


@pytest.mark.parametrize("shard", ["0/3", "4/3", "2", "2/0", "two/three"])
def test_what_is_no_shard_is_refused(sharded, shard):
    printed = sharded.run("shards", "--shard", shard, status=2)
    assert f"the shard is {shard!r}; write its number and how many there are, from 1/5 to 5/5" in printed
