"""Repositories that the strongroom command has just written are read back equal."""

import os
import random
import shutil
import socket
import stat
import subprocess
import sys

import pytest
from conftest import HERE
from format1.extract import Extraction
from format1.keys import Passphrase, RecoveryCode
from format1.repository import Repository

PASSPHRASE = "a passphrase with spaces and ümlauts"


@pytest.fixture(scope="module")
def written(strongroom, tmp_path_factory):
    """A source folder, its repository with two snapshots, and the recovery code."""
    top = tmp_path_factory.mktemp("fresh")
    source, repository = top / "source", top / "repository"
    make_source(source)
    environment = {
        **os.environ,
        "HOME": str(top),
        "XDG_CACHE_HOME": str(top / "cache"),
        "STRONGROOM_CACHE_DIR": str(top / "cache"),
        "STRONGROOM_REPOSITORY": str(repository),
        "STRONGROOM_PASSPHRASE": PASSPHRASE,
    }

    def run(*arguments):
        done = subprocess.run([strongroom, *arguments], env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    run("init", "--passphrase-memory", "19M", "--passphrase-passes", "2", "--label", "test")
    code = run("key", "recovery-code")
    run("backup", str(source), "--tag", "first", "--host", "example")
    for role in ["reader", "writer"]:
        new = ["--new-passphrase-command", f"echo of a {role}"]
        run("key", "add", "--role", role, *new, "--passphrase-memory", "19M", "--passphrase-passes", "2")
    run("key", "rotate")
    (source / "added later").write_bytes(random.Random(7).randbytes(300_000))
    os.utime(source / "text", ns=(0, 1_000_000_000_123_456_789))
    run("backup", str(source), "--tag", "second", "--host", "example")
    return source, repository, code


def make_source(source):
    chance = random.Random(1)
    source.mkdir()
    (source / "empty").write_bytes(b"")
    (source / "tiny").write_bytes(b"x")
    (source / "text").write_text("words that come again\n" * 50_000)
    (source / "noise").write_bytes(chance.randbytes(5_000_000))
    for number in range(300):
        folder = source / "many" / f"{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file {number}").write_bytes(chance.randbytes(chance.randrange(0, 3000)))
    # The same blocks in other orders make many runs, which stand in lists.
    blocks = [chance.randbytes(300_000) for _ in range(12)]
    (source / "blocks").write_bytes(b"".join(blocks))
    (source / "shuffled").write_bytes(b"".join(chance.choice(blocks) for _ in range(60)))
    with open(os.path.join(os.fsencode(source), b"not UTF-8 \xff\xfe"), "wb") as file:
        file.write(b"bytes")
    (source / "empty folder").mkdir()
    os.link(source / "tiny", source / "many" / "hard link")
    os.symlink("../nowhere", source / "link")
    os.symlink(b"\xff", source / "link to no text")
    os.mkfifo(source / "pipe", 0o640)
    with socket.socket(socket.AF_UNIX) as listener:
        where = os.getcwd()
        os.chdir(source)
        try:
            listener.bind("socket")
        finally:
            os.chdir(where)
    with open(source / "sparse", "wb") as file:
        file.truncate(20 << 30)
        file.seek(5 << 30)
        file.write(chance.randbytes(100_000))
        file.seek(15 << 30)
        file.write(b"x" * 4096)
    os.chmod(source / "text", 0o6751)
    os.chmod(source / "empty folder", 0o1777)
    os.utime(source / "tiny", ns=(0, -1_500_000_001))
    os.utime(source / "link", ns=(5, 6_000_000_007), follow_symlinks=False)
    try:
        os.setxattr(source / "text", "user.comment", b"caf\xc3\xa9")
        os.setxattr(source / "many", "user.empty", b"")
    except OSError:
        pass
    if os.geteuid() == 0:
        os.chown(source / "noise", 12345, 54321)


def walk(top):
    """Every path below a folder with its status; b"" is the folder itself."""
    top = os.fsencode(top)
    yield b"", os.lstat(top)
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), os.lstat(path)


def xattrs(path):
    return sorted((os.fsencode(name), os.getxattr(path, name, follow_symlinks=False)) for name in os.listxattr(path, follow_symlinks=False))


def test_listing_is_equal(written):
    source, repository, _ = written
    opened = Repository(repository, Passphrase(PASSPHRASE.encode()))
    snapshot = opened.snapshots()[-1]
    assert not opened.problems
    assert (snapshot.body.host, snapshot.body.tags) == ("example", ["second"])
    entries = {entry.path: entry for entry in opened.entries(snapshot.root)}
    found = dict(walk(source))
    assert entries.keys() == found.keys()
    kinds = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "directory",
        stat.S_IFLNK: "symlink",
        stat.S_IFIFO: "fifo",
        stat.S_IFSOCK: "socket",
    }
    for path, status in found.items():
        entry, place = entries[path], os.path.join(os.fsencode(source), path)
        assert entry.kind == kinds[stat.S_IFMT(status.st_mode)], path
        assert entry.mode == stat.S_IMODE(status.st_mode), path
        assert entry.owner[:2] == (status.st_uid, status.st_gid), path
        assert entry.modified[0] * 10**9 + entry.modified[1] == status.st_mtime_ns, path
        assert entry.xattrs == xattrs(place), path
        if entry.kind == "file":
            assert entry.size == status.st_size, path
            assert (entry.hard_link is not None) == (status.st_nlink > 1), path
        if entry.kind == "symlink":
            assert entry.target == os.readlink(place)
    assert len(entries[b"sparse"].holes) >= 2
    assert entries[b"tiny"].hard_link == entries[b"many/hard link"].hard_link


def test_everything_is_sound(written):
    _, repository, _ = written
    assert Repository(repository, Passphrase(PASSPHRASE.encode())).check() == []


def test_extraction_is_equal(written, tmp_path):
    source, repository, _ = written
    opened = Repository(repository, Passphrase(PASSPHRASE.encode()))
    target = tmp_path / "target"
    problems = Extraction(opened, target).run(opened.snapshots()[-1].root)
    assert os.geteuid() != 0 or problems == []
    before, after = dict(walk(source)), dict(walk(target))
    assert before.keys() == after.keys()
    for path, status in before.items():
        there = after[path]
        one, other = (os.path.join(os.fsencode(top), path) for top in (source, target))
        if stat.S_ISLNK(status.st_mode):
            assert os.readlink(one) == os.readlink(other)
        else:
            assert status.st_mode == there.st_mode, path
            assert xattrs(one) == xattrs(other), path
        assert status.st_mtime_ns == there.st_mtime_ns, path
        if os.geteuid() == 0:
            assert (status.st_uid, status.st_gid) == (there.st_uid, there.st_gid), path
        if stat.S_ISREG(status.st_mode):
            assert (status.st_size, status.st_nlink) == (there.st_size, there.st_nlink), path
            assert there.st_blocks <= status.st_blocks + 256, path
            assert same_bytes(one, other, status.st_size), path


def same_bytes(one, other, size):
    """Compares what is not a hole in either."""
    with open(one, "rb") as first, open(other, "rb") as second:
        for offset in sorted({*data_ranges(first, size), *data_ranges(second, size)}):
            first.seek(offset[0])
            second.seek(offset[0])
            if first.read(offset[1] - offset[0]) != second.read(offset[1] - offset[0]):
                return False
    return True


def data_ranges(file, size):
    at = 0
    while at < size:
        try:
            data = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(file.fileno(), data, os.SEEK_HOLE)
        yield data, at


def test_lost_index_is_made_up_for(written, tmp_path):
    source, repository, _ = written
    copy = tmp_path / "copy"
    shutil.copytree(repository, copy)
    shutil.rmtree(copy / "index")
    opened = Repository(copy, Passphrase(PASSPHRASE.encode()))
    entries = {entry.path: entry for entry in opened.entries(opened.snapshots()[-1].root)}
    assert b"".join(opened.data(entries[b"added later"])) == (source / "added later").read_bytes()


def test_recovery_code_opens_it(written):
    _, repository, said = written
    codes = [word for line in said.splitlines() for word in line.split() if word.count("-") == 5]
    assert codes, said
    assert Repository(repository, RecoveryCode(codes[0])).bundle.role == 4


def test_holders_were_handed_the_keys_of_the_second_epoch(written, tmp_path):
    source, repository, _ = written
    reads = Repository(repository, Passphrase(b"of a reader"))
    assert (reads.devices.epoch, reads.bundle.newest, not reads.problems) == (2, 2, True)
    assert [snapshot.body.tags for snapshot in reads.snapshots()] == [["first"], ["second"]]
    assert reads.check() == []
    writes = Repository(repository, Passphrase(b"of a writer"))
    assert (writes.bundle.newest, len(writes.snapshots()), not writes.problems) == (2, 2, True)
    # Without the slot that was sealed to it, the first is all it reaches.
    copy = tmp_path / "copy"
    shutil.copytree(repository, copy)
    for file in (copy / "keys").iterdir():
        if reads._read_slot(next(listed for listed in reads.storage.list("keys") if listed.file == file.name)).method == 3:
            file.unlink()
    behind = Repository(copy, Passphrase(b"of a reader"))
    assert (behind.devices.epoch, behind.bundle.newest) == (2, 1)
    assert [snapshot.body.tags for snapshot in behind.snapshots()] == [["first"]]


def reader(repository, *arguments, passphrase=PASSPHRASE):
    return subprocess.run(
        [sys.executable, str(HERE / "strongroom_reader.py"), str(repository), *arguments],
        env={**os.environ, "STRONGROOM_PASSPHRASE": passphrase},
        capture_output=True,
        timeout=600,
    )


def test_command(written, tmp_path):
    source, repository, _ = written
    listed = reader(repository, "snapshots")
    assert listed.returncode == 0 and listed.stdout.count(b"complete") == 2
    first = listed.stdout.split()[0].decode()
    assert b"added later" not in reader(repository, "ls", first).stdout
    assert b"-> ../nowhere" in reader(repository, "ls", "latest").stdout
    assert reader(repository, "cat", "latest:many/hard link").stdout == b"x"
    assert reader(repository, "cat", "latest:noise").stdout == (source / "noise").read_bytes()
    assert reader(repository, "cat", "latest:nothing").returncode == 1
    assert reader(repository, "check").stdout == b"0 problems\n"
    target = tmp_path / "target"
    assert reader(repository, "extract", first[:8], str(target)).returncode in (0, 3)
    assert (target / "many/0/file 0").read_bytes() == (source / "many/0/file 0").read_bytes()
    wrong = reader(repository, "snapshots", passphrase="another")
    assert wrong.returncode == 1 and b"wrong_key" in wrong.stderr
