"""A signer of its own: BitGo Express, which holds the key and signs what it is handed.

Partner API, section 12. The payload is sent as the exact string; the answer is believed only if
it repeats that string and its signature is one of an expected key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import NoReturn

from settlement.errors import SignerUnavailableError, SigningKeyError
from settlement.partner.exchange import Answer, TransportError
from settlement.partner.words import one_line
from settlement.signing.signer import InvalidSignature, key_id_of, signer_of
from settlement.strict_json import json_object
from settlement_airflow.hooks.target import Target
from settlement_airflow.hooks.wire import send

SIGN_PATH = "/api/v2/ofc/signPayload"
SIGNING_DEADLINE_S = 30.0
EXPLAINED = (
    ("Could not find wallet passphrase", "set WALLET_<walletId>_PASSPHRASE where Express runs"),
    ("Could not find a field for walletId", "add the wallet to Express's key file"),
    ("incorrect password", "correct the wallet's passphrase where Express runs"),
    ("unable to decrypt keychain", "correct the wallet's passphrase where Express runs"),
    ("walletId", "correct wallet_id in the Airflow connection of the signing key"),
)
"""What Express says, and what to do about it."""


class RemoteSigner:
    """Signs through BitGo Express.

    :param target: where Express listens; its token is needed in Express's plain mode only
    :param wallet_id: the trading account's wallet
    :param public_keys: compressed public keys, one of which must have signed
    """

    def __init__(self, target: Target, wallet_id: str, public_keys: Mapping[str, bytes]) -> None:
        self._target = target
        self._wallet_id = wallet_id
        self._public_keys = public_keys

    @property
    def key_ids(self) -> frozenset[str]:
        """Ids of the expected keys."""
        return frozenset(self._public_keys)

    def sign(self, payload: str) -> str:
        """Signature of exactly this text, 130 lower-case hex digits.

        :raises SigningKeyError: if Express refuses, or another key has signed
        :raises SignerUnavailableError: if it does not answer, or not with a signature
        :raises UntrustedHostError: if its certificate is not trusted; nothing was sent
        """
        asked = json.dumps({"walletId": self._wallet_id, "payload": payload}).encode()
        try:
            answer = send(
                self._target, "POST", SIGN_PATH, deadline_s=SIGNING_DEADLINE_S, content=asked
            )
        except TransportError as error:
            raise SignerUnavailableError(
                f"the remote signer at {self._target.base_url} gives no answer ({error}): check "
                "that it runs and can be reached from this worker"
            ) from None
        return self._checked(payload, answer)

    def _checked(self, payload: str, answer: Answer) -> str:
        said = json_object(answer.content) or {}
        if answer.status != HTTPStatus.OK:
            self._refused(answer.status, said)
        signature = said.get("signature")
        if said.get("payload") != payload or not isinstance(signature, str):
            raise SignerUnavailableError(
                f"the remote signer at {self._target.base_url} did not answer with the signed "
                "payload: is it BitGo Express?"
            )
        try:
            key_id = key_id_of(signer_of(payload, signature))
        except InvalidSignature as error:
            raise SigningKeyError(
                f"the remote signer at {self._target.base_url} returned no valid signature "
                f"({error}): nothing is sent; check the wallet {self._wallet_id} in Express"
            ) from None
        if key_id not in self._public_keys:
            raise SigningKeyError(
                f"the remote signer signed with key {key_id}, not with "
                f"{' or '.join(sorted(self._public_keys))}: nothing is sent; correct wallet_id or "
                "public_key in the Airflow connection of the signing key"
            )
        return signature.lower()

    def _refused(self, status: int, said: Mapping[str, object]) -> NoReturn:
        words = one_line(str(said.get("message") or said.get("error") or "no reason given"))
        next_step = next((step for part, step in EXPLAINED if part in words), None)
        text = f"the remote signer at {self._target.base_url} answers HTTP {status}: {words}"
        if next_step is None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise SignerUnavailableError(f"{text}; it is asked again")
        raise SigningKeyError(f"{text}; {next_step or 'nothing is sent'}")
