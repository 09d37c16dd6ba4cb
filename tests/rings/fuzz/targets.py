"""What is fuzzed: each target takes bytes and returns, whatever they are.

A target that raises, takes longer than the ring allows or eats too much memory is a finding. Refusals (`Failure`,
`Refused`, `Refusal`) are what should come of most inputs; they are caught here, and only here.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.connectors.document.modules import Given, module

from ringback.connectors import callbacks, examples, timestamps, verify
from ringback.connectors.callbacks import Inbound, IncomingRequest, Report
from ringback.connectors.catalogue import Catalogue, load_catalogue
from ringback.connectors.manifest import Manifest
from ringback.connectors.verify import doctor
from ringback.expressions import evaluate, render, syntax_problem
from ringback.journal import jsontext
from ringback.paths import shelf
from ringback.problems import Failure, Mistakes, Problem
from ringback.sms import contactbook
from ringback.sms.segments import plain_quotes, segments
from ringback.web.bodies import read_body
from ringback.web.errors import Refusal
from ringback.workflow.check import check_workflow

SAMPLES = shelf("workflows") / "samples"
EXAMPLES = shelf("connectors") / "document" / "examples"
KINDS = (
    "application/json", "application/x-www-form-urlencoded", "text/xml", "text/plain", "",
    "multipart/form-data; boundary=b", "application/json; charset=utf-16", "text/plain; charset=nonsense",
)  # fmt: skip
METHODS = ("POST", "GET")
MOST_SEEDS = 40
BIGGEST_SEED = 60_000
_FIELDS: Any = {
    "name": {"label": ["Student name", "Name"], "required": True},
    "phone": {"label": ["Phone", "Mobile"], "type": "phone"},
    "born": {"label": "Date of birth", "type": "date"},
    "fee": {"label": "Fee", "type": "money"},
    "agrees": {"label": "I agree", "type": "checkbox"},
    "lines": {"type": "table", "columns": {"what": {"label": "Item"}, "price": {"label": "Price", "type": "number"}}},
}  # fmt: skip


class Target(NamedTuple):
    """One thing that is fuzzed: inputs to start from, and what is done with any input."""

    seeds: Callable[[], Iterator[bytes]]
    feed: Callable[[bytes], None]
    longest: int = 65_536


@cache
def _catalogue() -> Catalogue:
    return load_catalogue()


def load_connectors() -> None:
    """Import what the targets reach by name alone, so that a fuzzer can instrument it."""
    for name in ("extract", "survey", "text", "docx", "pdf", "plain", "package", "finder"):
        module(name)


@cache
def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="ringback-fuzz-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _documents() -> Iterator[Path]:
    yield from sorted([*SAMPLES.glob("*.docx"), *EXAMPLES.glob("*.docx")])
    corpus = os.environ.get("RINGBACK_DOCX_CORPUS")
    if corpus:
        small = [one for one in Path(corpus).rglob("*.docx") if one.stat().st_size < BIGGEST_SEED]
        yield from sorted(small, key=lambda one: one.stat().st_size)[:MOST_SEEDS]


def document_seeds() -> Iterator[bytes]:
    """Whole documents: Word, PDF and text."""
    from tests.connectors.document.builders import pdf

    yield from (one.read_bytes() for one in _documents())
    yield pdf((50, 700, "Name: Jo"), (50, 680, "Phone: 07700 900123"))
    yield (EXAMPLES / "form.txt").read_bytes()


def feed_document(data: bytes) -> None:
    """`document.extract`, `document.text` and `document.survey` on bytes as they come."""
    (_folder() / "document").write_bytes(data)
    context = Given(_folder())
    file = {"name": "document"}
    for fields_ in (_FIELDS, {"name": _FIELDS["name"]}):
        try:
            made = module("extract").extract(
                {"file": file, "fields": fields_, "when_missing": "continue", "comments": True},
                context,
            )
            _kept(made)
        except Failure as failure:
            _expected(failure)
            return
    module("survey").survey_file(_folder() / "document", comments=True)


def word_seeds() -> Iterator[bytes]:
    """The words of documents: their `word/document.xml` alone."""
    for path in _documents():
        try:
            with zipfile.ZipFile(path) as package:
                yield package.read("word/document.xml")
        except (zipfile.BadZipFile, KeyError):
            continue


def feed_word(data: bytes) -> None:
    """A sound package around a body that may be anything: past the zip, into the reader."""
    whole = io.BytesIO()
    with zipfile.ZipFile(SAMPLES / "enrolment.docx") as sample, zipfile.ZipFile(whole, "w") as made:
        for name in sample.namelist():
            made.writestr(name, data if name == "word/document.xml" else sample.read(name))
    feed_document(whole.getvalue())


@cache
def _recorded() -> list[tuple[Manifest, Any]]:
    return [
        (manifest, case)
        for manifest in _catalogue().connectors.values()
        for case in examples.cases(manifest.folder)
        if "callback" in case
    ]


_HEAD = struct.Struct(">HBBH")


def callback_seeds() -> Iterator[bytes]:
    """Every recorded callback: which example, how it is sent, its query and its body."""
    for index, (manifest, case) in enumerate(_recorded()):
        made = examples.request_of(manifest, case)
        query = made.url.partition("?")[2].encode()
        for kind in (255, 0):
            yield (
                _HEAD.pack(index, METHODS.index(made.method), kind, len(query)) + query + made.body
            )


def callback_of(data: bytes) -> tuple[Manifest, Mapping[str, Any], IncomingRequest, bool] | None:
    """The request that an input stands for, and whether it is to be signed rightly."""
    if len(data) < _HEAD.size:
        return None
    index, how, kind, length = _HEAD.unpack_from(data)
    manifest, case = _recorded()[index % len(_recorded())]
    rest = data[_HEAD.size :]
    query, body = rest[:length].decode("latin-1"), rest[length:]
    query = "".join(one for one in query if "!" <= one <= "~" and one != "#")
    recorded = examples.request_of(manifest, case)
    headers = dict(recorded.headers)
    if kind < len(KINDS):
        headers["content-type"] = KINDS[kind]
    address = recorded.url.partition("?")[0] + (f"?{query}" if query else "")
    request = callbacks.incoming(METHODS[how % 2], address, headers, body)
    try:
        settings = examples.settings_of(manifest, case)
    except Failure:
        return None
    return manifest, settings, request, bool(how & 2)


def _asks_doctor(data: bytes) -> bool:
    # it is thorough: about one input in eight leaves the others their time
    return len(data) % 8 == 0


def feed_callback(data: bytes) -> None:
    """Verification and reading of a callback, of every gateway; what is read can be kept."""
    made = callback_of(data)
    if made is None:
        return
    manifest, settings, request, signed = made
    now = 1_782_657_005_000
    public = examples.public_url_of(request)
    try:
        if signed:
            request = verify.sign(manifest, settings, request, now)
        verify.check(manifest, settings, request, public, now)
    except (Failure, verify.Refused) as refused:
        if isinstance(refused, Failure):
            _expected(refused)
        elif _asks_doctor(data):
            doctor.diagnose(manifest, settings, request, now, public_url=public)
    try:
        found = callbacks.read(manifest, settings, request)
    except Failure as failure:
        _expected(failure)
        return
    assert found
    callbacks.reply(manifest, found)
    for one in found:
        _kept(one.raw)
        if isinstance(one, Report | Inbound):
            for field in fields(one):
                if field.name != "raw":  # kept as JSON
                    _column(field.name, getattr(one, field.name))


def body_seeds() -> Iterator[bytes]:
    """Bodies of webhooks, each behind a byte that says its type."""
    form = b'--b\r\nContent-Disposition: form-data; name="a"; filename="x.txt"\r\n\r\nhi\r\n--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n--b--\r\n'
    bodies = [b'{"a": [1, {"b": null}]}', b"a=1&a=2&b=%2B44", b"<a b='1'><c>x</c><c/></a>", b"words", b"PK\x03\x04", form]  # fmt: skip
    for kind in range(len(KINDS)):
        for body in bodies:
            yield bytes([kind]) + body


def feed_body(data: bytes) -> None:
    """The reading of any webhook's body: JSON, forms, multipart, XML, text, files."""
    if not data:
        return
    kind = KINDS[data[0] % len(KINDS)]

    def store(name: str, file_name: str, stream: io.RawIOBase) -> Any:
        return {"name": file_name or name, "size": len(stream.read(-1) or b"")}

    try:
        body = read_body(io.BytesIO(data[1:]), kind, store, "file", "/hooks/x")  # type: ignore[arg-type]
    except Refusal as refusal:
        if refusal.status >= 500:
            raise
        return
    _kept({"body": body.content, "form": body.form, "files": body.files})


def yaml_seeds() -> Iterator[bytes]:
    """The recipes, and the cases of the checker."""
    for path in sorted(shelf("workflows").glob("*.yaml")):
        yield path.read_bytes()
    yield b"a: &a [*a, *a]\n"
    yield b"name: x\ntrigger: { uses: manual }\nsteps:\n  - if: a\n    steps: []\n"


def feed_yaml(data: bytes) -> None:
    """`check` of any text: problems, never an exception, each inside the text."""
    text = data.decode("utf-8", "replace")
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 2  # fmt: skip
    for problem in check_workflow(text, "fuzz.yaml", _catalogue()):
        assert isinstance(problem, Problem)
        assert problem.message
        str(problem)
        assert problem.span is None or 1 <= problem.span.line <= lines, problem


_SCOPE: Mapping[str, Any] = {
    "trigger": {"data": {"n": 3, "list": [1, 2, {"a": "b"}], "text": "+447700900077"}, "empty": None},
    "inputs": {"a": 1.5},
    "now": "2026-06-28",
}  # fmt: skip


def template_seeds() -> Iterator[bytes]:
    """Templates as operators write them."""
    for text in (
        "{{ trigger.data.text }}", "Hi {{ trigger.data.n * 2 }}", "{% for x in trigger.data.list %}{{ x }}{% endfor %}",
        "{{ trigger.data.list | map('string') | join(', ') | upper }}", "trigger.data.n > 2 and not trigger.empty",
        "{{ range(10) | list }}", "{% set a = 'x' * 10 %}{{ a }}", "{{ '%d' % 3 }}", "{{ 'a'.join(['b']) | replace('a', 'b') }}",
        "{{ now | date('%d') }}", "{{ trigger.data | tojson }}", "{{ 7 ** 3 // 2 }}", "{{ trigger.data.list[::-1] }}",
    ):  # fmt: skip
        yield text.encode()


def feed_template(data: bytes) -> None:
    """Templates and conditions: a value, or a `Failure` that says what is wrong."""
    text = data.decode("utf-8", "replace")
    for act in (render, evaluate):
        try:
            act(text, _SCOPE)
        except Failure as failure:
            if failure.code != "template":
                raise
    for expression in (False, True):
        found = syntax_problem(text, expression=expression)
        assert found is None or 0 <= found[1] <= len(text) + 1, found


def value_seeds() -> Iterator[bytes]:
    """Times, texts and contacts."""
    yield from (one.encode() for one in (
        "2026-06-28T14:30:00Z", "1782657005", "1782657005000", "Sun, 28 Jun 2026 14:30:05 +0000", "20260628143005",
        "Hi “Amina” – €5 \U0001f600", "number,name,tags\n+447700900077,A,b;c\n", 'number,"a"\r\n"07700 900077","x""y"\r\n',
        "number,opted_out_at\n+447700900077,0001-01-01\n",
    ))  # fmt: skip


def feed_value(data: bytes) -> None:
    """Small readers: times, the size of texts, contacts as CSV."""
    text = data.decode("utf-8", "replace")
    for zone in (None, "Europe/London"):
        moment = timestamps.parse(text, None, zone)
        _column("at", moment)
    found = segments(text)
    assert found.count >= (1 if text else 0)
    segments(plain_quotes(text))
    try:
        count = contactbook.check_csv(io.StringIO(text, newline=""), "fuzz.csv", "GB")
        assert (
            len(list(contactbook.read_csv(io.StringIO(text, newline=""), "fuzz.csv", "GB")))
            == count
        )
    except Mistakes as mistakes:
        if not mistakes.problems:
            raise


def _kept(value: Any) -> None:
    """Whether the journal can keep it and give it back."""
    jsontext.load(jsontext.dump(json.loads(json.dumps(value, default=str))))


def _column(name: str, value: Any) -> None:
    """Whether a column can hold it: text that is UTF-8, numbers of 64 bits."""
    if isinstance(value, str):
        assert "\0" not in value, (name, value)
        value.encode()
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63, (name, value)


def _expected(failure: Failure) -> None:
    if failure.code == "internal":
        raise failure


TARGETS: dict[str, Target] = {
    "documents": Target(document_seeds, feed_document),
    "words": Target(word_seeds, feed_word),
    "callbacks": Target(callback_seeds, feed_callback, 8_192),
    "bodies": Target(body_seeds, feed_body, 8_192),
    "yaml": Target(yaml_seeds, feed_yaml, 8_192),
    "templates": Target(template_seeds, feed_template, 1_024),
    "values": Target(value_seeds, feed_value, 2_048),
}
