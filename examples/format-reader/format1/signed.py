"""Signed objects: the header, one CBOR map, and the signature in its last 67 bytes."""

from . import crypto
from .errors import corrupt
from .wire import HEADER, Fields, header, strip

TAIL = b"\x0f\x58\x40"


class Signed:
    def __init__(self, data, kind):
        body = strip(data, kind)
        if len(body) < 68 or body[-67:-64] != TAIL:
            raise corrupt("it does not end with a signature")
        if not 0xA1 <= body[0] <= 0xB7:
            raise corrupt("it is not a small CBOR map")
        self.message = header(kind) + bytes([body[0] - 1]) + body[1:-67]
        self.signature = body[-64:]

    def fields(self):
        return Fields.of(self.message[HEADER:])

    def verify(self, public, context):
        crypto.verify(public, context, self.message, self.signature)
