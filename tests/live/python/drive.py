"""Plays the actors of scenarios against a real openhands-sdk, with `turnloom serve` as its ACP server.

One process imports the SDK once and plays every scenario that it is given, each as often as asked. What was seen goes to
`turnloom verify`, which says whether it is among the outcomes that the model has for the installed release. Nothing here
knows what a scenario is about, and nothing waits for time: steps wait for what the control port or the SDK's own
callbacks tell. (A status has no callback, so it alone is looked at again and again.)

    python drive.py --turnloom target/release/turnloom --runs 10 scenarios/*.json

Exit codes: 0 all was seen in the model too, 1 something was not, or a play failed.
"""

import argparse
import asyncio
import importlib.metadata
import json
import logging
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import uuid

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("OPENHANDS_SUPPRESS_BANNER", "1")

from openhands.agent_server.event_service import EventService  # noqa: E402
from openhands.agent_server.models import StoredConversation  # noqa: E402
from openhands.agent_server.pub_sub import Subscriber  # noqa: E402
from openhands.sdk import Conversation, LocalWorkspace, Message, TextContent  # noqa: E402
from openhands.sdk.agent import acp_agent  # noqa: E402
from openhands.sdk.agent.acp_agent import ACPAgent  # noqa: E402
from openhands.sdk.context import AgentContext  # noqa: E402
from openhands.sdk.conversation.impl import local_conversation  # noqa: E402
from openhands.sdk.security.confirmation_policy import NeverConfirm  # noqa: E402

from control import LIMIT, Control  # noqa: E402

# What the SDK logs is not what is judged.
logging.disable(logging.CRITICAL)

# How long a limit is that the scenario's clock fires, and one that it does not: far beyond any test.
FIRED, NEVER = 0.3, 600.0
# Releases before 1.25.0 have no cursor.
CURSOR = getattr(local_conversation, "ACP_LAST_PROMPT_USER_MESSAGE_ID", None)


class NotPlayed(Exception):
    """Why a scenario cannot be played live."""


class Service:
    """The agent server's event service on an event loop of its own, to be called from any thread."""

    def __init__(self, agent, folder, workspace, iterations, on_event):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.service = EventService(
            stored=StoredConversation(
                id=uuid.uuid4(),
                agent=agent,
                workspace=LocalWorkspace(working_dir=str(workspace)),
                confirmation_policy=NeverConfirm(),
                max_iterations=iterations,
                autotitle=False,
            ),
            conversations_dir=folder / "conversations",
        )
        self.do(self.service.start())
        self.conversation = self.service.get_conversation()
        self.do(self.service.subscribe_to_events(Listener(on_event)))

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT)

    def send_message(self, text, run=False):
        self.do(self.service.send_message(Message(role="user", content=[TextContent(text=text)]), run=run))

    def run(self):
        self.do(self.service.run())

    def interrupt(self):
        self.do(self.service.interrupt())

    def pause(self):
        self.do(self.service.pause())

    def close(self):
        self.do(self.service.close())

    def is_idle(self):
        """Whether no run is in flight and none is about to begin."""

        async def looked():
            # What the loop has to do already comes before this goes on.
            for _ in range(20):
                await asyncio.sleep(0)
            return self.service._run_task is None or self.service._run_task.done()

        return self.do(looked())


class Listener(Subscriber):
    """Tells of each event."""

    def __init__(self, on_event):
        self.on_event = on_event

    async def __call__(self, event):
        self.on_event(event)


class Play:
    """One run of one scenario."""

    def __init__(self, scenario, path, turnloom, folder):
        self.scenario = scenario
        self.folder = folder
        self.calls = {actor["name"]: [] for actor in scenario["actors"]}
        self.changed = threading.Condition()
        self.control = Control(folder / "control.json")
        fired = [step["fire"] for step in scenario.get("clock", []) if "fire" in step]
        retries = scenario.get("limits", {}).get("retries", 3)
        acp_agent._ACP_PROMPT_MAX_RETRIES = retries
        acp_agent._ACP_PROMPT_RETRY_DELAYS = (FIRED if fired.count("retry") >= retries else NEVER,)
        acp_agent._ACP_CANCEL_DRAIN_TIMEOUT = FIRED if "drain" in fired else NEVER
        # A failed prompt is tried again at once: nobody looks at how long the runtime waits for that.
        acp_agent._ACP_PROMPT_RETRY_DELAYS = (0.0,)
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        command = [turnloom, "serve", str(path), "--transcript", str(folder / "t.jsonl")]
        command += ["--control", "127.0.0.1:0", "--announce", str(folder / "control.json")]
        command += ["--watchdog", f"{LIMIT}s"]
        context = AgentContext(system_message_suffix="suffix") if scenario["agent"].get("suffix") else None
        limit = FIRED if "prompt" in fired else NEVER
        agent = ACPAgent(acp_command=command, acp_prompt_timeout=limit, agent_context=context)
        iterations = scenario.get("limits", {}).get("iterations", 500)
        self.service = None
        if scenario.get("through") == "service":
            self.service = Service(agent, folder, self.workspace, iterations, self.on_event)
            self.conversation = self.service.conversation
        else:
            self.conversation = Conversation(
                agent=agent,
                workspace=str(self.workspace),
                callbacks=[self.on_event],
                visualizer=None,
                max_iteration_per_run=iterations,
            )

    def on_event(self, _):
        with self.changed:
            self.changed.notify_all()

    def play(self):
        if self.scenario["agent"].get("session", "ready") == "ready":
            self.conversation._ensure_agent_ready()
        actors = [threading.Thread(target=self.act, args=(actor,), daemon=True) for actor in self.scenario["actors"]]
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join(LIMIT)
        if any(actor.is_alive() for actor in actors):
            raise TimeoutError("an actor never came to its end")
        if self.service:
            self.until(self.service.is_idle, 0.005)
        observed = {"events": self.events(), "calls": self.calls, "end": self.end()}
        (self.folder / "seen.json").write_text(json.dumps(observed))

    def act(self, actor):
        for step in actor["does"]:
            name, value = (step, None) if isinstance(step, str) else next(iter(step.items()))
            if name == "open":
                self.control.post(f"/gates/{value}/open")
            elif name == "wait":
                self.wait(value)
            else:
                call, do = self.call(name, value)
                try:
                    do()
                    returned = "ok"
                except Exception as error:
                    returned = type(error).__name__
                self.calls[actor["name"]].append({"call": call, "returned": returned})

    def call(self, name, value):
        """The call in the words of the model, and what makes it."""
        if name == "send":
            text, run = value["text"], value.get("run", False)
            target = self.service or self.conversation
            return f"send {json.dumps(text)}", lambda: target.send_message(text, **({"run": run} if run else {}))
        if name == "run_sync":
            return name, self.conversation.run
        if name == "run" and not self.service:
            return name, lambda: asyncio.run(self.conversation.arun())
        return name, getattr(self.service or self.conversation, name)

    def close(self):
        (self.service or self.conversation).close()

    def wait(self, happening):
        kind, value = next(iter(happening.items()))
        if kind in ("gate", "frame"):
            self.control.post("/wait", happening)
        elif kind == "event":
            self.until(lambda: self.count(value) >= value.get("count", 1))
        else:
            self.until(lambda: self.conversation.state.execution_status.value == value, 0.005)

    def until(self, so, look_again=0.05):
        end = time.monotonic() + LIMIT
        while not so():
            if time.monotonic() > end:
                raise TimeoutError("a happening never was the case")
            with self.changed:
                self.changed.wait(look_again)

    def count(self, wanted):
        fits = [event for event in self.events() if event["kind"] == wanted["kind"]]
        return len([event for event in fits if wanted.get("text") in (None, event["text"])])

    def end(self):
        """How the conversation stands: its status, its cursor, the session that the next prompt would go to."""
        state, agent = self.conversation.state, self.conversation.agent
        cursor = state.agent_state.get(CURSOR)
        texts = [self.text(event) for event in state.events if event.id == cursor]
        session = None
        if agent._conn is not None and not getattr(agent, "_restart_session_on_next_turn", False):
            entries = (self.folder / "t.jsonl").read_text().splitlines()
            processes = sum("begin" in json.loads(entry)["what"] for entry in entries)
            session = {"process": processes, "session": agent._session_id}
        cursor = texts[0] if texts else None
        return {"status": state.execution_status.value, "cursor": cursor, "session": session}

    @staticmethod
    def text(event):
        return "".join(block.text for block in event.llm_message.content if hasattr(block, "text"))

    def events(self):
        """The log in the words of the model."""
        events = []
        for event in list(self.conversation.state.events):
            kind, text, tool = type(event).__name__, "", None
            if kind == "MessageEvent":
                text = self.text(event)
                kind = "user_message" if event.source == "user" else "agent_message"
                if kind == "agent_message":
                    text = next((said for start, said in FAILURES.items() if text.startswith(start)), text)
            elif kind == "ActionEvent" and event.tool_name == "finish":
                # What the SDK says where the server said nothing.
                text = event.action.message.replace("(No response from ACP server)", "")
                kind = "finish"
            elif kind == "ACPToolCallEvent":
                kind, text, tool = "tool_call", event.tool_call_id, event.status
            elif kind in NAMES:
                kind = NAMES[kind]
            else:
                continue
            events.append({"kind": kind, "text": text, "tool": tool, "thread": ""})
        return events


# What the SDK says of a turn that failed, in the words of the model.
FAILURES = {"ACP prompt timed out after": "timed out", "ACP error:": "failed"}
NAMES = {
    "SystemPromptEvent": "system_prompt",
    "InterruptEvent": "interrupt",
    "PauseEvent": "pause",
    "ConversationErrorEvent": "error",
}


def playable(scenario):
    """Raises if the scenario has what this driver cannot play."""
    if scenario["agent"]["kind"] != "acp":
        raise NotPlayed("its agent talks to no ACP server")
    steps = [step for actor in scenario["actors"] for step in actor["does"]]
    if any(isinstance(step, dict) and "tool" in step for step in steps):
        raise NotPlayed("an actor is a tool")
    if scenario.get("subscriber"):
        raise NotPlayed("its subscriber takes its time")
    for step in scenario.get("clock", []):
        frame = step.get("wait", {}).get("frame", {})
        if "fire" in step and step["fire"] not in ("drain", "prompt", "retry"):
            raise NotPlayed(f'the clock fires {step["fire"]}')
        if "wait" in step and frame.get("method") not in ("session/cancel", "session/prompt"):
            raise NotPlayed("the clock waits for more than the timer does")


class Judge:
    """What `turnloom` says of a session. Sessions that nobody can tell apart are judged once."""

    def __init__(self, turnloom, release):
        self.turnloom = turnloom
        self.judged = {}
        revisions = self.run(["explain", "revisions"], pathlib.Path()).stdout.split()
        self.revision = release if release in revisions else None

    def run(self, arguments, folder):
        command = [self.turnloom, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def session(self, path, folder):
        """Whether all is well with the session, and why not."""
        said = (folder / "t.jsonl").read_text().replace(str(folder), "")
        seen = path, said, (folder / "seen.json").read_text()
        if seen not in self.judged:
            self.judged[seen] = self.judge(path, folder)
        return self.judged[seen]

    def judge(self, path, folder):
        """The same. Without a model there are only the rules of the protocol."""
        if self.revision is None:
            verified = self.run(["verify", "t.jsonl"], folder)
            return verified.returncode == 0, words(verified)
        of = ["--revision", self.revision]
        verified = self.run(["verify", "t.jsonl", "--scenario", str(path), *of, "--observed", "seen.json"], folder)
        if verified.returncode:
            return False, words(verified)
        return self.imported(folder, of)

    def imported(self, folder, of):
        """Whether the scenario that is made of the transcript has this session among its outcomes too."""
        if '"session/prompt"' not in (folder / "t.jsonl").read_text():
            return True, ""
        imported = self.run(["import", "t.jsonl", "--output", "imported.json"], folder)
        if imported.returncode:
            return False, "not imported: " + words(imported)
        verified = self.run(["verify", "t.jsonl", "--scenario", "imported.json", *of], folder)
        return verified.returncode == 0, "as imported: " + words(verified)


def words(done):
    return (done.stdout + done.stderr).strip()


def play(path, judge):
    """Plays a scenario once; whether what was seen is well, and why not."""
    scenario = json.loads(path.read_text())
    playable(scenario)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run = Play(scenario, path.resolve(), judge.turnloom, folder)
        try:
            run.play()
        finally:
            run.close()
        return judge.session(path.resolve(), folder)


def plays(path, judge, runs):
    """What came of all plays of a scenario, as a row of the matrix, and why some were not well."""
    row = {"scenario": path.stem, "runs": runs, "good": 0, "model": judge.revision}
    said = set()
    for _ in range(runs):
        try:
            good, why = play(path, judge)
        except NotPlayed as why:
            return {**row, "runs": 0, "not_played": str(why)}, []
        except Exception as error:
            good, why = False, f"failed: {type(error).__name__}: {error}"
        row["good"] += good
        if not good:
            said.add(why)
    return row, sorted(said)


def quiet(unraisable):
    """The SDK leaves transports behind whose loop is closed; Python tells of each when it is collected."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def busy(count):
    """So many processes that want a core each."""
    return [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]


def main():
    sys.unraisablehook = quiet
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turnloom", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--load", action="store_true", help="keep each core busy with two other processes meanwhile")
    parser.add_argument("--results", type=pathlib.Path, help="write what came of it to this file, as JSON")
    parser.add_argument("scenarios", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    release = importlib.metadata.version("openhands-sdk")
    judge = Judge(arguments.turnloom, release)
    others = busy(2 * os.cpu_count() if arguments.load else 0)
    rows = []
    try:
        for path in arguments.scenarios:
            row, said = plays(path, judge, arguments.runs)
            rows.append(row)
            print(f"{release}   {path.stem}   {cell(row)}")
            for why in said:
                print("    " + why.replace("\n", "\n    "))
            sys.stdout.flush()
    finally:
        for other in others:
            other.kill()
            other.wait()
    if arguments.results:
        arguments.results.write_text(json.dumps({"release": release, "load": arguments.load, "rows": rows}))
    sys.exit(any(row["good"] < row["runs"] for row in rows))


def cell(row):
    if "not_played" in row:
        return "not played: " + row["not_played"]
    of = "among the outcomes of the model" if row["model"] else "within the protocol; there is no model of this release"
    return f'{row["good"]} of {row["runs"]} {of}'


if __name__ == "__main__":
    main()
