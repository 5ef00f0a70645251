"""What the parts of the benchmark of a domain share: figures, times, and nodes that join and start."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "failover"))
from domain import BUILD, TOP, Node, now_ms  # noqa: E402
from servers import wait_for  # noqa: E402

FIGURES = {}


def say(name, **fields):
    FIGURES[name] = fields
    print("%-58s %s" % (name, ", ".join("%s %s" % (k, ("%.2f" if isinstance(v, float) else "%s") % v) for k, v in fields.items())), flush=True)


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def spread(values):
    return {"p50": statistics.median(values), "max": max(values), "n": len(values)}


def timed(fn):
    begun = now_ms()
    fn()
    return now_ms() - begun


def must(done):
    if done.returncode:
        raise RuntimeError("%s: exit %d: …%s%s" % (" ".join(done.args)[:200], done.returncode, done.stdout[-200:], done.stderr[-600:]))
    return done.stdout


def must_wait(what, condition, seconds=60, pause=0.01):
    if not wait_for(condition, seconds, pause):
        raise RuntimeError("not within %d s: %s" % (seconds, what))


def processor_s(pids):
    """Processor time of all threads that these processes have now, in seconds."""
    total = 0
    for pid in pids:
        try:
            for thread in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="ascii") as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total / 1e9


# ---- nodes ----

def uri_of(node):
    with open(node.home + "/uri", encoding="utf-8") as f:
        return f.read().strip()


def restart(node):
    """From the start of its process until it is open, in ms."""
    node.kill()
    begun = now_ms()
    node.start()
    must_wait("node %d starts" % node.n, node.is_ready)
    return now_ms() - begun


def leader(domain):
    """The node that is master server, as the first one knows it."""
    def find():
        status = domain.nodes[0].status()
        name = status.get("nodes", {}).get(status.get("lead", {}).get("master"), {}).get("name", "")
        found = [node for node in domain.nodes if name == "node-%d" % node.n]
        return found and found[0].is_master() and found[0]
    must_wait("there is a master server", find)
    return find() or domain.master()


AGAIN, JOINED = "try again", "is initialised already"


def until_taken(domain, node, *words):
    """Again while it is told that another node came between, as a program would: how often goes to domain.again. Who was told so after it had joined opens by itself."""
    told = []

    def once():
        done = node.coffer(*words)
        told.append(AGAIN in done.stderr)
        domain.again += told[-1]
        return None if told[-1] else done
    done = wait_for(once, 120)
    if done and len(told) > 1 and JOINED in done.stderr:
        return done.stdout
    return must(done or node.coffer(*words))


def join(domain, node):
    """The request, its approval by somebody who does not sleep, the answer, and open; in ms."""
    first = leader(domain)
    words = ("node", "join", "--token", uri_of(node), "--domain", first.status()["domain"]["fingerprint"])
    begun = now_ms()
    asked = json.loads(until_taken(domain, node, *words, "--no-wait", "--json"))
    until_taken(domain, first, "node", "approve", "--fingerprint", asked["fingerprint"], "--quiet")
    until_taken(domain, node, *words, "--quiet")
    must_wait("node %d opens" % node.n, node.is_ready)
    return now_ms() - begun


def grow(domain, count, kinds):
    """Nodes up to so many, which join and go on; the time of each by the kind of its token."""
    took = {}
    words = ("--token", ",".join(kinds), "--store", "postgres", "--nodes", str(count), "--no-join", *domain.set_words())
    must(subprocess.run([TOP + "/scripts/sandbox", "start", "--dir", domain.dir, *words], env=dict(os.environ, COFFER_BUILD=BUILD), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60 + 10 * count))
    domain.nodes = [Node(domain.dir, n + 1) for n in range(count)]
    for node in domain.nodes:
        if not os.path.exists(node.home + "/state/node.id"):
            took.setdefault(kinds[min(node.n, len(kinds)) - 1], []).append(join(domain, node))
    return took


def forget(domain, node):
    """One that was removed goes with all that it had: the next one of its number is another one."""
    node.kill()
    token = node.pid("token/swtpm")
    if token:
        os.kill(token, signal.SIGTERM)
        must_wait("swtpm takes its files away", lambda: not os.path.exists("/proc/%d/exe" % token), 10, 0.02)
    shutil.rmtree(node.home)
    domain.nodes.remove(node)
