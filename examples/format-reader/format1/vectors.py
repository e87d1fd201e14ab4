"""Holding this reader against the test vectors: docs/vectors/README.md says what stands in them."""

import json
import re
import shutil
import tempfile
from pathlib import Path

from blake3 import blake3

from . import crypto, pack, tree
from .errors import FormatError, corrupt
from .extract import Extraction
from .keys import (
    ROLES,
    AccountKey,
    Bundle,
    Config,
    DeviceKey,
    DeviceList,
    DeviceRequest,
    Devices,
    METHODS,
    Passphrase,
    RecoveryCode,
    Slot,
    derived_epoch,
    device_id,
    list_name,
    public_key_of,
)
from .repository import Repository, Storage
from .snapshots import Checkpoint, Condemnation, Lease, Mark, Snapshot
from .wire import padme

SECRETS = {
    "passphrase": lambda value: Passphrase(value.encode()),
    "recovery_code": RecoveryCode,
    "device": lambda value: DeviceKey(bytes.fromhex(value)),
    "account_key": lambda value: AccountKey(bytes.fromhex(value)),
}


def secret_of(told):
    return SECRETS[told["method"]](told["value"])


def escaped(data):
    """Printable ASCII as it is, all other bytes and the backslash as \\xNN."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in data)


def hexed(value):
    return None if value is None else value.hex()


# Single objects


class World:
    """What objects/keys.json says, unlocked."""

    def __init__(self, told):
        self.repository = bytes.fromhex(told["repository"])
        self.root = bytes.fromhex(told["root"])
        self.owner = public_key_of(crypto.derive("owner signing key", self.root))
        self.epochs = {number: derived_epoch(self.root, number) for number in told["epochs"]}
        self.ids = pack.Ids(crypto.derive("id key", self.root))
        self.received = tuple(told["received"])
        self.devices = Devices(self)
        self.devices.merge(DeviceList(bytes.fromhex(told["device_list"]), self.owner).decode(), self.received)

    def epoch(self, number, content=True):
        if number not in self.epochs:
            raise FormatError("forbidden", f"the key does not reach epoch {number}")
        return self.epochs[number]

    def envelope(self, kind, data):
        return kind(data, self.repository, self.epoch, self.devices, self.received)


def show_config(world, data, _):
    config = Config(data)
    return {
        "repository": config.repository.hex(),
        "created": config.created,
        "chunks": list(config.chunks),
        "segment": config.segment,
        "pack": config.pack,
        "node": config.node,
        "inline": config.inline,
        "parity": config.parity,
        "owner": config.owner.hex(),
    }


def show_slot(world, data, case):
    slot = Slot(data)
    slot.verify(world.owner)
    secret = secret_of(case["secret"])
    if secret.method != slot.method:
        raise FormatError("wrong_key", "the slot is of another method")
    bundle = slot.open(secret.kek(slot))
    return {
        "id": slot.id.hex(),
        "role": slot.role,
        "epoch": slot.epoch,
        "method": slot.method,
        "label": slot.label,
        "created": slot.created,
        "device": hexed(slot.device),
        "bundle": bundle_fields(bundle),
    }


def bundle_fields(bundle):
    data_keys = {}
    if bundle.root is not None:
        data_keys = {number: crypto.derive("data key", bundle.root, number.to_bytes(4, "little")) for number in bundle.epochs}
    return {
        "repository": bundle.repository.hex(),
        "role": bundle.role,
        "owner": bundle.owner.hex(),
        "id_key": hexed(bundle.id_key),
        "chunker_key": hexed(bundle.chunker_key),
        "root": hexed(bundle.root),
        "signing_seed": hexed(bundle.signing_seed),
        "kem_seed": hexed(bundle.kem_seed),
        "epochs": [
            {
                "epoch": number,
                "index_key": epoch.index.hex(),
                "data_key": hexed(data_keys.get(number, epoch.data and epoch.data.seed)),
            }
            for number, epoch in bundle.epochs.items()
        ],
    }


def show_device_list(world, data, _):
    found = DeviceList(data, world.owner).decode()
    names = "id name role added in_bundle".split()
    devices = [
        {
            **{name: getattr(device, name) for name in names},
            "revoked": "with this list" if device.with_this_list else device.revoked and list(device.revoked),
        }
        for device in found.devices
    ]
    return {
        "repository": found.repository.hex(),
        "generation": found.generation,
        "epoch": found.epoch,
        "name": list_name(found.generation, data),
        "devices": [{**device, "id": device["id"].hex()} for device in devices],
    }


def show_request(world, data, _):
    request = DeviceRequest(data)
    return {"id": request.id.hex(), "name": request.name}


class PackBytes:
    def __init__(self, data):
        self.data, self.length = data, len(data)

    def read(self, start, end):
        if not 0 <= start <= end <= self.length:
            raise corrupt("it is too short")
        return self.data[start:end]


def show_contents(contents):
    names = "counter kind compression stored_length raw_length offset".split()
    return [
        {
            "id": segment.id.hex(),
            "session": segment.session.hex(),
            **{name: getattr(segment, name) for name in names},
            "blobs": [blob.hex() for blob in segment.blobs],
        }
        for segment in contents.segments
    ]


def show_pack(world, data, _):
    head, contents, references = pack.read_contents(PackBytes(data), world.repository, world.epoch)
    kinds = {0: "segment", 1: "blob"}
    return {
        "id": crypto.name(data).hex(),
        "epoch": head.epoch,
        "sessions": [
            {
                "session": session.hex(),
                "epoch": epoch,
                "key": head.session_key(session, world.repository, world.epoch).hex(),
            }
            for session, (epoch, _) in head.sessions.items()
        ],
        "segments": show_contents(contents),
        "references": [[{kinds[kind]: found.hex()} for kind, found in blob] for blob in references],
    }


def show_segment(world, data, case):
    segment = pack.Segment.__new__(pack.Segment)
    for name in "counter kind compression stored_length raw_length blob_count".split():
        setattr(segment, name, case[name])
    segment.id, segment.session = bytes.fromhex(case["id"]), bytes.fromhex(case["session"])
    if segment.raw_length > pack.MAX_RAW:
        raise corrupt("it is longer than any segment may be")
    blobs = segment.open(data, bytes.fromhex(case["key"]), world.repository, world.ids)
    return {"blobs": [blob.hex() for blob in blobs]}


def show_index(world, data, _):
    index = pack.IndexObject(data, world.repository, world.epoch)
    return {
        "supersedes": [found.hex() for found in index.supersedes],
        "packs": [
            {"id": pack_id.hex(), "length": length, "segments": show_contents(contents)}
            for pack_id, length, contents in index.packs
        ],
    }


def entry_fields(entry):
    uid, gid, user, group = entry.owner
    fields = {
        "path": escaped(entry.path),
        "kind": entry.kind,
        "mode": entry.mode,
        "uid": uid,
        "gid": gid,
        "user": user,
        "group": group,
        "modified": list(entry.modified),
        "changed": entry.changed and list(entry.changed),
        "inode": entry.inode,
        "hard_link": entry.hard_link and list(entry.hard_link),
        "size": entry.size if entry.kind == "file" else None,
        "target": None if entry.target is None else escaped(entry.target),
        "device": entry.device and list(entry.device),
        "xattrs": [[escaped(name), escaped(value)] for name, value in entry.xattrs] or None,
        "holes": [list(hole) for hole in entry.holes] or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def show_runs(runs):
    return [{**run._asdict(), "segment": run.segment.hex()} for run in runs]


def show_node(world, data, _):
    level, elements = tree.decode_node(data)
    if level > 0:
        children = [{**child._asdict(), "first": escaped(child.first), "id": child.id.hex()} for child in elements]
        return {"level": level, "children": children}
    entries = []
    for entry in elements:
        fields = entry_fields(entry)
        if isinstance(entry.content, bytes):
            fields["inline"] = escaped(entry.content)
        elif isinstance(entry.content, list):
            fields["runs"] = show_runs(entry.content)
        elif entry.content is not None:
            fields["lists"] = {"id": entry.content.id.hex(), "levels": entry.content.levels}
        entries.append(fields)
    return {"level": 0, "entries": entries}


def show_run_list(world, data, _):
    level, elements = tree.decode_run_list(data)
    if level == 1:
        return {"level": 1, "runs": show_runs(elements)}
    return {"level": level, "lists": [{"id": child.id.hex(), "bytes": child.bytes} for child in elements]}


def snapshot_fields(snapshot, body):
    return {
        "root": snapshot.root.hex(),
        "time": list(snapshot.time),
        "lineage": snapshot.lineage.hex(),
        "device": snapshot.device.hex(),
        "session": snapshot.session.hex(),
        "counts": snapshot.counts,
        "parents": [parent.hex() for parent in snapshot.parents],
        "outcome": snapshot.outcome,
        "host": body.host,
        "paths": [escaped(path) for path in body.paths],
        "tags": body.tags,
        "metadata": [[name, escaped(value)] for name, value in body.metadata],
        "user": body.user,
        "program": body.program,
        "description": body.description,
    }


def show_snapshot(world, data, _):
    snapshot = world.envelope(Snapshot, data)
    return snapshot_fields(snapshot, snapshot.open_body())


def show_mark(world, data, _):
    mark = world.envelope(Mark, data)
    body = mark.open_body()
    return {
        "snapshot": mark.snapshot.hex(),
        "sequence": mark.sequence,
        "device": mark.device.hex(),
        "time": list(mark.time),
        "hold_until": mark.hold_until,
        "tags": body.tags,
        "description": body.description,
    }


def show_lease(world, data, _):
    lease = world.envelope(Lease, data)
    return {
        "session": lease.session.hex(),
        "sequence": lease.sequence,
        "device": hexed(lease.device),
        "purpose": lease.purpose,
        "duration": lease.duration,
        "state": lease.state,
        "time": list(lease.time),
    }


def show_checkpoint(world, data, _):
    checkpoint = world.envelope(Checkpoint, data)
    return {
        "session": checkpoint.session.hex(),
        "sequence": checkpoint.sequence,
        "device": checkpoint.device.hex(),
        "lineage": checkpoint.lineage.hex(),
        "root": checkpoint.root.hex(),
        "time": list(checkpoint.time),
        "counts": checkpoint.counts,
        "origin": checkpoint.origin and checkpoint.origin.hex(),
    }


def show_condemnation(world, data, _):
    condemnation = world.envelope(Condemnation, data)
    return {
        "session": condemnation.session.hex(),
        "sequence": condemnation.sequence,
        "stage": condemnation.stage,
        "packs": [pack.hex() for pack in condemnation.packs],
        "sessions": [session.hex() for session in condemnation.sessions],
        "time": list(condemnation.time),
    }


SHOW = {
    "config": show_config,
    "key_slot": show_slot,
    "bundle": lambda world, data, _: bundle_fields(Bundle(data)),
    "device_list": show_device_list,
    "device_key": lambda world, data, _: {"id": DeviceKey(data).id.hex()},
    "device_request": show_request,
    "recovery_code": lambda world, data, _: {"key": RecoveryCode(data.decode()).key.hex()},
    "pack": show_pack,
    "segment": show_segment,
    "index": show_index,
    "node": show_node,
    "run_list": show_run_list,
    "snapshot": show_snapshot,
    "mark": show_mark,
    "lease": show_lease,
    "checkpoint": show_checkpoint,
    "condemnation": show_condemnation,
}


def check_case(world, kind, case):
    """What is not as expected with one object, if anything."""
    try:
        decoded = SHOW[kind](world, bytes.fromhex(case["bytes"]), case.get("input"))
    except FormatError as error:
        return None if case.get("error") == error.kind else f"{error}, instead of {case.get('error')}"
    if "error" in case:
        return f"it is taken for sound, instead of {case['error']}"
    return None if decoded == case["decoded"] else f"{decoded}, instead of {case['decoded']}"


def check_derived(world, told):
    """Everything that follows from the root."""
    root = world.root
    id_key, chunker_key = crypto.derive("id key", root), crypto.derive("chunker key", root)
    epochs = []
    for number, epoch in world.epochs.items():
        names = "footer trailer snapshot mark lease checkpoint condemnation".split()
        epochs.append({
            "epoch": number,
            "index_key": epoch.index.hex(),
            **{name: getattr(epoch, name).hex() for name in names},
            "index": epoch.index_object.hex(),
            "data_key": crypto.derive("data key", root, number.to_bytes(4, "little")).hex(),
            "data_public_key": epoch.data.public().hex(),
        })
    lineage = told["lineage"]
    found = {
        "owner_seed": crypto.derive("owner signing key", root).hex(),
        "owner": world.owner.hex(),
        "owner_id": device_id(world.owner).hex(),
        "id_key": id_key.hex(),
        "chunker_key": chunker_key.hex(),
        "epochs": epochs,
        "blobs": [{"data": blob["data"], "id": world.ids.blob(blob["data"].encode()).hex()} for blob in told["blobs"]],
        "segment": {
            "blobs": told["segment"]["blobs"],
            "id": world.ids.segment([bytes.fromhex(blob) for blob in told["segment"]["blobs"]]).hex(),
        },
        "lineage": {**lineage, "id": lineage_of(id_key, lineage["host"], map(unescaped, lineage["paths"])).hex()},
        "padded": [[length, padme(length)] for length, _ in told["padded"]],
    }
    return next((f"{name}: {value}" for name, value in found.items() if told[name] != value), None)


def unescaped(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), text.encode())


def lineage_of(id_key, host, paths):
    def counted(data):
        assert len(data) < 128
        return bytes([len(data)]) + data

    message = counted(host.encode()) + b"".join(counted(path) for path in sorted(set(paths)))
    return crypto.keyed(crypto.derive("lineage", id_key), message)[:16]


# Repositories


def check_repository(folder):
    """Opens a sound repository with all of its secrets; says what is not as expected."""
    expected = json.loads((folder / "expected.json").read_text())
    for secret in expected["secrets"]:
        repository = Repository(folder / "repository", secret_of(secret))
        if ROLES[repository.bundle.role] != secret["role"]:
            return f"{secret} is of role {ROLES[repository.bundle.role]}"
        snapshots = repository.snapshots()
        repository.sessions()
        if repository.problems:
            return str(repository.problems[0])
        if [snapshot.id.hex() for snapshot in snapshots] != [told["id"] for told in expected["snapshots"]]:
            return "it has other snapshots"
    repository = Repository(folder / "repository", secret_of(expected["secrets"][0]))
    checks = [
        ("repository", repository.id.hex()),
        ("created", repository.config.created),
        ("epoch", repository.devices.epoch),
        ("slots", slots(repository)),
        ("devices", devices(repository)),
    ]
    for name, found in checks:
        if expected[name] != found:
            return f"{name}: {found}, instead of {expected[name]}"
    for snapshot, told in zip(repository.snapshots(), expected["snapshots"]):
        found = snapshot_fields(snapshot, snapshot.body)
        found.update(id=snapshot.id.hex(), hold_until=snapshot.hold_until)
        for name, value in found.items():
            if told[name] != value:
                return f"snapshot {told['id']}: {name}: {value}, instead of {told[name]}"
        entries = [{**entry_fields(entry), **content(repository, entry)} for entry in repository.entries(snapshot.root)]
        for entry, wanted in zip(entries, told["entries"]):
            if entry != wanted:
                return f"{entry}, instead of {wanted}"
        if len(entries) != len(told["entries"]):
            return f"{len(entries)} entries, instead of {len(told['entries'])}"
    problems = repository.check()
    return str(problems[0]) if problems else None


def content(repository, entry):
    if entry.kind != "file":
        return {}
    data = b"".join(repository.data(entry))
    fields = {"data_length": len(data), "data_blake3": blake3(data).hexdigest()}
    return fields if len(data) > 64 else {**fields, "data": escaped(data)}


def slots(repository):
    found = []
    for listed in repository.storage.list("keys"):
        slot = Slot(repository.storage.read_whole(listed.name, Slot.MAX_LENGTH))
        found.append({
            "id": slot.id.hex(),
            "role": ROLES[slot.role],
            "epoch": slot.epoch,
            "method": METHODS[slot.method],
            "label": slot.label,
            "created": slot.created,
            "device": hexed(slot.device),
        })
    return found


def devices(repository):
    return [
        {
            "id": device.id.hex(),
            "name": device.name,
            "role": ROLES[device.role],
            "added": device.added,
            "revoked": device.revoked and list(device.revoked),
            "has_key": device.kem is not None and not device.in_bundle,
        }
        for device in sorted(repository.devices.devices.values(), key=lambda device: device.id)
    ]


def changed(vectors, fault, folder):
    """The repository that a fault is about, made in `folder`."""
    shutil.copytree(vectors / "repositories" / fault["base"] / "repository", folder)
    storage = Storage(folder)
    for name in fault["delete"]:
        Path(storage.path(name)).unlink()
    put = {name: bytes.fromhex(data) for name, data in fault["put"].items()}
    fill = fault.get("fill", {"count": 0})
    put.update((f"{fill['folder']}/ffffffff-{number:016x}", b"") for number in range(fill["count"]))
    for name, data in put.items():
        path = Path(storage.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def check_fault(vectors, fault):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "repository"
        changed(vectors, fault, place)
        try:
            found = find_fault(place, Path(folder) / "target", fault)
        except FormatError as error:
            found = [error]
    expected = fault["error"]
    if expected is None:
        return str(found[0]) if found else None
    about = fault["object"]
    if any(error.kind == expected and about in (None, error.name) for error in found):
        return None
    return f"{[str(error) for error in found]}, instead of {expected} of {about}"


def find_fault(place, target, fault):
    """What the operation of a fault refuses."""
    repository = Repository(place, secret_of(fault["secret"]))
    operation = fault["operation"]
    if operation == "open":
        return []
    about_keys = len(repository.problems)
    snapshots = repository.snapshots()
    if operation == "snapshots":
        # Rubbish among keys and device lists is skipped, and reported.
        return repository.problems[about_keys:]
    if operation == "check":
        return repository.check()
    if operation == "extract":
        return Extraction(repository, target).run(snapshots[-1].root)
    for snapshot in snapshots:
        for entry in repository.entries(snapshot.root):
            for _ in repository.data(entry):
                pass
    return []


def verify(folder):
    """Yields every vector in a folder, and what is not as expected."""
    folder = Path(folder)
    if (folder / "expected.json").exists():
        yield str(folder), check_repository(folder)
        return
    for expected in sorted(folder.glob("**/expected.json")):
        yield str(expected.parent), check_repository(expected.parent)
    for faults in folder.glob("faults.json"):
        for fault in json.loads(faults.read_text()):
            yield f"{faults}: {fault['name']}", check_fault(folder, fault)
    for keys in sorted(folder.glob("**/keys.json")):
        world = World(json.loads(keys.read_text()))
        yield str(keys.parent / "derived.json"), check_derived(world, json.loads((keys.parent / "derived.json").read_text()))
        for kind in SHOW:
            path = keys.parent / f"{kind}.json"
            for case in json.loads(path.read_text())["cases"]:
                yield f"{path}: {case['name']}", check_case(world, kind, case)
