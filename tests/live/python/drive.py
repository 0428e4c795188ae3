"""Plays the actors of scenarios against a real openhands-sdk, with `turnloom serve` as its ACP server or as its LLM.

One process imports the SDK once and plays every scenario that it is given, each as often as asked. What was seen goes to
`turnloom verify`, which says whether it is among the outcomes that the model has for the installed release. Nothing here
knows what a scenario is about, and nothing waits for time: steps wait for what the control port or the SDK's own
callbacks tell, and the scenario's clock turns that of the SDK. (A status has no callback, so it is looked at again and again. That
a session has come to a stand can be seen by waiting only; that is done where it has come as far as in such an outcome of the
model.)

    python drive.py --turnloom target/release/turnloom --runs 10 scenarios/*.json

Exit codes: 0 all was seen in the model too, 1 something was not, or a play failed.
"""

import argparse
import asyncio
import concurrent.futures
import functools
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
import warnings

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("OPENHANDS_SUPPRESS_BANNER", "1")

from openhands.sdk import Conversation  # noqa: E402
from openhands.sdk.agent import acp_agent  # noqa: E402
from openhands.sdk.conversation.impl import local_conversation  # noqa: E402
from openhands.sdk.security.confirmation_policy import AlwaysConfirm, NeverConfirm  # noqa: E402

import agents  # noqa: E402
import clock  # noqa: E402
import tools  # noqa: E402
from control import LIMIT, Control  # noqa: E402
from judge import MOST_EXECUTIONS, Judge  # noqa: E402
from service import ITERATIONS, Listener, Service  # noqa: E402
from words import Words, kind_of, text  # noqa: E402

# What the SDK logs is not what is judged.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

BEGIN_CLOCK = clock.install()
BEGIN_RUNS = tools.install()
# How long nothing happens in a session that has come to a stand, in seconds.
STILL = 2.0
# The SDK sends it to the LLM, so sessions that are alike have the same.
CONVERSATION = uuid.UUID(int=1)
# Releases before 1.25.0 have no cursor.
CURSOR = getattr(local_conversation, "ACP_LAST_PROMPT_USER_MESSAGE_ID", None)


class NotPlayed(Exception):
    """Why a scenario cannot be played live."""


class Play:
    """One run of one scenario, which may come to a stand where the model does."""

    def __init__(self, scenario, path, turnloom, folder, outcomes):
        self.scenario = scenario
        self.outcomes = outcomes
        self.stuck = False
        self.before = None
        self.since = 0.0
        self.folder = folder
        self.words = Words(scenario["agent"]["kind"])
        self.calls = {actor["name"]: [] for actor in scenario["actors"]}
        self.tokens = {}
        self.changed = threading.Condition()
        self.control = Control(folder / "control.json")
        self.clock = BEGIN_CLOCK()
        BEGIN_RUNS()
        acp_agent._ACP_PROMPT_MAX_RETRIES = scenario.get("limits", {}).get("retries", 3)
        # Whether the script waits for something that only the conversation knows.
        self.is_told = '"event":' in json.dumps(scenario.get("server", []))
        does = [step for actor in scenario["actors"] for step in actor["does"]]
        self.is_reloaded = "reload" in does
        # Frames do not show that a run was synchronous, nor that a conversation was taken up again.
        self.is_telling = "run_sync" in does or self.is_reloaded
        # The server is told in order. A subscriber that waits takes none of the threads that the scenario counts.
        self.telling = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self.waiting = concurrent.futures.ThreadPoolExecutor()
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        command = [turnloom, "serve", str(path), "--transcript", str(folder / "t.jsonl")]
        command += ["--control", "127.0.0.1:0", "--announce", str(folder / "control.json")]
        command += ["--watchdog", f"{LIMIT}s"]
        self.server = agents.serve(scenario["agent"]["kind"])(command, self.control, scenario)
        self.service = self.listener = None
        self.open()
        # What is told of calls does not say which messages asked the service for a run.
        self.is_imported = not (self.service and self.is_reloaded)

    def open(self):
        """Takes the conversation up: a new one, or what was saved of it."""
        limits = self.scenario.get("limits", {})
        policy = AlwaysConfirm() if self.scenario["agent"].get("confirmation") else NeverConfirm()
        if self.scenario.get("through") == "service":
            self.service = Service(
                self.server.agent, self.folder, self.workspace, limits, policy, CONVERSATION
            )
            self.conversation = self.service.conversation
        else:
            self.conversation = Conversation(
                agent=self.server.agent,
                conversation_id=CONVERSATION,
                workspace=str(self.workspace),
                persistence_dir=str(self.folder / "saved") if self.is_reloaded else None,
                callbacks=[self.on_event],
                visualizer=None,
                max_iteration_per_run=limits.get("iterations", ITERATIONS),
            )
            self.conversation.set_confirmation_policy(policy)

    def on_event(self, event):
        told = self.words.event(event)
        if told and self.is_told:
            self.control.post("/tell", {"event": {"kind": told["kind"], "text": told["text"]}})
        with self.changed:
            self.changed.notify_all()

    async def is_ready(self, published):
        """Returns when the scenario's subscriber takes this in."""
        kind = published["Event"]["kind"] if "Event" in published else None
        for delivery in self.scenario.get("subscriber", []):
            if delivery["on"] == kind:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self.waiting, self.control.post, "/wait", {"gate": delivery["gate"]})

    def play(self):
        # An agent with an LLM has no server to be started, so it is ready before anybody subscribes.
        is_ready = self.scenario["agent"].get("session", "ready") == "ready"
        if is_ready and self.words.of_llm:
            self.conversation._ensure_agent_ready()
        if self.service:
            self.listener = Listener(self.words.published, self.is_ready, self.on_event)
            self.service.subscribe(self.listener)
        if is_ready:
            self.conversation._ensure_agent_ready()
        actors = [threading.Thread(target=self.act, args=(actor,), daemon=True) for actor in self.scenario["actors"]]
        threading.Thread(target=self.keep_time, daemon=True).start()
        for actor in actors:
            actor.start()

        def is_done():
            return not any(actor.is_alive() for actor in actors) and (self.service is None or self.service.is_idle())

        self.until(lambda: is_done() or self.stands(), 0.005)
        self.stuck = not is_done()
        self.tell_all(self.telling.submit(int))
        (self.folder / "seen.json").write_text(json.dumps(self.observed()))

    def observed(self):
        """All that the server cannot see."""
        seen = {"events": self.events(), "calls": self.calls, "end": self.end(), "stuck": self.stuck, "tokens": self.tokens}
        if self.listener:
            seen["stream"] = self.listener.stream
        if self.words.of_llm:
            metrics = self.conversation.conversation_stats.usage_to_metrics
            counts = {usage_id: len(one.token_usages) for usage_id, one in metrics.items()}
            seen["usage"] = {usage_id: count for usage_id, count in counts.items() if count}
        return seen

    def stands(self):
        """Whether the session has come to a stand."""
        called = {actor: calls for actor, calls in self.calls.items() if calls}
        seen, read = {"events": self.events(), "calls": called}, self.read()
        if not any(self.is_as_far_as(outcome, seen, read) for outcome in self.outcomes):
            return False
        transcript = self.folder / "t.jsonl"
        written = transcript.stat().st_size if transcript.exists() else 0
        now = written, len(self.events()), json.dumps(self.calls), len(self.clock.armed)
        if now != self.before:
            self.before, self.since = now, time.monotonic()
        return time.monotonic() - self.since > STILL

    def is_as_far_as(self, outcome, seen, read):
        """Whether all was seen that there is in the outcome, as far as the scenario observes it, and all prompts and starts were
        read."""
        observed = self.scenario.get("observe", seen)
        as_far = all(outcome[channel] == seen[channel] for channel in seen if channel in observed)
        due = [kind for entry in outcome["server"] for kind in entry]
        return as_far and all(count >= due.count(kind) for kind, count in read.items())

    def read(self):
        """How many starts and prompts the server has read, with the completions that the LLM was asked for."""
        entries = self.entries()
        methods = [entry["read"]["frame"].get("method") for entry in entries if "read" in entry]
        asked = sum("ask" in entry for entry in entries)
        return {"Initialize": methods.count("initialize"), "Prompt": methods.count("session/prompt") + asked}

    def was_read(self, wanted):
        """Whether the transcript has as many frames as a wait asks for."""
        fits = [frame for frame in self.frames() if frame.get("method") == wanted["method"]]
        if "text" in wanted:
            blocks = [frame["params"]["prompt"] for frame in fits]
            fits = [one for one in blocks if wanted["text"] in [block.get("text") for block in one]]
        return len(fits) >= wanted.get("count", 1)

    def frames(self):
        """What the server has read."""
        return [entry["read"]["frame"] for entry in self.entries() if "read" in entry]

    def entries(self):
        """What the transcript has, if there is one yet, without a line that is being written."""
        transcript = self.folder / "t.jsonl"
        lines = transcript.read_text().splitlines(keepends=True) if transcript.exists() else []
        return [json.loads(line)["what"] for line in lines if line.endswith("\n")]

    def act(self, actor):
        """Plays an actor's part, and within a call of a tool what comes after it began. A session that came to a stand may be
        over before that."""
        begun = next((at for at, step in enumerate(actor["does"]) if is_of_tool(step)), len(actor["does"]))
        try:
            self.do(actor, actor["does"][:begun])
            if begun < len(actor["does"]):
                tools.call(self.conversation, actor["name"], lambda call: self.do(actor, actor["does"][begun:], call))
        except TimeoutError:
            if not self.control.is_over:
                raise

    def do(self, actor, steps, tool_call=None):
        for step in steps:
            name, value = (step, None) if isinstance(step, str) else next(iter(step.items()))
            if name == "tool":
                if value == "poll_token":
                    self.tokens.setdefault(actor["name"], []).append(tool_call.poll_token())
            elif name == "open":
                self.tell(f"/gates/{value}/open")
            elif name == "wait":
                self.wait(value)
            else:
                call, do = self.call(name, value)
                try:
                    do()
                    returned = "ok"
                except (Exception, asyncio.CancelledError) as error:
                    returned = kind_of(getattr(error, "original_exception", error))
                told = {"call": call, "returned": returned}
                self.calls[actor["name"]].append(told)
                if self.is_telling:
                    self.tell("/tell", {"actor": actor["name"], **told})

    def tell(self, path, body=None):
        """Tells the server. A later process of it hears what none was there for."""
        self.tell_all(self.telling.submit(self.control.post, path, body))

    def tell_all(self, last):
        """Returns when the server was told this and all before it, or when no process of it lives that could be told."""
        self.until(lambda: last.done() or not self.control.is_heard(), 0.01)
        if last.done():
            last.result()

    def keep_time(self):
        """The clock's part. What it waits for may never come."""
        for step in self.scenario.get("clock", []):
            try:
                if "wait" in step:
                    self.wait(step["wait"])
                elif not self.clock.fire(step["fire"]):
                    return
            except TimeoutError:
                return

    def call(self, name, value):
        """The call in the words of the model, and what makes it."""
        if name == "send":
            said, run = value["text"], value.get("run", False)
            target = self.service or self.conversation
            return f"send {json.dumps(said)}", lambda: target.send_message(said, **({"run": run} if run else {}))
        if name == "run_sync":
            return name, self.conversation.run
        if name in ("run", "accept") and not self.service:
            return name, lambda: asyncio.run(self.conversation.arun())
        if name == "reload":
            return name, self.reload
        if name == "switch_model":
            target = self.service or self.conversation
            return f"switch_model {json.dumps(value)}", lambda: target.switch_acp_model(value)
        method = {"accept": "accept_pending_actions", "reject": "reject_pending_actions"}.get(name, name)
        return name, getattr(self.service or self.conversation, method)

    def close(self):
        (self.service or self.conversation).close()

    def reload(self):
        self.close()
        self.server.agent = self.server.make()
        self.open()
        if self.listener:
            self.service.subscribe(self.listener)

    def leave(self):
        """Closes the conversation, if it lets itself be closed: one that has come to a stand ends with this process."""
        closing = threading.Thread(target=self.close, daemon=True)
        closing.start()
        closing.join(0 if self.stuck else LIMIT)
        self.clock.end()
        self.control.is_over = True
        self.server.end()

    def wait(self, happening):
        kind, value = next(iter(happening.items()))
        if kind == "frame":
            # The process that read it may have been killed before it could say so.
            self.control.post("/wait", happening, unless=lambda: self.was_read(value))
        elif kind == "gate":
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
        state = self.conversation.state
        cursor = state.agent_state.get(CURSOR)
        texts = [text(event) for event in state.events if event.id == cursor]
        session = self.server.session(self.conversation.agent, self.folder / "t.jsonl")
        return {"status": state.execution_status.value, "cursor": texts[0] if texts else None, "session": session}

    def events(self):
        """The log in the words of the model."""
        return [told for told in map(self.words.event, list(self.conversation.state.events)) if told]


def is_of_tool(step):
    return isinstance(step, dict) and "tool" in step


def playable(scenario, judge):
    """Raises if the scenario has what this driver cannot play."""
    steps = [step for actor in scenario["actors"] for step in actor["does"]]
    if scenario["agent"]["kind"] == "acp" and any(map(is_of_tool, steps)):
        raise NotPlayed("an actor is a tool, and the tools of an ACP agent are not the SDK's")
    if steps.count({"tool": "begin"}) > 1:
        raise NotPlayed("a tool call begins more than once")
    for decision, alternative in scenario.get("decisions", {}).items():
        if alternative != judge.decided(decision):
            raise NotPlayed(f"it is about {decision}: {alternative}, which the release has decided otherwise")
    if {"fire": "cancel_send"} in scenario.get("clock", []):
        raise NotPlayed("a pipe takes a cancel at once, whether or not somebody reads it")


def whole(part, folder):
    """A part of a scenario with the items of fragments where they are used."""
    if isinstance(part, dict):
        return {key: whole(value, folder) for key, value in part.items()}
    if not isinstance(part, list):
        return part
    items = []
    for item in part:
        if isinstance(item, dict) and list(item) == ["use"]:
            lines = (folder / "fragments" / f"{item['use']}.json").read_text().splitlines()
            items += json.loads("\n".join(line for line in lines if not line.startswith("//")))
        else:
            items.append(whole(item, folder))
    return items


def play(path, judge):
    """Plays a scenario once; whether what was seen is well, and why not."""
    scenario = whole(json.loads(path.read_text()), path.parent)
    playable(scenario, judge)
    outcomes = judge.stands(path.resolve())
    if outcomes is None:
        raise NotPlayed(f"the model of the release has {MOST_EXECUTIONS} interleavings or more")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = pathlib.Path(folder)
        run = Play(scenario, path.resolve(), judge.turnloom, folder, outcomes)
        try:
            run.play()
            if run.stuck:
                return judge.session(path.resolve(), folder, run.is_imported)
        finally:
            run.leave()
        return judge.session(path.resolve(), folder, run.is_imported)


def plays(path, *, judge, runs):
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


def in_processes(work, paths, jobs):
    """What comes of each path, in their order. Forked, so that the SDK is imported once; what it leaves running ends with its
    process."""
    with tempfile.TemporaryDirectory() as folder:
        waiting, living, due = list(enumerate(paths)), {}, 0
        while due < len(paths):
            while waiting and len(living) < jobs:
                at, path = waiting.pop(0)
                process = os.fork()
                if process == 0:
                    try:
                        pathlib.Path(folder, f"{at}.json").write_text(json.dumps(work(path)))
                    finally:
                        os._exit(0)
                living[process] = at
            process, _ = os.wait()
            living.pop(process, None)
            while due < len(paths) and due not in living.values() and due not in dict(waiting):
                yield json.loads(pathlib.Path(folder, f"{due}.json").read_text())
                due += 1


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
    parser.add_argument("--jobs", type=int, default=1, help="play so many scenarios at a time, each in a process of its own")
    parser.add_argument("--load", action="store_true", help="keep each core busy with two other processes meanwhile")
    parser.add_argument("--results", type=pathlib.Path, help="write what came of it to this file, as JSON")
    parser.add_argument("scenarios", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    release = importlib.metadata.version("openhands-sdk")
    judge = Judge(arguments.turnloom, release)
    others = busy(2 * os.cpu_count() if arguments.load else 0)
    rows = []
    try:
        one = functools.partial(plays, judge=judge, runs=arguments.runs)
        for row, said in in_processes(one, arguments.scenarios, arguments.jobs):
            rows.append(row)
            print(f'{release}   {row["scenario"]}   {cell(row)}')
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
