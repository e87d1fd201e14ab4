"""What docs/format.md says to writers, held against what the engine wrote."""

import json
import math
from functools import lru_cache

import pytest
from blake3 import blake3
from conftest import VECTORS
from format1 import crypto, pack, tree, vectors
from format1.repository import Repository
from format1.wire import padme

DERIVED = json.loads((VECTORS / "objects" / "derived.json").read_text())
EXPECTED = sorted(VECTORS.glob("repositories/*/expected.json"))
# The masks of the format document, from the one for 2^9 on.
MASKS = """
    0000019000353000 0000590003530000 0000d90003530000 0000d90103530000 0000d90303530000 0000d90313530000
    0000d90f03530000 0000d90303537000 0000d90703537000 0000d90707537000 0000d91707537000 0000d91747537000
    0000d91767537000 0000d93767537000 0000d93777537000 0000d93777577000
""".split()


def mask(bits):
    return int(MASKS[bits - 9], 16)


def cut(data, sizes, gear):
    """The length of the first chunk."""
    least, average, greatest = sizes
    length = min(len(data), greatest)
    if length <= least:
        return length
    bits = round(math.log2(average))
    strict, relaxed = mask(bits + 1), mask(bits - 1)
    value = 0
    for at in range(least, length - length % 2):
        value = (2 * value + gear[data[at]]) % 2**64
        if value & (strict if at < average else relaxed) == 0:
            return at
    return length


def gear_table(chunker_key):
    table = crypto.derive("gear table", chunker_key, length=2048)
    return [int.from_bytes(table[at : at + 8], "little") for at in range(0, 2048, 8)]


def chunks(data, sizes, gear):
    lengths = []
    while data:
        lengths.append(cut(data, sizes, gear))
        data = data[lengths[-1] :]
    return lengths


@pytest.mark.parametrize("case", DERIVED["chunks"], ids=lambda case: f"{case['length']} bytes")
def test_chunks_end_where_the_document_says(case):
    data = blake3(b"chunks").digest(length=case["length"])
    gear = gear_table(bytes.fromhex(DERIVED["chunker_key"]))
    assert chunks(data, case["sizes"], gear) == case["chunks"]


@lru_cache(maxsize=None)
def opened(path):
    expected = json.loads(path.read_text())
    return Repository(path.parent / "repository", vectors.secret_of(expected["secrets"][0]))


repositories = pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.parent.name)


@repositories
def test_content_is_cut_or_inlined(path):
    repository = opened(path)
    gear = gear_table(repository.bundle.chunker_key)
    for snapshot in repository.snapshots():
        for entry in repository.entries(snapshot.root):
            if isinstance(entry.content, bytes):
                assert len(entry.content) <= repository.config.inline
            elif entry.content is not None:
                data = b"".join(repository.data(entry))[:200_000]
                assert entry.data_length > repository.config.inline
                lengths = []
                for run in repository.runs(entry.content, entry.data_length):
                    blobs = repository.segment(run.segment)[run.first : run.first + run.count]
                    lengths += [len(blob) for blob in blobs]
                # The last chunk of a part of the data is not that of the whole.
                found = chunks(data, repository.config.chunks, gear)[:-1]
                assert lengths[: len(found)] == found


def weight(entry):
    value = 24 + (len(entry.names[-1]) if entry.names else 0) + 4 * len(entry.holes)
    value += sum(len(name) + len(value) + 2 for name, value in entry.xattrs) + len(entry.target or b"")
    if isinstance(entry.content, bytes):
        return value + len(entry.content)
    return value + (36 * min(entry.size >> 20, 64) if entry.content else 0)


@repositories
def test_nodes_end_where_the_document_says(path):
    repository = opened(path)
    key = crypto.derive("tree boundary", repository.bundle.id_key)
    target = repository.config.node

    def ends(level, element_key, element_weight, total):
        if total >= 4 * target:
            return True
        value = int.from_bytes(crypto.keyed(key, bytes([level]) + element_key)[:8], "little")
        bound = min((2**64 - 1) // target * element_weight, 2**64 - 1)
        return total >= target // 4 and value < bound

    def split(level, elements):
        """Elements of a level, each with its key and weight, in nodes."""
        nodes, node, total = [], [], 0
        for element_key, element_weight in elements:
            total += element_weight
            enough = level == 0 or len(node) > 1
            node.append(element_key)
            if enough and ends(level, element_key, element_weight, total):
                nodes.append(node)
                node, total = [], 0
        return nodes + [node] if node or not nodes else nodes

    depths = set()
    for snapshot in repository.snapshots():
        levels = {}
        collect(repository, snapshot.root, levels)
        for level, nodes in levels.items():
            if level == 0:
                elements = [(entry.key, weight(entry)) for node in nodes for entry in node]
                keys = [[entry.key for entry in node] for node in nodes]
            else:
                elements = [(child.first, len(child.first) + 44) for node in nodes for child in node]
                keys = [[child.first for child in node] for node in nodes]
            assert split(level, elements) == keys
            for node in nodes if level else []:
                assert all(child_totals(repository, child) == child[2:] for child in node)
        assert len(levels[max(levels)]) == 1
        depths.add(max(levels))
    if path.parent.name == "large":
        assert min(depths) >= 2


def collect(repository, blob, levels):
    level, elements = tree.decode_node(repository.tree_blob(blob))
    levels.setdefault(level, []).append(elements)
    for child in elements if level else []:
        collect(repository, child.id, levels)


def child_totals(repository, child):
    entries = list(repository.entries(child.id))
    return len(entries), sum(entry.kind == "file" for entry in entries), sum(entry.size for entry in entries)


@repositories
def test_run_lists_end_where_the_document_says(path):
    repository = opened(path)
    levels = set()
    for snapshot in repository.snapshots():
        for entry in repository.entries(snapshot.root):
            if isinstance(entry.content, list):
                assert len(entry.content) <= 32
                for run, after in zip(entry.content, entry.content[1:]):
                    assert (run.segment, run.first + run.count) != (after.segment, after.first)
            elif isinstance(entry.content, tree.RunLists):
                check_lists(repository, entry.content.id)
                levels.add(entry.content.levels)
    if path.parent.name == "large":
        assert levels == {1, 2}


def check_lists(repository, blob, last=True):
    level, elements = tree.decode_run_list(repository.tree_blob(blob))
    ids = [element.segment if level == 1 else element.id for element in elements]
    for length, found in enumerate(ids, 1):
        ends = length >= 2048 or (length >= 128 and int.from_bytes(found[:4], "little") % 512 == 0)
        assert ends == (length == len(ids)) or (last and length == len(ids))
    for child in elements if level > 1 else []:
        check_lists(repository, child.id, last and child is elements[-1])


@repositories
def test_packs_and_index_objects_are_padded(path):
    """No pack of these repositories is full."""
    repository = opened(path)
    for folder in ("packs", "index"):
        for listed in repository.storage.list(folder):
            assert padme(listed.length) == listed.length


@repositories
def test_blobs_are_stored_once(path):
    repository = opened(path)
    seen = set()
    for listed in repository.storage.list("packs"):
        _, contents, _ = repository.pack_contents(listed.name)
        counters = [segment.counter for segment in contents.segments]
        assert len(set(counters)) == len(counters)
        for segment in contents.segments:
            assert seen.isdisjoint(segment.blobs)
            seen.update(segment.blobs)
            assert segment.compression == pack.ZSTD or segment.raw_length == segment.stored_length - 16


def test_padding():
    # From the paper's rule, by another way: keep the highest bits and round up.
    for length in [*range(1, 5000), 2**20 + 1, 2**40 - 1]:
        exponent = math.floor(math.log2(length)) if length < 2**40 else 40
        kept = math.floor(math.log2(exponent)) + 1 if exponent else 0
        step = 2 ** (exponent - kept) if exponent >= kept else 1
        if exponent == 39:
            continue
        assert padme(length) == -(-length // step) * step
