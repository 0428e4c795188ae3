"""Messages to and from the engine: one JSON object a line, on descriptors of the rig's own."""

import json
import os


class Channel:
    """The pipe to the engine."""

    def __init__(self, reads, writes, rest=b""):
        self.reads, self.writes = reads, writes
        self.rest = rest

    def send(self, message):
        """Sends a message."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        try:
            while data:
                data = data[os.write(self.writes, data) :]
        except BrokenPipeError:
            self.close()

    def receive(self):
        """Waits for the next message. An engine that is gone ends the process."""
        while b"\n" not in self.rest:
            more = os.read(self.reads, 1 << 16)
            if not more:
                self.close()
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def call(self, message):
        """Sends a message and waits for its answer."""
        self.send(message)
        return self.receive()

    def close(self):
        """Ends the process at once."""
        exit_process(0)


# The function as it was before the program's was put in its place.
exit_process = os._exit
