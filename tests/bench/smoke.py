#!/usr/bin/env python3
"""The benchmark in small, as a test: every part prints its rows, every figure is one, tables and plots come of them. That what the ideal server and cofferd
seal can be opened, and a changed bit not, the programs check themselves before they measure. usage: smoke.py BUILD PARTS"""
import copy
import json
import os
import subprocess
import sys
import tempfile
import xml.dom.minidom

HERE = os.path.dirname(os.path.abspath(__file__))

# What a part has to have: fields that its records show in every combination that is listed.
ROWS = {
    "a": [{"table": t, "op": op, "size": size, "threads": n, "flight": f, "side": side}
          for t, ops in (("sealed", ("seal", "open")), ("kmip", ("encrypt", "decrypt"))) for op in ops for size in (256, 4096) for n in (1, 2)
          for f in (1, 16) for side in ("coffer", "ideal")],
    "b": [{"what": "raw", "engine": "openssl", "op": op, "memory": memory} for op in ("seal", "open") for memory in ("ring", "hot")]
         + [{"what": "stream", "engine": "openssl", "op": op, "threads": n, "ring": True} for op in ("seal", "seal, filled", "open") for n in (1, 2)]
         + [{"what": "file", "who": "coffer", "op": op, "to": to} for op in ("encrypt", "decrypt") for to in ("/dev/null", "a file")]
         + [{"what": "file", "who": who} for who in ("age", "cp")],
    "c": [{"what": what} for what in ("cofferd, KMIP Encrypt", "cofferd, sealed messages", "SoftHSM", "tpm2-pkcs11", "PyKMIP")],
    "e": [{"what": what} for what in ("start", "get", "seal", "name", "attribute", "memory", "fill")],
    "c10k": [{"when": when} for when in ("before", "during", "after")],
    "d": [{"side": side, "connections": n, "slow_us": us} for us in (0, 1000) for side in ("coffer", "sqlite") for n in (1, 32)],
}
FIGURES = ("rate", "gbps", "per_core", "seconds", "rss_mib", "value", "p99")
MORE = {"e": ["c10k"]}  # records that come with a part


def faults(records, parts):
    found = []
    for part in parts + [more for part in parts for more in MORE.get(part, [])]:
        of = [r for r in records if r["part"] == part]
        if not of:
            found.append(f"({part}) has no records")
        for row in ROWS.get(part, []):
            if not any(all(r.get(k) == v for k, v in row.items()) for r in of):
                found.append(f"({part}) has no row {row}")
    for r in records:
        found += [f"{k} of {r} is no figure" for k in FIGURES if k in r and not r[k] > 0]
    return found


def control(records, parts):
    """The judge finds what is taken out or spoiled."""
    for part in parts:
        if not faults([r for r in records if r["part"] != part], parts):
            return f"({part}) without records was not found"
    for part in ROWS:
        if part in parts:
            row = ROWS[part][0]
            if not faults([r for r in records if r["part"] != part or not all(r.get(k) == v for k, v in row.items())], parts):
                return f"({part}) without {row} was not found"
    spoiled = copy.deepcopy(records)
    next(r for r in spoiled if "rate" in r or "gbps" in r).update({"rate": 0, "gbps": 0})
    return None if faults(spoiled, parts) else "a figure of 0 was not found"


def main():
    build, parts = sys.argv[1], sys.argv[2].split(",")
    with tempfile.TemporaryDirectory(prefix="coffer-bench-smoke-") as out:
        done = subprocess.run([os.path.join(HERE, "run"), "--quick", "--build", build, "--only", ",".join(parts), "--out", out], check=False, timeout=550)
        if done.returncode:
            sys.exit(f"tests/bench/run ended with {done.returncode}")
        with open(os.path.join(out, "raw.json"), encoding="ascii") as f:
            records = json.load(f)["records"]
        found = faults(records, parts)
        with open(os.path.join(out, "tables.md"), encoding="utf-8") as f:
            tables = f.read()
        found += [] if tables.count("| --- |") >= len(parts) else ["tables are missing"]
        drawn = [name for name in os.listdir(out) if name.endswith(".svg")]
        for name in drawn:
            xml.dom.minidom.parse(os.path.join(out, name))
        found += [] if len(drawn) >= len(parts) else [f"plots are missing: there are {drawn}"]
    missed = control(records, parts)
    for fault in found + ([f"control: {missed}"] if missed else []):
        print("BAD ", fault)
    sys.exit(1 if found or missed else 0)


main()
