"""Every error that a person on call can meet.

    SettlementError
    ├── ConfigurationError            the partner file, an argument or a connection is wrong
    │   ├── BindingConflictError      the account, or decimals of a currency, are bound otherwise
    │   ├── LedgerVersionError        the ledger's schema is older or newer than this code
    │   ├── UntrustedHostError        the certificate of a host is not trusted, or of another host
    │   └── SigningKeyError           the signing key is missing, malformed or of another network
    ├── SignerUnavailableError        the remote signer does not answer (retryable)
    ├── DateNotDueError               the business date cannot be settled now
    ├── WindowConflictError           a window would overlap one that is already frozen
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

Each class names its section of the runbook. Messages say what, where and the next step.
"""

from __future__ import annotations

from typing import ClassVar


class SettlementError(Exception):
    """Base of all errors of the domain; `runbook` is the anchor of its runbook section."""

    runbook: ClassVar[str] = "settlement-error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [runbook: {self.runbook}]"


class ConfigurationError(SettlementError):
    """The partner file, an argument or an Airflow connection is wrong."""

    runbook = "configuration-error"


class BindingConflictError(ConfigurationError):
    """The partner's name is bound to another account or to other decimals, or the account is."""

    runbook = "binding-conflict"


class LedgerVersionError(ConfigurationError):
    """The ledger's schema is not the one that this code was written for."""

    runbook = "ledger-version"


class UntrustedHostError(ConfigurationError):
    """The TLS certificate of a host is not trusted, or of another host: nothing was sent to it."""

    runbook = "untrusted-host"


class SigningKeyError(ConfigurationError):
    """The signing key is missing, malformed or of another network."""

    runbook = "signing-key"


class SignerUnavailableError(SettlementError):
    """The remote signer does not answer, or not in a way that can be understood."""

    runbook = "signer-unavailable"
    retryable = True


class DateNotDueError(SettlementError):
    """The business date is before the first one, or its cut-off plus `settle_after` is not past."""

    runbook = "date-not-due"


class WindowConflictError(SettlementError):
    """A window would overlap one that is already frozen, or would be empty."""

    runbook = "window-conflict"


class WarehouseError(SettlementError):
    """The warehouse cannot be trusted for this date; nothing is sent."""

    runbook = "warehouse-error"


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
    retryable = True


class WarehouseNotLoadedError(WarehouseError):
    """The load's watermark had not reached the cut-off when the deadline passed."""

    runbook = "warehouse-not-loaded"


class EmptyDayError(WarehouseError):
    """The window holds no trades and `allow_empty_days` is off."""

    runbook = "empty-day"


class HistoryChangedError(WarehouseError):
    """Trades that an earlier snapshot has read have changed or gone."""

    runbook = "history-changed"


class TradeOfAnotherDateError(WarehouseError):
    """Trades of the date belong to another date already: they would be settled twice."""

    runbook = "trade-of-another-date"


class LedgerUnavailableError(SettlementError):
    """No connection to the ledger's database."""

    runbook = "ledger-unavailable"
    retryable = True


class ChainBrokenError(SettlementError):
    """The event chain, or an invariant that can be read from the tables, does not hold."""

    runbook = "chain-broken"


class StoppedError(SettlementError):
    """The partner's stop flag is up: nothing is sent."""

    runbook = "stopped"


class HeldConnectionError(SettlementError):
    """A request contains a connection that is on hold: it is not sent."""

    runbook = "held-connection"


class NotNettingError(SettlementError):
    """A broker's amounts do not net to zero per currency, or do not fit into one request."""

    runbook = "not-netting"


class LimitExceededError(SettlementError):
    """More would move, for a date or within a day, than the partner file's limits allow."""

    runbook = "limit-exceeded"


class ShortOfFundsError(SettlementError):
    """An account holds less than the requests would take, and the partner file refuses that."""

    runbook = "short-of-funds"


class ApprovalMissingError(SettlementError):
    """The date's requests are above the approval limits and no person has approved them."""

    runbook = "approval-missing"


class DecisionError(SettlementError):
    """An answer does not fit: the facts have changed, it is answered, or this person may not."""

    runbook = "decision"


class SupersededError(SettlementError):
    """A newer run has computed this date, or rebuilt this slot, since."""

    runbook = "superseded"
    retryable = True


class ForeignSettlementError(SettlementError):
    """The partner shows a settlement that the ledger cannot place."""

    runbook = "foreign-settlement"


class DivergedSlotError(SettlementError):
    """The partner shows something that is none of the slot's bodies, or contradicts itself."""

    runbook = "diverged"


class PayloadMismatchError(SettlementError):
    """The signing payload returned by the partner is not exactly what was asked for."""

    runbook = "payload-mismatch"


class PartnerAnswerError(SettlementError):
    """Base of the errors raised for what the partner answered."""

    runbook = "partner-answer"


class CredentialsError(PartnerAnswerError):
    """The access token is refused, for look-ups too."""

    runbook = "credentials"


class RefusedError(PartnerAnswerError):
    """The partner said no, and a look-up finds nothing under the externalId."""

    runbook = "refused"


class RejectedError(PartnerAnswerError):
    """The partner shows the settlement rejected: nothing booked, the slot is used up."""

    runbook = "rejected"


class SettlementFailedError(PartnerAnswerError):
    """The partner shows the settlement failed; the same bytes complete it after funding."""

    runbook = "failed"
    retryable = True


class OutcomeUnknownError(PartnerAnswerError):
    """Nothing is proved yet; the same bytes are sent again. `retry_after` is in seconds."""

    runbook = "unknown"
    retryable = True

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotSettledError(SettlementError):
    """A difference or an open slot is left for the business date."""

    runbook = "not-settled"
