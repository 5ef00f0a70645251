#!/usr/bin/python3
"""check_archive.py COFFER: the frozen archives of archive-v1.json open with `coffer backup verify`, with every three of their five sheets and with their passphrase, and with nothing else; and each
generator beside this file still makes the bytes of its frozen file."""
import itertools
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATORS = ("make_admission.py", "make_anchor_record.py", "make_archive.py", "make_audit_export.py", "make_audit_token.py",
              "make_lease.py", "make_object_record.py", "make_sealed.py", "make_sign.py", "make_tpm_policy.py", "make_version_root.py")
passed = failed = 0


def judge(good, what, seen=""):
    global passed, failed
    passed, failed = passed + good, failed + (not good)
    if not good:
        print(f"BAD  {what}: {seen}")


def write(folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(content)
    return path


def verify(coffer, path, *proofs):
    done = subprocess.run([coffer, "backup", "verify", path, "--offline", *proofs], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def main():
    coffer = sys.argv[1]
    for name in GENERATORS:
        done = subprocess.run([sys.executable, os.path.join(HERE, name), "--check"], capture_output=True, text=True, timeout=60)
        judge(done.returncode == 0, f"{name} makes its frozen file", done.stdout + done.stderr)
    with open(os.path.join(HERE, "archive-v1.json"), encoding="ascii") as f:
        known = json.load(f)
    with tempfile.TemporaryDirectory() as folder:
        sheets = [write(folder, f"share-{i + 1}.txt", text.encode()) for i, text in enumerate(known["sheets"])]
        shares, by_shares = bytes.fromhex(known["archive-shares"]), None
        path = write(folder, "shares.cfra", shares)
        status, text = verify(coffer, path)
        judge(status == 0 and known["fingerprint"] in text and "any 3 of 5 shares" in text, "it says what it is", text)
        for three in itertools.combinations(sheets, 3):
            status, text = verify(coffer, path, *(word for sheet in three for word in ("--share-file", sheet)))
            judge(status == 0 and "every row opened" in text, "three sheets open it", text)
        by_shares = [word for sheet in sheets[:3] for word in ("--share-file", sheet)]
        status, text = verify(coffer, path, *by_shares[:4])
        judge(status == 1 and "1 more of the shares" in text, "two sheets do not", text)
        for at in range(0, len(shares), 449):
            bent = write(folder, "bent.cfra", shares[:at] + bytes([shares[at] ^ 1]) + shares[at + 1:])
            status, text = verify(coffer, bent, *by_shares)
            judge(status == 1, f"with a bit of byte {at} turned it does not open", text)
        path = write(folder, "passphrase.cfra", bytes.fromhex(known["archive-passphrase"]))
        status, text = verify(coffer, path, "--secret-file", write(folder, "right", known["passphrase"].encode()))
        judge(status == 0 and "every row opened" in text, "the passphrase opens it", text)
        status, text = verify(coffer, path, "--secret-file", write(folder, "wrong", b"correct house"))
        judge(status == 1 and "passphrase is wrong" in text, "another one does not", text)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


main()
