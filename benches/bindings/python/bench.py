"""Measures the Python binding beside other languages, all with the same arguments: `backup`, `restore`, `calls`."""

from __future__ import annotations

import sys
import time

import strongroom

PASSPHRASE = "correct horse battery staple"


def heard(progress: strongroom.Progress) -> None:
    """Hears of progress, as an app would."""


def main() -> None:
    verb, *arguments = sys.argv[1:]
    if verb == "backup":
        source, place = arguments
        state = place + ".state"
        try:
            repository = strongroom.Repository.open(place, PASSPHRASE, state_folder=state)
        except strongroom.NotFoundError:
            repository = strongroom.Repository.create(place, PASSPHRASE, state_folder=state)
        with repository:
            report = repository.backup(source, progress=heard)
            print(f"{report.snapshot} {report.files} files")
    elif verb == "restore":
        place, target = arguments
        with strongroom.Repository.open(place, PASSPHRASE, state_folder=place + ".state") as repository:
            print(f"{repository.restore(repository.snapshot(), target, progress=heard).files} files")
    elif verb == "calls":
        place, count = arguments
        with strongroom.Repository.open(place, PASSPHRASE, state_folder=place + ".state") as repository:
            snapshot = repository.snapshot().id
            path = next(
                entry.path
                for entry in repository.list(snapshot, recursive=True)
                if entry.kind is strongroom.EntryKind.FILE
            )
            began = time.perf_counter()
            for _ in range(int(count)):
                repository.entry(snapshot, path)
            print(f"{time.perf_counter() - began:.6f}")
    else:
        sys.exit(f"there is no verb {verb}: backup, restore, calls")


main()
