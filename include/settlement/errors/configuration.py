"""What is configured: partner file, Airflow connections, keys, dates and windows."""

from __future__ import annotations

from settlement.errors.base import SettlementError


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
    """The TLS certificate of a host is not trusted, or of another host: nothing was sent to it.

    `why` is in OpenSSL's words, `trusted` says whose certificates are.
    """

    runbook = "untrusted-host"

    def __init__(self, base_url: str, *, why: str, trusted: str, conn_id: str) -> None:
        super().__init__(
            f"the certificate of {base_url} is not trusted: {why}. Nothing was sent: TLS ended "
            f"before the request. Authorities that are trusted: {trusted}. If the host of Airflow "
            f"connection {conn_id} is right, and whoever runs it (or a proxy on the way) has an "
            'authority of its own, name its CA bundle in the extra "verify"; checking cannot be '
            "off. If the certificate is another host's or has expired, somebody else may be "
            "listening: ask whoever runs it first",
            conn_id=conn_id,
        )
        self.base_url = base_url
        self.why = why
        self.trusted = trusted


class SigningKeyError(ConfigurationError):
    """The signing key is malformed, of another network, not the expected one, or signs nothing."""

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
