"""Reading unit files, and what systemd makes of a SystemCallFilter."""
import subprocess


def run(*words):
    p = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return p.returncode, p.stdout + p.stderr


def settings(path):
    """[(section, key, value)] in order."""
    found, section = [], ""
    for line in open(path, encoding="utf-8"):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            section = line[1:-1]
        else:
            key, value = line.split("=", 1)
            found.append((section, key, value))
    return found


def value_of(path, key):
    values = [v for _, k, v in settings(path) if k == key]
    return values[-1] if values else None


def groups():
    """{"@group": set of calls}, nested groups resolved."""
    _, text = run("systemd-analyze", "--no-pager", "syscall-filter")
    raw, name = {}, None
    for line in text.split("\n"):
        if line.startswith("@"):
            name = line.strip()
            raw[name] = []
        elif name and line.startswith("    ") and not line.strip().startswith("#"):
            raw[name].append(line.strip())

    def resolve(group):
        calls = set()
        for word in raw.get(group, []):
            calls |= resolve(word) if word.startswith("@") else {word}
        return calls
    return {name: resolve(name) for name in raw}


def allowed_by(path, known):
    # systemd.exec(5): these are always permitted where a list of permitted calls is given.
    calls = set("execve exit exit_group getrlimit rt_sigreturn sigreturn".split()) | known["@default"]
    for _, key, value in settings(path):
        if key != "SystemCallFilter":
            continue
        minus = value.startswith("~")
        for word in value.lstrip("~").split():
            some = known[word] if word.startswith("@") else {word}
            calls = calls - some if minus else calls | some
    return calls
