"""The broker between those who open runs and those who advance them. It carries run ids and nothing else.

What the broker loses, or never gets, is in the journal, due: the clock publishes it again. So a message may come
twice, late or not at all without harm, and nothing here waits long.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ringback.engine.executor import FIRST, LATER, NORMAL
from ringback.problems import Failure
from ringback.settings import Work

if TYPE_CHECKING:
    from celery import Celery

TASK = "ringback.advance"
UNACKED_S = 3_600
"""After so long Redis gives a message that a worker took and did not acknowledge to another one."""
_TIMEOUT_S = 3
_HIGHEST = 3
_PRIORITIES = {
    "amqp": {FIRST: 3, NORMAL: 2, LATER: 1},  # RabbitMQ: the higher number first
    "redis": {FIRST: 0, NORMAL: 1, LATER: 2},  # kombu keeps a list for each step, the lowest first
}


class BrokerDown(Failure):
    """The broker did not take or tell something."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            "unreachable",
            f"The broker does not answer ({type(error).__name__}: {error}).",
            "Start it, or correct work.broker in ringback.yaml. What is due waits in the journal.",
        )


def kind_of(broker: str) -> str:
    """`redis` or `amqp`, by the address."""
    return "redis" if broker.startswith("redis") else "amqp"


def make_app(work: Work) -> Celery:
    """Celery, set up for run ids. Raises `Failure("not_found")` where it is not installed."""
    try:
        from celery import Celery

        kombu: Any = import_module("kombu")
    except ImportError as error:
        raise Failure(
            "not_found",
            "`work.where` is celery, and Celery is not installed here.",
            "Install it with: pip install 'ringback[celery]'",
        ) from error
    amqp = kind_of(work.broker) == "amqp"
    app = Celery("ringback", set_as_current=False, fixups=[])
    app.conf.update(
        broker_read_url=work.broker,
        broker_write_url=work.broker,
        broker_connection_timeout=_TIMEOUT_S,
        broker_heartbeat=30,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport_options(amqp),
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_publish_retry=False,
        task_default_queue=work.queue,
        task_queues=[
            kombu.Queue(
                work.queue,
                kombu.Exchange(work.queue, type="direct"),
                routing_key=work.queue,
                queue_arguments={"x-max-priority": _HIGHEST} if amqp else None,
            )
        ],
        task_default_exchange=work.queue,
        task_default_routing_key=work.queue,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
    )
    return app


def _transport_options(amqp: bool) -> dict[str, Any]:
    if amqp:
        return {}
    return {
        "visibility_timeout": UNACKED_S,
        "priority_steps": sorted(_PRIORITIES["redis"].values()),
        "queue_order_strategy": "priority",
        "socket_connect_timeout": _TIMEOUT_S,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }


class Line:
    """A connection to publish through and to ask how much waits. Not for several threads.

    It is made when first needed, and anew after it broke.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._priorities = _PRIORITIES[kind_of(work.broker)]
        self._app = make_app(work)
        self._connection: Any = None
        self._producer: Any = None

    def send(self, run_id: str, priority: int) -> None:
        """Publish a run's id. Raises `BrokerDown`, after some seconds at most."""
        try:
            self._send(run_id, priority)
        except self._errors():
            self.close()  # the connection may have been an old one: once more on a new one
            try:
                self._send(run_id, priority)
            except self._errors() as error:
                self.close()
                raise BrokerDown(error) from error

    def depth(self) -> int:
        """How many ids wait in the broker. Raises `BrokerDown`."""
        try:
            self._open()
            queue = self._app.amqp.queues[self._work.queue]
            channel = self._producer.channel
            declared = channel.queue_declare(
                queue.name, durable=True, auto_delete=False, arguments=queue.queue_arguments
            )
            return int(declared.message_count)
        except self._errors() as error:
            self.close()
            raise BrokerDown(error) from error

    def close(self) -> None:
        """Let go of the connection; the next use makes another."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.collect(socket_timeout=1)

    def _send(self, run_id: str, priority: int) -> None:
        self._open()
        self._app.send_task(
            TASK,
            (run_id,),
            priority=self._priorities[priority],
            queue=self._work.queue,
            producer=self._producer,
            retry=False,
            ignore_result=True,
        )

    def _open(self) -> None:
        if self._connection is not None:
            return
        amqp = kind_of(self._work.broker) == "amqp"
        bounded: dict[str, Any] = {"socket_timeout": _TIMEOUT_S}
        if amqp:
            bounded = {
                "read_timeout": _TIMEOUT_S,
                "write_timeout": _TIMEOUT_S,
                "confirm_publish": True,
            }
        self._connection = self._app.connection_for_write(
            transport_options={**_transport_options(amqp), **bounded}, heartbeat=0
        )
        # One try: where the broker is down, the caller has other things to do than to wait for it.
        self._connection.ensure_connection(max_retries=1, timeout=_TIMEOUT_S)
        self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        self._app.amqp.queues[self._work.queue](self._producer.channel).declare()

    def _errors(self) -> tuple[type[BaseException], ...]:
        from kombu.exceptions import KombuError

        known: tuple[type[BaseException], ...] = (KombuError, OSError)
        if self._connection is not None:
            known += tuple(self._connection.connection_errors)
            known += tuple(self._connection.channel_errors)
        return known
