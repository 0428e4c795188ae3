"""Runs the Python client of docs/live-acp.md as it stands there: its test, in a folder with its scenario.

    python documented_client.py --turnloom target/release/turnloom docs/live-acp.md
"""

import argparse
import os
import pathlib
import tempfile


def block(page, before, language):
    """The first block of code in this language below a line."""
    _, below = page.split(before, 1)
    _, code = below.split(f"```{language}\n", 1)
    return code.split("```", 1)[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turnloom", type=pathlib.Path, required=True)
    parser.add_argument("page", type=pathlib.Path)
    arguments = parser.parse_args()
    page = arguments.page.read_text()
    heading = "\n## Use it from pytest\n"
    client = block(page, heading, "python")
    os.environ["PATH"] = f"{arguments.turnloom.resolve().parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        pathlib.Path("stop.json").write_text(block(page, heading, "json"))
        written = {}
        exec(compile(client, "docs/live-acp.md", "exec"), written)
        written["test_a_stop_ends_the_turn"](pathlib.Path(folder))
        os.chdir("/")
    print("the client of docs/live-acp.md passes")


if __name__ == "__main__":
    main()
