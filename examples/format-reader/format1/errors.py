"""What a reader refuses, by the kinds of docs/format.md, section "What is refused, and as what"."""


class FormatError(Exception):
    """Something was refused. `kind` is one of the kinds of the format document."""

    def __init__(self, kind, detail, name=None):
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.name = name

    def named(self, name):
        """Names the object it is about, unless one is named already."""
        if self.name is None:
            self.name = str(name)
        return self

    def __str__(self):
        place = f"{self.name}: " if self.name else ""
        return f"{place}{self.detail} ({self.kind})"


def corrupt(detail, name=None):
    return FormatError("corrupt", detail, name)


def unsupported(detail, name=None):
    return FormatError("unsupported", detail, name)


def untrusted(detail, name=None):
    return FormatError("untrusted", detail, name)
