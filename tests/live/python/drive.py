"""Plays the actors of scenarios against a real openhands-sdk, with `turnloom serve` as its ACP server.

One process imports the SDK once and plays every scenario that it is given, each as often as asked. What was seen goes to
`turnloom verify`, which says whether it is among the outcomes that the model has for the installed release. Nothing here
knows what a scenario is about, and nothing waits for time: steps wait for what the control port or the SDK's own
callbacks tell. (A status has no callback, so it alone is looked at again and again.)

    python drive.py --turnloom target/release/turnloom --runs 10 scenarios/*.json
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
import urllib.error
import urllib.request
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
from openhands.sdk.conversation.impl.local_conversation import ACP_LAST_PROMPT_USER_MESSAGE_ID  # noqa: E402
from openhands.sdk.security.confirmation_policy import NeverConfirm  # noqa: E402

# What the SDK logs is not what is judged.
logging.disable(logging.CRITICAL)

# How long a drain may take that the scenario's clock fires, and one that it does not: far beyond any test.
FIRED, NEVER = 0.3, 600.0
LIMIT = 60


class NotPlayed(Exception):
    """Why a scenario cannot be played live."""


class Control:
    """The control port of whichever server process lives."""

    def __init__(self, announce):
        self.announce = announce

    def post(self, path, body=None):
        """A request that is repeated until a process answers it: one may end, and the next one begin, meanwhile."""
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            try:
                said = json.loads(self.announce.read_text())
                request = urllib.request.Request(
                    said["control"] + path,
                    data=json.dumps(body).encode(),
                    headers={"Authorization": "Bearer " + said["token"]},
                    method="POST",
                )
                with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                    told = json.loads(answer.read())
                if told.get("happened", True):
                    return
            except urllib.error.HTTPError as error:
                raise RuntimeError(f"{path} {body}: {error.read().decode()}") from error
            except (OSError, ValueError):
                pass
            time.sleep(0.01)
        raise TimeoutError(f"{path} {body}")


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
        cursor = state.agent_state.get(ACP_LAST_PROMPT_USER_MESSAGE_ID)
        texts = [self.text(event) for event in state.events if event.id == cursor]
        session = None
        if agent._conn is not None and not agent._restart_session_on_next_turn:
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


def play(path, turnloom, release):
    scenario = json.loads(path.read_text())
    playable(scenario)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run = Play(scenario, path.resolve(), turnloom, folder)
        try:
            run.play()
        finally:
            run.close()
        verify = [turnloom, "verify", "t.jsonl", "--scenario", str(path.resolve())]
        verify += ["--revision", release, "--observed", "seen.json"]
        return subprocess.run(verify, cwd=folder, capture_output=True, text=True, check=False)


def quiet(unraisable):
    """The SDK leaves transports behind whose loop is closed; Python tells of each when it is collected."""
    if "Event loop is closed" not in str(unraisable.exc_value):
        sys.__unraisablehook__(unraisable)


def main():
    sys.unraisablehook = quiet
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turnloom", required=True, type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--matrix", type=pathlib.Path, help="write the results to this file")
    parser.add_argument("scenarios", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = []
    release = importlib.metadata.version("openhands-sdk")
    worst = 0
    for path in arguments.scenarios:
        good, said = 0, []
        for _ in range(arguments.runs):
            try:
                verified = play(path, arguments.turnloom, release)
            except NotPlayed as why:
                said = [f"not played: {why}"]
                break
            except Exception as error:
                said.append(f"failed: {type(error).__name__}: {error}")
                continue
            if verified.returncode == 0:
                good += 1
            said.append((verified.stdout + verified.stderr).strip())
        if not said[0].startswith("not played"):
            worst = max(worst, int(good < arguments.runs))
            rows.append((path.stem, f"{good} of {arguments.runs} among the outcomes of the model"))
        else:
            rows.append((path.stem, said[0]))
        print(f"{path.stem}   {release}   {rows[-1][1]}")
        for words in sorted(set(said)):
            if "\namong the outcomes" not in words and not words.startswith("not played"):
                print("    " + words.replace("\n", "\n    "))
        sys.stdout.flush()
    if arguments.matrix:
        arguments.matrix.write_text(matrix(release, rows))
    sys.exit(worst)


def matrix(release, rows):
    lines = [
        "# Real releases against the model",
        "",
        "Written by `.ci/live --full`. Each scenario is played on the release named in the column, with `turnloom serve` as its ACP",
        "server; a run counts when what was seen (the server's log, the conversation's events, what calls returned, how it",
        "ended) is among the outcomes that the model of that revision has.",
        "",
        f"| scenario | openhands-sdk {release} |",
        "|---|---|",
    ]
    return "\n".join(lines + [f"| `{name}` | {words} |" for name, words in rows]) + "\n"


if __name__ == "__main__":
    main()
