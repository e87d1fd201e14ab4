"""Plays the scenarios of docs/scenarios: one method a step."""

from __future__ import annotations

import io
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import strongroom
from storage import Dictionary
from values import content, escape, tree, unescape

Step = dict[str, Any]
FLOOR = strongroom.Cost.FLOOR


class Raised(Exception):
    """What the runner's own streams raise; it has to come back."""


class Stop:
    """Counts the calls into streams and iterators, and acts before one of them."""

    def __init__(self, step: Step) -> None:
        stop = step.get("stop", {})
        self.how, self.after = stop.get("how"), stop.get("after", 0)
        self.calls = 0
        self.token = strongroom.CancelToken()
        self.raised = Raised("the runner raised")

    def call(self) -> None:
        self.calls += 1
        if self.calls == self.after:
            if self.how == "fail":
                raise self.raised
            {"cancel": self.token.cancel, "suspend": self.token.suspend}[self.how]()

    def stream(self, data: bytes, piece: int) -> Stream:
        return Stream(self, data, piece)


class Stream(io.RawIOBase):
    """Gives at most `piece` bytes a call."""

    def __init__(self, stop: Stop, data: bytes, piece: int) -> None:
        super().__init__()
        self.stop, self.inner, self.piece = stop, io.BytesIO(data), piece

    def read(self, size: int | None = -1, /) -> bytes:
        self.stop.call()
        assert size is not None
        return self.inner.read(min(size, self.piece))


class World:
    """Everything that has a name."""

    def __init__(self, root: Path, scenarios: Path, folder: Path) -> None:
        self.root, self.scenarios, self.folder = root, scenarios, folder
        self.backends: dict[str, Any] = {}
        self.repositories: dict[str, strongroom.Repository] = {}
        self.snapshots: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.devices: dict[str, strongroom.DeviceKey] = {}
        self.streams: dict[str, bytes] = {}
        self.reading: set[str] = set()

    def play(self, step: Step) -> None:
        step = dict(step)
        do, fails, expect = step.pop("do"), step.pop("fails", None), step.pop("expect", {})
        play: Callable[[Step], Any] = getattr(self, f"do_{do}")
        self.left = set(step)
        try:
            report = play(Watched(self, step))
        except strongroom.Error as error:
            assert error.kind == fails, f"{error!r}"
            return
        except Raised:
            assert fails == "callback"
            return
        assert fails is None, f"{fails} was expected, and it succeeded"
        assert not self.left, f"the runner does not know {self.left}"
        if is_dataclass(report) and not isinstance(report, type):
            report = {name: getattr(report, name) for name in asdict(report)}
        for field, wanted in expect.items():
            assert report[field] == wanted, f"{field} is {report[field]!r} and not {wanted!r}"

    def place(self, folder: str, inside: bytes = b"") -> bytes:
        return os.path.join(os.fsencode(self.folder / folder), inside) if inside else os.fsencode(self.folder / folder)

    def secret(self, secret: dict[str, str]) -> strongroom.Secret:
        ((kind, value),) = secret.items()
        makers: dict[str, Callable[[], strongroom.Secret]] = {
            "passphrase": lambda: strongroom.Secret.passphrase(value),
            "recovery_code": lambda: strongroom.Secret.recovery_code(value),
            "account_key": lambda: strongroom.Secret.account_key(bytes.fromhex(value)),
            "device": lambda: strongroom.Secret.device(self.devices[value]),
            "code": lambda: strongroom.Secret.recovery_code(self.codes[value]),
        }
        return makers[kind]()

    def do_backend(self, step: Step) -> None:
        name, place = step["as"], step.get("folder")
        makers: dict[str, Callable[[], Any]] = {
            "local": lambda: self.scenarios / place if place else self.folder / f"storage of {name}",
            "memory": strongroom.Backend.memory,
            "host": Dictionary,
        }
        self.backends[name] = makers[step["kind"]]()

    def do_create(self, step: Step) -> None:
        options = step.get("options", {})
        self.repositories[step["as"]] = strongroom.Repository.create(
            self.backends[step["backend"]], self.secret(step["secret"]), cost=FLOOR, **options
        )

    def do_open(self, step: Step) -> None:
        backend, name, owner_of = self.backends[step["backend"]], step["as"], step.get("owner_of")
        secret = self.secret(step["secret"])
        if owner_of is not None:
            secret = secret.expect_owner(self.repositories[owner_of].owner_key)
        self.repositories[name] = strongroom.Repository.open(backend, secret)

    def vector(self, name: str) -> tuple[Path, dict[str, Any]]:
        folder = self.root / "docs/vectors/repositories" / name
        return folder, json.loads((folder / "expected.json").read_bytes())

    def do_open_vector(self, step: Step) -> None:
        name = step["as"]
        vector, expected = self.vector(step["vector"])
        place = self.folder / f"vector {name}"
        shutil.copytree(vector / "repository", place)
        secret = expected["secrets"][step["secret"]]
        value = secret["value"]
        if secret["method"] == "device":
            opens = strongroom.Secret.device(strongroom.DeviceKey.from_bytes(bytes.fromhex(value)))
        else:
            opens = self.secret({secret["method"]: value})
        self.backends[name] = place
        self.repositories[name] = strongroom.Repository.open(strongroom.Backend.local(place, sync=False), opens)
        assert self.repositories[name].role == secret["role"]

    def do_vector_holds(self, step: Step) -> None:
        repository = self.repositories[step["repository"]]
        for snapshot in self.vector(step["vector"])[1]["snapshots"]:
            for wanted in snapshot["entries"]:
                found = repository.entry(snapshot["id"], unescape(wanted["path"]))
                assert found.path_bytes == unescape(wanted["path"]).strip(b"/")
                assert (found.kind, found.size, found.mode) == (wanted["kind"], wanted.get("size", 0), wanted["mode"])
                target = wanted.get("target")
                assert found.target_bytes == (None if target is None else unescape(target))
                if isinstance(wanted.get("data"), str) and not wanted.get("holes"):
                    with repository.open_file(snapshot["id"], found.path) as file:
                        assert escape(file.read()) == wanted["data"]

    def do_close(self, step: Step) -> None:
        repository = self.repositories[step["repository"]]
        repository.close()
        repository.close()

    def do_info(self, step: Step) -> dict[str, Any]:
        repository = self.repositories[step["repository"]]
        return {"role": repository.role, "id": repository.id}

    def do_wait(self, step: Step) -> None:
        time.sleep(step["milliseconds"] / 1000)

    def do_write(self, step: Step) -> None:
        for entry in step["entries"]:
            place = self.place(step["folder"], unescape(entry["path"]))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            kind = entry.get("kind", "file")
            if kind == "directory":
                os.makedirs(place, exist_ok=True)
            elif kind == "symlink":
                os.symlink(unescape(entry["target"]), place)
            else:
                assert kind == "file"
                with open(place, "wb") as file:
                    file.write(content(entry["content"]))
            if "mode" in entry:
                os.chmod(place, entry["mode"])
            if "modified" in entry:
                os.utime(place, (entry["modified"], entry["modified"]))

    def do_remove(self, step: Step) -> None:
        place = self.place(step["folder"], unescape(step["path"]))
        if os.path.isdir(place):
            shutil.rmtree(place)
        else:
            os.remove(place)

    def do_compare(self, step: Step) -> None:
        found, wanted = tree(self.folder / step["with"]), tree(self.folder / step["folder"])
        assert wanted
        assert found == wanted

    def do_holds(self, step: Step) -> None:
        files = {path: data for path, (kind, data, *_) in tree(self.folder / step["folder"]).items() if kind == "file"}
        assert files == {entry["path"]: content(entry["content"]) for entry in step["entries"]}

    def do_corrupt(self, step: Step) -> None:
        def damaged(data: bytes) -> bytes | None:
            middle = len(data) // 2
            return {
                "flip": data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :],
                "truncate": data[:-1],
                "delete": None,
            }[step["how"]]

        backend, folder = self.backends[step["backend"]], step["folder"]
        if isinstance(backend, Dictionary):
            name = min(name for name in backend.objects if name.startswith(f"{folder}/"))
            data, modified = backend.objects[name]
            bad = damaged(data)
            if bad is None:
                del backend.objects[name]
            else:
                backend.objects[name] = (bad, modified)
            return
        first = min((path for path in (backend / folder).rglob("*") if path.is_file()), key=lambda path: path.name)
        bad = damaged(first.read_bytes())
        first.chmod(0o600)
        if bad is None:
            first.unlink()
        else:
            first.write_bytes(bad)

    def source(self, source: dict[str, Any], stop: Stop) -> Any:
        kind = source["kind"]
        if kind == "files":
            return strongroom.Source.files(self.folder / source["folder"], exclude=source.get("exclude", ()))
        if kind == "bytes":
            return strongroom.Source.bytes(unescape(source["path"]), content(source["content"]))
        if kind == "reader":
            stream = stop.stream(content(source["content"]), source["piece"])
            return strongroom.Source.reader(unescape(source["path"]), stream)
        if kind == "tar":
            return strongroom.Source.tar(stop.stream(self.streams[source["of"]], 10_000))
        assert kind == "entries"
        known_as = [unescape(name) for name in source.get("known_as", ())]
        return strongroom.Source.entries(
            self.entries(source["entries"], stop), sorted=source.get("sorted", False), known_as=known_as
        )

    def entries(self, entries: list[dict[str, Any]], stop: Stop) -> Iterator[strongroom.AppEntry]:
        for entry in entries:
            stop.call()
            kind = strongroom.EntryKind(entry.get("kind", "file"))
            modified = entry.get("modified")
            made = strongroom.AppEntry(
                path=unescape(entry["path"]),
                kind=kind,
                target=unescape(entry["target"]) if "target" in entry else None,
                mode=entry.get("mode"),
                modified=None if modified is None else datetime.fromtimestamp(modified, UTC),
                xattrs={name: unescape(value) for name, value in entry.get("xattrs", {}).items()},
            )
            if kind is strongroom.EntryKind.FILE:
                made.content = stop.stream(content(entry["content"]), 1000)
            yield made
        stop.call()

    def do_backup(self, step: Step) -> strongroom.BackupReport:
        options, budget = dict(step.get("options", {})), step.get("budget", {})
        parent = options.pop("parent", "newest")
        parent = {"newest": "newest", "none": None}.get(parent, self.snapshots.get(parent))
        stop = Stop(step)
        name, makes_none = step.get("as"), step.get("makes_none", False)
        try:
            report = self.repositories[step["repository"]].backup(
                self.source(step["source"], stop),
                parent=parent,
                cancel=stop.token,
                budget=strongroom.Budget(
                    threads=budget.get("threads"),
                    deadline=budget["deadline_ms"] / 1000 if "deadline_ms" in budget else None,
                ),
                **options,
            )
        except Raised as raised:
            assert raised is stop.raised
            raise
        assert (report.snapshot is None) == makes_none
        if report.snapshot is not None:
            assert name is not None
            self.snapshots[name] = report.snapshot
        return report

    def name_of(self, snapshot: str) -> str:
        return next((name for name, known in self.snapshots.items() if known == snapshot), snapshot)

    def do_snapshots(self, step: Step) -> None:
        wanted = step.get("filter", {})
        tags = [wanted["tag"]] if "tag" in wanted else []
        listing = self.repositories[step["repository"]].snapshots(
            strongroom.SnapshotFilter(tags=tags, host=wanted.get("host"))
        )
        assert not listing.rejected
        if (many := step.get("are_many")) is not None:
            assert len(listing) == many
            return
        assert [self.name_of(snapshot.id) for snapshot in listing] == step["are"]

    def do_snapshot(self, step: Step) -> None:
        spec, digits, wanted = step["spec"], step.get("first_digits"), step.get("is")
        if digits is not None:
            spec = self.snapshots[spec][:digits]
        found = self.repositories[step["repository"]].snapshot(spec)
        if (name := step.get("as")) is not None:
            self.snapshots[name] = found.id
        else:
            assert self.name_of(found.id) == wanted

    def paths(self, listing: strongroom.EntryIterator) -> list[str]:
        found = []
        with listing:
            while batch := listing.batch(2):
                assert len(batch) <= 2
                found += [escape(entry.path_bytes) for entry in batch]
        return found

    def do_list(self, step: Step) -> None:
        snapshot, recursive, path = self.snapshots[step["snapshot"]], step.get("recursive", False), step.get("path", "")
        wanted = step.get("paths")
        found = self.paths(self.repositories[step["repository"]].list(snapshot, unescape(path), recursive=recursive))
        assert found == wanted

    def do_find(self, step: Step) -> None:
        snapshot, glob, any_case = self.snapshots[step["snapshot"]], step["glob"], step.get("any_case", False)
        wanted = step.get("paths")
        assert self.paths(self.repositories[step["repository"]].find(snapshot, glob, any_case=any_case)) == wanted

    def do_entry(self, step: Step) -> dict[str, Any]:
        entry = self.repositories[step["repository"]].entry(self.snapshots[step["snapshot"]], unescape(step["path"]))
        return {
            "kind": entry.kind,
            "size": entry.size,
            "mode": entry.mode,
            "target": None if entry.target_bytes is None else escape(entry.target_bytes),
            "modified": entry.modified_ns // 1_000_000_000,
        }

    def do_diff(self, step: Step) -> None:
        before, after = self.snapshots[step["before"]], self.snapshots[step["after"]]
        changes = self.repositories[step["repository"]].diff(before, after)
        assert [[one.change, escape(one.path_bytes)] for one in changes] == step["changes"]

    def do_stats(self, step: Step) -> strongroom.RepositoryStats:
        return self.repositories[step["repository"]].stats()

    def do_read(self, step: Step) -> None:
        wanted, length, offset = step.get("content", {"text": ""}), step.get("length_is"), step.get("offset")
        size = step.get("length", 0)
        snapshot, path = self.snapshots[step["snapshot"]], unescape(step["path"])
        with self.repositories[step["repository"]].open_file(snapshot, path) as file:
            if length is not None:
                assert file.entry.size == length
            if offset is not None:
                assert escape(file.read_at(offset, size)) == escape(content(wanted))
                return
            streamed = b"".join(iter(lambda: file.read(70_001), b""))
            assert file.seek(0) == 0
            assert streamed == file.read() == content(wanted)

    def do_restore(self, step: Step) -> strongroom.RestoreReport:
        options = dict(step.get("options", {}))
        options["path"] = unescape(options.get("path", ""))
        snapshot, target = self.snapshots[step["snapshot"]], self.folder / step["target"]
        return self.repositories[step["repository"]].restore(snapshot, target, **options)

    def do_export_tar(self, step: Step) -> None:
        out, name, at_least = io.BytesIO(), step.get("as"), step.get("at_least", 0)
        self.repositories[step["repository"]].export_tar(self.snapshots[step["snapshot"]], out)
        data = out.getvalue()
        assert len(data) % 512 == 0
        assert len(data) >= at_least
        if name is not None:
            self.streams[name] = data

    def do_tag(self, step: Step) -> None:
        snapshot, add, remove = self.snapshots[step["snapshot"]], step.get("add", ()), step.get("remove", ())
        tags = self.repositories[step["repository"]].tag(snapshot, add=add, remove=remove)
        assert list(tags) == step["tags"]

    def do_hold(self, step: Step) -> None:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        assert self.repositories[step["repository"]].hold(self.snapshots[step["snapshot"]], until) == until

    def do_release(self, step: Step) -> None:
        self.repositories[step["repository"]].release(self.snapshots[step["snapshot"]])

    def do_forget(self, step: Step) -> strongroom.ForgetReport:
        policy = step.get("policy")
        named = [self.snapshots[name] for name in step.get("snapshots", ())]
        return self.repositories[step["repository"]].forget(
            named,
            policy=None if policy is None else strongroom.RetentionPolicy(**policy),
            dry_run=step.get("dry_run", False),
        )

    def do_prune(self, step: Step) -> strongroom.PruneReport:
        return self.repositories[step["repository"]].prune()

    def do_rebuild_index(self, step: Step) -> None:
        self.repositories[step["repository"]].rebuild_index()

    def do_check(self, step: Step) -> None:
        report = self.repositories[step["repository"]].check(read_data=step.get("read_data"))
        found = {problem.kind for problem in report.problems}
        assert report.is_sound == step["sound"], report
        assert found >= set(step.get("kinds", ()))

    def do_repair(self, step: Step) -> None:
        sound, salvaged = step["sound"], step.get("salvaged")
        report = self.repositories[step["repository"]].repair()
        assert report.was_sound == sound
        if salvaged is not None:
            self.snapshots[salvaged] = next(one.salvaged for one in report.salvaged if one.salvaged is not None)

    def do_copy(self, step: Step) -> strongroom.CopyReport:
        to, copied, present = step["to"], step.get("copied"), step.get("present")
        report = self.repositories[step["repository"]].copy_to([self.repositories[name] for name in to])
        first = report.destinations[0]
        assert (len(first.copied), first.present) == (copied, present)
        return report

    def do_keys(self, step: Step) -> None:
        assert sorted(key.method for key in self.repositories[step["repository"]].keys()) == step["methods"]

    def do_add_key(self, step: Step) -> None:
        self.repositories[step["repository"]].add_key(
            self.secret(step["secret"]), step["role"], label=step.get("label", ""), cost=FLOOR
        )

    def do_add_recovery_code(self, step: Step) -> None:
        name, role = step["as"], step["role"]
        self.codes[name] = self.repositories[step["repository"]].add_recovery_code(role, label="on paper").code

    def do_remove_key(self, step: Step) -> None:
        repository, label = self.repositories[step["repository"]], step["label"]
        repository.remove_key(next(key.id for key in repository.keys() if key.label == label))

    def do_change_passphrase(self, step: Step) -> None:
        self.repositories[step["repository"]].change_passphrase(step["passphrase"], cost=FLOOR)

    def do_device_key(self, step: Step) -> None:
        made = strongroom.DeviceKey.generate()
        self.devices[step["as"]] = strongroom.DeviceKey.from_bytes(made.export())

    def do_add_device(self, step: Step) -> None:
        device, name, role = self.devices[step["device"]], step["name"], step["role"]
        request = device.request(name)
        assert strongroom.read_device_request(request) == strongroom.DeviceRequest(device.id, name)
        assert self.repositories[step["repository"]].add_device(request, role) == device.id

    def do_revoke_device(self, step: Step) -> None:
        self.repositories[step["repository"]].revoke_device(self.devices[step["device"]].id)

    def do_devices(self, step: Step) -> None:
        devices = self.repositories[step["repository"]].devices()
        names = sorted(device.name for device in devices if device.has_key and device.revoked is None)
        assert names == step["names"]

    def do_rotate(self, step: Step) -> strongroom.RotationReport:
        return self.repositories[step["repository"]].rotate()

    def do_reencrypt(self, step: Step) -> strongroom.ReencryptReport:
        return self.repositories[step["repository"]].reencrypt()

    def do_epoch(self, step: Step) -> None:
        assert self.repositories[step["repository"]].epoch() == step["is"]

    def do_add_parity(self, step: Step) -> strongroom.ParityReport:
        return self.repositories[step["repository"]].add_parity(step["percent"])


class Watched(dict[str, Any]):
    """A step that knows which of its keys the runner looked at."""

    def __init__(self, world: World, step: Step) -> None:
        super().__init__(step)
        self.world = world

    def __getitem__(self, key: str) -> Any:
        self.world.left.discard(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.world.left.discard(key)
        return super().get(key, default)


def play(root: Path, file: Path, folder: Path) -> int:
    """Plays one scenario; how many steps it had."""
    world = World(root, file.parent, folder)
    steps = json.loads(file.read_bytes())["steps"]
    for number, step in enumerate(steps, 1):
        try:
            world.play(step)
        except BaseException as error:
            error.add_note(f"step {number}: {step}")
            raise
    return len(steps)
