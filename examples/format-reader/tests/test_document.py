"""The worked example of docs/format.md shows what the vectors hold."""

import json
import re

from conftest import VECTORS


def test_worked_example():
    text = (VECTORS.parent / "format.md").read_text().split("## A worked example")[1]
    tables = [re.findall(r"^\| (\d+) \| `([0-9a-f …]+)` \|", table, re.M) for table in text.split("| offset |")[1:]]
    config = json.loads((VECTORS / "objects/config.json").read_text())["cases"][0]
    nodes = json.loads((VECTORS / "objects/node.json").read_text())["cases"]
    leaf = next(case for case in nodes if case["name"] == "two runs, the second where the first ends")
    for table, case in zip(tables, (config, leaf)):
        data = bytes.fromhex(case["bytes"])
        ends = [int(offset) for offset, _ in table[1:]] + [len(data)]
        for (offset, shown), end in zip(table, ends):
            piece = data[int(offset) : end]
            begin, _, rest = shown.partition("…")
            assert piece.startswith(bytes.fromhex(begin)) and piece.endswith(bytes.fromhex(rest))
            assert "…" in shown or len(bytes.fromhex(begin)) == len(piece)
