"""The files that a webhook was sent: kept while they arrive, then held against what the workflow allows."""

from __future__ import annotations

import difflib
import io
import mimetypes
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from ringback.journal.files import FileStore
from ringback.sdk import File
from ringback.web.bodies import Body
from ringback.web.errors import Refusal
from ringback.web.hookspec import FileSpec, Hook
from ringback.web.streams import Watched
from ringback.words import say_size

_OFFICE = "application/vnd.openxmlformats-officedocument."
TYPES: dict[str, frozenset[str]] = {
    "docx": frozenset({_OFFICE + "wordprocessingml.document"}),
    "docm": frozenset({"application/vnd.ms-word.document.macroenabled.12"}),
    "dotx": frozenset({_OFFICE + "wordprocessingml.template"}),
    "xlsx": frozenset({_OFFICE + "spreadsheetml.sheet"}),
    "pptx": frozenset({_OFFICE + "presentationml.presentation"}),
    "doc": frozenset({"application/msword", "application/x-ole-storage"}),
    "odt": frozenset({"application/vnd.oasis.opendocument.text"}),
    "rtf": frozenset({"application/rtf", "text/rtf"}),
    "pdf": frozenset({"application/pdf"}),
    "txt": frozenset({"text/plain"}),
    "csv": frozenset({"text/csv", "text/plain"}),
    "md": frozenset({"text/markdown", "text/plain"}),
    "html": frozenset({"text/html"}),
    "xml": frozenset({"application/xml", "text/xml"}),
    "json": frozenset({"application/json", "text/plain"}),
    "zip": frozenset({"application/zip"}),
    "png": frozenset({"image/png"}),
    "jpg": frozenset({"image/jpeg"}),
    "jpeg": frozenset({"image/jpeg"}),
    "gif": frozenset({"image/gif"}),
    "webp": frozenset({"image/webp"}),
    "tif": frozenset({"image/tiff"}),
    "tiff": frozenset({"image/tiff"}),
    "heic": frozenset({"image/heic"}),
}
"""An ending, as workflows write it, and the media types that its content is recognised as."""

_ENDINGS = {media: "." + ending for ending, medias in reversed(TYPES.items()) for media in medias}


def takes(types: tuple[str, ...], media_type: str) -> bool:
    """Whether a recognised media type is one of the types (endings, media types, `image/*`); none allow all."""
    if not types:
        return True
    for allowed in types:
        if media_type in TYPES.get(allowed, ()) or media_type == allowed:
            return True
        if allowed.endswith("/*") and media_type.startswith(allowed[:-1]):
            return True
    return False


class _OverLimit(Exception):
    """More bytes came than a file may have."""


@dataclass(slots=True)
class Uploads:
    """Takes one request's files. What is wrong with them is gathered in `mistakes`, all of it."""

    hook: Hook
    store: FileStore
    mistakes: list[Refusal] = field(default_factory=list)
    _faulty: set[str] = field(default_factory=set)

    def keep(self, name: str, file_name: str, stream: io.RawIOBase) -> File | None:
        """Store one file while it arrives; None where it is too large or of the wrong type.

        An empty `name` is a body that is itself the file: it counts as the first one that the hook names.
        """
        whole = not name
        name = name or next(iter(self.hook.files), "")
        spec = self.hook.files.get(name, FileSpec())
        limit = min(spec.max_size or self.hook.max_file, self.hook.max_body)
        try:
            stored = self.store.receive(
                cast("BinaryIO", Watched(stream, limit, _OverLimit)),
                file_name or name or "body",
                limit,
            )
        except _OverLimit:
            self._note(
                name, 413, "too_large", f"is larger than {say_size(limit)}.", "Send a smaller file."
            )
            return None
        if not takes(spec.types, stored["media_type"]):
            self._note(
                name,
                415,
                "unsupported_type",
                f"({stored['name']}) was recognised as {stored['media_type']}.",
                f"Send one of: {', '.join(spec.types)}.",
            )
            return None
        if stored["size"] == 0 and spec.required:
            self._note(
                name, 422, "empty_file", f"({stored['name']}) is empty.", "Send the file again."
            )
            return None
        return _named(stored, name) if whole and not file_name else stored

    def settle(self, body: Body) -> None:
        """Give a whole-body file its name among the files, and note what is missing or came twice."""
        first = next(iter(self.hook.files), None)
        if first is not None and self._is_text_file(first, body):
            text = io.BytesIO(str(body.content).encode())
            body.file = self.keep("", "", cast("io.RawIOBase", text))
            body.stored += [body.file] if body.file is not None else []
        if body.file is not None and first is not None:
            body.files.setdefault(first, body.file)
        for name, spec in self.hook.files.items():
            if isinstance(body.files.get(name), list):
                self._note(
                    name,
                    422,
                    "several_files",
                    "came more than once.",
                    "Send one file by this name.",
                )
            elif spec.required and name not in body.files and name not in self._faulty:
                self._note(name, 422, "missing_file", "is missing.", self._how_to_send(name, body))

    def _is_text_file(self, first: str, body: Body) -> bool:
        """Whether a body that was read as text is the text file that the hook asks for."""
        types = self.hook.files[first].types
        return isinstance(body.content, str) and bool(types) and takes(types, "text/plain")

    def _how_to_send(self, name: str, body: Body) -> str:
        near = difflib.get_close_matches(
            name, [key for key in body.files if key not in self.hook.files], n=1, cutoff=0
        )
        if near:
            return f"The request has a file called {near[0]}; call it {name}."
        if name in body.form:
            return f"The field {name} came as text; with curl, write -F {name}=@file."
        return f"Send it as multipart/form-data; with curl: -F {name}=@file."

    def _note(self, name: str, status: int, code: str, said: str, next_step: str) -> None:
        self._faulty.add(name)
        message = f"The file {name} {said}" if name else f"The file {said}"
        where = f"{self.hook.where}, file {name}" if name else self.hook.where
        self.mistakes.append(Refusal(status, code, message, next_step, where))


def _named(stored: File, name: str) -> File:
    media_type = stored["media_type"]
    ending = _ENDINGS.get(media_type) or mimetypes.guess_extension(media_type) or ""
    return {**stored, "name": (name or "body") + ending}
