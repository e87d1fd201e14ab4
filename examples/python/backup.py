"""Backs up a folder, lists the snapshots, reads a file out of the newest one, and restores it all."""

from __future__ import annotations

import io
import sys

import strongroom


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit("backup.py SOURCE REPOSITORY TARGET")
    source, place, target = sys.argv[1:]
    passphrase = "correct horse battery staple"  # yours asks a person, or the platform's key store
    try:
        repository = strongroom.Repository.open(place, passphrase)
    except strongroom.NotFoundError:
        repository = strongroom.Repository.create(place, passphrase)

    with repository:
        report = repository.backup(source, program="backup.py", progress=show)
        print(f"\n{report.snapshot}: {report.files} files, {report.new_bytes} new bytes")
        for problem in report.problems:
            print(f"  {problem.path}: {problem.detail}")

        for snapshot in repository.snapshots():
            print(f"{snapshot.id[:8]}  {snapshot.received:%Y-%m-%d %H:%M}  {snapshot.counts.files} files")

        newest = repository.snapshot("latest")
        for entry in repository.find(newest, "*.md"):
            with io.TextIOWrapper(io.BufferedReader(repository.open_file(newest, entry.path)), "utf-8") as text:
                print(f"{entry.path}: {text.readline().strip()}")
            break

        restored = repository.restore(newest, target)
        print(f"restored {restored.files} files to {target}")


def show(progress: strongroom.Progress) -> None:
    print(f"\r{progress.phase.value}: {progress.entries} entries", end="", flush=True)


main()
