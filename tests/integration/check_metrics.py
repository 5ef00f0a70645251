#!/usr/bin/python3
"""Reads Prometheus text from standard input, strictly; prints 'NAME VALUE' of the samples that are named as arguments. Exit 1 with a sentence when it is not as it has to be.

Prometheus's own parser takes what it can; this wants besides: HELP and TYPE once and in front of the samples of their name, samples of one name together, counters that end in _total and gauges that do
not, no sample twice, finite numbers, a newline at the end."""
import math
import re
import sys

from prometheus_client.parser import text_string_to_metric_families


def wrong(sentence):
    sys.exit(f"check_metrics: {sentence}")


def check(text):
    if not text.endswith("\n"):
        wrong("no newline at the end")
    helped, typed, current, samples = set(), {}, None, {}
    for number, line in enumerate(text.split("\n")[:-1], 1):
        head = re.fullmatch(r"# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)", line)
        if head and head.group(1) == "HELP":
            if head.group(2) in helped:
                wrong(f"line {number}: HELP twice")
            helped.add(head.group(2))
            current = None
        elif head:
            current = head.group(2)
            if current not in helped or current in typed or head.group(3) not in ("gauge", "counter"):
                wrong(f"line {number}: TYPE without HELP, twice, or of another kind")
            if (head.group(3) == "counter") != current.endswith("_total"):
                wrong(f"line {number}: counters end in _total, and nothing else does")
            typed[current] = head.group(3)
        else:
            sample = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)((?:\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})?) (\S+)', line)
            if not sample:
                wrong(f"line {number}: neither a comment nor a sample: {line!r}")
            if sample.group(1) != current:
                wrong(f"line {number}: a sample away from its HELP and TYPE")
            if (key := sample.group(1) + sample.group(2)) in samples:
                wrong(f"line {number}: {key} twice")
            if not math.isfinite(float(sample.group(3))):
                wrong(f"line {number}: not a finite number")
            samples[key] = sample.group(3)
    if helped != set(typed):
        wrong("HELP without TYPE")
    theirs = sum(len(family.samples) for family in text_string_to_metric_families(text))
    if theirs != len(samples):
        wrong(f"Prometheus's own parser finds {theirs} samples, not {len(samples)}")
    return samples


def main():
    samples = check(sys.stdin.read())
    for name in sys.argv[1:]:
        print(name, samples.get(name, "absent"))


if __name__ == "__main__":
    main()
