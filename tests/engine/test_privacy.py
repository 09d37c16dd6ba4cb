"""A customer asks: what is found, what is handed over, what is left when it is erased."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from tests.engine.bench import NUMBER, Project, workflow

from ringback.connectors.callbacks import Inbound, Media
from ringback.engine import accept, privacy, privacy_export
from ringback.journal import audit, contacts
from ringback.journal.audit import Actor
from ringback.journal.files import keep_file
from ringback.journal.schema import metadata
from ringback.problems import Failure
from ringback.sdk import File

Open = Callable[..., Project]
OTHER = "+447700900088"
STAFF = "+447700900200"
OWNER = Actor("cli", "the owner")
ENROL = workflow(
    """
    - { id: text, uses: sms.send, with: { to: "{{ trigger.body.phone }}", text: "Hi {{ trigger.body.name }}" } }
    - { id: told, uses: sms.send, with: { to: "{{ project.staff_phone }}", text: "{{ trigger.body.name }} has a text" } }
    """
)
BOTH = workflow(
    """
    - for_each: "{{ trigger.body.phones }}"
      steps: [{ uses: sms.send, with: { to: "{{ item }}", text: "Hi all of {{ trigger.body.class }}" } }]
    """
)
ASKS = workflow(
    """
    - { id: sent, uses: sms.send, with: { to: "{{ trigger.body.phone }}", text: "Y or N?" } }
    - { id: reply, uses: sms.wait_for_reply, with: { from: "{{ trigger.body.phone }}", timeout: 2 days } }
    """
)
BROKEN = workflow(
    '[{ uses: sms.send, with: { to: "{{ trigger.body.nobody }}", text: "{{ trigger.body.phone }}" } }]'
)
SEES = json.dumps(
    {
        "name": "Sees",
        "trigger": {"uses": "sms.reported", "with": {"status": "delivered"}},
        "steps": [
            {"id": "kept", "uses": "data.set", "with": {"words": "{{ trigger.message.to }}"}}
        ],
    }
)
WATCHES = json.dumps(
    {
        "name": "Watches",
        "trigger": {"uses": "run.failed"},
        "steps": [
            {"id": "kept", "uses": "data.set", "with": {"words": "{{ trigger.error.message }}"}}
        ],
    }
)


def everything(project: Project) -> str:
    """Every cell of the journal as text."""
    cells: list[str] = []
    with project.runtime.journal.read() as conn:
        for table in metadata.sorted_tables:
            if table.name != "definitions":
                cells += [f"{table.name}: {row}" for row in conn.execute(select(table))]
    return "\n".join(cells)


def text_in(project: Project, words: str, number: str = NUMBER) -> list[str]:
    heard = {"from": number, "text": words}
    said = Inbound(f"gw-{len(words)}", number, "+447700900111", words, None, heard, f"key {words}")
    return accept.accept_inbound(project.runtime, "front-desk", said, said.raw)


@pytest.fixture
def lived(project: Open) -> Project:
    """A project in which Amina was enrolled, answered, and shared a run with Bo."""
    made = project(enrol=ENROL, both=BOTH, asks=ASKS, broken=BROKEN, sees=SEES, watches=WATCHES)
    made.run(
        "enrol",
        {"body": {"phone": NUMBER, "name": "Amina Yusuf", "form": {"mobile": "07700 900077"}}},
    )
    made.report("gw-1", "delivered", number="447700900077")
    made.drain()
    made.run("both", {"body": {"phones": [NUMBER, OTHER], "class": "3B"}})
    made.run("enrol", {"body": {"phone": OTHER, "name": "Bo Lee"}})
    text_in(made, "Thank you from Amina")
    text_in(made, "STOP")
    made.drain()
    return made


def test_all_that_hangs_on_a_message_is_found_by_index(lived: Project) -> None:
    found = privacy.find(lived.runtime, "07700 900077")
    workflows = {run: lived.get(run).workflow for run in found.ids("runs")}
    assert {"enrol", "both", "sees"} <= set(workflows.values())
    assert {workflows[run] for run in found.shared} == {"both"}
    assert "enrol" in {workflows[run] for run in found.whole if run in workflows}
    assert found.contact
    assert found.unfinished == []
    bo = next(
        run for run in lived.all_runs() if run.workflow == "enrol" and run.id not in workflows
    )
    assert "Bo Lee" in json.dumps(lived.story(bo.id))


def test_erased_is_erased_and_statistics_stay(lived: Project) -> None:
    before = {run.id: (run.state, run.created_at, run.finished_at) for run in lived.all_runs()}
    with lived.runtime.journal.read() as conn:
        costs = (
            "SELECT status, count(*), sum(segments) FROM messages GROUP BY status ORDER BY status"
        )
        counted = conn.exec_driver_sql(costs).all()
    made = privacy.erase(lived.runtime, NUMBER, OWNER)
    assert made.kept_optout
    assert made.shared
    after = everything(lived)
    assert "Amina" not in after
    numbers = re.findall(r"7700[ ]?900077", after)
    assert len(numbers) == 1, after
    with lived.runtime.journal.read() as conn:
        known = contacts.get_contact(conn, NUMBER)
        assert conn.exec_driver_sql(costs).all() == counted
    assert known is not None
    assert known.opted_out_at is not None
    assert (known.name, known.tags, dict(known.attributes)) == ("", (), {})
    assert {
        run.id: (run.state, run.created_at, run.finished_at) for run in lived.all_runs()
    } == before
    assert "Bo Lee" in after
    assert OTHER in after
    for run in lived.all_runs():
        assert lived.story(run.id)["timeline"]
    again = privacy.erase(lived.runtime, NUMBER, OWNER)
    assert {name for name in again.counts if name != "contacts"} == set()
    with lived.runtime.journal.read() as conn:
        trail, _ = audit.page(conn, actions=("number.erased",))
    assert [entry.facts["stage"] for entry in reversed(trail)] == ["begun", "done"] * 2
    assert {entry.who for entry in trail} == {OWNER.name}
    gone = privacy.erase(lived.runtime, NUMBER, OWNER, keep_optout=False)
    assert not gone.kept_optout
    assert "7700900077" not in everything(lived)


def test_an_erased_run_goes_nowhere_and_texts_nobody(lived: Project) -> None:
    privacy.erase(lived.runtime, NUMBER, OWNER)
    texts = len(lived.gateway.calls)
    lived.restart()
    lived.drain()
    assert len(lived.gateway.calls) == texts


def test_an_unfinished_run_is_in_the_way_until_it_is_canceled(lived: Project) -> None:
    assert lived.runtime.journal.write(lambda conn: contacts.opt_in(conn, NUMBER, 1))
    run = lived.begin("asks", {"body": {"phone": NUMBER}})
    lived.now()
    with pytest.raises(Failure, match="has not finished") as caught:
        privacy.erase(lived.runtime, NUMBER, OWNER)
    assert caught.value.detail["runs"] == [run]
    assert "Amina" in everything(lived)
    made = privacy.erase(lived.runtime, NUMBER, OWNER, cancel=True)
    assert made.canceled == [run]
    assert lived.get(run).state == "canceled"
    assert "Amina" not in everything(lived)


def test_what_never_became_a_message_is_found_by_looking_at_every_row(lived: Project) -> None:
    lived.run("broken", {"body": {"phone": "0044 7700 900077", "name": "Amina"}})
    quick = privacy.find(lived.runtime, NUMBER)
    seen: dict[str, int] = {}
    slow = privacy.find(lived.runtime, NUMBER, thorough=True, progress=seen.__setitem__)
    more = set(slow.ids("runs")) - set(quick.ids("runs"))
    assert {lived.get(run).workflow for run in more} == {"broken", "watches"}
    assert seen["events"] > 0
    privacy.erase(lived.runtime, NUMBER, OWNER, thorough=True, keep_optout=False)
    assert "Amina" not in everything(lived)
    assert not re.search(r"7700 ?900077", everything(lived))


def uploaded(project: Project, content: bytes, run: str) -> File:
    store = project.runtime.files
    file = store.save("form of Amina.txt", content)
    project.runtime.journal.write(lambda conn: keep_file(conn, store, file, 1, run_id=run))
    return file


def test_their_documents_go_and_those_of_others_stay(lived: Project) -> None:
    found = privacy.find(lived.runtime, NUMBER)
    theirs = next(run for run in found.ids("runs") if run in found.whole)
    others = next(run.id for run in lived.all_runs() if run.id not in found.ids("runs"))
    mine = uploaded(lived, b"Name: Amina", theirs)
    both = uploaded(lived, b"The class: Amina, Bo, 07700 900077", theirs)
    uploaded(lived, b"The class: Amina, Bo, 07700 900077", others)
    made = privacy.erase(lived.runtime, NUMBER, OWNER, thorough=True)
    assert made.counts["files"] == 1
    with pytest.raises(Failure):
        lived.runtime.files.path(mine["sha256"])
    assert lived.runtime.files.path(both["sha256"])
    assert any("still name it" in sentence and both["sha256"][:12] in sentence for sentence in made.left)  # fmt: skip


def test_the_export_holds_it_all_and_nothing_of_others(lived: Project) -> None:
    found = privacy.find(lived.runtime, NUMBER)
    mine = uploaded(lived, b"Name: Amina", found.ids("runs")[0])
    found = privacy.find(lived.runtime, NUMBER)
    out = io.BytesIO()
    counts = privacy_export.export(lived.runtime, found, out)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        data: Any = json.loads(archive.read("data.json"))
        page = archive.read("index.html").decode()
        assert archive.read(f"files/{mine['sha256'][:8]}-form of Amina.txt") == b"Name: Amina"
    assert {"data.json", "index.html"} < set(names)
    assert counts["messages"] == len(data["parts"]["messages"])
    assert set(data["what"]) == set(data["parts"])
    texts = {one.get("text") for one in data["parts"]["messages"]}
    assert {"Hi Amina Yusuf", "Thank you from Amina", "Hi all of 3B"} <= texts
    assert "Hi Amina Yusuf" in page
    for whole in (json.dumps(data), page):
        assert OTHER not in whole
        assert "Bo Lee" not in whole


def test_addresses_of_files_that_came_in_are_handed_over_and_go(project: Open) -> None:
    """They may be as good as a key, and are kept until the file is fetched."""
    it = project(
        quiet=workflow([{"uses": "flow.stop"}])
    )  # nobody listens for texts: nothing is fetched
    url = "https://media.example/photo?X-Amz-Signature=5f2b"
    said = Inbound(
        "in-1", NUMBER, "+447700900111", "look", None, {"MediaUrl0": url}, "k-1",
        media=(Media(url, "image/jpeg", None, "roof of Amina.jpg"), Media("", "text/vcard", "QW1pbmE=", "card.vcf")),
    )  # fmt: skip
    accept.accept_inbound(it.runtime, "front-desk", said, said.raw)
    assert url in everything(it)
    out = io.BytesIO()
    privacy_export.export(it.runtime, privacy.find(it.runtime, NUMBER), out)
    with zipfile.ZipFile(out) as archive:
        (message,) = json.loads(archive.read("data.json"))["parts"]["messages"]
    assert message["media"][0]["url"] == url
    privacy.erase(it.runtime, NUMBER, OWNER)
    for gone in (url, "Amz", "roof of Amina", "QW1pbmE=", "card.vcf"):
        assert gone not in everything(it)
    with it.runtime.journal.read() as conn:
        (media,) = conn.exec_driver_sql("SELECT media FROM messages").scalars()
    assert media == "[]"


def test_what_is_no_number_is_refused(lived: Project) -> None:
    with pytest.raises(Failure) as caught:
        privacy.find(lived.runtime, "twelve")
    assert caught.value.code == "invalid_number"


def test_staff_are_in_everybodys_runs_and_take_nobody_along(lived: Project) -> None:
    made = privacy.erase(lived.runtime, STAFF, OWNER)
    after = everything(lived)
    assert STAFF not in after
    assert "Hi Amina Yusuf" in after
    assert made.shared
