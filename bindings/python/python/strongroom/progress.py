"""Ready listeners for progress bars: pass one as `progress=` to any operation.

with TqdmProgress() as bar:
    repository.backup("/home/me", progress=bar)
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from strongroom._enums import Phase
from strongroom._records import Progress

if TYPE_CHECKING:
    import rich.progress

__all__ = ["RichProgress", "TqdmProgress", "describe"]

_WORDS = {
    Phase.PREPARING: "Preparing",
    Phase.BACKING_UP: "Backing up",
    Phase.RESTORING: "Restoring",
    Phase.CHECKING: "Checking",
    Phase.COPYING: "Copying",
    Phase.INDEXING: "Indexing",
    Phase.FINISHING: "Finishing",
    Phase.REENCRYPTING: "Re-encrypting",
}


def describe(progress: Progress) -> str:
    """What is being done, in a word or two."""
    return _WORDS[progress.phase]


class TqdmProgress:
    """Shows progress on a `tqdm` bar. Keyword arguments go to `tqdm`."""

    def __init__(self, **options: Any) -> None:
        from tqdm.auto import tqdm

        chosen: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024} | options
        self.bar: Any = tqdm(**chosen)

    def __call__(self, progress: Progress) -> None:
        self.bar.set_description(describe(progress), refresh=False)
        if progress.total_bytes is not None:
            self.bar.total = max(progress.total_bytes, progress.bytes)
        self.bar.set_postfix(entries=progress.entries, refresh=False)
        self.bar.update(progress.bytes - self.bar.n)

    def close(self) -> None:
        """Leaves the bar as it is."""
        self.bar.close()

    def __enter__(self) -> TqdmProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RichProgress:
    """Shows progress as a task of a `rich.progress.Progress`: one of its own, or one of yours beside other tasks."""

    def __init__(self, display: rich.progress.Progress | None = None) -> None:
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
        from rich.progress import Progress as Display

        self._is_own = display is None
        self.display: rich.progress.Progress = display or Display(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        )
        self.task: rich.progress.TaskID = self.display.add_task("Preparing", total=None)
        if self._is_own:
            self.display.start()

    def __call__(self, progress: Progress) -> None:
        self.display.update(
            self.task, description=describe(progress), completed=progress.bytes, total=progress.total_bytes
        )

    def close(self) -> None:
        """Leaves the display as it is."""
        if self._is_own:
            self.display.stop()

    def __enter__(self) -> RichProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
