"""Storage that an app implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What storage knows of an object.

    Attributes:
        name: Its whole name, such as `packs/3f…`.
        length: Its length in bytes.
        modified: When storage received it, by the storage's clock; a `datetime`, or nanoseconds since 1970.
    """

    name: str
    length: int
    modified: datetime | int


class ObjectStore(ABC):
    """Storage of your own: a database, an upload service, a dictionary.

    Names are `config`, or a folder, `/` and a file name of lower-case letters, digits, `-` and `.`. Objects are created
    once and never changed. All calls may come from several threads at once.

    Raise `NotFoundError`, `FileNotFoundError` or `KeyError` for what is not there, `AlreadyExistsError` or
    `FileExistsError` for a name that is taken, `UnavailableError`, `TimeoutError` or `ConnectionError` for what may
    pass. Anything else you raise comes out of the call that was under way as it is.
    """

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Stores `data` under `name`, durably and all or nothing. A name that is taken is an error."""

    @abstractmethod
    def read(self, name: str, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset` on."""

    @abstractmethod
    def stat(self, name: str) -> ObjectInfo:
        """Length and storage time of an object."""

    @abstractmethod
    def list(self, folder: str) -> Iterable[ObjectInfo]:
        """Every object of one folder, in any order. The folder `""` is the root, where `config` is."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Removes an object. Removing one that does not exist succeeds."""

    def location(self) -> str:
        """For messages: where this is, without any secret."""
        return type(self).__name__

    def settling(self) -> float:
        """For how many seconds after a call listings elsewhere may not show what it did; 0 for most storage."""
        return 0.0
