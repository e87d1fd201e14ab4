"""Every vector in docs/vectors: what is sound is read, what is faulty is refused as what it is."""

import json
import os
import stat

import pytest
from conftest import VECTORS
from format1 import vectors
from format1.extract import Extraction
from format1.repository import Repository

WORLD = vectors.World(json.loads((VECTORS / "objects" / "keys.json").read_text()))
REPOSITORIES = sorted(path.parent for path in VECTORS.glob("repositories/*/expected.json"))
FAULTS = json.loads((VECTORS / "faults.json").read_text())


def cases():
    for kind in vectors.SHOW:
        for case in json.loads((VECTORS / "objects" / f"{kind}.json").read_text())["cases"]:
            yield pytest.param(kind, case, id=f"{kind}: {case['name']}")


@pytest.mark.parametrize("kind, case", list(cases()))
def test_object(kind, case):
    assert vectors.check_case(WORLD, kind, case) is None


def test_derived_keys():
    assert vectors.check_derived(WORLD, json.loads((VECTORS / "objects" / "derived.json").read_text())) is None


@pytest.mark.parametrize("folder", REPOSITORIES, ids=lambda folder: folder.name)
def test_repository(folder):
    assert vectors.check_repository(folder) is None


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["name"])
def test_fault(fault):
    assert vectors.check_fault(VECTORS, fault) is None


def test_there_are_vectors_of_everything():
    assert [folder.name for folder in REPOSITORIES] == ["all-kinds", "epochs", "incremental", "keys", "large", "minimal"]
    assert {path.stem for path in VECTORS.glob("objects/*.json")} == {*vectors.SHOW, "keys", "derived"}
    assert len(FAULTS) > 40


@pytest.mark.parametrize("folder", REPOSITORIES, ids=lambda folder: folder.name)
def test_extraction(folder, tmp_path):
    """Files in a folder are what the expectation says, as far as this user may set it."""
    expected = json.loads((folder / "expected.json").read_text())
    repository = Repository(folder / "repository", vectors.secret_of(expected["secrets"][0]))
    for snapshot, told in zip(repository.snapshots(), expected["snapshots"]):
        target = tmp_path / told["id"]
        problems = Extraction(repository, target).run(snapshot.root)
        root = os.geteuid() == 0
        assert root is False or {problem.kind for problem in problems} <= {"io"}
        for entry in told["entries"]:
            check_extracted(os.fsencode(target), entry, root, problems)


def check_extracted(target, entry, root, problems):
    path = os.path.join(target, vectors.unescaped(entry["path"]))
    if any(problem.name == os.fsdecode(os.path.relpath(path, target)) for problem in problems):
        return
    status = os.lstat(path)
    kinds = {
        "file": stat.S_ISREG,
        "directory": stat.S_ISDIR,
        "symlink": stat.S_ISLNK,
        "fifo": stat.S_ISFIFO,
        "socket": stat.S_ISSOCK,
        "char_device": stat.S_ISCHR,
        "block_device": stat.S_ISBLK,
    }
    assert kinds[entry["kind"]](status.st_mode)
    if entry["kind"] != "symlink":
        assert stat.S_IMODE(status.st_mode) == entry["mode"], entry["path"]
    assert status.st_mtime_ns == entry["modified"][0] * 10**9 + entry["modified"][1], entry["path"]
    if root:
        assert (status.st_uid, status.st_gid) == (entry["uid"], entry["gid"])
    if "target" in entry:
        assert os.readlink(path) == vectors.unescaped(entry["target"])
    if "device" in entry:
        assert (os.major(status.st_rdev), os.minor(status.st_rdev)) == tuple(entry["device"])
    for name, value in entry.get("xattrs", []):
        assert os.getxattr(path, vectors.unescaped(name), follow_symlinks=False) == vectors.unescaped(value)
    if entry["kind"] == "file":
        assert status.st_size == entry["size"]
        data = b""
        with open(path, "rb") as file:
            start = 0
            for offset, length in [*entry.get("holes", []), (entry["size"], 0)]:
                file.seek(start)
                data += file.read(offset - start)
                start = offset + length
        assert vectors.blake3(data).hexdigest() == entry["data_blake3"], entry["path"]
        # A hole of a TiB that was written would not have fitted.
        assert status.st_blocks * 512 <= entry["data_length"] + 64 * 1024
    if "hard_link" in entry:
        assert status.st_nlink > 1
