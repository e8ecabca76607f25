"""The repository's habits: what the pages for contributors say is what the repository holds."""

import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from building import build

from cenet_lib import fusion
from cenet_lib.__main__ import main
from cenet_lib.corpora import loading

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
VERSION = PROJECT["project"]["version"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4,}(\S.*)$", CONTRIBUTING, re.M)
QUOTED = sorted(set(re.findall(r"`([^`]+)`", re.sub(r"^ {4,}.*$", "", CONTRIBUTING, flags=re.M))))


def of_yaml(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def is_pinned(tool: str) -> bool:
    return re.search(rf"^{tool}==", REQUIREMENTS, re.M) is not None


# citation and changelog


def test_citation_has_what_the_format_requires_and_todays_version():
    citation = of_yaml("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    for key in ("message", "title", "authors"):
        assert citation[key]
    assert citation["version"] == VERSION
    assert citation["license"] == PROJECT["project"]["license"]
    assert f"## [{VERSION}] - {citation['date-released']}" in CHANGELOG.splitlines()


def test_citation_and_readme_name_the_same_paper():
    [paper] = of_yaml("CITATION.cff")["references"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cited = " ".join(readme.split("## Cite")[1].split())
    assert paper["doi"] in cited
    assert f"{paper['volume']} ({paper['year']}), {paper['start']}–{paper['end']}" in cited
    assert paper["title"] in cited
    for author in paper["authors"]:
        assert f"{author['given-names'][0]}. {author['family-names']}" in cited


def test_changelog_begins_with_what_is_unreleased_and_then_todays_version():
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", CHANGELOG, re.M)
    assert versions[:2] == ["Unreleased", VERSION]
    assert len(versions) == CHANGELOG.count("\n## ")
    kinds = set(re.findall(r"^### (.+)$", CHANGELOG, re.M))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


# checks before a commit and after a push


def test_continuous_integration_calls_the_script_in_the_repository():
    job = of_yaml(".github/workflows/ci.yml")["jobs"]["test"]
    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert (ROOT / ".ci" / "run").is_file()
    chosen = {key: value for step in job["steps"] for key, value in step.get("with", {}).items()}
    assert chosen == {"python-version": "3.11", "node-version": "20"}
    assert PROJECT["project"]["requires-python"] == f">={chosen['python-version']}"


def test_continuous_integration_keeps_what_readers_get_and_publishes_it_only_if_told():
    jobs = of_yaml(".github/workflows/ci.yml")["jobs"]
    steps = jobs["editions"]["steps"]
    [command] = [shlex.split(s["run"]) for s in steps if "build.py" in s.get("run", "")]
    assert command[:2] == ["python", "notebooks/build.py"]
    built = vars(build._parser().parse_args(command[2:]))
    folders = {name: str(built[name]) for name in ("site", "pdf", "slides", "course", "quiz")}
    [kept] = [step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", "")]
    assert {Path(folder).parts[0] for folder in folders.values()} == {kept}
    for name, condition in (("pages", "vars.PAGES == 'on'"), ("colab", "outputs.colab == 'true'")):
        assert condition in jobs[name]["if"]
        assert "refs/heads/main" in jobs[name]["if"]
        assert set(jobs[name]["needs"]) == {"test", "editions"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_that_script_fails_if_the_tests_or_the_types_do(tmp_path):
    """With stand-ins for what it installs and runs, each of which can fail."""
    checkout = tmp_path / "checkout"
    (checkout / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", checkout / ".ci")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in {
        **{"chromium": "", "npm": "", "pip": "", "mypy": "echo line 3; exit $MYPY"},
        **{"pytest": "exit $PYTEST", "python3": 'mkdir -p "$3/bin"; touch "$3/bin/activate"'},
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n")
        (tools / name).chmod(0o755)
    for tests, types in ((0, 0), (1, 0), (0, 1), (1, 1)):
        done = subprocess.run(
            ["bash", checkout / ".ci" / "run"],
            env={"PATH": f"{tools}:{os.environ['PATH']}", "PYTEST": f"{tests}", "MYPY": f"{types}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) == (tests == types == 0), done.stderr
        assert ("mypy finds errors:\nline 3\n" in done.stdout) == (types == 1)


def test_hooks_are_local_and_call_tools_of_the_tested_set():
    [repository] = of_yaml(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert [entry.split()[0] for entry in entries] == ["ruff", "ruff", "mypy"]
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert is_pinned(hook["entry"].split()[0])


# the page for contributors


def test_the_page_has_commands_and_names_to_check():
    assert {command.split()[0] for command in COMMANDS} == {
        *("pip", "npm", "pre-commit", "pytest", "ruff", "mypy", "python"),
    }
    assert len(QUOTED) > 50


def arguments(*beginning: str) -> list[list[str]]:
    """Return what follows this beginning in the commands that have it."""
    split = [shlex.split(command) for command in COMMANDS]
    return [c[len(beginning) :] for c in split if tuple(c[: len(beginning)]) == beginning]


@pytest.mark.parametrize("tool", ["pytest", "ruff", "mypy"])
def test_tools_belong_to_the_tested_set(tool):
    assert is_pinned(tool)


def test_markers_and_plugins_of_pytest_exist():
    quick, whole = arguments("pytest")
    markers = [line.split(":")[0] for line in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert quick[2] == "-m"
    assert quick[3].removeprefix("not ") in markers
    assert quick[:2] == whole == ["-n", "2"]
    assert is_pinned("pytest-xdist")


def test_scripts_of_the_page_exist():
    found = arguments("npm", "--prefix")
    for folder, *rest in found:
        package = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
        assert rest == ["ci"] or rest[1] in package["scripts"]
        assert (ROOT / folder / "package-lock.json").is_file()
    assert len(found) == 3


@pytest.mark.parametrize("command", arguments("python", "-m", "cenet_lib"), ids=" ".join)
def test_options_of_the_command_line_exist(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command[0], "--help"])
    printed = capsys.readouterr().out
    for option in command[1:]:
        assert not option.startswith("--") or f"{option} " in printed


PLACES = [
    name
    for name in QUOTED
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)+|\w+\.md", name) and "NN" not in name
]
PLACES += [
    word
    for command in COMMANDS
    for word in shlex.split(command)
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)+|\w+\.txt", word)
]
NAMES = [name for name in QUOTED if re.fullmatch(r"[A-Za-z_][\w.]*(\([\w, ]*\))?", name)]


@pytest.mark.parametrize("place", PLACES)
def test_files_and_folders_exist(place):
    assert (ROOT / place).exists()


@pytest.fixture(scope="module")
def sources() -> str:
    folders = [("cenet_lib", "**/*.py"), ("notebooks", "*.py"), ("tests", "**/*.py")]
    paths = [path for folder, pattern in folders for path in (ROOT / folder).glob(pattern)]
    return "\n".join(p.read_text(encoding="utf-8") for p in paths if p != Path(__file__))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PLACES])
def test_names_exist(name, sources):
    name = name.partition("(")[0]
    if name.startswith("cenet_lib."):
        assert pkgutil.resolve_name(name) is not None
    else:
        assert re.search(rf"\b{name.rpartition('.')[2]}\b", sources)


def test_the_table_of_a_fusions_attributes_is_the_registrys():
    rows = dict(re.findall(r"^\| `(\w+)[^`]*` \| (.+) \|$", CONTRIBUTING, re.M))
    assert set(rows) == {"reads", "stands", "attends_over", "settings", "from_config"}
    for attribute, values in (
        ("reads", fusion.READS),
        ("stands", fusion.STANDS),
        ("attends_over", fusion.ATTENDS_OVER),
    ):
        told = re.findall(r'`("[a-z ]+"|None)`', rows[attribute])
        assert told == [f'"{value}"' if value else "None" for value in values]


def test_a_reader_has_what_the_page_says():
    for reader in loading.PICKLE_READERS:
        assert {"FORM", "LABEL_RANGE", "HOLDS", "matches", "read"} <= set(vars(reader))


# ways to get in


def packages(name: str) -> set[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split("==")[0].lower() for line in lines if "==" in line}


def test_students_install_what_the_package_and_films_need_and_no_tools():
    student = packages("requirements-student.txt")
    needed = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["video"],
    ]
    missing = {re.split("[<>=]", one)[0].lower() for one in needed} - student
    assert missing <= {"filelock", "packaging"}  # torch and others bring them
    assert not student & packages("requirements.txt")
    assert not student & {"pytest", "ruff", "mypy", "sphinx", "nbgrader"}
    assert "\n-r requirements-student.txt\n" in REQUIREMENTS
    assert "ipykernel" in student


def test_what_a_maintainer_can_switch_on_names_files_that_exist():
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert "-r requirements-student.txt" in container["postCreateCommand"]
    binder = ROOT / ".binder"
    [line] = [x for x in (binder / "requirements.txt").read_text().splitlines() if x[:2] == "-r"]
    assert (binder / line.split()[1]).resolve() == ROOT / "requirements-student.txt"
    assert (binder / "runtime.txt").read_text() == "python-3.11\n"
    assert os.access(binder / "postBuild", os.X_OK) or os.name == "nt"
