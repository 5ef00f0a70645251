#!/usr/bin/env python3
"""plant.py LIST ROOT NAME OUT: writes a copy of one source file with the mistake NAME of LIST planted in it. What stands there must be there exactly once."""
import sys


def rows(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield [part.replace("\\|", "|").replace("\\n", "\n") for part in line.rstrip("\n").replace("\\|", "\0").split(" | ")]


def main():
    where, root, name, out = sys.argv[1:5]
    for row in rows(where):
        row = [part.replace("\0", "|") for part in row]
        if row[0] != name:
            continue
        with open(f"{root}/{row[1]}", encoding="utf-8") as f:
            text = f.read()
        if text.count(row[3]) != 1:
            sys.exit(f"{name}: what it changes stands {text.count(row[3])} times in {row[1]}")
        with open(out, "w", encoding="utf-8") as f:
            f.write(text.replace(row[3], row[4]))
        return
    sys.exit(f"{name}: not in the list")


main()
