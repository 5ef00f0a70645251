"""What the checks share: the files of the tree, C without comments and strings, and how a check reports."""
import os
import re
import sys

CODE = ("src", "hsm", "tpm")
EVERYTHING = CODE + ("tests", "scripts", "softhsm-config", "docs", "packaging", "cmake", ".ci", "README.md", "CMakeLists.txt")
SKIP_FOLDERS = {"__pycache__", "vectors", "corpus"}
SELF = "tests/lint"


def files(roots, endings=None, skip_self=False):
    """Paths relative to the tree (the current folder), sorted."""
    found = []
    for root in roots:
        if os.path.isfile(root):
            found.append(root)
        for folder, subs, names in os.walk(root):
            subs[:] = [s for s in subs if s not in SKIP_FOLDERS]
            if skip_self and folder.startswith(SELF):
                continue
            found += [os.path.join(folder, n) for n in names]
    return sorted(f for f in set(found) if not endings or f.endswith(endings))


def text(path):
    """The whole file; "" when it is not there (what should be in it is then reported as missing)."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match, keep_strings):
    word = match.group(0)
    if word[0] in "\"'":
        return word if keep_strings else word[0] + re.sub(r"[^\n]", " ", word[1:-1]) + word[0]
    return re.sub(r"[^\n]", " ", word)


def code(path, keep_strings=False):
    """The C text with comments (and the insides of strings) blanked, line numbers kept."""
    return TOKENS.sub(lambda m: blank(m, keep_strings), text(path))


FUNCTION_START = re.compile(r"^(?:\{$|[A-Za-z_].*\)\s*\{$)")


def functions(source):
    """Yields (line of the opening brace, lines of the body) for every function of C text as `code` gives it."""
    start, body = None, []
    for number, line in enumerate(source.split("\n"), 1):
        if start is None:
            if FUNCTION_START.match(line):
                start, body = number, [line]
        else:
            body.append(line)
            if line.startswith("}"):
                yield start, body
                start = None


class Report:
    def __init__(self):
        self.count = 0

    def __call__(self, path, line, message):
        self.count += 1
        print(f"{path}:{line}: {message}" if line else f"{path}: {message}")

    def end(self):
        sys.exit(1 if self.count else 0)
