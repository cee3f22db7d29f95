"""BitGo Express as the signer: the exact text, an expected key, and errors that say what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from coincurve import PrivateKey
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from partner_sandbox.demo_world import DEMO_PUBLIC_KEY, DEMO_XPRV
from settlement.errors import ConfigurationError, SignerUnavailableError, SigningKeyError
from settlement.signing.signer import LocalSigner, Signer, key_id_of, verify
from settlement_airflow.hooks.remote_signer import SIGN_PATH
from settlement_airflow.hooks.signing_key import SigningKeyHook
from settlement_airflow.signers import open_signer

WALLET = "59cd72485007a239fb00282ed480da1f"
PAYLOAD = '{"externalId":"demo-2026-03-02-1","notes":"Zürich \\ud83d  1.0"}'
KEY = LocalSigner.from_xprv(DEMO_XPRV)
Open = Callable[..., Signer]


@pytest.fixture
def define(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Define the Airflow connection to the stand-in for Express; its id."""

    def define(password: str = "", **extra: str) -> str:
        connection: dict[str, Any] = {
            "conn_type": "settlement_signing_key",
            "host": httpserver.url_for("").rstrip("/"),
            "extra": {"wallet_id": WALLET, "public_key": DEMO_PUBLIC_KEY} | extra,
        }
        if password:
            connection["password"] = password
        monkeypatch.setenv("AIRFLOW_CONN_SIGNING_KEY", json.dumps(connection))
        return "signing_key"

    return define


def answer(httpserver: HTTPServer, status: int, content: object) -> None:
    """Let the stand-in answer this."""
    body = content if isinstance(content, str) else json.dumps(content)
    httpserver.expect_request(SIGN_PATH, method="POST").respond_with_data(body, status=status)


def test_the_exact_text_is_signed(httpserver: HTTPServer, define: Callable[..., str]) -> None:
    """Wallet and payload as text travel; the signature is one of the expected key."""
    seen: list[dict[str, Any]] = []
    tokens: list[str | None] = []

    def sign(request: Request) -> Response:
        seen.append(request.get_json())
        tokens.append(request.headers.get("Authorization"))
        payload = seen[-1]["payload"]
        return Response(json.dumps({"payload": payload, "signature": KEY.sign(payload)}))

    httpserver.expect_request(SIGN_PATH, method="POST").respond_with_handler(sign)
    signature = open_signer(define()).sign(PAYLOAD)
    assert signature == KEY.sign(PAYLOAD)
    verify(PAYLOAD, signature, KEY.public_key)
    open_signer(define(password="token-of-express")).sign(PAYLOAD)
    assert seen == [{"walletId": WALLET, "payload": PAYLOAD}] * 2
    assert tokens == [None, "Bearer token-of-express"]


@pytest.mark.parametrize("lone", ["\ud83d", "\u2028", "\x00"])
def test_odd_characters_survive(
    httpserver: HTTPServer, define: Callable[..., str], lone: str
) -> None:
    """What JSON can carry arrives as it is."""

    def sign(request: Request) -> Response:
        payload = request.get_json()["payload"]
        return Response(json.dumps({"payload": payload, "signature": KEY.sign(payload)}))

    httpserver.expect_request(SIGN_PATH, method="POST").respond_with_handler(sign)
    assert open_signer(define()).sign(f"a{lone}b") == KEY.sign(f"a{lone}b")


def test_a_signature_of_another_key_is_not_used(
    httpserver: HTTPServer, define: Callable[..., str]
) -> None:
    """Both keys are named by their ids."""
    other = LocalSigner(PrivateKey.from_int(4711))
    answer(httpserver, 200, {"payload": PAYLOAD, "signature": other.sign(PAYLOAD)})
    with pytest.raises(SigningKeyError, match=f"signed with key {other.key_id}, not with"):
        open_signer(define()).sign(PAYLOAD)


def test_the_new_key_signs_while_the_old_one_is_still_good(
    httpserver: HTTPServer, define: Callable[..., str]
) -> None:
    """Two expected keys: either may sign, and the ledger keeps which."""
    new = LocalSigner(PrivateKey.from_int(4711))
    answer(httpserver, 200, {"payload": PAYLOAD, "signature": new.sign(PAYLOAD)})
    signer = open_signer(define(public_key=f"{DEMO_PUBLIC_KEY} {new.public_key.hex()}"))
    assert signer.sign(PAYLOAD) == new.sign(PAYLOAD)
    assert signer.key_ids == {KEY.key_id, new.key_id} == {KEY.key_id, key_id_of(new.public_key)}


@pytest.mark.parametrize(
    "content",
    [
        {"payload": PAYLOAD + " ", "signature": KEY.sign(PAYLOAD + " ")},
        {"payload": json.loads(PAYLOAD), "signature": KEY.sign(PAYLOAD)},
        {"payload": PAYLOAD},
        "<html>",
        "[]",
    ],
)
def test_an_answer_that_is_not_the_signed_payload_is_not_used(
    httpserver: HTTPServer, define: Callable[..., str], content: object
) -> None:
    """Another text, a rebuilt one, no signature, a page."""
    answer(httpserver, 200, content)
    with pytest.raises(SignerUnavailableError, match="is it BitGo Express"):
        open_signer(define()).sign(PAYLOAD)


@pytest.mark.parametrize("signature", ["", "00", "zz" * 65, "20" + "00" * 64])
def test_a_malformed_signature_is_not_used(
    httpserver: HTTPServer, define: Callable[..., str], signature: str
) -> None:
    """Nothing is stored that the partner would refuse."""
    answer(httpserver, 200, {"payload": PAYLOAD, "signature": signature})
    with pytest.raises(SigningKeyError, match="no valid signature"):
        open_signer(define()).sign(PAYLOAD)


def of_express(name: str, message: str) -> dict[str, str]:
    """An error body of Express."""
    return {
        "error": message,
        "message": message,
        "name": name,
        "bitgoJsVersion": "50.28.7",
        "bitgoExpressVersion": "15.35.0",
    }


@pytest.mark.parametrize(
    ("status", "content", "error", "says"),
    [
        (
            500,
            of_express(
                "Error",
                f"Could not find wallet passphrase WALLET_{WALLET}_PASSPHRASE in environment",
            ),
            SigningKeyError,
            "set WALLET_",
        ),
        (
            500,
            of_express("Error", f"Could not find a field for walletId: {WALLET} in keys.json"),
            SigningKeyError,
            "key file",
        ),
        (
            500,
            of_express(
                "Error", "Error when trying to decrypt private key: Error: incorrect password"
            ),
            SigningKeyError,
            "correct the wallet's passphrase",
        ),
        (
            401,
            of_express(
                "IncorrectPasswordError",
                "unable to decrypt keychain with the given wallet passphrase",
            ),
            SigningKeyError,
            "correct the wallet's passphrase",
        ),
        (
            400,
            of_express(
                "ValidationError", "Invalid value for 'walletId': expected string, got '1'."
            ),
            SigningKeyError,
            "correct wallet_id",
        ),
        (404, "<html>Not Found</html>", SigningKeyError, "HTTP 404"),
        (413, "<html>too large</html>", SigningKeyError, "HTTP 413"),
        (502, "<html>Bad Gateway</html>", SignerUnavailableError, "asked again"),
        (500, of_express("Error", "connect ECONNREFUSED"), SignerUnavailableError, "ECONNREFUSED"),
    ],
)
def test_an_error_of_express_says_what_to_do(
    httpserver: HTTPServer,
    define: Callable[..., str],
    status: int,
    content: object,
    error: type[Exception],
    says: str,
) -> None:
    """Its own words, and the next step; only what may pass by itself is tried again."""
    answer(httpserver, status, content)
    with pytest.raises(error, match=says):
        open_signer(define()).sign(PAYLOAD)


def test_a_signer_that_is_not_there_is_tried_again(
    define: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler retries; the test button says it in one sentence."""
    conn_id = define()
    connection = json.loads(os.environ["AIRFLOW_CONN_SIGNING_KEY"])
    nowhere = connection | {"host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_SIGNING_KEY", json.dumps(nowhere))
    with pytest.raises(SignerUnavailableError, match="gives no answer") as caught:
        open_signer(conn_id).sign(PAYLOAD)
    assert caught.value.retryable
    good, message = SigningKeyHook(conn_id).test_connection()
    assert not good
    assert "gives no answer" in message


@pytest.mark.parametrize("missing", ["wallet_id", "public_key"])
def test_a_remote_signer_needs_wallet_and_expected_key(
    define: Callable[..., str], missing: str
) -> None:
    """Without an expected key any key could sign."""
    with pytest.raises(ConfigurationError, match="wallet_id and public_key"):
        open_signer(define(**{missing: ""}))


def test_a_public_key_that_is_none_is_named(define: Callable[..., str]) -> None:
    """Neither hex nor an xpub."""
    with pytest.raises(ConfigurationError, match="neither an xpub nor 66 hex digits"):
        open_signer(define(public_key="02abc"))
