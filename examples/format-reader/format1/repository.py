"""A repository on a local folder: opening it, its snapshots, its index, trees and content."""

import os
import re
from collections import OrderedDict, namedtuple

from . import crypto, pack, tree
from .errors import FormatError, corrupt, untrusted
from .keys import OWNER, READER, Config, DeviceKey, DeviceList, Devices, Slot, list_name
from .snapshots import Checkpoint, Lease, Mark, Snapshot

FOLDERS = "keys devices packs index snapshots marks sessions".split()
FILE_NAME = re.compile(r"[a-z0-9-][a-z0-9.-]{0,127}")
MAX_TRIES = 32
MAX_SKIPPED = 1024
KEPT_SEGMENTS = 16
# Sequences of marks from here on are the owners' alone.
OWNERS_FROM = 2**63

Place = namedtuple("Place", "pack segment")
Listed = namedtuple("Listed", "name file length received")


def hold(marks):
    """The hold of a snapshot by its marks, as (role, sequence, hold_until): that of the newest, and at least that of
    the owners' newest."""

    def newest(marks):
        top = max((sequence for _, sequence, _ in marks), default=None)
        return [until for _, sequence, until in marks if sequence == top and until is not None]

    return max(newest(marks) + newest([mark for mark in marks if mark[0] == OWNER]), default=None)


class Storage:
    """Objects as files in a folder."""

    def __init__(self, root):
        self.root = os.fspath(root)

    def path(self, name):
        folder, _, file = name.rpartition("/")
        shard = file[:2] if folder == "packs" else ""
        return os.path.join(self.root, folder, shard, file)

    def list(self, folder):
        top = os.path.join(self.root, folder)
        try:
            places = [entry.path for entry in os.scandir(top) if entry.is_dir()] if folder == "packs" else [top]
            files = [entry for place in places for entry in os.scandir(place) if entry.is_file()]
        except FileNotFoundError:
            return []
        found = []
        for entry in files:
            if FILE_NAME.fullmatch(entry.name):
                status = entry.stat()
                found.append(Listed(f"{folder}/{entry.name}", entry.name, status.st_size, divmod(status.st_mtime_ns, 10**9)))
        return sorted(found)

    def length(self, name):
        try:
            return os.stat(self.path(name)).st_size
        except FileNotFoundError as error:
            raise FormatError("not_found", "there is no such object", name) from error

    def read(self, name, start, end):
        length = self.length(name)
        if not 0 <= start <= end <= length:
            raise corrupt(f"it has {length} bytes; bytes {start} to {end} were needed", name)
        with open(self.path(name), "rb") as file:
            file.seek(start)
            data = file.read(end - start)
        if len(data) != end - start:
            raise corrupt("the storage returned another length than it said", name)
        return data

    def read_whole(self, name, most):
        length = self.length(name)
        if length > most:
            raise corrupt(f"it is {length} bytes long; objects of its kind have at most {most}", name)
        return self.read(name, 0, length)


class PackFile:
    """A pack as `pack.read_contents` wants it."""

    def __init__(self, storage, name):
        self.storage, self.name, self.length = storage, name, storage.length(name)

    def read(self, start, end):
        return self.storage.read(self.name, start, end)


class Repository:
    def __init__(self, root, secret):
        self.storage = Storage(root)
        self.problems = []
        try:
            self.config = Config(self.storage.read_whole("config", Config.MAX_LENGTH))
        except FormatError as error:
            raise error.named("config") from error
        self.bundle = self._open_slot(secret)
        if self.bundle.owner != self.config.owner:
            raise untrusted("it is signed by another owner than the one the key slot names", "config")
        self.id = self.bundle.repository
        self.ids = pack.Ids(self.bundle.id_key) if self.bundle.id_key else None
        self.devices = self._devices()
        self._catch_up(secret)
        self._blobs = self._segments = None
        self._session_keys = {}
        self._open = OrderedDict()

    # Keys and devices

    def _open_slot(self, secret):
        """Tries the slots that fit, newest first, then oldest first, as many as are allowed."""
        slots, broken, skipped = [], None, None
        names = self.storage.list("keys")
        if not names:
            raise corrupt("it has no key slots", "keys")
        for listed in names:
            try:
                slots.append((listed, self._read_slot(listed)))
            except FormatError as error:
                skipped = skipped or error.named(listed.name)
        slots = [pair for pair in slots if pair[1].repository == self.config.repository and secret.fits(pair[1])]
        slots.sort(key=lambda pair: ([-part for part in pair[0].received], -pair[1].epoch, pair[0].file))
        for listed, slot in slots[:MAX_TRIES] + slots[MAX_TRIES:][-MAX_TRIES:]:
            try:
                slot.verify(self.config.owner)
                return slot.open(secret.kek(slot))
            except FormatError as error:
                if error.kind != "wrong_key":
                    broken = broken or error.named(listed.name)
        if broken or (skipped and not slots):
            raise broken or skipped
        raise FormatError("wrong_key", "it opens none of the key slots")

    def _catch_up(self, secret):
        """Takes the keys of the epochs that began after the slot was made, as far as the holder was handed them."""
        bundle, epoch = self.bundle, self.devices.epoch
        if bundle.newest > epoch:
            raise untrusted(f"epoch {epoch} is older than the key: newer lists are withheld", "devices")
        if bundle.role == OWNER:
            bundle.derive_to(epoch)
            return
        if not isinstance(secret, DeviceKey):
            if bundle.kem_seed is None:
                return
            secret = DeviceKey.of_seeds(bundle.signing_seed, bundle.kem_seed)
        for listed in self.storage.list("keys"):
            try:
                slot = self._read_slot(listed)
                if slot.repository == self.id and secret.fits(slot) and slot.epoch > bundle.newest:
                    slot.verify(bundle.owner)
                    bundle.take(slot.open(secret.kek(slot)))
            except FormatError as error:
                self.problems.append(error.named(listed.name))

    def _read_slot(self, listed):
        slot = Slot(self.storage.read_whole(listed.name, Slot.MAX_LENGTH))
        if slot.id.hex() != listed.file:
            raise corrupt("it is another slot than its name says")
        return slot

    def epoch(self, number, content=True):
        """The keys of an epoch; `content` asks for the one that opens content, too."""
        epoch = self.bundle.epochs.get(number)
        if epoch is None:
            raise FormatError("forbidden", f"the key does not reach epoch {number}")
        if content and epoch.data is None:
            raise FormatError("forbidden", "this needs a reader's or owner's key")
        return epoch

    def _devices(self):
        devices, skipped, found = Devices(self.bundle), 0, []
        for listed in self.storage.list("devices"):
            if re.fullmatch("[0-9a-f]{8}-[0-9a-f]{16}", listed.file):
                found.append((int(listed.file[:8], 16), listed))
            else:
                skipped += 1
        for generation, listed in sorted(found, reverse=True):
            if generation + 1 < devices.generation:
                break
            try:
                data = self.storage.read_whole(listed.name, DeviceList.MAX_LENGTH)
                found_list = DeviceList(data, self.bundle.owner)
            except FormatError as error:
                self.problems.append(error.named(listed.name))
                skipped += 1
                continue
            try:
                # From here on it is the owner's: what is wrong with it must not be skipped.
                found_list.decode()
            except FormatError as error:
                raise error.named(listed.name)
            if found_list.repository == self.id and listed.file == list_name(found_list.generation, data):
                devices.merge(found_list, listed.received)
            else:
                self.problems.append(corrupt("it is a list of another place", listed.name))
                skipped += 1
        if skipped > MAX_SKIPPED:
            raise FormatError("limit_exceeded", "there are too many objects that are no device lists", "devices")
        return devices

    # Snapshots

    def _envelope(self, kind, listed, hashed=True):
        data = self.storage.read(listed.name, 0, min(listed.length, kind.MAX_LENGTH + 1))
        if hashed and listed.length <= kind.MAX_LENGTH and crypto.name(data).hex() != listed.file:
            raise corrupt("its bytes are not what its name says")
        return kind(data, self.id, self.epoch, self.devices, listed.received)

    def snapshots(self):
        """All sound snapshots, oldest first, with the tags and description that count. What is not sound ends up
        in `problems`."""
        marks, holds = {}, {}
        for listed in self.storage.list("marks"):
            try:
                mark = self._envelope(Mark, listed)
                role = self.devices.role(mark.device)
                if role not in (READER, OWNER) or (role == READER and mark.sequence >= OWNERS_FROM):
                    raise untrusted("its device may not write it")
                mark.rank = (mark.sequence, listed.file)
                if mark.snapshot not in marks or marks[mark.snapshot][0].rank < mark.rank:
                    marks[mark.snapshot] = mark, listed
                holds.setdefault(mark.snapshot, []).append((role, mark.sequence, mark.hold_until))
            except FormatError as error:
                self.problems.append(error.named(listed.name))
        snapshots = []
        for listed in self.storage.list("snapshots"):
            try:
                snapshot = self._envelope(Snapshot, listed)
                snapshot.id = bytes.fromhex(listed.file)
                snapshot.hold_until = None
                snapshot.body = None
                if snapshot.epoch.data is not None:
                    snapshot.body = snapshot.open_body()
                snapshots.append(snapshot)
            except FormatError as error:
                self.problems.append(error.named(listed.name))
                continue
            mark, listed = marks.get(snapshot.id, (None, None))
            if mark is None:
                continue
            snapshot.hold_until = hold(holds[snapshot.id])
            if snapshot.body is not None:
                try:
                    body = mark.open_body()
                    snapshot.body.tags, snapshot.body.description = body.tags, body.description
                except FormatError as error:
                    self.problems.append(error.named(listed.name))
        return sorted(snapshots, key=lambda snapshot: (snapshot.time, snapshot.id))

    def snapshot(self, spec):
        """`latest`, or the one whose id begins like this."""
        snapshots = self.snapshots()
        if spec != "latest":
            snapshots = [snapshot for snapshot in snapshots if snapshot.id.hex().startswith(spec)]
            if len(snapshots) > 1:
                raise FormatError("invalid_argument", "several snapshots begin like this", spec)
        if not snapshots:
            raise FormatError("not_found", "there is no such snapshot", spec)
        return snapshots[-1]

    def sessions(self):
        """Leases and checkpoints, with their names."""
        found = []
        for listed in self.storage.list("sessions"):
            try:
                match = re.fullmatch("([0-9a-f]{32})([-.])([0-9a-f]{8})", listed.file)
                if not match:
                    raise corrupt("it is named neither like a lease nor like a checkpoint")
                value = self._envelope(Lease if match[2] == "-" else Checkpoint, listed, hashed=False)
                if (value.session.hex(), value.sequence) != (match[1], int(match[3], 16)):
                    raise corrupt("it is another object than its name says")
                found.append((listed.name, value))
            except FormatError as error:
                self.problems.append(error.named(listed.name))
        return found

    # Where things are

    def index_objects(self):
        """The index objects that count, with their names: not those that another one supersedes."""
        found = []
        for listed in self.storage.list("index"):
            try:
                if listed.length > pack.MAX_INDEX:
                    raise corrupt("it is longer than any index may be")
                data = self.storage.read(listed.name, 0, listed.length)
                if crypto.name(data).hex() != listed.file:
                    raise corrupt("its bytes are not what its name says")
                found.append((listed.name, pack.IndexObject(data, self.id, self.epoch)))
            except FormatError as error:
                self.problems.append(error.named(listed.name))
        superseded = {f"index/{index_id.hex()}" for _, index in found for index_id in index.supersedes}
        return [(name, index) for name, index in found if name not in superseded]

    def pack_contents(self, name):
        try:
            return pack.read_contents(PackFile(self.storage, name), self.id, self.epoch)
        except FormatError as error:
            raise error.named(name)

    def load_index(self):
        """Reads the index; where there is none, the footers of all packs."""
        if self._blobs is not None:
            return
        self._blobs, self._segments = {}, {}
        objects = self.index_objects()
        for _, found in objects:
            for pack_id, _, contents in found.packs:
                self._add(f"packs/{pack_id.hex()}", contents)
        if not objects:
            for listed in self.storage.list("packs"):
                try:
                    self._add(listed.name, self.pack_contents(listed.name)[1])
                except FormatError as error:
                    self.problems.append(error.named(listed.name))

    def _add(self, name, contents):
        for segment in contents.segments:
            places = self._segments.setdefault(segment.id, [])
            if all(place.pack != name for place in places):
                places.append(Place(name, segment))
            for position, blob in enumerate(segment.blobs):
                self._blobs.setdefault(blob, (segment.id, position, segment.kind))

    # Content

    def open_segment(self, place):
        """The blobs of the segment that lies here, verified."""
        name, segment = place
        try:
            if segment.session not in self._session_keys:
                most = min(segment.offset, pack.FIXED_HEADER + pack.MAX_SESSIONS * pack.SESSION_ENTRY)
                head = pack.PackHeader(self.storage.read(name, 0, most), self.id)
                self._session_keys[segment.session] = head.session_key(segment.session, self.id, self.epoch)
            sealed = self.storage.read(name, segment.offset, segment.offset + segment.stored_length)
            return segment.open(sealed, self._session_keys[segment.session], self.id, self.ids)
        except FormatError as error:
            raise error.named(name)

    def segment(self, segment_id):
        """The blobs of a segment, from wherever a copy of it is sound."""
        if segment_id in self._open:
            self._open.move_to_end(segment_id)
            return self._open[segment_id]
        self.load_index()
        first = None
        for place in self._segments.get(segment_id, []):
            try:
                blobs = self.open_segment(place)
                break
            except FormatError as error:
                first = first or error
        else:
            raise first or FormatError("not_found", "no pack in the index holds it", segment_id.hex())
        self._open[segment_id] = blobs
        if len(self._open) > KEPT_SEGMENTS:
            self._open.popitem(last=False)
        return blobs

    def tree_blob(self, blob_id):
        self.load_index()
        if blob_id not in self._blobs:
            raise FormatError("not_found", "no pack in the index holds it", blob_id.hex())
        segment, position, kind = self._blobs[blob_id]
        if kind != pack.TREE:
            raise corrupt("the index lists it as file content", blob_id.hex())
        blobs = self.segment(segment)
        if position >= len(blobs) or self.ids.blob(blobs[position]) != blob_id:
            raise corrupt("the index names another blob", blob_id.hex())
        return blobs[position]

    def entries(self, root, report=None):
        """The entries of a tree in ascending order. With `report`, errors are given to it and the walk goes on."""

        def walk(blob_id, parent, end):
            level, elements = tree.decode_node(self.tree_blob(blob_id))
            keys = [element.key if level == 0 else element.first for element in elements]
            if parent is not None:
                above, child = parent
                if level != above - 1:
                    raise corrupt("a node is not one level below its parent")
                if keys[:1] != [child.first]:
                    raise corrupt("a node does not begin with the path its parent says")
                if end is not None and keys[-1] >= end:
                    raise corrupt("a node reaches into the next one")
            if level == 0:
                yield from elements
                return
            for child, behind in zip(elements, keys[1:] + [end]):
                yield from guarded(child.id, (level, child), behind)

        def guarded(blob_id, parent, end):
            try:
                yield from walk(blob_id, parent, end)
            except FormatError as error:
                error.named(f"node {blob_id.hex()}")
                if report is None:
                    raise
                report(error)

        return guarded(root, None, None)

    def runs(self, content, length):
        """The runs of a file's content."""
        if isinstance(content, list):
            yield from content
            return

        def walk(child, level):
            found, elements = tree.decode_run_list(self.tree_blob(child.id))
            if found != level:
                raise corrupt("it is not of the level its parent says", child.id.hex())
            if sum(element.bytes for element in elements) != child.bytes:
                raise corrupt("it does not hold as many bytes as its parent says", child.id.hex())
            for element in elements:
                if level == 1:
                    yield element
                else:
                    yield from walk(element, level - 1)

        yield from walk(tree.ListChild(content.id, length), content.levels)

    def data(self, entry):
        """The bytes of a file between its holes, piece by piece."""
        if entry.content is None:
            return
        if isinstance(entry.content, bytes):
            yield entry.content
            return
        for run in self.runs(entry.content, entry.data_length):
            blobs = self.segment(run.segment)
            if run.first + run.count > len(blobs):
                raise corrupt("its segment has no such blob", run.segment.hex())
            piece = b"".join(blobs[run.first : run.first + run.count])
            if len(piece) != run.bytes:
                raise corrupt("a run does not hold as many bytes as it says", run.segment.hex())
            yield piece

    def pieces(self, entry):
        """The data of a file as pairs of offset and bytes."""
        stops = [*entry.holes, (entry.size, 0)]
        offset = 0
        for piece in self.data(entry):
            while piece:
                while offset == stops[0][0] and stops[0][1]:
                    offset += stops.pop(0)[1]
                part = piece[: stops[0][0] - offset]
                yield offset, part
                offset += len(part)
                piece = piece[len(part) :]

    def check(self):
        """Reads and verifies every object and every file. Returns what is wrong."""
        snapshots = self.snapshots()
        self.sessions()
        for listed in self.storage.list("keys"):
            try:
                slot = self._read_slot(listed)
                if slot.repository != self.id:
                    raise corrupt("it belongs to another repository")
                slot.verify(self.bundle.owner)
            except FormatError as error:
                self.problems.append(error.named(listed.name))
        footers = {}
        for listed in self.storage.list("packs"):
            try:
                self._check_pack(listed, footers)
            except FormatError as error:
                self.problems.append(error.named(listed.name))
        for name, index in self.index_objects():
            for pack_id, _, contents in index.packs:
                footer = footers.get(f"packs/{pack_id.hex()}")
                if footer is not None and footer != contents:
                    self.problems.append(corrupt("it lists a pack otherwise than the pack's footer", name))
        for snapshot in snapshots:
            for entry in self.entries(snapshot.root, self.problems.append):
                try:
                    for _ in self.data(entry):
                        pass
                except FormatError as error:
                    self.problems.append(error.named(entry.path.decode(errors="replace")))
        seen, problems = set(), []
        for problem in self.problems:
            if str(problem) not in seen:
                seen.add(str(problem))
                problems.append(problem)
        return problems

    def _check_pack(self, listed, footers):
        data = self.storage.read(listed.name, 0, listed.length)
        if crypto.name(data).hex() != listed.file:
            raise corrupt("its bytes are not what its name says")
        _, contents, references = self.pack_contents(listed.name)
        footers[listed.name] = contents
        for segment in contents.segments:
            blobs = self.open_segment(Place(listed.name, segment))
            if [self.ids.blob(blob) for blob in blobs] != segment.blobs:
                raise corrupt("its footer lists other blobs than its segments hold")
            if segment.kind == pack.TREE:
                for blob in blobs:
                    wanted = references_of(blob)
                    if sorted(references.pop(0)) != sorted(wanted):
                        raise corrupt("its footer lists other references than its tree blobs have")


def references_of(blob):
    """What a tree blob refers to: pairs of a kind (0 segment, 1 tree blob) and an id, each once."""
    if blob[0] == tree.RUN_LIST:
        level, elements = tree.decode_run_list(blob)
        return {(0, run.segment) for run in elements} if level == 1 else {(1, child.id) for child in elements}
    level, elements = tree.decode_node(blob)
    if level > 0:
        return {(1, child.id) for child in elements}
    found = set()
    for entry in elements:
        if isinstance(entry.content, list):
            found.update((0, run.segment) for run in entry.content)
        elif isinstance(entry.content, tree.RunLists):
            found.add((1, entry.content.id))
    return found
