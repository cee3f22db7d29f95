"""Every error that a person on call can meet.

    SettlementError
    ├── ConfigurationError            the partner file, an argument or a connection is wrong
    │   ├── BindingConflictError      the account, or decimals of a currency, are bound otherwise
    │   ├── LedgerVersionError        the ledger's schema is older or newer than this code
    │   ├── UntrustedHostError        the certificate of a host is not trusted, or of another host
    │   └── SigningKeyError           the signing key is missing, malformed or of another network
    ├── SignerUnavailableError        the remote signer does not answer (retryable)
    ├── DateNotDueError               the business date cannot be settled now
    ├── WindowConflictError           a window contradicts what is frozen or booked
    ├── WarehouseError                the warehouse cannot be trusted for this date
    │   ├── WarehouseDataError        trades fail a check
    │   ├── WarehouseTypeError        a driver returned a float or a naive timestamp
    │   ├── WarehouseUnbalancedError  clients plus house is not zero
    │   ├── WarehouseBusyError        locked by its loader (retryable)
    │   ├── WarehouseNotLoadedError   the load's watermark has not reached the cut-off
    │   ├── EmptyDayError             no trades at all, and the partner file does not allow that
    │   ├── HistoryChangedError       trades that were already read have changed or gone
    │   └── TradeOfAnotherDateError   trades of the date belong to another date already
    ├── LedgerUnavailableError        no connection to the ledger (retryable)
    ├── ChainBrokenError              the event chain, or an invariant of the ledger, does not hold
    ├── StoppedError                  the partner's stop flag is up
    ├── HeldConnectionError           a request contains a connection that is on hold
    ├── NotNettingError               a broker's amounts do not net to zero, or do not fit
    ├── LimitExceededError            more would move than the partner file's limits allow
    ├── ShortOfFundsError             somebody cannot give what the requests would take
    ├── ApprovalMissingError          a person must approve before anything is signed
    ├── DecisionError                 an answer does not fit the question any more, or the person
    ├── SupersededError               a newer run has taken this date (retryable)
    ├── ForeignSettlementError        the partner shows a settlement that is not ours
    ├── DivergedSlotError             the partner shows something that is none of our bodies
    ├── PayloadMismatchError          the signing payload is not what was asked for
    ├── PartnerAnswerError            an answer of the partner API that needs more than a next step
    │   ├── CredentialsError          the access token is refused
    │   ├── RefusedError              the partner said no and holds nothing
    │   ├── RejectedError             the partner shows the settlement rejected
    │   ├── SettlementFailedError     shown failed, usually for lack of funds (retryable)
    │   └── OutcomeUnknownError       nothing is proved yet (retryable)
    └── NotSettledError               a difference or an open slot is left

Each class names its section of the runbook. Messages say what and where, and then, behind
"Next step: ", what a person does; a message without these words has the next step of its class.
"""

from __future__ import annotations

from copy import copy
from typing import ClassVar, Self

NEXT_STEP = "Next step: "
CLEAR_COMPUTE = "clear compute_net_positions with its downstream tasks"


class SettlementError(Exception):
    """Base of all errors of the domain; `runbook` is the anchor of its runbook section.

    `next_step` is what a person does where the message does not say it.
    """

    runbook: ClassVar[str] = "settlement-error"
    next_step: ClassVar[str] = "do as the text says, then clear this task with its downstream tasks"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.told: str | None = None

    @property
    def what(self) -> str:
        """What happened: the message without its next step."""
        return (self.message.rpartition(NEXT_STEP)[0] or self.message).strip()

    @property
    def to_do(self) -> str:
        """What a person does next."""
        _, found, step = self.message.rpartition(NEXT_STEP)
        return step.strip() if found else self.next_step

    def tell(self, text: str) -> None:
        """Say this from now on instead of the message: the same, with the money at risk."""
        self.told = text

    def __str__(self) -> str:
        return self.told or f"{self.message} [runbook: {self.runbook}]"

    def told_of(self, external_id: str) -> Self:
        """The same outcome, for a request that waits for the one it is about."""
        same = copy(self)
        same.message = f"{external_id} is not sent yet: it waits. {self.message}"
        return same


class ConfigurationError(SettlementError):
    """The partner file, an argument or an Airflow connection is wrong."""

    runbook = "configuration-error"
    next_step = "correct what the text names, then clear this task with its downstream tasks"


class BindingConflictError(ConfigurationError):
    """The partner's name is bound to another account or to other decimals, or the account is."""

    runbook = "binding-conflict"
    next_step = "undo the edit, then clear this task with its downstream tasks"


class LedgerVersionError(ConfigurationError):
    """The ledger's schema is not the one that this code was written for."""

    runbook = "ledger-version"
    next_step = "run `settlement ledger upgrade` with the owner's login, then clear this task"


class UntrustedHostError(ConfigurationError):
    """The TLS certificate of a host is not trusted, or of another host: nothing was sent to it."""

    runbook = "untrusted-host"


class SigningKeyError(ConfigurationError):
    """The signing key is missing, malformed or of another network."""

    runbook = "signing-key"
    next_step = "correct the Airflow connection of the key, then clear this task"


class SignerUnavailableError(SettlementError):
    """The remote signer does not answer, or not in a way that can be understood."""

    runbook = "signer-unavailable"
    next_step = "see that the remote signer runs and can be reached, then clear this task"
    retryable = True


class DateNotDueError(SettlementError):
    """The date is before the first one, is not due yet (`settle_after`), or is no business date."""

    runbook = "date-not-due"
    next_step = "choose another date, or wait"


class WindowConflictError(SettlementError):
    """A window would overlap a frozen one or be empty, or contradicts what is booked."""

    runbook = "window-conflict"
    next_step = "correct the calendar or the cut-off in the partner file, then clear this task"


class WarehouseError(SettlementError):
    """The warehouse cannot be trusted for this date; nothing is sent."""

    runbook = "warehouse-error"
    next_step = f"correct the warehouse or the query that the text names, then {CLEAR_COMPUTE}"


class WarehouseDataError(WarehouseError):
    """Trades fail a check; the message holds example trade ids."""

    runbook = "warehouse-data"


class WarehouseTypeError(WarehouseError):
    """A driver returned a float, a naive timestamp or a non-integer amount."""

    runbook = "warehouse-type"


class WarehouseUnbalancedError(WarehouseError):
    """Clients plus house is not zero for a currency: the positions query is wrong."""

    runbook = "warehouse-unbalanced"


class WarehouseBusyError(WarehouseError):
    """The warehouse is locked or unreachable for the moment."""

    runbook = "warehouse-busy"
    next_step = f"wait for the load to end, then {CLEAR_COMPUTE}"
    retryable = True


class WarehouseNotLoadedError(WarehouseError):
    """The load's watermark had not reached the cut-off when the deadline passed."""

    runbook = "warehouse-not-loaded"


class EmptyDayError(WarehouseError):
    """The window holds no trades and `allow_empty_days` is off."""

    runbook = "empty-day"
    next_step = f"check that the load has run, then {CLEAR_COMPUTE}"


class HistoryChangedError(WarehouseError):
    """Trades that an earlier snapshot has read have changed or gone."""

    runbook = "history-changed"
    next_step = "answer the question, or have the warehouse corrected and clear this task"


class TradeOfAnotherDateError(WarehouseError):
    """Trades of the date belong to another date already: they would be settled twice."""

    runbook = "trade-of-another-date"
    next_step = "answer the question, or have the warehouse corrected and clear this task"


class LedgerUnavailableError(SettlementError):
    """No connection to the ledger's database."""

    runbook = "ledger-unavailable"
    next_step = "bring the ledger's database back, then clear this task"
    retryable = True


class ChainBrokenError(SettlementError):
    """The event chain, or an invariant that can be read from the tables, does not hold."""

    runbook = "chain-broken"
    next_step = "stop the partner (`settlement stop`), keep a copy of the database, escalate"


class StoppedError(SettlementError):
    """The partner's stop flag is up: nothing is sent."""

    runbook = "stopped"
    next_step = "when the reason is gone, lift the flag with `settlement go`, then clear this task"


class HeldConnectionError(SettlementError):
    """A request contains a connection that is on hold: it is not sent."""

    runbook = "held-connection"
    next_step = f"{CLEAR_COMPUTE}: the request is built again without it"


class NotNettingError(SettlementError):
    """A broker's amounts do not net to zero per currency, or do not fit into one request."""

    runbook = "not-netting"
    next_step = f"have the trades corrected or end the hold, then {CLEAR_COMPUTE}"


class LimitExceededError(SettlementError):
    """More would move, for a date or within a day, than the partner file's limits allow."""

    runbook = "limit-exceeded"
    next_step = f"look at the amounts, have the limit raised by its owner, then {CLEAR_COMPUTE}"


class ShortOfFundsError(SettlementError):
    """An account holds less than the requests would take, and the partner file refuses that."""

    runbook = "short-of-funds"
    next_step = "have the accounts funded, then clear build_requests with its downstream tasks"


class ApprovalMissingError(SettlementError):
    """The date's requests are above the approval limits and no person has approved them."""

    runbook = "approval-missing"
    next_step = "have somebody else answer the question, then run the date again"


class DecisionError(SettlementError):
    """An answer does not fit: the facts have changed, it is answered, or this person may not."""

    runbook = "decision"
    next_step = "look at the open questions with `settlement decide` and answer the newest"


class SupersededError(SettlementError):
    """A newer run has computed this date, or rebuilt this slot, since."""

    runbook = "superseded"
    next_step = f"let the newer run finish; if there is none, {CLEAR_COMPUTE}"
    retryable = True


class ForeignSettlementError(SettlementError):
    """The partner shows a settlement that the ledger cannot place."""

    runbook = "foreign-settlement"
    next_step = "find out who made it, then `settlement record` or `settlement ignore`"


class DivergedSlotError(SettlementError):
    """The partner shows something that is none of the slot's bodies, or contradicts itself."""

    runbook = "diverged"
    next_step = "ask BitGo where it came from, then answer the question under Required Actions"


class PayloadMismatchError(SettlementError):
    """The signing payload returned by the partner is not exactly what was asked for."""

    runbook = "payload-mismatch"
    next_step = "compare the two in `settlement explain`, and escalate at once"


class PartnerAnswerError(SettlementError):
    """Base of the errors raised for what the partner answered."""

    runbook = "partner-answer"
    next_step = "do as the partner's answer says, then clear this task with its downstream tasks"


class CredentialsError(PartnerAnswerError):
    """The access token is refused, for look-ups too."""

    runbook = "credentials"
    next_step = "check token, scopes and address range, then clear this task"


class RefusedError(PartnerAnswerError):
    """The partner said no, and a look-up finds nothing under the externalId."""

    runbook = "refused"
    next_step = f"correct what the partner names, then {CLEAR_COMPUTE}"


class RejectedError(PartnerAnswerError):
    """The partner shows the settlement rejected: nothing booked, the slot is used up."""

    runbook = "rejected"
    next_step = f"find out why, then {CLEAR_COMPUTE}"


class SettlementFailedError(PartnerAnswerError):
    """The partner shows the settlement failed; the same bytes complete it after funding."""

    runbook = "failed"
    next_step = "have the account funded, then clear submit_requests with its downstream tasks"
    retryable = True


class OutcomeUnknownError(PartnerAnswerError):
    """Nothing is proved yet; the same bytes are sent again. `retry_after` is in seconds."""

    runbook = "unknown"
    next_step = "clear this task with its downstream tasks: the same bytes are sent, never others"
    retryable = True

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotSettledError(SettlementError):
    """A difference or an open slot is left for the business date."""

    runbook = "not-settled"
    next_step = "do what the sections say, then clear the red tasks with their downstream tasks"
