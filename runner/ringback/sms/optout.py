"""STOP, START and HELP: what a text of one such word means, and what is kept of it.

The English words are those that carriers and gateways agree on (CTIA, Messaging Principles and Best Practices,
on opt-out), the others what people write for them in other languages. Only a text that is the word alone counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from ringback.journal import contacts
from ringback.sms import keywords

WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "stop": {
        "en": ("STOP", "STOPALL", "STOP ALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "OPT OUT", "REVOKE"),
        "de": ("STOPP", "ABMELDEN", "ABBESTELLEN"),
        "es": ("ALTO", "PARAR", "BAJA", "CANCELAR"),
        "fr": ("ARRET", "ARRÊTER", "DESABONNER"),
        "it": ("FERMA", "ANNULLA", "DISISCRIVI"),
        "nl": ("AFMELDEN", "STOPPEN"),
        "pl": ("REZYGNUJE", "WYPISZ"),
        "pt": ("SAIR", "CANCELAR", "REMOVER"),
        "tr": ("DUR", "IPTAL"),
        "ar": ("توقف", "إلغاء"),
        "hi": ("रोकें",),
        "ru": ("СТОП",),
        "zh": ("停止", "退订"),
    },
    "start": {
        "en": ("START", "UNSTOP", "YES", "SUBSCRIBE", "OPTIN", "OPT IN"),
        "de": ("ANMELDEN",),
        "es": ("INICIAR", "ALTA"),
        "fr": ("COMMENCER", "ABONNER"),
        "it": ("INIZIA", "ISCRIVI"),
        "nl": ("AANMELDEN",),
        "pt": ("INICIAR", "COMEÇAR"),
        "ru": ("СТАРТ",),
    },
    "help": {
        "en": ("HELP", "INFO"),
        "de": ("HILFE",),
        "es": ("AYUDA",),
        "fr": ("AIDE",),
        "it": ("AIUTO",),
        "pl": ("POMOC",),
        "pt": ("AJUDA",),
    },
}  # fmt: skip
"""What a word alone asks for, by language."""

ALSO_ANSWERS = frozenset({"cancel", "cancelar", "annulla", "iptal", "end", "info", "baja"})
"""Words that answer other questions too: where a run waits for a reply of this number, they are its reply."""

_MEANING = {
    keywords.plain(word): kind
    for kind, languages in WORDS.items()
    for words in languages.values()
    for word in words
}


class Heard(NamedTuple):
    """A text was one of the words: which kind, whether it changed anything, and what was kept of it."""

    kind: str
    changed: bool
    said: str


def meaning(text: str) -> str:
    """`stop`, `start` or `help` where the text is one of the words and nothing else, else an empty text."""
    return _MEANING.get(keywords.plain(text), "")


def hear(
    conn: Connection,
    number: str,
    text: str,
    connection: str,
    now: int,
    *,
    gateway_said: bool = False,
    awaited: bool = False,
) -> Heard | None:
    """Take a text that came in as what it asks for; None where it is an ordinary one.

    `gateway_said`: the gateway took it as an opt-out itself. A word of START is one only from somebody who
    has opted out, because YES answers other questions too. `awaited`: a run waits for this text. Whoever texts
    has a number that works.
    """
    contacts.clear_invalid(conn, number, now)
    kind = "stop" if gateway_said else meaning(text)
    if awaited and not gateway_said and keywords.plain(text) in ALSO_ANSWERS:
        return None
    word = " ".join(text.split())[:40]
    if kind == "stop":
        how = "the gateway's own list" if gateway_said and not meaning(text) else f"“{word}”"
        changed = contacts.opt_out(conn, number, f"{how} by text to {connection}", now)
        return Heard(kind, changed, "opted out" if changed else "had opted out before")
    if kind == "start" and contacts.opt_in(conn, number, now):
        return Heard(kind, True, "opted in again")
    if kind == "help":
        return Heard(kind, False, "asked for help")
    return None


def learn(
    conn: Connection, code: str | None, number: str | None, connection: str, said: str, now: int
) -> None:
    """Keep what a gateway's own error says of a number: that it has opted out, or that it is none."""
    if not number:
        return
    if code == "opted_out":
        contacts.opt_out(conn, number, f"{connection} said so: {said}"[:300], now)
    elif code == "invalid_number":
        contacts.flag_invalid(conn, number, f"{connection} said so: {said}"[:300], now)
