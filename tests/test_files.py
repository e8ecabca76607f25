"""Files are whole or absent, whatever goes wrong, and come back as they were written."""

import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from cenet_lib import CENetError, files
from cenet_lib.files import (
    atomic_file,
    atomic_folder,
    cache_folder,
    read_csv,
    read_json,
    refuse_existing,
    remove_leftovers,
    sha256,
    write_csv,
    write_json,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write(path, text="new"):
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "ünï.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        assert not path.exists()
        assert temporary.parent == path.parent  # so that renaming it is one step
    assert path.read_text(encoding="utf-8") == "half"
    assert names(tmp_path) == ["ünï.txt"]


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    write(path, "old")
    with atomic_file(path) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"


def fail_in_file(path, error):
    with atomic_file(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise error


def fail_in_folder(path, error):
    with atomic_folder(path) as temporary:
        (temporary / "inside").mkdir()
        (temporary / "inside" / "half.txt").write_text("half", encoding="utf-8")
        raise error


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), CENetError("y")])
def test_nothing_is_left_when_the_block_fails(tmp_path, error):
    write(tmp_path / "old.txt", "old")
    with pytest.raises(type(error)) as caught:
        fail_in_file(tmp_path / "old.txt", error)
    assert caught.value is error  # faults of the program stay what they are
    with pytest.raises(type(error)):
        fail_in_folder(tmp_path / "folder", error)
    assert names(tmp_path) == ["old.txt"]
    assert (tmp_path / "old.txt").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("fail", [fail_in_file, fail_in_folder])
def test_a_full_disk_is_one_clear_error(tmp_path, fail):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(CENetError, match=r"out: could not be written: No space.*; choose a"):
        fail(tmp_path / "out", full)
    assert names(tmp_path) == []


def test_a_missing_folder_is_one_clear_error(tmp_path):
    with pytest.raises(CENetError, match=r"no.b\.txt: could not be written: No such file.*exists"):
        write(tmp_path / "no" / "b.txt")
    with pytest.raises(CENetError, match="could not be written"):
        write(tmp_path)  # a folder is in the way
    with pytest.raises(CENetError, match="could not be written"):
        write(tmp_path / ("x" * 300))
    assert names(tmp_path) == []


def test_a_place_that_is_no_folder_is_one_clear_error(tmp_path):
    write(tmp_path / "file")
    for place in (tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(CENetError, match="could not be written"), atomic_folder(place):
            pass
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_permissions_are_the_usual_ones(tmp_path):
    old = os.umask(0o027)
    try:
        write(tmp_path / "file")
        with atomic_folder(tmp_path / "folder"):
            pass
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


def test_a_folder_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "parents" / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("a", encoding="utf-8")
        assert not path.exists()
    assert names(path) == ["a"]
    assert names(path.parent) == ["folder"]


def test_an_empty_folder_is_as_good_as_none(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    rename = os.rename

    def windows_rename(source, destination):  # which refuses what Linux allows
        if os.path.exists(destination):
            raise FileExistsError(errno.EEXIST, "exists", str(destination))
        rename(source, destination)

    monkeypatch.setattr(files.os, "rename", windows_rename)
    with atomic_folder(tmp_path / "empty") as temporary:
        (temporary / "a").write_text("a", encoding="utf-8")
    assert names(tmp_path) == ["empty"]
    assert names(tmp_path / "empty") == ["a"]


def test_what_exists_is_refused_before_and_after(tmp_path):
    (tmp_path / "full").mkdir()
    write(tmp_path / "full" / "mine.txt")
    write(tmp_path / "file")
    for name in ("full", "file"):
        with pytest.raises(CENetError, match=f"{name}: exists already; choose another name"):
            refuse_existing(tmp_path / name)
        with pytest.raises(CENetError, match="exists already"), atomic_folder(tmp_path / name):
            pytest.fail("the block must not run")
    with pytest.raises(CENetError, match="exists already"), atomic_folder(tmp_path / "raced"):
        write(tmp_path / "raced")  # somebody else was quicker
    assert names(tmp_path) == ["file", "full", "raced"]
    assert names(tmp_path / "full") == ["mine.txt"]
    refuse_existing(tmp_path / "nothing")


def test_an_unreadable_folder_is_one_clear_error(tmp_path, monkeypatch):
    def refuse(self):  # as for a folder of somebody else's
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(CENetError, match="closed: could not be written: Permission denied"):
        refuse_existing(tmp_path / "closed")


def test_threads_do_not_meet(tmp_path):
    path, failed = tmp_path / "file", []

    def work(number):
        try:
            for _ in range(20):
                write(path, f"{number}" * 5000)
        except CENetError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if os.name != "nt":  # where replacing a file that another thread replaces may be refused
        assert failed == []
    content = path.read_text(encoding="utf-8")
    assert content == content[0] * 5000
    assert names(tmp_path) == ["file"]


def test_a_relative_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("a.txt")
    with atomic_folder("b"):
        pass
    assert names(tmp_path) == ["a.txt", "b"]


# JSON


def test_json_comes_back(tmp_path):
    content = {"name": "café", "sizes": [3, 2], "mae": 0.7012345678901234, "best": None, "ok": True}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json", "mend") == content
    assert (tmp_path / "a.json").read_text(encoding="utf-8").endswith("}\n")
    assert names(tmp_path) == ["a.json"]


def test_numbers_that_json_cannot_say_become_null(tmp_path):
    content = {"corr": float("nan"), "rows": [1.5, (float("inf"), {"low": -float("inf")})]}
    write_json(tmp_path / "a.json", content)
    assert "NaN" not in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "a.json", "mend") == {
        "corr": None,
        "rows": [1.5, [None, {"low": None}]],
    }
    assert content["rows"][1][0] == float("inf")  # what was given stays as it was


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a.json", {"new": object()})
    assert read_json(tmp_path / "a.json", "mend") == {"old": 1}
    assert names(tmp_path) == ["a.json"]


def test_json_from_an_editor_that_marks_the_byte_order(tmp_path):
    """Who is told to add a line to config.json may do so in Notepad."""
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{\r\n  "model_type": "bert"\r\n}\r\n')
    assert read_json(tmp_path / "a.json", "mend") == {"model_type": "bert"}


def test_missing_json_names_the_mend(tmp_path):
    with pytest.raises(CENetError, match=r"run\.json: is missing; train anew$"):
        read_json(tmp_path / "run.json", "train anew")


@pytest.mark.parametrize(
    "content", [b"", b'{"a": 1', b"a,b\n1,2\n", b'{"a": "\xff"}', b"[" * 100_000]
)
def test_damaged_json_names_the_mend(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(CENetError, match=r"run\.json: is damaged \(.+\); train anew$"):
        read_json(tmp_path / "run.json", "train anew")


@pytest.mark.parametrize("content", ["[1, 2]", "3", "null", '"a"'])
def test_json_that_is_no_object_names_the_mend(tmp_path, content):
    (tmp_path / "run.json").write_text(content, encoding="utf-8")
    with pytest.raises(CENetError, match=r"damaged \(it holds no JSON object\); train anew$"):
        read_json(tmp_path / "run.json", "train anew")


# tables


def test_a_table_comes_back_and_only_nothing_is_missing(tmp_path):
    table = pd.DataFrame(
        {
            "word": ["NA", "null", "nan", "None", None, "café, noir"],
            "mae": [0.1, 0.7012345678901234, float("nan"), 1e-9, 2.0, -3.0],
            "n": range(6),
        },
        index=range(10, 16),
    )
    write_csv(tmp_path / "a.csv", table)
    found = read_csv(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(found, table.reset_index(drop=True))
    assert found["word"].isna().tolist() == [False] * 4 + [True, False]
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()
    assert names(tmp_path) == ["a.csv"]


def test_a_table_is_read_as_it_is_asked_for(tmp_path):
    write_csv(tmp_path / "a.csv", pd.DataFrame({"seed": ["007", "1"]}))
    assert read_csv(tmp_path / "a.csv", dtype={"seed": str})["seed"].tolist() == ["007", "1"]


def test_a_missing_table_is_one_clear_error(tmp_path):
    with pytest.raises(CENetError, match=r"a\.csv: cannot be read as a table .*make it anew"):
        read_csv(tmp_path / "a.csv")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2,3\n1,2,3,4,5\n", b"a,b\n\xff\xfe,1\n"])
def test_a_damaged_table_is_one_clear_error(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(CENetError, match=r"a\.csv: cannot be read as a table .*make it anew"):
        read_csv(tmp_path / "a.csv")


# hashes and the cache


def test_sha256_is_hashlibs(tmp_path):
    content = os.urandom(200_000)
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_the_cache_is_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv("CENET_CACHE", str(tmp_path / "my" / "cache"))
    assert cache_folder() == tmp_path / "my" / "cache"
    assert cache_folder().is_dir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("CENET_CACHE", "~/here")
    assert cache_folder() == tmp_path / "here"


@pytest.mark.parametrize("unset", [True, False])
def test_the_cache_of_a_checkout_is_in_its_data(unset, monkeypatch):
    monkeypatch.delenv("CENET_CACHE", raising=False)
    if not unset:
        monkeypatch.setenv("CENET_CACHE", "")  # as good as unset, not the current folder
    assert cache_folder() == Path(files.__file__).resolve().parents[1] / "data" / "cache"


def test_the_cache_of_an_installed_package_is_at_home(tmp_path):
    package = tmp_path / "site" / "cenet_lib"
    package.mkdir(parents=True)
    for name in ("__init__", "errors", "files"):
        source = Path(files.__file__).with_name(f"{name}.py")
        (package / source.name).write_bytes(source.read_bytes())
    environment = {k: v for k, v in os.environ.items() if k != "CENET_CACHE"}
    home = {
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "PYTHONPATH": str(tmp_path / "site"),
    }
    code = "import cenet_lib.files as f; print(f.__file__); print(f.cache_folder())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | home,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    where, cache = done.stdout.splitlines()
    assert Path(where).parent == package
    assert Path(cache) == tmp_path / ".cache" / "cenet"


def test_a_cache_that_cannot_be_made_names_the_mend(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("CENET_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CENetError, match=r"cannot be created \(.*\); set CENET_CACHE to a folder"):
        cache_folder()


# on the disk itself


@pytest.fixture
def disk(monkeypatch) -> list:
    """What is asked of the disk, in order: a file or folder to keep, or a name to change."""
    asked = []
    fsync, replace, rename = os.fsync, os.replace, os.rename

    def kept(handle):
        asked.append(("keep", Path(os.readlink(f"/proc/self/fd/{handle}"))))
        fsync(handle)

    def named(function):
        def call(old, new):
            asked.append(("name", Path(new)))
            function(old, new)

        return call

    monkeypatch.setattr(os, "fsync", kept)
    monkeypatch.setattr(os, "replace", named(replace))
    monkeypatch.setattr(os, "rename", named(rename))
    return asked


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")


def without_temporary(path: Path) -> str:
    return "temporary" if path.suffix == ".tmp" else path.name


@needs_proc
@pytest.mark.parametrize(
    "write_one",
    [
        write,
        lambda path: write_json(path, {}),
        lambda path: write_csv(path, pd.DataFrame({"a": []})),
    ],
)
def test_a_file_is_on_the_disk_before_it_gets_its_name_and_then_its_name_too(
    write_one, tmp_path, disk
):
    write_one(tmp_path / "a")
    told = [(what, without_temporary(path)) for what, path in disk]
    assert told == [("keep", "temporary"), ("name", "a"), ("keep", tmp_path.name)]


@needs_proc
def test_a_folder_is_on_the_disk_with_all_that_is_in_it_before_it_gets_its_name(tmp_path, disk):
    with atomic_folder(tmp_path / "run") as temporary:
        (temporary / "inside").mkdir()
        (temporary / "inside" / "a").write_text("a")
    told = [(what, without_temporary(path)) for what, path in disk]
    assert told == [
        *(("keep", "a"), ("keep", "inside"), ("keep", "temporary")),
        *(("name", "run"), ("keep", tmp_path.name)),
    ]


def test_a_disk_that_notices_late_that_it_is_full_is_one_clear_error(tmp_path, monkeypatch):
    def refuse(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write(tmp_path / "a", "old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CENetError, match="a: could not be written: No space"):
        write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_disk_that_cannot_wait_for_names_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def of_files(handle):
        if os.path.isdir(f"/proc/self/fd/{handle}"):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", of_files)
    write(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_leftovers_are_what_this_module_named(tmp_path):
    ours = (".a.json.0123abcd.tmp", ".two\nlines.0123abcd.tmp")
    others = ("a.tmp", ".a.json.tmp", ".a.json.0123ABCD.tmp", ".0123abcd.tmp", "a.0123abcd.tmp")
    for name in (*ours, *others):
        (tmp_path / name).touch()
    (tmp_path / ".model.0123abcd.tmp").mkdir()
    (tmp_path / ".model.0123abcd.tmp" / "a").touch()
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted(others)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_regular_file_is_not_read(make, tmp_path):
    make(tmp_path / "a")
    with pytest.raises(CENetError, match="a: is no regular file; make it anew"):
        read_json(tmp_path / "a", "make it anew")
    with pytest.raises(CENetError, match="a: is no regular file; make it anew"):
        read_csv(tmp_path / "a")


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    for path in (tmp_path, tmp_path / "new", tmp_path / "new" / "deep" / "er"):
        with pytest.raises(CENetError, match=f"{path}: {tmp_path} cannot be written to; choose a"):
            refuse_existing(path)
