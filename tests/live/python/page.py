"""Puts what came of the plays with real clients into words: a matrix of scenarios and releases, and the table of write boundaries.

A cell is red when a session was not among the outcomes of the model. Each red cell needs its reason, a sentence in the file
of reasons; without one this ends with exit code 1, as it does when a reason is left of a cell that is not red, and when write
boundaries decide only some of the turns.

    python page.py --reasons tests/live/reasons.json target/live/results/*.json --write tests/live/README.md
"""

import argparse
import json
import pathlib
import sys

HEAD = """\
# Real clients against the model

Written by `page.py` from what `.ci/live` found (with `--full`, ten sessions each at rest and under load).

## openhands-sdk

Each scenario is played on the release named in the column, with `turnloom serve` as its ACP server or, where the agent is one of
the SDK's own, as its LLM over HTTP. A session counts as good if both hold:

- What was seen (the server's log, the conversation's events, what calls returned, what a subscriber received, what tools saw of their
  cancel tokens, how it ended) is among the outcomes that the model of that release has.
- The scenario that `turnloom import` makes of the transcript of an ACP session has it among its outcomes as well. Sessions whose
  service was started anew are exempt, because a transcript does not show that.

Where an outcome of the model leaves a thread waiting for ever, the session has to come to a stand at the same place. Limits and delays
of the release end when the scenario's clock fires them, never by time. Several scenarios are played at a time. Where there are two
counts, the second is of sessions on a machine whose cores were all taken by other processes.
"""

BOUNDARIES = """\
## agent-client-protocol

How many turns of `write-boundaries.json` there are in which `prompt` of the Python client library returned before the client had handled the
update that came before the answer. The server decides this by its bytes alone, so it is all turns or none.
"""


class Page:
    """All results, and what there is to say of them."""

    def __init__(self, results, reasons):
        self.reasons = reasons
        self.unexplained = []
        self.releases = sorted({one["release"] for one in results if "release" in one})
        self.libraries = sorted((one for one in results if "library" in one), key=lambda one: one["library"])
        self.rows = {}
        for one in results:
            for row in one.get("rows", []):
                self.rows.setdefault(row["scenario"], {}).setdefault(one["release"], {})[one["load"]] = row

    def text(self):
        return "\n".join([HEAD, *self.matrix(), *self.explained(), *self.not_played(), BOUNDARIES, *self.boundaries()]) + "\n"

    def matrix(self):
        lines = ["| scenario | " + " | ".join(self.releases) + " |", "|---|" + "---|" * len(self.releases)]
        for name, cells in sorted(self.rows.items()):
            if not any("not_played" in row for plays in cells.values() for row in plays.values()):
                words = [self.cell(name, release, cells.get(release, {})) for release in self.releases]
                lines.append(f"| `{name}` | " + " | ".join(words) + " |")
        return [*lines, ""]

    def cell(self, name, release, plays):
        rows = [plays[load] for load in sorted(plays)]
        if not rows:
            return "no result"
        counts = ", ".join(f'{row["good"]} of {row["runs"]}' for row in rows)
        if not rows[0]["model"]:
            return f"no model; {counts} within the protocol"
        if all(row["good"] == row["runs"] for row in rows):
            return counts
        if not self.reasons.get(name, {}).get(release):
            self.unexplained.append(f"{name} on {release}: {counts}")
        return f"**{counts}**"

    def explained(self):
        told = [
            f"- `{name}` on {release}: {reason}"
            for name, of_releases in sorted(self.reasons.items())
            for release, reason in sorted(of_releases.items())
            if self.is_red(name, release)
        ]
        return ["Red cells, and why:", "", *told, ""] if told else []

    def outdated(self):
        """Reasons of cells that are not red. What was not played now says nothing, nor does what is red only at times."""
        return [
            f"{name} on {release}"
            for name, of_releases in sorted(self.reasons.items())
            for release, reason in sorted(of_releases.items())
            if release in self.releases and not reason.startswith("at times: ") and not self.is_red(name, release)
        ]

    def is_red(self, name, release):
        return any(row["good"] < row["runs"] for row in self.rows.get(name, {}).get(release, {}).values())

    def not_played(self):
        why = {
            name: row["not_played"]
            for name, cells in sorted(self.rows.items())
            for plays in cells.values()
            for row in plays.values()
            if "not_played" in row
        }
        return ["Not played:", "", *(f"- `{name}`: {words}" for name, words in why.items()), ""] if why else []

    def boundaries(self):
        texts = list(self.libraries[0]["late"]) if self.libraries else []
        lines = ["| the answer comes in | " + " | ".join(one["library"] for one in self.libraries) + " |"]
        lines += ["|---|" + "---|" * len(self.libraries)]
        for text in texts:
            lines.append(f"| {text} | " + " | ".join(f'{one["late"][text]} of {one["turns"]}' for one in self.libraries) + " |")
        return lines

    def undecided(self):
        return [
            f'{one["library"]}, {text}: {count} of {one["turns"]} turns'
            for one in self.libraries
            for text, count in one["late"].items()
            if count not in (0, one["turns"])
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reasons", type=pathlib.Path, required=True)
    parser.add_argument("--write", type=pathlib.Path, help="write the page to this file")
    parser.add_argument("results", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    results = [json.loads(path.read_text()) for path in sorted(arguments.results)]
    page = Page(results, json.loads(arguments.reasons.read_text()))
    text = page.text()
    if arguments.write:
        arguments.write.write_text(text)
    wrong = [f"no reason is written down for {cell}" for cell in page.unexplained]
    wrong += [f"a reason is written down for {cell}, which is not red: take it out" for cell in page.outdated()]
    wrong += [f"the writes do not decide {cell}" for cell in page.undecided()]
    for words in wrong:
        print(words, file=sys.stderr)
    red = sum(1 for line in text.splitlines() if line.startswith("| `") and "**" in line)
    print(f"{len(page.rows)} scenarios on {', '.join(page.releases)}: {red} with a red cell, {len(wrong)} findings")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
