"""email.send: one email over SMTP."""

from __future__ import annotations

import re
import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, getaddresses, parseaddr
from typing import Any

from ringback.sdk import Context, Failure

PORTS = {"starttls": 587, "tls": 465, "none": 25}


def send(inputs: dict[str, Any], context: Context) -> dict[str, Any]:
    """Send it; return `message_id`, `accepted` and `refused` addresses.

    Raises `Failure`: `invalid_input` for addresses or a body that cannot be sent, `unreachable` and
    `unauthorized` before anything was sent, `refused` when no recipient was taken, `no_answer` when the
    connection broke while the email was on its way.
    """
    message, recipients = compose(inputs, context)
    server = _connect(context)
    try:
        refused = server.send_message(message, to_addrs=recipients)
    except smtplib.SMTPRecipientsRefused as caught:
        raise _no_recipient(caught.recipients) from caught
    except smtplib.SMTPResponseException as caught:
        raise _answered(caught, "The mail server refused the email") from caught
    except (OSError, smtplib.SMTPException) as caught:
        raise Failure(
            "no_answer",
            f"The connection to the mail server broke while the email was on its way: {caught}.",
            "Look in the mailbox's sent mail before sending again.",
        ) from caught
    finally:
        _leave(server)
    return {
        "message_id": str(message["Message-ID"]),
        "accepted": [address for address in recipients if address not in refused],
        "refused": [address for address in recipients if address in refused],
    }


def compose(inputs: dict[str, Any], context: Context) -> tuple[EmailMessage, list[str]]:
    """The email and everybody it goes to, blind copies included."""
    if not inputs.get("text") and not inputs.get("html"):
        raise Failure("invalid_input", "The email has no words.", "Give `text`, `html`, or both.")
    name, sender = parseaddr(context.settings["from"])
    message = EmailMessage()
    message["From"] = formataddr((name, _checked(sender, "from")))
    message["Date"] = format_datetime(context.now())
    # The same for every attempt: a mail server that got it twice can tell. RFC 5322 allows no colon or slash here.
    own = re.sub(r"[^A-Za-z0-9_-]+", ".", context.idempotency_key).strip(".")
    message["Message-ID"] = f"<{own}@{sender.rpartition('@')[2]}>"
    message["Subject"] = " ".join(inputs["subject"].split())
    recipients: list[str] = []
    for field, header in (("to", "To"), ("cc", "Cc"), ("bcc", "")):
        people = _people(inputs.get(field), field)
        recipients += [address for _, address in people if address not in recipients]
        if people and header:
            message[header] = ", ".join(formataddr(person) for person in people)
    if inputs.get("reply_to"):
        message["Reply-To"] = _checked(inputs["reply_to"], "reply_to")
    _fill(message, inputs, context)
    return message, recipients


def _fill(message: EmailMessage, inputs: dict[str, Any], context: Context) -> None:
    if inputs.get("text"):
        message.set_content(inputs["text"])
        if inputs.get("html"):
            message.add_alternative(inputs["html"], subtype="html")
    else:
        message.set_content(inputs["html"], subtype="html")
    for file in inputs.get("attachments") or []:
        kind, _, detail = file["media_type"].partition("/")
        message.add_attachment(
            context.path(file).read_bytes(),
            maintype=kind or "application",
            subtype=detail or "octet-stream",
            filename=file["name"],
        )


def _people(value: str | list[str] | None, field: str) -> list[tuple[str, str]]:
    given = [value] if isinstance(value, str) else value or []
    for text in given:
        if not text.isprintable() or not text.strip():
            raise _not_an_address(text, field)
    return [(name, _checked(address, field)) for name, address in getaddresses(given)]


def _checked(address: str, field: str) -> str:
    try:
        parsed = Address(addr_spec=address)
    except Exception as caught:
        raise _not_an_address(address, field) from caught
    if not parsed.username or ("." not in parsed.domain and parsed.domain != "localhost"):
        raise _not_an_address(address, field)
    return address


def _not_an_address(address: str, field: str) -> Failure:
    return Failure(
        "invalid_input",
        f"`{field}` says {address!r}, which is not an email address.",
        "An address looks like name@example.com.",
    )


def _connect(context: Context) -> smtplib.SMTP:
    """A server that is ready to take an email. Nothing has been sent when this fails."""
    settings = context.settings
    security = settings.get("security") or "starttls"
    host, port = settings["host"], settings.get("port") or PORTS[security]
    timeout = (settings.get("timeout") or 30_000) / 1000
    place = f"the mail server {host}:{port}"
    server: smtplib.SMTP | None = None
    try:
        if security == "tls":
            tls = ssl.create_default_context()
            server = smtplib.SMTP_SSL(host, port, timeout=timeout, context=tls)
        else:
            server = smtplib.SMTP(host, port, timeout=timeout)
        if security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.get("username"):
            server.login(settings["username"], settings.get("password") or "")
    except smtplib.SMTPAuthenticationError as caught:
        _leave(server)
        advice = "Check `username` and `password` of the connection."
        raise Failure(
            "unauthorized", f"{place.capitalize()} refused the login.", advice
        ) from caught
    except smtplib.SMTPResponseException as caught:
        _leave(server)
        raise _answered(caught, f"{place.capitalize()} did not let us in") from caught
    except (OSError, smtplib.SMTPException) as caught:
        _leave(server)
        advice = "Check `host`, `port` and `security` of the connection."
        raise Failure("unreachable", f"Cannot talk to {place}: {caught}.", advice) from caught
    return server


def _leave(server: smtplib.SMTP | None) -> None:
    if server is None:
        return
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _answered(caught: smtplib.SMTPResponseException, what: str) -> Failure:
    said = caught.smtp_error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    # RFC 5321: 4yz is a passing trouble, 5yz a lasting one.
    code = "throttled" if 400 <= caught.smtp_code < 500 else "refused"
    message = f"{what}: {caught.smtp_code} {' '.join(text.split())}"
    return Failure(code, message, detail={"smtp_code": caught.smtp_code})


def _no_recipient(recipients: dict[str, tuple[int, bytes]]) -> Failure:
    told = "; ".join(
        f"{address}: {code} {said.decode('utf-8', 'replace')}"
        for address, (code, said) in recipients.items()
    )
    passing = all(400 <= code < 500 for code, _ in recipients.values())
    code = "throttled" if passing else "refused"
    return Failure(
        code, f"The mail server took none of the addresses: {told}", "Check the addresses."
    )
