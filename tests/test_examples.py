"""The sign-up application of examples/: what it answers, writes and logs."""

import logging
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from examples import signup

ADA = b'{"name": "Ada", "email": "ada@example.org"}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(signup, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def crm_that_nobody_serves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with socket.socket() as crm:
        crm.bind(("127.0.0.1", 0))
        monkeypatch.setattr(signup, "CRM", f"127.0.0.1:{crm.getsockname()[1]}")
        yield


async def post(body: bytes) -> httpx.Response:
    """Post ``body``, and return the response when its tasks have ended."""
    transport = httpx.ASGITransport(signup.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        return await client.post("/signup", content=body)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.anyio
async def test_sign_up_is_accepted() -> None:
    assert (await post(ADA)).status_code == 202


@pytest.mark.anyio
async def test_sign_up_sends_a_welcome_email(folder: Path) -> None:
    await post(ADA)

    (message,) = (path for path in files(folder) if path.suffix == ".eml")
    assert "To: ada@example.org\n" in message.read_text(encoding="utf-8")
    assert "Hello Ada," in message.read_text(encoding="utf-8")


@pytest.mark.anyio
async def test_sign_up_is_audited_though_the_crm_fails_before(folder: Path) -> None:
    await post(ADA)

    (line,) = (folder / "audit.log").read_text(encoding="utf-8").splitlines()
    assert line.endswith(" ada@example.org signed up")


@pytest.mark.anyio
async def test_failure_is_logged_with_its_traceback_and_without_personal_data(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await post(ADA)

    (failure,) = (r for r in caplog.records if r.levelno >= logging.ERROR)
    assert failure.getMessage() == "examples.signup.notify_crm failed"
    assert failure.exc_info
    assert failure.exc_info[0] is ConnectionRefusedError
    assert "ada@" not in caplog.text


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "log"),
    [(201, []), (503, ["examples.signup.notify_crm failed"])],
    ids=["201", "503"],
)
async def test_crm_gets_the_contact_and_may_refuse_it(
    status: int,
    log: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    contacts: list[bytes] = []

    class CRM(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            contacts.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), CRM) as crm:
        crm.timeout = 30
        monkeypatch.setattr(signup, "CRM", f"127.0.0.1:{crm.server_port}")
        answering = threading.Thread(target=crm.handle_request)
        answering.start()
        await post(ADA)
        answering.join()

    assert contacts == [b'{"email": "ada@example.org"}']
    assert [r.getMessage() for r in caplog.records if r.levelno >= 40] == log


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"name=Ada", "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b"[]", "a name and an email are needed, both strings"),
        (b'{"name": "Ada"}', "a name and an email are needed, both strings"),
        (
            b'{"name": "Ada", "email": 1}',
            "a name and an email are needed, both strings",
        ),
        (b'{"name": "Ada", "email": "ada"}', "the email is not an address"),
        (b'{"name": "Ada", "email": "a@b\\nc"}', "the email is not an address"),
    ],
)
async def test_bad_input_is_refused_with_its_reason_and_starts_nothing(
    body: bytes, reason: str, folder: Path
) -> None:
    response = await post(body)

    assert response.status_code == 400
    assert response.json() == {"error": f"{reason}: send {signup.EXPECTED}"}
    assert files(folder) == []
