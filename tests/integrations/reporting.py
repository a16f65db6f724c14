"""How a function that a worker calls reports the call to the test."""

import json
import os
import socket

REPORT_TO = "BGTASKS_TESTS_REPORT_TO"  # the test's address, in the environment


def report(function: str, /, *args: object, **kwargs: object) -> None:
    """Report a call, and return when the test has taken note of it."""
    host, port = os.environ[REPORT_TO].split(":")
    call = {"name": function, "args": args, "kwargs": kwargs, "pid": os.getpid()}
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{json.dumps(call)}\n".encode())
        connection.recv(1)
