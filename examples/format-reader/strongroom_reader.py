#!/usr/bin/env python3
"""Reads Strongroom repositories of format 1 without Strongroom's own code. See README.md."""

import argparse
import getpass
import json
import os
import sys

from format1.errors import FormatError
from format1.extract import Extraction
from format1.keys import DeviceKey, Passphrase, RecoveryCode
from format1.repository import Repository


def secret(arguments):
    if arguments.device_key:
        with open(arguments.device_key, "rb") as file:
            return DeviceKey(file.read())
    if arguments.recovery_code_file:
        with open(arguments.recovery_code_file) as file:
            return RecoveryCode(file.read().strip())
    if arguments.passphrase_file:
        with open(arguments.passphrase_file, "rb") as file:
            return Passphrase(file.read().rstrip(b"\r\n"))
    if "STRONGROOM_PASSPHRASE" in os.environb_or_environ:
        return Passphrase(os.environb_or_environ["STRONGROOM_PASSPHRASE"])
    return Passphrase(getpass.getpass("Passphrase: ").encode())
