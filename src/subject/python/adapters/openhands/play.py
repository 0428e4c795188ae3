"""One execution of a scenario: what begins it, the steps of its actors, what is seen of it, and what ends it."""

import asyncio
import contextlib
import copy
import functools
import importlib
import json
import logging
import os
import pathlib
import shutil
import tempfile
import uuid
import warnings

from turnloom_rig.program import role

from openhands.sdk.conversation.impl import local_conversation
from openhands.sdk.security.confirmation_policy import AlwaysConfirm, NeverConfirm

from . import hooks, llm_transport, tools
from .conversation import InConversation
from .record import Record
from .words import kind_of, text, word

# Releases before 1.25.0 have no cursor.
CURSOR = getattr(local_conversation, "ACP_LAST_PROMPT_USER_MESSAGE_ID", None)
# Where there are files in memory.
IN_MEMORY = "/dev/shm"


@functools.cache
def install():
    """Makes ready for executions: once in a process."""
    # What the SDK logs is no observation.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # The first portal would import it, on a thread of its own.
    importlib.import_module("anyio._backends._asyncio")
    hooks.install()


def calls(is_served):
    """Which steps there is a call for in this release, of those that not every release has."""
    kind = local_conversation.LocalConversation
    if is_served:
        from openhands.agent_server.event_service import EventService as kind
    needs = {"switch_model": "switch_acp_model", "interrupt": "interrupt"}
    return {step: hasattr(kind, method) for step, method in needs.items()}


def warm_up(scenario, agent):
    """Has an agent with an LLM take a turn of each kind: what the SDK does the first time only is no part of an execution."""
    play = Play({**scenario, "through": "conversation"}, agent)
    try:
        with llm_transport.canned():
            play.begin()
            for run in ("run", "run_sync"):
                play.target.send("warm", False)
                getattr(play.target, run)()
    finally:
        play.close()


@functools.cache
def process_locks():
    """The locks that the SDK has for the whole process."""
    return hooks.ProcessLocks()


class Play:
    """One execution."""

    # The SDK sends it to the LLM, so executions that are alike have the same.
    ID = uuid.UUID(int=1)

    def __init__(self, scenario, agent):
        self.scenario, self.agent = scenario, agent
        self.limits = scenario.get("limits", {})
        does = [step for actor in scenario["actors"] for step in actor["does"]]
        self.is_reloaded = "reload" in does
        self.tool_calls = {}
        process_locks().renew()
        self.record = hooks.Current.record = Record(scenario, role)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="turnloom-", dir=IN_MEMORY if os.path.isdir(IN_MEMORY) else None))
        self.workspace = self.folder / "workspace"
        self.workspace.mkdir()
        self.target = None

    def begin(self):
        """The setup: a conversation or a service, and the agent's server if it is ready."""
        if self.scenario.get("through") == "service":
            from .service import InService as kind
        else:
            kind = InConversation
        self.target = kind(self)
        self.target.begin(self.scenario["agent"].get("session", "ready") == "ready")

    def policy(self):
        """Which actions the SDK asks for: all, if the scenario wants confirmations, else none."""
        return AlwaysConfirm() if self.scenario["agent"].get("confirmation") else NeverConfirm()

    def act(self, actor, step):
        """Takes one step of an actor. A call that fails is noted, and no failure of the step."""
        name, value = (step, None) if isinstance(step, str) else next(iter(step.items()))
        if name == "tool":
            self.use_tool(actor, value)
            return
        call, do = self.call(name, value)
        try:
            do()
            returned = "ok"
        except (Exception, asyncio.CancelledError) as error:
            returned = kind_of(error)
        self.record.called(actor, call, returned)

    def call(self, name, value):
        """The call in words, and what makes it."""
        if name == "send":
            said = value["text"]
            return f"send {json.dumps(said, ensure_ascii=False)}", lambda: self.target.send(said, value.get("run", False))
        if name == "switch_model":
            return f"switch_model {json.dumps(value, ensure_ascii=False)}", lambda: self.target.switch_model(value)
        return name, getattr(self.target, name)

    def use_tool(self, actor, step):
        """A step of a tool call, which begins with the first of them."""
        if actor not in self.tool_calls:
            self.tool_calls[actor] = tools.begin_call(self.record.conversation, actor)
        if step == "poll_token":
            self.record.tokens[actor].append(self.tool_calls[actor].poll_token())

    def is_at_rest(self):
        """Whether no run is in flight or about to begin."""
        return self.target.is_at_rest()

    def observe(self):
        """What was seen, in the form of the engine's observations."""
        record = self.record
        seen = {
            "events": self.events(),
            "calls": record.calls,
            "stream": record.stream,
            "tokens": record.tokens,
            "runs": record.runs,
            "service": record.service,
            "end": self.end(),
        }
        if record.words.of_llm:
            metrics = record.conversation.conversation_stats.usage_to_metrics
            counts = {usage_id: len(one.token_usages) for usage_id, one in metrics.items()}
            seen["usage"] = {usage_id: count for usage_id, count in counts.items() if count}
        # The end of the execution calls the SDK again, which the record sees.
        return copy.deepcopy(seen)

    def events(self):
        """The conversation's log, as the SDK has it."""
        record = self.record
        told = (record.words.event(event, record.threads.get(event.id, "")) for event in record.conversation._state.events)
        return [event for event in told if event is not None]

    def end(self):
        """How the conversation stands: its status, its cursor, the session that the next prompt would go to."""
        conversation = self.record.conversation
        state = conversation._state
        cursor = state.agent_state.get(CURSOR)
        texts = [text(event) for event in state.events if event.id == cursor]
        return {
            "status": word(state.execution_status),
            "cursor": texts[0] if texts else None,
            "session": self.agent.session(conversation.agent),
        }

    def close(self):
        """Ends what lives, and removes the folder."""
        try:
            if self.target is not None:
                with contextlib.suppress(Exception):
                    self.target.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
