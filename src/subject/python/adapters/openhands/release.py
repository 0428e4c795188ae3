"""Which openhands is installed, whether its parts fit each other, and the process that it is imported into."""

import importlib.metadata
import os
import pathlib
import re

from turnloom_rig.program import Refused

SDK, SERVER, CLIENT = "openhands-sdk", "openhands-agent-server", "agent-client-protocol"
OLDEST = (1, 23, 0)
# Newer client libraries want the session first and the prompt second; older releases of the SDK hand them over the other way round,
# without names.
SWAPPED = "acp/client/connection.py", r"async def prompt\(\s*self,\s*session_id\b"
POSITIONAL = "openhands/sdk/agent/acp_agent.py", r"conn\.prompt\(\s*prompt_blocks\b"
# The packages whose threads, loops and locks are part of the program: its own, its client library, and its portals.
OF_PROGRAM = {"openhands", "acp", "anyio"}
# A part of the SDK that only reports.
LOGGER = "/openhands/sdk/logger/"
PIN = "pip install 'agent-client-protocol==0.8.1'"


def version(package):
    """The installed version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions():
    """The versions of what is under test, by package."""
    found = {package: version(package) for package in (SDK, SERVER, CLIENT)}
    return {package: one for package, one in found.items() if one is not None}


def details():
    """Parts of the paths of all other packages that are installed beside the SDK."""
    if version(SDK) is None:
        return ()
    folder = pathlib.Path(importlib.metadata.distribution(SDK).locate_file(""))
    others = (entry.name for entry in folder.iterdir() if entry.name not in OF_PROGRAM)
    return (LOGGER, *(f"/site-packages/{name}" for name in sorted(others)))


def numbers(text):
    """The numbers of a version."""
    parts = (part for part in text.split("+")[0].split("."))
    return tuple(int(part) for part in parts if part.isdigit())


def says(package, file, pattern):
    """Whether a source file of a package has something like this."""
    path = pathlib.Path(importlib.metadata.distribution(package).locate_file(file))
    return path.is_file() and re.search(pattern, path.read_text(encoding="utf-8")) is not None


def check():
    """Raises `Refused` if the SDK is missing or too old, or if its client library fails each prompt."""
    sdk, client = version(SDK), version(CLIENT)
    if sdk is None:
        raise Refused(f"{SDK} is not installed", f"pip install {SDK} {SERVER}")
    if numbers(sdk) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Refused(f"{SDK} {sdk} is too old", f"install {oldest} or newer")
    if client is None:
        raise Refused(f"{CLIENT}, which {SDK} needs, is not installed", PIN)
    if says(CLIENT, *SWAPPED) and says(SDK, *POSITIONAL):
        why = f"with {CLIENT} {client}, {SDK} {sdk} fails each prompt: the arguments of `prompt` have changed places"
        raise Refused(why, PIN)


def prepare(is_served):
    """Sets the process up for the import: nothing is reported, fetched or shown. Raises `Refused` if a scenario goes
    through the service and that is not installed."""
    if is_served and version(SERVER) is None:
        why = f"the scenario goes through the service, and {SERVER} is not installed"
        raise Refused(why, f"pip install {SERVER}=={version(SDK)}")
    os.environ.update(
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_TELEMETRY="False",
        OPENHANDS_SUPPRESS_BANNER="1",
        DO_NOT_TRACK="1",
        LOG_LEVEL="ERROR",
    )
