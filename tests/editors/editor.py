"""An editor's end of the Language Server Protocol, and the servers to start."""

import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import attrs
from anyio import fail_after
from cattrs import Converter
from lsprotocol import types
from pygls.lsp.client import LanguageClient
from pygls.protocol import default_converter

SERVERS = {
    "pyright": ("pyright-langserver", "--stdio"),
    "ty": ("ty", "server"),
    "pyrefly": ("pyrefly", "lsp"),
    "zuban": ("zuban", "server"),
}
# As in an editor that was started with the environment activated.
BIN = Path(sys.prefix, "bin")
ACTIVATED = {
    **os.environ,
    "VIRTUAL_ENV": sys.prefix,
    "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
}
CAN = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(configuration=True),
    text_document=types.TextDocumentClientCapabilities(
        hover=types.HoverClientCapabilities(content_format=[types.MarkupKind.Markdown]),
        signature_help=types.SignatureHelpClientCapabilities(
            signature_information=types.ClientSignatureInformationOptions(
                documentation_format=[types.MarkupKind.Markdown],
                active_parameter_support=True,
                parameter_information=types.ClientSignatureParameterInformationOptions(
                    label_offset_support=True
                ),
            )
        ),
        diagnostic=types.DiagnosticClientCapabilities(),
    ),
)
MOST_SECONDS = 60  # for one answer, on a busy machine


@dataclass
class Signature:
    """What an editor shows while the arguments of a call are written."""

    parameters: list[str]
    active: str | None
    documented: dict[str, str]


class Editor:
    """Open files of one folder, seen through a language server.

    In the code of a question, ``|`` is where the cursor is.
    """

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self._client = client
        self._new_files = (folder / f"file_{number}.py" for number in count())

    async def hover(self, code: str) -> str:
        """Return what is shown for the name under the cursor."""
        async with self._opened(code) as (file, cursor, _):
            hover = await self._client.text_document_hover_async(
                types.HoverParams(file, cursor)
            )
        return "" if hover is None else text_of(hover.contents)

    async def signature(self, code: str) -> Signature:
        """Return the help for the call around the cursor."""
        async with self._opened(code) as (file, cursor, _):
            shown = await self._client.text_document_signature_help_async(
                types.SignatureHelpParams(file, cursor)
            )
        assert shown is not None
        (signature,) = shown.signatures
        parameters = signature.parameters or []
        labels = [
            each.label
            if isinstance(each.label, str)
            else signature.label[slice(*each.label)]
            for each in parameters
        ]
        active = signature.active_parameter
        return Signature(
            labels,
            None if active is None else labels[active],
            {
                label: text_of(each.documentation)
                for label, each in zip(labels, parameters, strict=True)
                if each.documentation
            },
        )

    async def completed_keywords(self, code: str) -> set[str]:
        """Return the keywords, such as ``{"subject="}``, that completion offers."""
        async with self._opened(code) as (file, cursor, _):
            found = await self._client.text_document_completion_async(
                types.CompletionParams(file, cursor)
            )
        items = found.items if isinstance(found, types.CompletionList) else found or []
        return {each.label for each in items if each.label.endswith("=")}

    async def errors(self, code: str) -> list[str]:
        """Return the pieces of the code that are marked as wrong."""
        async with self._opened(code) as (file, _, lines):
            report = await self._client.text_document_diagnostic_async(
                types.DocumentDiagnosticParams(file)
            )
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        marked = [
            each.range
            for each in report.items
            if each.severity == types.DiagnosticSeverity.Error
        ]
        assert all(each.start.line == each.end.line for each in marked)
        return [
            lines[each.start.line][each.start.character : each.end.character]
            for each in marked
        ]

    @asynccontextmanager
    async def _opened(
        self, code: str
    ) -> AsyncGenerator[
        tuple[types.TextDocumentIdentifier, types.Position, Sequence[str]]
    ]:
        before, _, after = code.partition("|")
        uri = next(self._new_files).as_uri()
        self._client.text_document_did_open(
            types.DidOpenTextDocumentParams(
                types.TextDocumentItem(
                    uri, language_id="python", version=1, text=before + after
                )
            )
        )
        file = types.TextDocumentIdentifier(uri)
        *lines, line = before.split("\n")
        cursor = types.Position(len(lines), len(line))
        with fail_after(MOST_SECONDS):
            yield file, cursor, (before + after).split("\n")
        self._client.text_document_did_close(types.DidCloseTextDocumentParams(file))


@asynccontextmanager
async def started(server: str, folder: Path) -> AsyncGenerator[Editor]:
    """Start a server for the files of a folder, and stop it in the end."""
    client = LanguageClient("bgtasks-tests", "1", converter_factory=new_converter)
    client.feature(types.WORKSPACE_CONFIGURATION)(no_settings)
    command, *options = SERVERS[server]
    await client.start_io(  # pyright: ignore[reportUnknownMemberType]  # its **kwargs
        str(BIN / command), *options, cwd=folder, env=ACTIVATED
    )
    with fail_after(MOST_SECONDS):
        await client.initialize_async(
            types.InitializeParams(
                capabilities=CAN,
                process_id=os.getpid(),
                workspace_folders=[
                    types.WorkspaceFolder(folder.as_uri(), name=folder.name)
                ],
            )
        )
    client.initialized(types.InitializedParams())
    yield Editor(client, folder)
    with fail_after(MOST_SECONDS):
        await client.shutdown_async(None)
        client.exit(None)
        await client.stop()


def no_settings(asked: types.ConfigurationParams) -> list[None]:
    return [None] * len(asked.items)


def new_converter() -> Converter:
    """Return pygls's own, with what lsprotocol 2025.0.0 lacks under newer cattrs."""
    converter: Converter = default_converter()
    notebook = attrs.fields(types.NotebookDocumentFilterWithCells).notebook.type
    converter.register_structure_hook(notebook, lambda value, _: value)
    return converter


def text_of(shown: object) -> str:
    return shown.value if isinstance(shown, types.MarkupContent) else str(shown)
