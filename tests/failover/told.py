"""What the nodes' notify_command was told."""
import json
import os


class Told:
    """setting: the line of configuration that has every node tell it here."""

    def __init__(self, story):
        self.story, self.box = story, story.work + "/box"
        os.makedirs(self.box)
        os.chmod(story.work, 0o755)  # the command runs as a user of its own
        os.chmod(self.box, 0o777)
        command = self.box + "/command"
        with open(command, "w", encoding="ascii") as f:
            f.write('#!/bin/sh\nline=$(cat)\nprintf "%%s\\n" "$line" >>%s/told\n' % self.box)
        os.chmod(command, 0o755)
        self.setting = "notify_command=" + command

    def events(self, event, state=None, node=None):
        try:
            with open(self.box + "/told", encoding="utf-8") as f:
                told = [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []
        uuid = node and node.status()["node"]
        return [t for t in told if t["event"] == event and state in (None, t["state"]) and uuid in (None, t["node"])]

    def once(self, what, event, state, node, word, seconds=20):
        """Told by that node, in a sentence with that word; and not twice."""
        self.story.within(seconds, "%s: node %d tells %s %s" % (what, node.n, event, state), lambda: self.events(event, state, node))
        told = self.events(event, state, node)
        self.story.check("%s: once: %s" % (what, told[0]["sentence"] if told else ""), len(told) == 1 and word in told[0]["sentence"], told)
