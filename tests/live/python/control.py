"""The control port of `turnloom serve`, for whoever plays a client. Knows nothing of any client."""

import contextlib
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

# How long anything may take before it counts as never: far beyond any test.
LIMIT = 120


class Control:
    """The control port of whichever server process lives."""

    def __init__(self, announce):
        self.announce = announce
        # Set when nobody is interested any more.
        self.is_over = False

    def address(self, name):
        """Where something listens, as soon as it does."""
        until = time.monotonic() + LIMIT
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                return json.loads(self.announce.read_text())[name]
            time.sleep(0.01)
        raise TimeoutError(f"nothing announced {name}")

    def is_heard(self):
        """Whether a process of the server listens at this moment."""
        with contextlib.suppress(OSError, ValueError):
            at = urllib.parse.urlsplit(json.loads(self.announce.read_text())["control"])
            socket.create_connection((at.hostname, at.port), timeout=LIMIT).close()
            return True
        return False

    def post(self, path, body=None, unless=lambda: False):
        """A request that is repeated until a process answers it: one may end, and the next one begin, meanwhile; or until
        nobody needs to answer any more."""
        until = time.monotonic() + LIMIT
        while time.monotonic() < until and not self.is_over:
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
                if unless():
                    return
            time.sleep(0.01)
        raise TimeoutError(f"{path} {body}")
