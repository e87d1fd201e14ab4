"""What is said about single objects in storage."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom._errors import Error


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something in storage that could not be read, used or removed, and why.

    Attributes:
        object: Its name or id.
        error: Why.
    """

    object: str
    error: Error


@dataclass(frozen=True, slots=True)
class ObjectNote:
    """An object in storage, and what is to be said about it.

    Attributes:
        object: Its name.
        detail: What there is to say.
    """

    object: str
    detail: str
