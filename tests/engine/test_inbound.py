"""Texts come in: twice, in pieces, with files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.engine.bench import NUMBER, Project, workflow

from ringback.connectors.callbacks import Inbound, Media, Part
from ringback.connectors.transport import Answer
from ringback.engine import accept, inbound
from ringback.journal import contacts, messages
from ringback.problems import Failure
from ringback.sms import joining

Open = Callable[..., Project]
OURS = "+447700900100"
STAFF = "+447700900200"
LISTENING = workflow(
    [
        {
            "uses": "sms.send",
            "with": {
                "to": STAFF,
                "text": "{{ trigger.text }}|{{ trigger.media | map(attribute='name') | join(',') }}",
            },
        }
    ],
    trigger={"uses": "sms.received"},
)


def said(text: str, key: str = "k", **more: Any) -> Inbound:
    return Inbound(None, NUMBER, OURS, text, None, {"said": text}, key, **more)


def take(it: Project, one: Inbound) -> list[str]:
    opened = accept.accept_inbound(it.runtime, "front-desk", one, one.raw)
    it.now()
    return opened


def heard(it: Project) -> list[str]:
    return [text.split("|")[0] for number, text in it.gateway.texts if number == STAFF]


def pass_time(it: Project, ms: int) -> None:
    it.clock.advance_to(it.clock.now_ms() + ms)


def test_the_same_words_soon_after_are_a_copy_where_the_gateway_tells_no_time(
    project: Open,
) -> None:
    it = project(l=LISTENING)
    first = take(it, said("Y", timeless=True))
    assert take(it, said("Y", timeless=True)) == first
    pass_time(it, inbound.SAME_MS - 1)
    assert take(it, said("Y", timeless=True)) == first
    pass_time(it, 2)
    assert take(it, said("Y", timeless=True)) not in ([], first)
    assert heard(it) == ["Y", "Y"]


def test_with_an_id_or_a_time_a_copy_is_one_for_good(project: Open) -> None:
    it = project(l=LISTENING)
    first = take(it, said("Y"))
    pass_time(it, 30 * 86_400_000)
    assert take(it, said("Y")) == first


def piece(number: int, total: int = 3, reference: str = "r1") -> Inbound:
    words = ["one ", "two ", "three"][number - 1]
    return said(words, f"{reference}-{number}", part=Part(reference, number, total))


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 2, 3, 1), (2, 1, 3, 3, 1)])
def test_a_text_in_pieces_is_heard_once_and_whole(project: Open, order: Sequence[int]) -> None:
    it = project(l=LISTENING)
    opened = [run for number in order for run in take(it, piece(number))]
    assert heard(it) == ["one two three"]
    assert set(opened) == {run.id for run in it.all_runs()}
    pass_time(it, joining.PATIENCE_MS + 1)
    assert inbound.join_overdue(it.runtime) == []


def test_pieces_survive_a_restart(project: Open) -> None:
    it = project(l=LISTENING)
    take(it, piece(2, 2, "r2"))
    it.restart()
    take(it, piece(1, 2, "r2"))
    assert heard(it) == ["one two "]


@pytest.mark.parametrize(
    ("there", "text"), [((1, 3), "one  […] three"), ((1,), "one  […]"), ((2, 3), " […] two three")]
)
def test_a_piece_that_never_comes(project: Open, there: Sequence[int], text: str) -> None:
    it = project(l=LISTENING)
    for number in there:
        take(it, piece(number))
    pass_time(it, joining.PATIENCE_MS)
    assert inbound.join_overdue(it.runtime) == []
    pass_time(it, 1)
    assert len(inbound.join_overdue(it.runtime)) == 1
    it.now()
    assert heard(it) == [text]


def test_a_reply_in_pieces_reaches_who_waits(project: Open) -> None:
    steps = [
        {"id": "q", "uses": "sms.send", "with": {"to": NUMBER, "text": "Why?"}},
        {"id": "r", "uses": "sms.wait_for_reply", "with": {"message": "{{ q }}"}},
        {"uses": "sms.send", "with": {"to": STAFF, "text": "{{ r.text }}"}},
    ]
    it = project(w=workflow(steps))
    it.begin("w")
    it.now()
    for number in (1, 3, 2):
        take(it, piece(number))
    assert heard(it) == ["one two three"]


PHOTO = b"\x89PNG\r\n\x1a\n" + bytes(64)
MEDIA = (Media("https://media.example/a/photo.png?x=1", "image/png"),)


def with_answers(it: Project, *outcomes: Answer | Failure) -> None:
    it.gateway.outcomes = list(outcomes)


def test_files_are_fetched_when_the_run_begins(project: Open) -> None:
    it = project(l=LISTENING)
    with_answers(it, Answer(200, {}, PHOTO))
    [run_id] = accept.accept_inbound(it.runtime, "front-desk", said("look", media=MEDIA), {})
    assert it.gateway.calls == []
    it.now()
    fetched = it.gateway.calls[0]
    assert (fetched.url, fetched.guard, fetched.redirects) == (MEDIA[0].url, True, 0)
    assert "Authorization" not in fetched.headers
    assert fetched.max_answer == it.runtime.settings.max_file
    assert it.gateway.texts[-1] == (STAFF, "look|photo.png")
    [file] = it.story(run_id)["event"]["data"]["media"]
    assert (file["name"], file["media_type"]) == ("photo.png", "image/png")
    assert it.runtime.files.path(file["sha256"]).read_bytes() == PHOTO


OFF = Failure("unreachable", "It is off.")


@pytest.mark.parametrize(
    ("outcome", "tries"),
    [
        (Answer(404, {}, b""), 4),
        (Answer(503, {}, b""), 4),
        (OFF, 4),
        (Answer(403, {}, b""), 1),
        (Answer(410, {}, b""), 1),
        (Failure("blocked_address", "No."), 1),
    ],
    ids=["not yet there", "busy", "off", "not for us", "gone", "blocked"],
)
def test_a_file_that_cannot_be_fetched_is_noted(project: Open, outcome: Any, tries: int) -> None:
    it = project(l=LISTENING)
    with_answers(it, *[outcome] * tries)
    [run_id] = accept.accept_inbound(it.runtime, "front-desk", said("look", media=MEDIA), {})
    it.drain()
    assert it.get(run_id).state == "succeeded"
    assert it.gateway.outcomes == []
    assert it.gateway.texts[-1] == (STAFF, "look|")
    notes = [note["message"] for note in it.story(run_id)["notes"]]
    failed = [note for note in notes if "could not be fetched from media.example" in note]
    assert len(failed) == tries
    assert [note for note in failed if "tried again" in note] == failed[:-1]
    [message] = conversation(it)
    assert message.text == "look"
    assert "media.example" in message.media[0]["error"]


def conversation(it: Project) -> list[messages.Message]:
    with it.runtime.journal.read() as conn:
        return [one for one in messages.conversation(conn, NUMBER) if one.direction == "in"]


def test_a_file_is_there_after_another_try(project: Open) -> None:
    it = project(l=LISTENING)
    with_answers(it, OFF, Answer(200, {}, PHOTO))
    [run_id] = take(it, said("look", media=MEDIA))
    assert it.get(run_id).state == "waiting"
    assert conversation(it)[0].text == "look"
    it.restart()
    it.drain()
    assert it.gateway.texts[-1] == (STAFF, "look|photo.png")
    [file] = conversation(it)[0].media
    assert file["file"]["media_type"] == "image/png"


def test_a_file_that_was_sent_along_needs_no_fetching(project: Open) -> None:
    it = project(l=LISTENING)
    data = base64.b64encode(PHOTO).decode()
    take(it, said("look", media=(Media("", "image/png", data, "IMG 1"),)))
    assert [call.method for call in it.gateway.calls] == ["POST"]
    assert it.gateway.texts[-1] == (STAFF, "look|IMG 1.png")


def test_a_reply_brings_its_files(project: Open) -> None:
    steps = [
        {"id": "q", "uses": "sms.send", "with": {"to": NUMBER, "text": "A photo?"}},
        {"id": "r", "uses": "sms.wait_for_reply", "with": {"message": "{{ q }}"}},
        {
            "uses": "sms.send",
            "with": {
                "to": STAFF,
                "text": "{{ r.text }}|{{ r.media[0].name }}, {{ r.media[0].size }}",
            },
        },
    ]
    it = project(w=workflow(steps))
    run_id = it.begin("w")
    it.now()
    with_answers(it, OFF, Answer(200, {}, PHOTO))
    take(it, said("here", media=MEDIA))
    assert it.get(run_id).state == "waiting"
    it.restart()
    it.drain()
    assert it.gateway.texts[-1] == (STAFF, f"here|photo.png, {len(PHOTO)}")
    assert [file["name"] for file in it.story(run_id)["files"]] == ["photo.png"]


def test_two_runs_of_one_text_fetch_once(project: Open) -> None:
    it = project(l=LISTENING, m=LISTENING.replace("Listening", "Other"))
    with_answers(it, Answer(200, {}, PHOTO))
    assert len(take(it, said("look", media=MEDIA))) == 2
    assert [call.method for call in it.gateway.calls].count("GET") == 1
    assert [text for _, text in it.gateway.texts] == ["look|photo.png"] * 2


def listening(**with_: Any) -> str:
    steps = [
        {
            "uses": "sms.send",
            "with": {"to": STAFF, "text": "{{ trigger.keyword }}, {{ trigger.language }}"},
        }
    ]
    return workflow(steps, trigger={"uses": "sms.received", "with": with_})


def test_each_workflow_is_told_which_of_its_own_keywords_was_said(project: Open) -> None:
    it = project(
        a=listening(keywords={"fine": ["Y", "yes"], "never": ["N", "no"]}),
        b=listening(keywords=["yes", "sure"], match="contains"),
        c=listening(),
    )
    take(it, said("Sure, yes!", "k1"))
    take(it, said("no", "k2"))
    take(it, said("YES.", "k3"))
    assert [text for _, text in it.gateway.texts] == [
        "yes, unknown", ", unknown",
        "never, unknown", ", unknown",
        "fine, en", "yes, en", ", en",
    ]  # fmt: skip


def test_a_keyword_is_there_when_the_run_goes_on_elsewhere(project: Open) -> None:
    it = project(a=listening(keywords={"fine": ["look"]}))
    with_answers(it, OFF, Answer(200, {}, PHOTO))
    take(it, said("look", media=MEDIA))
    it.restart()
    it.drain()
    assert it.gateway.texts[-1] == (STAFF, "fine, unknown")


def test_a_workflow_hears_the_languages_it_asks_for(project: Open) -> None:
    it = project(es=listening(language=["es"]), other=listening(language=["fr", "unknown"]))
    take(it, said("¿Abren hoy?", "k1"))
    take(it, said("open today?", "k2"))
    it.runtime.journal.write(
        lambda conn: contacts.put_contact(
            conn, contacts.Contact(NUMBER, attributes={"language": "fr"}), it.clock.now_ms()
        )
    )
    take(it, said("ouvert ?", "k3"))
    assert [text for _, text in it.gateway.texts] == [", es", ", unknown", ", fr"]


def test_a_commit_in_doubt_that_was_kept_strands_no_run(
    project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ringback.engine.run import unstick

    it = project(l=LISTENING)
    real = it.runtime.journal.write

    def kept_and_not_known(fn: Any) -> Any:
        real(fn)
        raise Failure("internal", "The connection was lost while COMMIT was on its way.")

    monkeypatch.setattr(it.runtime.journal, "write", kept_and_not_known)
    with pytest.raises(Failure):
        accept.accept_inbound(it.runtime, "front-desk", said("Hello"), {})
    monkeypatch.undo()
    assert [run.state for run in it.all_runs()] == ["running"]
    unstick(it.runtime)
    it.drain()
    assert [run.state for run in it.all_runs()] == ["succeeded"]
