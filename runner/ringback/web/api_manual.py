"""The body of a run started by hand: JSON, or a form whose files are kept like a webhook's."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from ringback.engine.runtime import Runtime
from ringback.sdk import File
from ringback.web.bodies import read_body
from ringback.web.errors import Refusal
from ringback.web.streams import CHUNK, Rejoined, open_body


def read_manual(runtime: Runtime, environ: Mapping[str, Any], where: str) -> dict[str, Any]:
    """`{"data": {…}, "files": {name: File}, "stored": [File]}` of a request.

    As JSON: `{"data": {…}}`. As multipart: files by field name, and text fields, of which one called `data`
    is JSON and the others are entries of it. Raises `Refusal` 413, 400 or 422.
    """

    def keep(name: str, file_name: str, stream: io.RawIOBase) -> File:
        return runtime.files.receive(
            cast("BinaryIO", stream), file_name or name or "file", runtime.settings.max_file
        )

    stream = open_body(environ, runtime.settings.max_body, where)
    head = stream.read(CHUNK)
    if not head:
        return {"data": {}, "files": {}, "stored": []}
    whole = Rejoined(head, stream)
    body = read_body(whole, environ.get("CONTENT_TYPE", ""), keep, "file", where)
    if body.file is not None:
        return {"data": {}, "files": {"file": body.file}, "stored": body.stored}
    twice = [name for name, file in body.files.items() if isinstance(file, list)]
    if twice:
        raise Refusal(
            422,
            "several_files",
            f"The file {twice[0]} came more than once.",
            "Send one file by each name.",
            where,
        )
    content = body.content
    if not isinstance(content, dict):
        raise _not_an_object(where)
    if body.form or body.files:
        fields = dict(body.form)
        data = _json_field(fields.pop("data", "{}"), where) | fields
    else:
        data = content.get("data", {})
    if not isinstance(data, dict):
        raise _not_an_object(where)
    return {"data": data, "files": body.files, "stored": body.stored}


def _json_field(text: Any, where: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (TypeError, ValueError):
        raise _not_an_object(where) from None
    if not isinstance(data, dict):
        raise _not_an_object(where)
    return data


def _not_an_object(where: str) -> Refusal:
    return Refusal(
        422,
        "invalid_body",
        "body.data: It is not an object.",
        'Send {"data": {…}} as JSON, or a form with files.',
        where,
    )
