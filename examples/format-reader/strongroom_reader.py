#!/usr/bin/env python3
"""Reads Strongroom repositories of format 1 without Strongroom's own code. See README.md."""

import argparse
import datetime
import getpass
import os
import stat
import sys

from format1.errors import FormatError
from format1.extract import Extraction
from format1.keys import DeviceKey, Passphrase, RecoveryCode
from format1.repository import Repository
from format1.vectors import verify

TYPES = dict(zip("file directory symlink fifo socket char_device block_device".split(), "-dlpscb"))


def main():
    parser = argparse.ArgumentParser(description="Reads Strongroom repositories of format 1.")
    parser.add_argument("repository", help="the repository's folder; for verify-vector, docs/vectors or a part of it")
    secrets = parser.add_mutually_exclusive_group()
    secrets.add_argument("--passphrase-file", help="file with the passphrase in its first line")
    secrets.add_argument("--recovery-code-file", help="file with a recovery code in its first line")
    secrets.add_argument("--device-key", help="file with a device key")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("snapshots", help="list snapshots, oldest first")
    commands.add_parser("ls", help="list the entries of a snapshot").add_argument("snapshot", help="id, or 'latest'")
    commands.add_parser("cat", help="write a file to the output").add_argument("file", help="SNAPSHOT:PATH")
    extract = commands.add_parser("extract", help="put all files of a snapshot into a new folder")
    extract.add_argument("snapshot")
    extract.add_argument("target")
    commands.add_parser("check", help="read and verify everything")
    commands.add_parser("verify-vector", help="compare with the expectations of test vectors")
    arguments = parser.parse_args()
    try:
        return run(arguments)
    except FormatError as error:
        print(f"strongroom_reader: {error}", file=sys.stderr)
        return 1


def run(arguments):
    if arguments.command == "verify-vector":
        failures = 0
        for place, fault in verify(arguments.repository):
            failures += fault is not None
            print(f"{place}: {fault or 'as expected'}")
        return 1 if failures else 0
    repository = Repository(arguments.repository, secret(arguments))
    problems = repository.problems
    if arguments.command == "snapshots":
        for snapshot in repository.snapshots():
            print(describe(snapshot))
    elif arguments.command == "ls":
        for entry in repository.entries(repository.snapshot(arguments.snapshot).root, problems.append):
            write(list_line(entry))
    elif arguments.command == "cat":
        spec, _, path = arguments.file.partition(":")
        cat(repository, repository.snapshot(spec), os.fsencode(path))
    elif arguments.command == "extract":
        snapshot = repository.snapshot(arguments.snapshot)
        problems = problems + Extraction(repository, arguments.target).run(snapshot.root)
    elif arguments.command == "check":
        problems = repository.check()
        print(f"{len(problems)} problems")
    for problem in problems:
        print(f"strongroom_reader: {problem}", file=sys.stderr)
    return 3 if problems else 0


def secret(arguments):
    if arguments.device_key:
        with open(arguments.device_key, "rb") as file:
            return DeviceKey(file.read())
    if arguments.recovery_code_file:
        return RecoveryCode(first_line(arguments.recovery_code_file).decode())
    if arguments.passphrase_file:
        return Passphrase(first_line(arguments.passphrase_file))
    if os.environ.get("STRONGROOM_PASSPHRASE"):
        return Passphrase(os.fsencode(os.environ["STRONGROOM_PASSPHRASE"]))
    return Passphrase(getpass.getpass("Passphrase: ").encode())


def first_line(path):
    with open(path, "rb") as file:
        return file.readline().rstrip(b"\r\n")


def write(line):
    sys.stdout.buffer.write(line + b"\n")


def moment(seconds):
    try:
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return f"@{seconds}"


def describe(snapshot):
    parts = [snapshot.id.hex(), moment(snapshot.time[0]), f"{snapshot.counts['entries']} entries", snapshot.outcome]
    if snapshot.body is not None:
        parts += [snapshot.body.host, ",".join(snapshot.body.tags)]
        parts += [path.decode(errors="backslashreplace") for path in snapshot.body.paths]
    return "  ".join(parts)


def list_line(entry):
    mode = TYPES[entry.kind] + stat.filemode(entry.mode)[1:]
    uid, gid, user, group = entry.owner
    line = f"{mode} {user or uid} {group or gid} {entry.size:>12} {moment(entry.modified[0])} ".encode()
    line += entry.path or b"."
    return line if entry.target is None else line + b" -> " + entry.target


def cat(repository, snapshot, path):
    wanted = b"\0".join(name for name in path.split(b"/") if name)
    for entry in repository.entries(snapshot.root):
        if entry.key == wanted:
            break
    else:
        raise FormatError("not_found", "the snapshot has no such path", os.fsdecode(path))
    if entry.kind != "file":
        raise FormatError("invalid_argument", f"it is a {entry.kind}", os.fsdecode(path))
    end = 0
    for offset, piece in repository.pieces(entry):
        zeros(offset - end)
        sys.stdout.buffer.write(piece)
        end = offset + len(piece)
    zeros(entry.size - end)
    sys.stdout.buffer.flush()


def zeros(length):
    while length > 0:
        length -= sys.stdout.buffer.write(bytes(min(length, 1 << 20)))


if __name__ == "__main__":
    sys.exit(main())
