#!/usr/bin/env python3
"""Writes COUNT configurations that are all bad, each in one way, out of a good one: bad_configs.py GOOD FOLDER COUNT SEED. Every one also asks
for max_connections_per_principal = 100, so that one which is taken by mistake shows. The seed is printed."""
import os
import random
import sys

BAD_VALUES = {
    "max_connections": ["0", "-1", "100001", "many", "1 2", "0x10", "9" * 40, "1.5", "''"],
    "request_timeout": ["0s", "-1s", "10 s s", "1y", "99999999999h", "s"],
    "drain_timeout": ["1x", "never", "-5s"],
    "socket_mode": ["999", "0000", "abc", "07777777", "0100"],
    "secret_memory": ["1", "64Q", "-64M", "1T1", ""],
    "require_secret_memory": ["maybe", "2", "yesno"],
    "log_level": ["loud", "INFO ERROR", "7"],
    "rng_seed": ["perhaps", "1"],
    "audit_bulk": ["off", "each"],
    "audit_interval": ["999ms", "2h", "often"],
    "audit_export_file": ["relative", "/ends/"],
    "audit_archive_size": ["1K", "17G", "large"],
    "audit_export_syslog": ["maybe", "YES", "/" + "x" * 200],
    "audit_export_journal": ["maybe", "dev/log", "/" + "x" * 200],
    "audit_syslog_level": ["debug", "Info", "4"],
    "audit_deadline": ["999ms", "11m", "soon"],
    "audit_queue": ["0", "100000001", "many"],
    "audit_checkpoint_interval": ["999ms", "2h", "never"],
    "audit_token_interval": ["31d", "-1s", "never"],
    "audit_keep": ["-1", "all", "1000000001"],
    "audit_keep_unexported": ["maybe", "1"],
    "audit_archives_keep": ["-1", "1000001"],
    "aead_engine": ["fast", "ipsec", "1"],
    "store": ["postgres://", "nothing"],
    "token": ["nonsense", "tpm3:device", ":", "pkcs11", "x" * 5000],
    "state_dir": ["relative/path", ""],
    "socket": ["relative.sock", "/" + "x" * 200],
    "workers": ["257", "-1", "one"],
    "tokend_environment": ["NOVALUE", "=x", "LD_PRELOAD"],
}


def bad_line(dice):
    kind = dice.randrange(6)
    if kind == 0:
        key = dice.choice(sorted(BAD_VALUES))
        return f"{key} = {dice.choice(BAD_VALUES[key])}"
    if kind == 1:  # a key that there is not
        return "".join(dice.choice("abcdefghij_") for _ in range(dice.randrange(1, 40))) + "_zz = 1"
    if kind == 2:  # no line of a configuration
        return "a" + "".join(dice.choice("abc 123;[]{}\\\"'") for _ in range(dice.randrange(1, 60))).replace("=", "").strip() + " \\ no"
    if kind == 3:  # bytes that are no text
        return "log_level = " + "".join(chr(dice.choice([1, 2, 7, 27, 127, 0xfffe])) for _ in range(5))
    if kind == 4:
        return "max_connections = 5\nmax_connections = 6"
    return "x" * dice.randrange(5000, 200000)


def main():
    good, folder, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    print("seed", seed)
    dice = random.Random(seed)
    with open(good, encoding="utf-8") as f:
        lines = [line for line in f.read().split("\n") if not line.startswith("max_connections")]
    for n in range(count):
        mine = lines + ["max_connections_per_principal = 100"]
        bad = bad_line(dice)
        key = bad.split(" = ")[0]
        mine = [line for line in mine if not line.startswith(key + " =")]
        mine.insert(dice.randrange(len(mine) + 1), bad)
        data = "\n".join(mine).encode("utf-8", "surrogatepass") + b"\n"
        if n % 20 == 19:  # a NUL byte in the middle
            data = data[:40] + b"\0" + data[40:]
        with open(os.path.join(folder, f"{n:03}.conf"), "wb") as f:
            f.write(data)


main()
