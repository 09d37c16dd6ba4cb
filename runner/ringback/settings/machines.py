"""What a project on several machines shares: a broker, a folder or a storage for files."""

from __future__ import annotations

import re

from ringback.settings import brokers
from ringback.settings.model import FilesAt, Work
from ringback.settings.reader import Reader

_QUEUE = re.compile(r"[A-Za-z0-9._-]{1,100}")


def files_folder(reader: Reader) -> str:
    """The folder of uploaded files, as it was written."""
    said = reader.get("files", "folder") or reader.get("journal", "files")
    return str(said or ".ringback/files")


def files_at(reader: Reader) -> FilesAt | None:
    """The storage that is shared instead of a folder, where one is named; its keys are secrets of the project."""
    url, options = str(reader.get("files", "url") or ""), reader.section("files", "with")
    if not url:
        return None
    if "://" not in url:
        reader.report("wrong_value", "The url of the files is none.", "Write s3://bucket/folder, or `folder:` for a folder.", ("files", "url"))  # fmt: skip
    reader.secrets |= {str(options[name]) for name in ("secret", "token") if options.get(name)}
    return FilesAt(url, options)


def work(reader: Reader) -> Work:
    """Where runs are advanced; the broker's password is a secret of the project."""
    where = str(reader.get("work", "where") or "local")
    broker = str(reader.get("work", "broker") or "")
    queue = str(reader.get("work", "queue") or "ringback")
    if where not in ("local", "celery"):
        reader.report("wrong_value", f"`where` is local or celery, not “{where}”.", "Write where: local, or leave it out.", ("work", "where"))  # fmt: skip
    unset = reader.allow_unset and "broker" in reader.section("work")
    if where == "celery" and not broker and not unset:
        reader.report("missing_key", "With celery there must be a broker.", "Add broker: redis://localhost:6379/0 or broker: amqp://localhost.", ("work",))  # fmt: skip
    if not _QUEUE.fullmatch(queue):
        reader.report("wrong_value", f"“{queue}” is not the name of a queue.", "Take letters, digits, dots, dashes and underscores.", ("work", "queue"))  # fmt: skip
    try:
        reader.secrets |= brokers.secrets_of(broker) if broker else set()
    except ValueError as error:
        reader.report("wrong_value", str(error), f"It begins with {', '.join(f'{scheme}://' for scheme in brokers.SCHEMES)} and names a host.", ("work", "broker"))  # fmt: skip
    return Work(where, broker, queue)
