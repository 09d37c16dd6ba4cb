"""Every figure that /metrics tells: what it is, what it answers, and whose it is.

The table is the only list of them: the program counts by these names, and the reference page is made from it.
No label holds what a stranger could choose: connections, workflows and actions are the project's own, all other
labels are short lists of words.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

PREFIX = "ringback_"
FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SLOW = (1, 2, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 43200, 86400, 259200)
BATCHES = (1, 2, 5, 10, 20, 50, 100, 200)
NOT_TAKEN = (
    "unauthorized", "no_credit", "not_found", "blocked_address", "unreachable", "server_error", "no_answer", "timed_out",
    "refused", "internal", "broke",
)  # fmt: skip
"""Outcomes of sends that speak against the gateway or the way to it, not against one number or text."""
REFUSALS = ("not_set_up", "no_proof", "wrong_proof", "too_old", "unreadable", "not_now")
"""Reasons for which a callback is refused."""


class Figure(NamedTuple):
    """One figure. `of` says whose: of this `process`, to be added up over all of them, or of the whole `project`,
    which every process tells alike.
    """

    kind: Literal["counter", "gauge", "histogram"]
    says: str
    answers: str
    labels: tuple[str, ...] = ()
    of: Literal["process", "project"] = "process"
    buckets: tuple[float, ...] = FAST

    def full(self, name: str) -> str:
        """The name under which it is scraped."""
        return f"{PREFIX}{name}{'_total' if self.kind == 'counter' else ''}"


FIGURES: dict[str, Figure] = {
    # What comes in
    "receipts": Figure("counter", "Webhooks answered with a receipt.", "How much work comes in, and how much of it twice?", ("workflow", "duplicate")),
    "refused_webhooks": Figure("counter", "Webhooks that were not taken, by the code of the error.", "Who sends us what we cannot use?", ("code",)),
    "slow_bodies": Figure("counter", "Requests given up because their bodies came too slowly.", "Does somebody try to hold the doors?"),
    "callbacks": Figure("counter", "What gateways called back with, by kind: report, inbound or ping.", "Do the gateways reach us?", ("connection", "kind")),
    "reports": Figure("counter", "Delivery reports by the status they gave.", "What do the gateways say became of our texts? `unknown` is a status that the connector does not know.", ("connection", "status")),
    "refused_callbacks": Figure("counter", "Callbacks that were not believed or could not be read, by reason: not_set_up, no_proof, wrong_proof, too_old, unreadable or not_now.", "Is a signature setting wrong, or is somebody trying?", ("connection", "reason")),
    "callback_lag_seconds": Figure("histogram", "From the time that a gateway's report carries to its arrival here; 0 where its clock is ahead.", "How late are the gateway's reports?", ("connection",), buckets=SLOW),
    "callback_fold_seconds": Figure("histogram", "From a report's arrival to its being on disk, folded into its message.", "Do we keep up with the reports?", ("connection",)),
    "request_seconds": Figure("histogram", "From a request's arrival to its answer, by door.", "How fast do we answer?", ("door",)),
    # What goes out
    "sends": Figure("counter", "What gateways answered to sends: the status they gave, or the code of the failure.", "Which gateway does not take our texts?", ("connection", "outcome")),
    "gate_verdicts": Figure("counter", "What the gate said last of a text: passed (check `all`), refused or put_off, by the check that said so.", "Why do texts wait or not go?", ("connection", "check", "verdict")),
    "message_statuses": Figure("counter", "Statuses that sent texts came to.", "What became of our texts?", ("connection", "status")),
    "delivery_seconds": Figure("histogram", "From a text's sending to the report of its delivery, by our clock.", "How long do texts take to phones?", ("connection",), buckets=SLOW),
    "silent_messages": Figure("counter", "Texts of which no end was reported in time, so that they are `unknown`.", "Has a gateway stopped reporting?", ("connection",)),
    "call_seconds": Figure("histogram", "Calls to other systems, by connection (empty for `http.request` and other calls of no connection) and outcome: 2xx, 3xx, 4xx, 5xx or why there was no answer.", "Which other side is slow or away?", ("connection", "outcome")),
    # Runs
    "runs_finished": Figure("counter", "Runs that ended, by how.", "What fails?", ("workflow", "state")),
    "run_seconds": Figure("histogram", "From a run's receipt to its end, waiting included.", "How long does the work take?", ("workflow",), buckets=(0.01, 0.05, 0.1, 0.5, *SLOW)),
    "step_failures": Figure("counter", "Steps that failed, by action and code.", "What in the workflows fails, and why?", ("action", "code")),
    "uncertain_steps": Figure("counter", "Steps of which nobody knows whether they happened; a person may have to say.", "Are there decisions to be made?", ("action",)),
    "lease_losses": Figure("counter", "Runs that this process lost to another while it worked on them.", "Is a process frozen or starved for longer than its lease?"),
    "take_overs": Figure("counter", "Runs taken over from processes that are gone.", "Do processes die?"),
    "runs": Figure("gauge", "Unfinished runs by state: queued, running, waiting or uncertain.", "How much is under way, and what waits for a person?", ("state",), "project"),
    "oldest_run_seconds": Figure("gauge", "Age of the oldest unfinished run of each state; 0 where there is none.", "Is something stuck?", ("state",), "project"),
    "runs_due": Figure("gauge", "Runs whose time has come and that nobody works on yet.", "Are there enough workers?", (), "project"),
    "overdue_seconds": Figure("gauge", "For how long the longest due of them has been waiting.", "Are there any workers?", (), "project"),
    "waits": Figure("gauge", "What waiting runs wait for: a delay, a delivery, a reply, a retry, the gate, a decision …", "What holds the work up?", ("kind",), "project"),
    "unanswered_sends": Figure("gauge", "Texts given to a gateway that has not answered yet, or that are in doubt.", "Does a gateway hang?", ("connection",), "project"),
    "executor_waiting": Figure("gauge", "Runs that stand in line for the threads of this process.", "Are there enough threads?"),
    "broker_waiting": Figure("gauge", "Run ids that wait in the broker, as the clock that leads saw last; 0 in every other process.", "Are there enough workers?"),
    "clock_leads": Figure("gauge", "1 in the clock that leads, else 0.", "Is there a clock, and is it one only?"),
    # The ground
    "holders": Figure("gauge", "Processes that advance runs: alive, or past their time without having signed off.", "Are all processes there?", ("state",), "project"),
    "journal_commit_seconds": Figure("histogram", "How long a commit of the journal took, everything in it included.", "Is the disk or the database slow?"),
    "journal_batch_writes": Figure("histogram", "Writes that shared one commit.", "How well does grouping work?", buckets=BATCHES),
    "journal_bytes": Figure("gauge", "Size of the journal: its file and its write-ahead log, or its database.", "Does it grow?", ("file",), "project"),
    "disk_free_bytes": Figure("gauge", "Free space where the journal and the uploaded files are.", "When is the disk full?", ("of",)),
    "retention_deleted": Figure("counter", "What retention took away: runs, events, files.", "Does retention work?", ("what",)),
    "retention_freed_bytes": Figure("counter", "Bytes of the journal that retention gave back to the disk.", "Does the space come back?"),
    "start_time_seconds": Figure("gauge", "When this process started, in seconds since the epoch.", "Does it start over and over?"),
    "build_info": Figure("gauge", "Always 1; the labels say what runs.", "Which version runs where?", ("version", "python", "journal")),
}  # fmt: skip
"""Every figure by its name without `ringback_` and `_total`."""
