from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ringback.problems import Mistakes
from ringback.settings import Limits, Prices, QuietHours, load_settings, reading

GOOD = """\
project: {name: Harbour School, country: GB, timezone: Europe/London, staff_phone: "+447700900200"}
public_url: https://texts.example/
send_through: front-desk
connections:
  front-desk:
    uses: mysmsgate
    with:
      api_key: ${GATEWAY_KEY}
      base_url: ${GATEWAY_URL:-https://gateway.example}
workflows:
  enrolment: {inputs: {starts: next Monday}, enabled: false}
serve: {port: 8099, max_body: 1 MB}
journal: {keep: 30 days}
secrets: {shop: ["${SHOP_NEW}", "${SHOP_OLD:-}"]}
api: {tokens: ["0123456789abcdef"]}
"""

BAD = """\
project: {timezone: Europe/Londn}
connections:
  front-desk:
    uses: mysmsgate
    with: {api_key: "${GATEWAY_KEY}"}
  broken: 3
serve: {port: 99999, max_body: 25}
api: {tokens: [short]}
"""


def project(folder: Path, text: str, env: str = "") -> Path:
    (folder / "ringback.yaml").write_text(text)
    (folder / ".env").write_text(env)
    return folder


def test_a_whole_project_is_read(tmp_path: Path) -> None:
    settings = load_settings(
        project(tmp_path, GOOD, "GATEWAY_KEY=from-the-file\nSHOP_NEW=shop-secret\n"),
        {"GATEWAY_KEY": "from-the-environment"},
    )
    assert settings.connections["front-desk"].settings == {
        "api_key": "from-the-environment",
        "base_url": "https://gateway.example",
    }
    assert settings.public_url == "https://texts.example"
    assert settings.project["staff_phone"] == "+447700900200"
    assert settings.workflows["enrolment"].inputs == {"starts": "next Monday"}
    assert settings.workflows["enrolment"].enabled is False
    assert (settings.port, settings.max_body, settings.keep_ms) == (
        8099,
        1_000_000,
        30 * 86_400_000,
    )
    assert settings.hook_secrets == {"shop": ("shop-secret",)}
    assert {"shop-secret", "0123456789abcdef"} <= settings.secrets
    assert settings.journal_path == tmp_path / ".ringback/journal.db"


def test_all_mistakes_are_told_at_once_in_reading_order(tmp_path: Path) -> None:
    with pytest.raises(Mistakes) as raised:
        load_settings(project(tmp_path, BAD), {})
    assert [(problem.where, problem.code) for problem in raised.value.problems] == [
        ("ringback.yaml:1:21", "unknown_timezone"),
        ("ringback.yaml:5:21", "unset_variable"),
        ("ringback.yaml:6:11", "missing_key"),
        ("ringback.yaml:7:15", "wrong_value"),
        ("ringback.yaml:7:32", "wrong_value"),
        ("ringback.yaml:8:16", "weak_token"),
    ]


def test_work_without_secrets_takes_an_unset_variable_as_empty(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, GOOD), {}, allow_unset=True)
    assert settings.connections["front-desk"].settings["api_key"] == ""


def test_a_settings_object_never_shows_its_secrets(tmp_path: Path) -> None:
    settings = load_settings(
        project(tmp_path, GOOD), {"GATEWAY_KEY": "planted-secret", "SHOP_NEW": "planted-too"}
    )
    assert "planted" not in repr(settings)
    assert "0123456789abcdef" not in repr(settings)


def test_a_journal_in_a_database_keeps_its_password_to_itself(tmp_path: Path) -> None:
    said = 'journal: { url: "postgresql://ringback:${DB}@db.example:5433/ringback" }\n'
    settings = load_settings(project(tmp_path, said), {"DB": "planted%40word"})
    assert settings.journal == "postgresql://ringback:planted%40word@db.example:5433/ringback"
    assert {"planted%40word", "planted@word"} <= settings.secrets
    assert "planted" not in repr(settings)
    assert load_settings(project(tmp_path, ""), {}).journal == tmp_path / ".ringback/journal.db"


@pytest.mark.parametrize("url", ["mysql://db/x", "postgresql:/db", "db.example"])
def test_a_journal_is_kept_in_postgresql_or_in_a_file(tmp_path: Path, url: str) -> None:
    with pytest.raises(Mistakes, match="not that of a PostgreSQL database"):
        load_settings(project(tmp_path, f"journal: {{ url: '{url}' }}\n"), {})


def test_a_folder_without_a_project_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Mistakes, match="ringback init DIR"):
        load_settings(tmp_path, {})


RULES = """\
connections:
  front-desk:
    uses: mysmsgate
    limits: {per_second: 5, per_month: 1000}
    prices: {per: segment, amount: 0.04, currency: GBP, countries: {FR: 0.07, "+4479": "0.03"}}
messages:
  repeat_window: 0
  quiet_hours: {from: "21:00", to: "8:30"}
  plain_quotes: true
  stop_text: false
  help_text: "Call us."
"""

BAD_RULES = """\
connections:
  front-desk:
    uses: mysmsgate
    limits: {per_second: 0}
    prices: {amount: cheap, countries: {UK: 0.04, FR: dear}}
messages:
  repeat_window: soon
  quiet_hours: {from: "25:00", to: "08:00"}
"""


def test_the_rules_of_messages(tmp_path: Path) -> None:
    settings = load_settings(project(tmp_path, RULES), {})
    desk, rules = settings.connections["front-desk"], settings.messages
    assert desk.limits == Limits(per_second=5, per_month=1000)
    abroad = {"FR": Decimal("0.07"), "+4479": Decimal("0.03")}
    assert desk.prices == Prices("segment", Decimal("0.04"), "GBP", abroad)
    assert (rules.repeat_window_ms, rules.plain_quotes) == (0, True)
    assert rules.quiet_hours == QuietHours(21 * 60, 8 * 60 + 30)
    assert (rules.answers["stop"], rules.answers["help"]) == ("", "Call us.")
    assert "START" not in rules.answers["start"]


def test_wrong_rules_are_told_in_their_place(tmp_path: Path) -> None:
    with pytest.raises(Mistakes) as raised:
        load_settings(project(tmp_path, BAD_RULES), {})
    assert [problem.span.line for problem in raised.value.problems if problem.span] == [
        4,
        5,
        5,
        5,
        7,
        8,
    ]
    (tmp_path / "ringback.yaml").write_text('messages: {quiet_hours: {from: "21:00"}}')
    with pytest.raises(Mistakes, match="no `to`"):
        load_settings(tmp_path, {})


def test_the_brokers_password_is_a_secret(tmp_path: Path) -> None:
    said = "work: {where: celery, broker: 'amqp://ringback:p%40ss-word@rabbit.example/texts', queue: school}"
    settings = load_settings(project(tmp_path, said), {})
    assert (settings.work.where, settings.work.queue) == ("celery", "school")
    assert {"p%40ss-word", "p@ss-word"} <= settings.secrets
    assert "p%40ss-word" not in repr(settings)


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("{where: elsewhere}", "`where` is local or celery, not “elsewhere”."),
        ("{where: celery}", "With celery there must be a broker."),
        ("{where: celery, broker: 'kafka://k.example'}", "is not an address of Redis or RabbitMQ"),
        ("{where: celery, broker: 'redis://k.example:port'}", "is not an address of Redis"),
        ("{where: celery, broker: 'redis://k', queue: 'a b'}", "is not the name of a queue."),
    ],
)
def test_where_the_work_goes_is_checked(tmp_path: Path, work: str, said: str) -> None:
    with pytest.raises(Mistakes) as caught:
        load_settings(project(tmp_path, f"work: {work}"), {})
    assert said in str(caught.value)


def test_a_broker_that_is_set_elsewhere_is_not_missed_here(tmp_path: Path) -> None:
    folder = project(tmp_path, 'work: {where: celery, broker: "${BROKER_URL}"}')
    assert load_settings(folder, {}, allow_unset=True).work.where == "celery"
    with pytest.raises(Mistakes, match="BROKER_URL is not set"):
        load_settings(folder, {})


def test_the_log_is_written_as_the_environment_says_else_the_file(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text("log: { format: json, level: warning }\n")
    rules = load_settings(tmp_path, {}).log
    assert (rules.form, rules.level, rules.numbers) == ("json", "WARNING", False)
    environ = {"RINGBACK_LOG_FORMAT": "text", "RINGBACK_LOG_NUMBERS": "whole"}
    rules = load_settings(tmp_path, environ).log
    assert (rules.form, rules.level, rules.numbers) == ("text", "WARNING", True)


def test_a_word_of_the_log_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ringback.yaml").write_text("log: { format: xml }\n")
    with pytest.raises(Mistakes) as caught:
        load_settings(tmp_path, {"RINGBACK_LOG_LEVEL": "loud"})
    said = [str(one) for one in caught.value.problems]
    assert any("`log.format` is “xml”" in one for one in said)
    assert any("RINGBACK_LOG_LEVEL is “loud”" in one for one in said)


def test_files_that_cannot_be_read_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project(tmp_path, "project: {name: Harbour School}\n")
    (folder / ".env").write_bytes(b"NAME=\xff\n")
    with pytest.raises(Mistakes, match="not UTF-8") as caught:
        load_settings(folder, {})
    assert caught.value.problems[0].file == ".env"

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(reading, "dotenv_values", refuse)
    with pytest.raises(Mistakes, match="cannot be read: Permission denied") as caught:
        load_settings(folder, {})
    assert caught.value.problems[0].file == ".env"
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(Mistakes, match="cannot be read: Permission denied"):
        load_settings(folder, {})
