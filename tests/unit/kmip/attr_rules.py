#!/usr/bin/env python3
"""Holds src/kmip/attr.def against the tables of KMIP 1.4 section 3, row by row and column by column.

  attr_rules.py SOURCE_DIR [SPECIFICATION.txt]

The specification is reference data outside this repository: $COFFER_KMIP_CASES/spec/kmip-1.4.txt, where $COFFER_KMIP_CASES is
../shared/kmip beside the source when it is not set. Without it the test is skipped (status 77) and says so.
Where a row says something else than the text, DEVIATIONS says what and why; one that deviates no more is an error too.
"""
import os
import re
import sys

COLUMNS = ("type", "multi", "always", "set", "server", "client", "delete", "implicit", "applies")
LABELS = {"SHALL always have a value": "always", "Initially set by": "set", "Modifiable by server": "server",
          "Modifiable by client": "client", "Deletable by client": "delete", "Multiple instances permitted": "multi",
          "When implicitly set": "implicit", "Applies to Object Types": "applies"}

# The words of attr.def (src/kmip/attr.c) as sets.
MADE = {"CREATE", "CREATE_KEY_PAIR", "REGISTER", "DERIVE_KEY"}
RE_KEYS = {"RE_KEY", "RE_KEY_KEY_PAIR"}
CERTIFIED = {"REGISTER", "CERTIFY", "RE_CERTIFY"}
SYMMETRIC = {"SYMMETRIC_KEY", "SPLIT_KEY"}
ASYMMETRIC = {"PUBLIC_KEY", "PRIVATE_KEY", "SPLIT_KEY", "PGP_KEY"}
KEYS = SYMMETRIC | ASYMMETRIC
CRYPTOGRAPHIC = KEYS | {"CERTIFICATE", "SECRET_DATA"}
WORDS = {"NONE": set(), "MADE": MADE, "RE_KEYS": RE_KEYS, "CERTIFIED": CERTIFIED, "NEW": MADE | RE_KEYS | CERTIFIED,
         "STATE_OPS": {"ACTIVATE", "REVOKE", "DESTROY"},
         "ATTRIBUTE_OPS": {"ADD_ATTRIBUTE", "MODIFY_ATTRIBUTE", "DELETE_ATTRIBUTE"},
         "CERTIFICATES": {"CERTIFICATE"}, "TEMPLATES": {"TEMPLATE"}, "OPAQUE": {"OPAQUE_OBJECT"}, "PGP": {"PGP_KEY"},
         "SYMMETRIC": SYMMETRIC, "ASYMMETRIC": ASYMMETRIC, "KEYS": KEYS,
         "VALUED": SYMMETRIC | {"PRIVATE_KEY", "SECRET_DATA"}, "CRYPTOGRAPHIC": CRYPTOGRAPHIC,
         "ALL": CRYPTOGRAPHIC | {"TEMPLATE", "OPAQUE_OBJECT"}}

OPERATIONS = ("Create Key Pair", "Create", "Register", "Derive Key", "Re-key Key Pair", "Re-key", "Re-certify", "Certify",
              "Activate", "Revoke", "Destroy", "Archive", "Recover", "Add Attribute", "Modify Attribute", "Delete Attribute",
              "Get Usage Allocation")

# Object types as the text names them, the longest first.
TYPES = (("All Cryptographic Objects", CRYPTOGRAPHIC), ("Managed Cryptographic Objects", CRYPTOGRAPHIC), ("All Objects", WORDS["ALL"]),
         ("Split Keys of symmetric keys", {"SPLIT_KEY"}), ("Asymmetric Keys", ASYMMETRIC), ("Symmetric Keys", {"SYMMETRIC_KEY"}),
         ("Symmetric Key", {"SYMMETRIC_KEY"}), ("Private Key", {"PRIVATE_KEY"}), ("Split Key", {"SPLIT_KEY"}),
         ("PGP keys", {"PGP_KEY"}), ("Keys", KEYS), ("X.509 Certificates", {"CERTIFICATE"}), ("Certificates", {"CERTIFICATE"}),
         ("Templates", {"TEMPLATE"}), ("Secret Data", {"SECRET_DATA"}), ("Opaque Objects", {"OPAQUE_OBJECT"}),
         ("Opaque Object", {"OPAQUE_OBJECT"}))

ENCODINGS = {"Structure": "TTLV_STRUCTURE", "Text String": "TTLV_TEXT", "Enumeration": "TTLV_ENUMERATION", "Integer": "TTLV_INTEGER",
             "Interval": "TTLV_INTERVAL", "Date-Time": "TTLV_DATE_TIME", "Boolean": "TTLV_BOOLEAN",
             "RNG Parameters": "TTLV_STRUCTURE", "Any data type or structure": "TTLV_ANY"}

# (attribute, column): what the row says, and why it differs from the text.
FROM_REQUEST = "section 3 says Server, but Create (4.1) takes it from the client's template and Register (4.3) from the Key Block"
ONE_WAY = "the server's policy restricts it further, as table 54 allows: a key that was kept back stays back"
DEVIATIONS = {
    ("Cryptographic Algorithm", "set"): ("REQUEST", FROM_REQUEST),
    ("Cryptographic Length", "set"): ("REQUEST", FROM_REQUEST),
    ("Digest", "always"): (False, "the text has it only where the server knows the bytes; one that is wrapped has none"),
    ("Sensitive", "server"): ("ONE_WAY", ONE_WAY),
    ("Sensitive", "client"): ("ONE_WAY", ONE_WAY),
    ("Extractable", "server"): ("ONE_WAY", ONE_WAY),
    ("Extractable", "client"): ("ONE_WAY", ONE_WAY),
}


def words(expression):
    out = set()
    for part in expression.split("|"):
        part = part.strip()
        operation = re.fullmatch(r"OP\((\w+)\)", part)
        out |= {operation[1]} if operation else WORDS[part]
    return out


def rows(source):
    text = open(os.path.join(source, "src/kmip/attr.def"), encoding="utf-8").read()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = []
    for m in re.finditer(r"^ATTR\((.*?)\)$", text, re.M | re.S):
        cells = [c.strip() for c in m[1].replace("\n", " ").split(",")]
        name = cells[1].strip('"') or "Custom Attribute"
        if cells[4] == "TAG_NOT_IN_1X":  # of another text
            continue
        row = dict(zip(("type", "multi", "always", "set", "server", "client", "delete", "implicit", "applies"),
                       (cells[2], cells[5] == "MULTI", cells[6] == "YES", *cells[7:11], words(cells[11]), words(cells[12]))))
        found.append((name, row))
    return found


def sections(path):
    """Attribute name -> cells of its tables, in the order of section 3."""
    found, name = {}, None
    for line in open(path, encoding="utf-8", errors="replace"):
        line = line.replace("�", " ").rstrip()
        heading = re.match(r"3\.(\d+)\s+(\D.*)$", line)
        if heading and not re.search(r"\d$", line):   # the table of contents has page numbers
            name = heading[2].strip()
            found[name] = []
        elif re.match(r"4\s+Client-to-Server", line) and not re.search(r"\d$", line):
            break
        elif name and line.lstrip().startswith("|"):
            found[name].append([c.strip() for c in line.strip().strip("|").split("|")])
    return found


def when(text):
    if text.startswith("No"):
        return "NEVER"
    if text == "Yes":
        return "ANY_TIME"
    for pattern, word in ((r"Yes, only while in Pre-Active state$", "PRE_ACTIVE"),
                          (r"Yes, only while in Pre-Active or Active state and as long as the .* reached", "NOT_REACHED"),
                          (r"Yes, only while in Pre-Active or Active state$", "NOT_OVER"),
                          (r"Yes.*as long as Get Usage Allocation has not been performed", "UNUSED"),
                          (r"Yes, for (client|server)-created attributes", "OWN"),
                          (r"Yes \(only if (the Application Data is omitted|no value present)", "LEFT_OPEN")):
        if re.match(pattern, text, re.I):
            return word
    return text


def yes(text):
    return {"Yes": True, "No": False}.get(text.split(" ")[0].rstrip(".,"), text) if not text.startswith("Yes, if") else text


def setter(text):
    client, server = "Client" in text, "Server" in text
    return "BOTH" if client and server else "CLIENT" if client else "SERVER" if server else text


def operations(text):
    if text == "Never":
        return set()
    if text == "When object is created or registered":
        return WORDS["NEW"]
    if re.match(r"When .* attribute is set or changed", text):
        return WORDS["NEW"] | {"MODIFY_ATTRIBUTE"}
    left, out = text, set()
    for name in sorted(OPERATIONS, key=len, reverse=True):
        if name in left:
            left = left.replace(name, "")
            out.add(name.upper().replace("-", "_").replace(" ", "_"))
    rest = left.replace(",", "").replace("During", "").replace("operation", "").strip()
    return out if not rest else text


def types(text):
    left, out = text, set()
    for name, members in TYPES:
        if name in left:
            left = left.replace(name, "")
            out |= members
    return out if not left.strip(", ") else text


READ = {"always": yes, "multi": yes, "set": setter, "server": when, "client": when, "delete": when, "implicit": operations, "applies": types}


def told(cells):
    """What the tables of one section say, column by column."""
    out = {"implicit": set()}                        # four sections have no such row
    for i, row in enumerate(cells):
        label = next((LABELS[k] for k in LABELS if k.lower() == row[0].lower()), None)
        if label:
            out[label] = READ[label](row[1])
        elif row[0] == "Object" and "type" not in out and i + 1 < len(cells):
            encoding = cells[i + 1][1]
            out["type"] = next((v for k, v in ENCODINGS.items() if encoding.startswith(k)), encoding)
    return out


def compare(name, row, text, faults):
    for column in COLUMNS:
        deviation = DEVIATIONS.get((name, column))
        if column not in text:
            faults.append(f"{name}: the text has no '{column}'")
        elif deviation and row[column] == text[column]:
            faults.append(f"{name}: {column} deviates no more; take the deviation out")
        elif row[column] != (deviation[0] if deviation else text[column]):
            faults.append(f"{name}: {column} is {show(row[column])}, the text says {show(text[column])}")


def show(value):
    return " ".join(sorted(value)) if isinstance(value, set) else str(value)


def main():
    source = sys.argv[1]
    cases = os.environ.get("COFFER_KMIP_CASES") or os.path.join(source, "../shared/kmip")
    path = sys.argv[2] if len(sys.argv) > 2 else os.path.join(cases, "spec/kmip-1.4.txt")
    if not os.path.exists(path):
        print(f"SKIPPED: the specification's text is not at {path}; attr.def was compared with NOTHING (set COFFER_KMIP_CASES)")
        return 77
    texts, table, faults = sections(path), rows(source), []
    if len(table) != 51 or [n for n, _ in table] != list(texts):
        faults.append(f"the rows are not the sections 3.1 to 3.51 in their order: {[n for n, _ in table if n not in texts]}")
    for name, row in table:
        if name in texts:
            compare(name, row, told(texts[name]), faults)
    for name, column in DEVIATIONS:
        if name not in dict(table) or column not in COLUMNS:
            faults.append(f"the deviation ({name}, {column}) is of nothing")
    for fault in faults:
        print(fault)
    print(f"{len(table)} attributes, {len(table) * len(COLUMNS)} rules, {len(DEVIATIONS)} deviations, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
