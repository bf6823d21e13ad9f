"""What doors show: the shapes of answers, and how they are made from values.

Touches: nothing.

One set for the HTTP API and the command line, so that `--json` and `data` are the same. Money
is a Decimal here and a JSON number on the wire; instants are ISO 8601 in UTC with Z.
"""

from numberdesk.views.accounts import (
    AccountView,
    BalanceView,
    KeyView,
    NewKeyView,
    TransactionView,
    account_view,
    balance_view,
    key_view,
    new_key_view,
    transaction_view,
)
from numberdesk.views.audit import CheckedView, VerdictView, ViolationView, verdict_view
from numberdesk.views.numbers import (
    AdminOrderView,
    OfferView,
    OrderView,
    PurchaseView,
    ReleaseView,
    RentalView,
    admin_order_view,
    offer_view,
    order_view,
    purchase_view,
    release_view,
    rental_view,
)
from numberdesk.views.stock import (
    BadLineView,
    ImportView,
    InventoryView,
    RuleView,
    import_view,
    inventory_view,
    rule_view,
)

__all__ = [
    "AccountView",
    "AdminOrderView",
    "BadLineView",
    "BalanceView",
    "CheckedView",
    "ImportView",
    "InventoryView",
    "KeyView",
    "NewKeyView",
    "OfferView",
    "OrderView",
    "PurchaseView",
    "ReleaseView",
    "RentalView",
    "RuleView",
    "TransactionView",
    "VerdictView",
    "ViolationView",
    "account_view",
    "admin_order_view",
    "balance_view",
    "import_view",
    "inventory_view",
    "key_view",
    "new_key_view",
    "offer_view",
    "order_view",
    "purchase_view",
    "release_view",
    "rental_view",
    "rule_view",
    "transaction_view",
    "verdict_view",
]
