"""The agents that are played: an ACP agent, whose server is the engine's, or an agent of the SDK's own, whose LLM is. Knows nothing
of actors.
"""

import inspect
import pathlib

from pydantic import SecretStr

from openhands.sdk import LLM, Agent, AgentBase, Message, TextContent, Tool
from openhands.sdk.agent import acp_agent
from openhands.sdk.agent.acp_agent import ACPAgent
from openhands.sdk.context import AgentContext
from openhands.sdk.context.condenser.base import CondenserBase
from openhands.sdk.context.view import View

from turnloom_rig.program import server

from . import llm_transport, tools

# The command of the server's process, which the rig plays, and the address of the LLM, where no server listens.
COMMAND, ADDRESS = "turnloom", "http://turnloom.invalid/v1"


def agent_of(scenario):
    """The agent of a scenario, to be made as often as wanted."""
    return OnPipe(scenario) if scenario["agent"]["kind"] == "acp" else WithLlm(scenario)


class OnPipe:
    """An ACP agent."""

    def __init__(self, scenario):
        self.has_suffix = scenario["agent"].get("suffix", False)
        server.announce(COMMAND)
        acp_agent._ACP_PROMPT_MAX_RETRIES = scenario.get("limits", {}).get("retries", 3)

    def make(self):
        """A new agent."""
        context = AgentContext(system_message_suffix="suffix") if self.has_suffix else None
        return ACPAgent(acp_command=[COMMAND], agent_context=context)

    def session(self, agent):
        """The session that the next prompt would go to; None if there is none, or it is to be restarted first."""
        if agent._conn is None or getattr(agent, "_restart_session_on_next_turn", False) or not agent._session_id:
            return None
        return {"process": server.processes, "session": agent._session_id}


class WithLlm:
    """An agent with an LLM, which has a tool that an actor plays and those that the script's LLM calls. The LLM is asked once and
    no more."""

    def __init__(self, scenario):
        llm_transport.install()
        own = scenario["agent"]
        self.kind = Agent if own["kind"] == "llm" else SyncAgent
        self.has_condenser = own.get("condenser", False)
        self.tools = [Tool(name=tools.PLAYED), *map(tools.callable_as, called(scenario))]

    def make(self):
        """A new agent, with a condenser if the scenario wants one."""
        condenser = EachTurnCondenser(llm=llm("condenser")) if self.has_condenser else None
        return self.kind(llm=llm("default"), tools=self.tools, condenser=condenser)

    def session(self, agent):
        """An LLM has no sessions."""


def called(scenario):
    """The names of the tools that the script's LLM calls."""
    actions = [action for reaction in scenario.get("server", []) for action in reaction["do"] if isinstance(action, dict)]
    return sorted({action["tool_call"]["name"] for action in actions if "name" in action.get("tool_call", {})})


def llm(usage_id):
    """The scripted LLM. What it is asked for shows whose it is."""
    return LLM(model=f"openai/{usage_id}", base_url=ADDRESS, api_key=SecretStr("none"), num_retries=0, usage_id=usage_id)


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
        """Asks its LLM, in a synchronous run."""
        self.llm.completion([request()])
        return view

    async def acondense(self, view: View, agent_llm: LLM | None = None) -> View:
        """The same in an asynchronous run."""
        await self.llm.acompletion([request()])
        return view


def request():
    """What a condenser asks."""
    return Message(role="user", content=[TextContent(text="condense")])
