"""Functions that no engine knows, each with its name in the error message."""

import threading
from collections.abc import Callable


class Mailer:
    def __init__(self) -> None:
        self.lock = threading.Lock()  # cannot be pickled

    def send(self, to: str) -> None: ...


def make_closure() -> Callable[[str], None]:
    server = Mailer()

    def send_through_server(to: str) -> None:
        server.send(to)

    return send_through_server


def unknown(to: str) -> None: ...


nameless: Callable[[str], None] = lambda to: unknown(to)  # noqa: E731 (the case)


UNREGISTERED: list[tuple[Callable[..., object], str]] = [
    (unknown, f"{__name__}.unknown"),
    (nameless, f"{__name__}.<lambda>"),
    (make_closure(), f"{__name__}.make_closure.<locals>.send_through_server"),
    (Mailer().send, f"{__name__}.Mailer.send"),
    (print, "builtins.print"),
]
