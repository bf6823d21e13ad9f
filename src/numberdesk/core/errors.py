"""The error tree: every refusal the product can give, each with its stable code.

Touches: nothing.

    NumberdeskError
      InvalidRequest        invalid_request          a field is wrong; details name it
      InvalidApiKey         invalid_api_key          no valid key
      InsufficientBalance   insufficient_balance     the wallet cannot pay
      Forbidden             forbidden                scope missing, account suspended
      SpendLimit            spend_limit              over a cap of the account or the key
      NotFound              not_found                no such thing, or somebody else's
      NumberNotOffered      number_not_offered       not for sale to this account
      NumberTaken           number_taken             somebody else claimed or rents it
      PriceChanged          price_changed            details carry the current prices
      OrderInProgress       order_in_progress        the same order is still running
      OrderEnded            order_ended              the order has ended, and stays as it is
      SessionEnded          session_ended            the session has ended, and holds nothing any more
      WrongSource           wrong_source             another source charges for the calls of this number
      AccountInUse          account_in_use           the account has money, open orders or numbers
      RentalConflict        rental_conflict          a rental cannot be moved or restored as it stands
      ConnectionInUse       connection_in_use        numbers are connected to it, or it was changed meanwhile
      IdempotencyConflict   idempotency_conflict     key reused with another body
      DocumentsRequired     documents_required       the number is sold with papers that the account has not
      RateLimited           rate_limited             too many requests for this key
      CarrierRefused        carrier_refused          the carrier said no
      CarrierUnavailable    carrier_unavailable      the carrier did not take the order; nothing charged
      Overloaded            overloaded               too busy or stopping; nothing charged
      Internal              internal                 a defect; nothing leaks
      MethodNotAllowed, BodyTooLarge, UnsupportedMediaType, HeadersTooLarge, RequestTimeout: the HTTP entry point's own

A business refusal is a value while it is decided (purchase.py) and raised only by the story
that answers for it. Codes never change; docs/errors.md lists them and a test compares.
"""

from __future__ import annotations

from typing import ClassVar

Details = dict[str, object]
"""What a program may read of a refusal: strings, integers, lists of words, or money as exact decimal text."""


class NumberdeskError(Exception):
    """A refusal with a stable `code`, a sentence for people and `details` for programs."""

    code: ClassVar[str] = "internal"
    sentence: ClassVar[str] = "Something went wrong."

    def __init__(self, message: str | None = None, details: Details | None = None) -> None:
        self.message = message or self.sentence
        self.details: Details = details or {}
        super().__init__(self.message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NumberdeskError) and (self.code, self.message, self.details) == (
            other.code,
            other.message,
            other.details,
        )

    def __hash__(self) -> int:
        return hash((self.code, self.message))


class InvalidRequest(NumberdeskError):
    """Something sent is wrong; `field` names what."""

    code = "invalid_request"
    sentence = "The request is not valid."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}", {"field": field, "reason": reason})


class InvalidApiKey(NumberdeskError):
    """The key is missing, malformed, unknown, expired or revoked: one answer for all of them."""

    code = "invalid_api_key"
    sentence = "The API key is missing or not valid. Send it in the X-Api-Key header."


class InsufficientBalance(NumberdeskError):
    """The wallet cannot pay; details: needed, available, missing, currency."""

    code = "insufficient_balance"
    sentence = "The balance does not cover this purchase."


class Forbidden(NumberdeskError):
    """The key lacks the scope, or the account is suspended."""

    code = "forbidden"
    sentence = "This key may not do that."


class SpendLimit(NumberdeskError):
    """A purchase is over a cap; details: limit, of, cap, spent, needed, currency, and until for a day or a month."""

    code = "spend_limit"
    sentence = "This purchase is over what the account or this key may spend."


class NotFound(NumberdeskError):
    """No such thing for this account: absent and somebody else's look the same."""

    code = "not_found"
    sentence = "There is nothing here."


class NumberNotOffered(NumberdeskError):
    """The number is not for sale to this account."""

    code = "number_not_offered"
    sentence = "This number is not offered. Take one that available-numbers lists."


class NumberTaken(NumberdeskError):
    """Somebody else claimed or rents the number."""

    code = "number_taken"
    sentence = "This number has just been taken by somebody else."


class PriceChanged(NumberdeskError):
    """The confirmed prices are not the offer's; details carry the current ones."""

    code = "price_changed"
    sentence = "The price has changed. Confirm the current prices."


class OrderInProgress(NumberdeskError):
    """The same order is still running; details carry its id."""

    code = "order_in_progress"
    sentence = "This order is still running."


class OrderEnded(NumberdeskError):
    """The order has ended: nobody can decide about it any more; details carry its id."""

    code = "order_ended"
    sentence = "This order has ended already."


class SessionEnded(NumberdeskError):
    """The session has ended or expired; details: status."""

    code = "session_ended"
    sentence = "This session has ended. What its call costs comes from its record."


class WrongSource(NumberdeskError):
    """Only the source that charges for a number opens sessions for its calls."""

    code = "wrong_source"
    sentence = (
        "Only the source that charges for the calls of this number opens sessions, and that is another one or none. "
        "The operator appoints it."
    )


class AccountInUse(NumberdeskError):
    """An account cannot be closed yet, or a credit limit is used.

    Details: of what it has, balance and currency, open_orders and rentals; or for the limit field, least and currency.
    """

    code = "account_in_use"
    sentence = "This account cannot be closed yet."


class ConnectionInUse(NumberdeskError):
    """A connection cannot be deleted while numbers use it, nor changed as it was before; details may have `numbers`."""

    code = "connection_in_use"
    sentence = "Numbers are connected to this connection."


class RentalConflict(NumberdeskError):
    """A rental cannot be moved or restored as it stands; details: `reason`, a word."""

    code = "rental_conflict"
    sentence = "This rental cannot be moved or restored as it stands."

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, {"reason": reason})


class IdempotencyConflict(NumberdeskError):
    """A key or reference was reused with other content; `field` names what differs."""

    code = "idempotency_conflict"

    def __init__(self, field: str, reason: str = "differs from the first request with this Idempotency-Key") -> None:
        super().__init__(f"{field} {reason}", {"field": field})


class DocumentsRequired(NumberdeskError):
    """The number is sold only with papers that its carrier approved for the account; details: requires."""

    code = "documents_required"
    sentence = "This number is sold only with papers that this account has none approved of. Ask the operator."


class RateLimited(NumberdeskError):
    """Too many requests with this key, or too many of its account's reads at once."""

    code = "rate_limited"
    sentence = "Too many requests. Try again later."


class CarrierRefused(NumberdeskError):
    """The carrier said no for a reason that is not the customer's."""

    code = "carrier_refused"
    sentence = "The carrier refused this number."


class CarrierUnavailable(NumberdeskError):
    """The carrier could not be asked, would not be, or never had the order; nothing was charged."""

    code = "carrier_unavailable"
    sentence = "The carrier did not take the order. Nothing was charged; try again later."


class Overloaded(NumberdeskError):
    """The service is too busy, stopping, or cannot write; nothing was charged."""

    code = "overloaded"
    sentence = "The service is busy. Nothing was charged; try again shortly."


class Internal(NumberdeskError):
    """A defect. The log has the rest under the request id."""

    code = "internal"
    sentence = "Something went wrong on our side. The request id finds it in the log."


class MethodNotAllowed(NumberdeskError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    sentence = "This path does not answer that method."


class BodyTooLarge(NumberdeskError):
    """The body is over its limit."""

    code = "body_too_large"
    sentence = "The request body is too large."


class HeadersTooLarge(NumberdeskError):
    """The request's headers are over their limit."""

    code = "headers_too_large"
    sentence = "The request headers are too large."


class UnsupportedMediaType(NumberdeskError):
    """The body is not what this path takes."""

    code = "unsupported_media_type"
    sentence = "Send the body with Content-Type: application/json."


class RequestTimeout(NumberdeskError):
    """Headers and body did not arrive in time."""

    code = "request_timeout"
    sentence = "The request did not arrive in time."


def _leaves(kind: type[NumberdeskError]) -> dict[str, type[NumberdeskError]]:
    return {sub.code: sub for sub in kind.__subclasses__()}


BY_CODE: dict[str, type[NumberdeskError]] = _leaves(NumberdeskError)
"""Every code with its class, for documents and tests."""


def restored(code: str, message: str, details: Details) -> NumberdeskError:
    """Rebuild a stored refusal so that it equals the one first given."""
    error = NumberdeskError.__new__(BY_CODE[code])
    NumberdeskError.__init__(error, message, details)
    return error
