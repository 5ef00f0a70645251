"""A frozen file beside its generator: written, or (--check) compared with what the generator makes now."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def keep(name, made, **style):
    path = os.path.join(HERE, name)
    text = json.dumps(made, indent=1, **style) + "\n"
    if "--check" in sys.argv[1:]:
        with open(path, encoding="ascii") as f:
            if f.read() != text:
                sys.exit(f"{path} differs")
        return
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
