#!/usr/bin/env python3
"""Makes tags.def and enums.def from the numbers of the KMIP specifications (tables.json of the reference folder).

usage: make_tables.py tables.json OUTPUT_DIR

One row per number: where the specifications spell a name in two ways, the readable one stays."""
import json
import re
import sys

# Lists that repeat another one under a second name (2.0 and 2.1 list bit masks again with additions).
SAME_AS = {
    "DRGBAlgorithm": "DRBGAlgorithm",
    "KeyCompression": "KeyCompressionType",
    "MaskGeneratorHashingAlgorithm": "HashingAlgorithm",
    "RotateNameType": "NameType",
    "CryptographicUsageMaskEnumerations": "CryptographicUsageMask",
    "StorageStatusMaskEnumerations": "StorageStatusMask",
    "ProtectionStorageMaskEnumerations": "ProtectionStorageMask",
}
MASKS = {"CryptographicUsageMask", "StorageStatusMask", "ProtectionStorageMask"}
LEFT_OUT = {"OpaqueDataType"}  # has extension values only (KMIP 1.4 section 9.1.3.2.10)
READABLE = {"HMAC_MD5", "CBC_MAC", "RSASSA_PSS", "PolynomialSharingGF2_16", "PolynomialSharingGF2_8", "IndexOutOfBounds",
            "ContentCommitmentNonRepudiation"}

# Tags of KMIP 2.1 (section 11.61) that tables.json lacks.
ALSO = {"RotateInterval": 0x42016a, "RotateAutomatic": 0x42016b, "RotateOffset": 0x42016c, "RotateDate": 0x42016d, "RotateGeneration": 0x42016e,
        "RotateName": 0x42016f, "RotateNameValue": 0x420170, "RotateNameType": 0x420171, "RotateLatest": 0x420172}

# The last number of each protocol version: every version took the numbers behind those of the one before.
LAST_OF_MINOR = ((0x4200a1, 0), (0x4200b7, 1), (0x4200d3, 2), (0x4200f7, 3), (0x420124, 4))
NOT_IN_1X = "TAG_NOT_IN_1X"


def since(number):
    """The first minor version of KMIP 1.x that has this tag."""
    return next((str(minor) for last, minor in LAST_OF_MINOR if number <= last), NOT_IN_1X)


def snake(name):
    for odd, plain in (("PKCS1V1_5", "PKCS1_V1_5"), ("RNGs", "Rngs"), ("ChaCha", "Chacha"), ("McEliece", "Mceliece")):
        name = name.replace(odd, plain)
    if not re.match(r"^(ANSIX9|SECP|SECT|BRAINPOOL|CURVE)", name):
        name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
        name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return name.upper()


def better(a, b):
    """Of two names for one number: the one on the list of readable ones, else HMAC_SHA256 over HMACSHA256, else the shorter."""
    for one in (a, b):
        if one in READABLE or one.startswith("HMAC_"):
            return one
    if re.match(r"SHA_?3_", a):
        return a if a.startswith("SHA3") else b
    return min(a, b, key=lambda n: (len(n), n))


def rows(values):
    by_number = {}
    for name, number in values.items():
        by_number[number] = better(by_number[number], name) if number in by_number else name
    return sorted(by_number.items())


def main():
    tables = json.load(open(sys.argv[1], encoding="utf-8"))
    head = "/* %s Made by make_tables.py; KMIP 1.0 to 1.4, 2.0 and 2.1. */\n"
    with open(sys.argv[2] + "/tags.def", "w", encoding="utf-8") as out:
        out.write(head % ("TAG(NAME, number, name, first minor version of KMIP 1.x that has it): every tag, in order of "
                          "number.\n *"))
        for number, name in rows({**tables["tags"], **ALSO}):
            out.write('TAG(%s, 0x%06x, "%s", %s)\n' % (snake(name), number, name, since(number)))
    enums = {}
    for name, values in tables["enums"].items():
        if name not in LEFT_OUT:
            enums.setdefault(SAME_AS.get(name, name), {}).update(values)
    with open(sys.argv[2] + "/enums.def", "w", encoding="utf-8") as out:
        out.write(head % ("ENUM_BEGIN(NAME, lower-case name, name, tag of its values or 0), ENUM_VALUE(NAME, VALUE, number, name), "
                          "ENUM_END(NAME).\n * Every enumeration and bit mask, values in order of number."))
        for name, values in sorted(enums.items()):
            tag = tables["tags"].get(name, 0)
            out.write('ENUM_BEGIN(%s, %s, "%s", 0x%06x)\n' % (snake(name), snake(name).lower(), name, tag))
            for number, value in rows(values):
                shown = "0x%x" % number if name in MASKS or number > 255 else "%d" % number
                out.write('ENUM_VALUE(%s, %s, %s, "%s")\n' % (snake(name), snake(value), shown, value))
            out.write("ENUM_END(%s)\n" % snake(name))


main()
