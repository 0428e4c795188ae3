"""Counts turns in which `prompt` of the client library agent-client-protocol returned before its update was handled.

The scenario says for each prompt in which writes the update and the answer leave; the server owns the bytes, so nothing here
waits for time.

    python boundaries.py --turnloom target/release/turnloom --turns 100 tests/live/write-boundaries.json
"""

import argparse
import asyncio
import importlib.metadata
import json
import pathlib
import tempfile

import acp

from control import Control


class Client(acp.Client):
    """Notes that a chunk was handled, and tells the server."""

    def __init__(self, control):
        self.control = control
        self.handled = self.told = 0

    async def session_update(self, session_id, update, **_):
        if update.session_update == "agent_message_chunk":
            self.handled += 1
            await asyncio.to_thread(self.control.post, "/tell", {"status": "finished"})
            self.told += 1


async def play(scenario, turnloom, turns, folder):
    control = Control(folder / "control.json")
    command = [turnloom, "serve", str(scenario), "--control", "127.0.0.1:0", "--watchdog", "60s"]
    command += ["--announce", str(folder / "control.json")]
    client = Client(control)
    late = {}
    async with acp.spawn_agent_process(client, *command) as (connection, _):
        await connection.initialize(protocol_version=1)
        session = (await connection.new_session(cwd=str(folder), mcp_servers=[])).session_id
        for step in json.loads(scenario.read_text())["actors"][0]["does"]:
            if step == "run":
                continue
            text = step["send"]["text"]
            late[text] = 0
            for _ in range(turns):
                await asyncio.to_thread(control.post, "/tell", {"status": "running"})
                due = client.handled + 1
                await connection.prompt(session_id=session, prompt=[acp.text_block(text)])
                late[text] += client.handled < due
                while client.told < due:
                    await asyncio.sleep(0)
    return late


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turnloom", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--results", type=pathlib.Path, help="write what came of it to this file, as JSON")
    parser.add_argument("scenario", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scenario = arguments.scenario.resolve()
        late = asyncio.run(play(scenario, arguments.turnloom, arguments.turns, pathlib.Path(folder)))
    version = importlib.metadata.version("agent-client-protocol")
    for text, count in late.items():
        print(f"agent-client-protocol {version}   {text}   {count} of {arguments.turns} turns returned before their update")
    if arguments.results:
        arguments.results.write_text(json.dumps({"library": version, "turns": arguments.turns, "late": late}))


if __name__ == "__main__":
    main()
