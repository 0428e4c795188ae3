"""What `turnloom` says of a session that was played. Knows nothing of the client."""

import json
import pathlib
import re
import subprocess

# How many executions the model of a scenario may have: each session is looked for among their outcomes.
MOST_EXECUTIONS = 20_000

# What `import` notes of a log that its scenario cannot follow to the end.
ENDS_IN_START = "has no answer; the file ends before"


class Judge:
    """What `turnloom` says of a session. Sessions that nobody can tell apart are judged once."""

    def __init__(self, turnloom, release):
        self.turnloom = turnloom
        self.judged = {}
        self.stuck = {}
        revisions = self.run(["explain", "revisions"], pathlib.Path()).stdout.split()
        self.revision = release if release in revisions else None

    def run(self, arguments, folder):
        command = [self.turnloom, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def decided(self, decision):
        """What the release has decided; None if nobody knows."""
        revision = self.revision
        while revision:
            page = self.explained(revision)
            if own := re.search(rf"^ +{decision}: (\w+) \(", page, re.MULTILINE):
                return own[1]
            based = re.search(r"^ +As (\w+), but for:", page, re.MULTILINE)
            revision = based and based[1]
        right = self.revision and re.search(r"^ +(\w+) \(what `fixed` takes\)", self.explained(decision), re.MULTILINE)
        return right and right[1]

    def explained(self, name):
        return self.run(["explain", name], pathlib.Path()).stdout

    def stands(self, path):
        """The outcomes of the model in which somebody is left waiting; None if the model has too many interleavings."""
        if path not in self.stuck and self.revision:
            # Which rules of the runtime break does not matter here, and the shortest execution for each takes time to find.
            options = ["--profile", "policy", "--budget", str(MOST_EXECUTIONS)]
            options += ["--revision", self.revision, "--format", "json", "--stats"]
            explored = json.loads(self.run(["explore", str(path), *options], pathlib.Path()).stdout)
            outcomes = [outcome["observations"] for outcome in explored["outcomes"]]
            stuck = [outcome for outcome in outcomes if left_waiting(outcome["stuck"])]
            self.stuck[path] = stuck if explored["executions"] < MOST_EXECUTIONS else None
        return self.stuck.get(path, [])

    def session(self, path, folder, is_imported):
        """Whether all is well with the session, and why not; with the scenario that is made of it as well, if it is imported."""
        said = (folder / "t.jsonl").read_text().replace(str(folder), "")
        seen = path, said, (folder / "seen.json").read_text()
        if seen not in self.judged:
            self.judged[seen] = self.judge(path, folder, is_imported)
        return self.judged[seen]

    def judge(self, path, folder, is_imported):
        """The same. Without a model there are only the rules of the protocol."""
        if self.revision is None:
            verified = self.run(["verify", "t.jsonl"], folder)
            return verified.returncode == 0, words(verified)
        of = ["--revision", self.revision]
        verified = self.run(["verify", "t.jsonl", "--scenario", str(path), *of, "--observed", "seen.json"], folder)
        if verified.returncode:
            return False, words(verified)
        return self.imported(folder, of) if is_imported else (True, "")

    def imported(self, folder, of):
        """Whether the scenario that is made of the transcript has this session among its outcomes too."""
        if '"session/prompt"' not in (folder / "t.jsonl").read_text():
            return True, ""
        imported = self.run(["import", "t.jsonl", "--output", "imported.json"], folder)
        if imported.returncode:
            return False, "not imported: " + words(imported)
        if ENDS_IN_START in imported.stderr:
            return True, ""
        verified = self.run(["verify", "t.jsonl", "--scenario", "imported.json", *of], folder)
        return verified.returncode == 0, "as imported: " + words(verified)


def left_waiting(stuck):
    """Whether somebody else waits than the clock for a timer that is never armed."""
    return stuck is not None and any(thread["thread"] != "clock" for thread in stuck["threads"])


def words(done):
    return (done.stdout + done.stderr).strip()


