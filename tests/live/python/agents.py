"""The agents that are driven, each with the scenario's server at the other end: an ACP agent, which starts `turnloom serve` as
its process, or an agent of the SDK's own, whose LLM is `turnloom serve` over HTTP. Knows nothing of actors.
"""

import inspect
import json
import pathlib
import subprocess

from pydantic import SecretStr

from openhands.sdk import LLM, Agent, AgentBase, Message, TextContent, Tool
from openhands.sdk.agent.acp_agent import ACPAgent
from openhands.sdk.context import AgentContext
from openhands.sdk.context.condenser.base import CondenserBase
from openhands.sdk.context.view import View

import clock
import tools


class OnPipe:
    """An ACP agent, whose server is a process of its own."""

    def __init__(self, serve, control, scenario):
        context = AgentContext(system_message_suffix="suffix") if scenario["agent"].get("suffix") else None
        self.make = lambda: ACPAgent(
            acp_command=serve, acp_prompt_timeout=clock.PROMPT_LIMIT, agent_context=context
        )
        self.agent = self.make()

    def session(self, agent, transcript):
        """The session that the next prompt would go to."""
        if agent._conn is None or getattr(agent, "_restart_session_on_next_turn", False):
            return None
        processes = sum("begin" in json.loads(entry)["what"] for entry in transcript.read_text().splitlines())
        return {"process": processes, "session": agent._session_id} if agent._session_id else None

    def end(self):
        """The server ends with the agent."""


class OverHttp:
    """An agent with an LLM, which has a tool that an actor plays and those that the script's LLM calls. The LLM says what the script
    says, so it is asked once and no more."""

    def __init__(self, serve, control, scenario):
        self.process = subprocess.Popen([*serve, "--llm", "127.0.0.1:0"], stdin=subprocess.DEVNULL)
        own = scenario["agent"]
        try:
            address = control.address("llm")
            kind = Agent if own["kind"] == "llm" else SyncAgent
            condenser = EachTurnCondenser(llm=llm(address, "condenser")) if own.get("condenser") else None
            has = [Tool(name=tools.PLAYED), *map(tools.callable_as, called(scenario))]
            self.make = lambda: kind(llm=llm(address, "default"), tools=has, condenser=condenser)
            self.agent = self.make()
        except BaseException:
            self.end()
            raise

    def session(self, agent, transcript):
        """An LLM has no sessions."""

    def end(self):
        """Ends the server, whatever it waits for."""
        self.process.kill()
        self.process.wait()


def called(scenario):
    """The names of the tools that the script's LLM calls."""
    actions = [action for reaction in scenario.get("server", []) for action in reaction["do"] if isinstance(action, dict)]
    return sorted({action["tool_call"]["name"] for action in actions if "name" in action.get("tool_call", {})})


def llm(address, usage_id):
    """An LLM at this address. What it is asked for shows whose it is."""
    return LLM(model=f"openai/{usage_id}", base_url=address, api_key=SecretStr("none"), num_retries=0, usage_id=usage_id)


def serve(kind):
    """What serves agents of this kind."""
    return OnPipe if kind == "acp" else OverHttp


class SyncAgent(Agent):
    """An agent that has only a synchronous `step`."""

    astep = AgentBase.astep

    @property
    def prompt_dir(self):
        """Where the prompts of `Agent` are, beside its module."""
        return str(pathlib.Path(inspect.getfile(Agent)).parent / "prompts")


class EachTurnCondenser(CondenserBase):
    """A condenser that has its LLM sum up the conversation before each turn, and leaves it as it is. (That of the SDK does so
    once a conversation has grown long.)"""

    llm: LLM

    def condense(self, view: View, agent_llm: LLM | None = None) -> View:
        self.llm.completion([request()])
        return view

    async def acondense(self, view: View, agent_llm: LLM | None = None) -> View:
        await self.llm.acompletion([request()])
        return view


def request():
    return Message(role="user", content=[TextContent(text="condense")])
