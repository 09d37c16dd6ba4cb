"""The address of a broker, as ringback.yaml gives it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

SCHEMES = ("redis", "rediss", "amqp", "amqps")


def secrets_of(broker: str) -> set[str]:
    """The password in a broker's address, as it stands there and as it is. Raises ValueError with a sentence."""
    try:
        address = urlsplit(broker)
        _, password = address.port, address.password
    except ValueError:
        address, password = urlsplit(""), None
    if address.scheme not in SCHEMES or not address.hostname:
        raise ValueError("The broker is not an address of Redis or RabbitMQ.")
    return {password, unquote(password)} if password else set()
