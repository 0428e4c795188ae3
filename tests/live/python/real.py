"""Real code under the engine: `turnloom explore` and `replay` with `--subject`, on what is installed.

Holds for each case the verdict, the rules that break, and that the token replays to the same bytes, with both executors. Prints a line
for each case.

    python real.py --turnloom target/release/turnloom --folder target/live

Exit codes: 0 all was as expected, 1 something was not.
"""

import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = HERE.parents[2] / "scenarios"
BOUNDARIES = HERE.parent / "write-boundaries.json"

# Environment, scenario, further arguments, and the rules that break. A clean case says nothing of the schedules that were not run.
CASES = [
    ("openhands-1.25.0", SCENARIOS / "n02-pause-lost-before-start.json", [], {"no-step-after-pause"}),
    ("openhands-1.25.0", SCENARIOS / "n16-interrupt-fails-at-start.json", [], {"stop-returns-well"}),
    ("openhands-1.25.0", SCENARIOS / "r08-finish-gap.json", [], set()),
    ("openhands-1.25.0", SCENARIOS / "r33-orphaned-cards.json", [], set()),
    ("acp-0.10.1", BOUNDARIES, ["--adapter", "acp"], {"nothing-after-turn-end"}),
    ("acp-0.12.1", BOUNDARIES, ["--adapter", "acp"], set()),
]
BUDGET = "60"
EXECUTORS = ("greenlets", "threads")


class Failed(Exception):
    """What was not as expected."""


def run(command, codes):
    """What a command prints, if it ends with one of these exit codes."""
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode not in codes:
        raise Failed(f"{' '.join(command)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def look(turnloom, folder, case):
    """Explores and replays one case. A line that says what came of it."""
    environment, scenario, more, expected = case
    subject = ["--subject", str(folder / environment), *more]
    explored = json.loads(
        run([turnloom, "explore", str(scenario), *subject, "--budget", BUDGET, "--format", "json"], {0, 1})
    )
    broken = [outcome for outcome in explored["outcomes"] if outcome["violations"]]
    rules = {violation["rule"] for outcome in broken for violation in outcome["violations"]}
    if rules != expected:
        raise Failed(f"{scenario.stem} on {environment} breaks {sorted(rules)}, not {sorted(expected)}")
    tokens = [outcome["token"] for outcome in broken if outcome["token"]]
    for token in tokens[:1]:
        replays = {
            run([turnloom, "replay", str(scenario), token, *subject, "--executor", executor], {1})
            for executor in EXECUTORS
        }
        if len(replays) != 1:
            raise Failed(f"{token} replays to {len(replays)} texts on {environment}")
    return f"{environment}  {scenario.stem}  {explored['verdict']}  {' '.join(tokens[:1])}".rstrip()


def main():
    """Looks at all cases."""
    parser = argparse.ArgumentParser(description="hold real code under the engine against what is known of it")
    parser.add_argument("--turnloom", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    arguments = parser.parse_args()
    failed = False
    for case in CASES:
        try:
            print(look(arguments.turnloom, arguments.folder, case), flush=True)
        except Failed as why:
            failed = True
            print(f"failed: {why}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
