"""The errors of this project that a person on call can meet.

    SettlementError
    ├── ConfigurationError            the partner file, an argument or a connection is wrong
    │   ├── BindingConflictError      the account, or decimals of a currency, are bound otherwise
    │   ├── LedgerVersionError        the ledger's schema is older or newer than this code
    │   ├── UntrustedHostError        the certificate of a host is not trusted, or of another host
    │   └── SigningKeyError           the signing key is malformed or another one, or signs nothing
    ├── SignerUnavailableError        the remote signer does not answer (retryable)
    ├── DateNotDueError               the business date cannot be settled now
    ├── WindowConflictError           a window contradicts what is frozen or booked
    ├── WarehouseError                the warehouse cannot be trusted for this date
    │   ├── WarehouseDataError        trades fail a check
    │   ├── WarehouseTypeError        a driver returned a float, a naive timestamp, or the like
    │   ├── WarehouseUnbalancedError  clients plus house is not zero
    │   ├── WarehouseBusyError        locked or unreachable for the moment (retryable)
    │   ├── WarehouseNotLoadedError   the load's watermark has not reached the cut-off
    │   ├── EmptyDayError             no trades at all, and the partner file does not allow that
    │   ├── HistoryChangedError       trades that were already read have changed or gone
    │   └── TradeOfAnotherDateError   trades of the date belong to another date already
    ├── LedgerUnavailableError        the ledger does not answer or is locked (retryable)
    ├── ChainBrokenError              the event chain, or an invariant of the ledger, does not hold
    ├── StoppedError                  the partner's stop flag is up
    ├── DateClosedError               a person has closed the business date
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
    ├── PartnerAnswerError            base of the errors for the partner's answers
    │   ├── CredentialsError          the access token is refused, or a request by a 401
    │   ├── RefusedError              the partner said no and holds nothing
    │   ├── RejectedError             the partner shows the settlement rejected
    │   ├── SettlementFailedError     shown failed, usually for lack of funds (retryable)
    │   └── OutcomeUnknownError       nothing is proved yet (retryable)
    └── NotSettledError               a difference or an open slot is left

Each class names its section of the runbook. An error carries facts, and its text is made from them:
what happened and where, then, behind "Next step: ", what a person does where the class does not say
it. Whoever wants to know more than the text asks the facts.
"""

from __future__ import annotations

from settlement.errors.base import AnswerFacts, SettlementError
from settlement.errors.configuration import (
    BindingConflictError,
    ConfigurationError,
    DateNotDueError,
    LedgerVersionError,
    SignerUnavailableError,
    SigningKeyError,
    UntrustedHostError,
    WindowConflictError,
)
from settlement.errors.partner import (
    CredentialsError,
    DivergedSlotError,
    ForeignSettlementError,
    OutcomeUnknownError,
    PartnerAnswerError,
    PayloadMismatchError,
    RefusedError,
    RejectedError,
    SettlementFailedError,
)
from settlement.errors.settling import (
    ApprovalMissingError,
    ChainBrokenError,
    DateClosedError,
    DecisionError,
    HeldConnectionError,
    LedgerUnavailableError,
    LimitExceededError,
    NotNettingError,
    NotSettledError,
    ShortOfFundsError,
    StoppedError,
    SupersededError,
)
from settlement.errors.warehouse import (
    EmptyDayError,
    HistoryChangedError,
    TradeOfAnotherDateError,
    WarehouseBusyError,
    WarehouseDataError,
    WarehouseError,
    WarehouseNotLoadedError,
    WarehouseTypeError,
    WarehouseUnbalancedError,
)

__all__ = [
    "AnswerFacts",
    "ApprovalMissingError",
    "BindingConflictError",
    "ChainBrokenError",
    "ConfigurationError",
    "CredentialsError",
    "DateClosedError",
    "DateNotDueError",
    "DecisionError",
    "DivergedSlotError",
    "EmptyDayError",
    "ForeignSettlementError",
    "HeldConnectionError",
    "HistoryChangedError",
    "LedgerUnavailableError",
    "LedgerVersionError",
    "LimitExceededError",
    "NotNettingError",
    "NotSettledError",
    "OutcomeUnknownError",
    "PartnerAnswerError",
    "PayloadMismatchError",
    "RefusedError",
    "RejectedError",
    "SettlementError",
    "SettlementFailedError",
    "ShortOfFundsError",
    "SignerUnavailableError",
    "SigningKeyError",
    "StoppedError",
    "SupersededError",
    "TradeOfAnotherDateError",
    "UntrustedHostError",
    "WarehouseBusyError",
    "WarehouseDataError",
    "WarehouseError",
    "WarehouseNotLoadedError",
    "WarehouseTypeError",
    "WarehouseUnbalancedError",
    "WindowConflictError",
]
