"""What stands at the end of each command's help: lines that could be run, all of which docs/commands.md has, too.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "numberdesk serve": (
        "numberdesk serve",
        "numberdesk serve --demo",
        "numberdesk serve --demo --carriers",
        "numberdesk serve --demo --fresh",
    ),
    "numberdesk worker": ("numberdesk worker",),
    "numberdesk verify": (
        "numberdesk verify",
        "numberdesk verify --json",
    ),
    "numberdesk doctor": (
        "numberdesk doctor",
        "numberdesk doctor --json",
    ),
    "numberdesk explain": (
        'numberdesk explain +13612738809 --account "First customer"',
        'numberdesk explain +13612738809 --account "First customer" --price 1.15',
    ),
    "numberdesk backup": ("numberdesk backup backup.db",),
    "numberdesk db upgrade": ("numberdesk db upgrade",),
    "numberdesk db current": ("numberdesk db current",),
    "numberdesk accounts create": ('numberdesk accounts create "First customer" --currency USD',),
    "numberdesk accounts list": ("numberdesk accounts list",),
    "numberdesk accounts suspend": ('numberdesk accounts suspend "First customer"',),
    "numberdesk accounts reactivate": ('numberdesk accounts reactivate "First customer"',),
    "numberdesk accounts rename": ('numberdesk accounts rename "First customer" "Voice Agency"',),
    "numberdesk accounts credit-limit": ('numberdesk accounts credit-limit "On credit" 250',),
    "numberdesk accounts close": ('numberdesk accounts close "First customer" --yes',),
    "numberdesk operators create": ("numberdesk operators create Operators",),
    "numberdesk operators list": ("numberdesk operators list",),
    "numberdesk keys create": (
        'numberdesk keys create "First customer"',
        "numberdesk keys create Operators --name console",
    ),
    "numberdesk keys list": ('numberdesk keys list "First customer" --json',),
    "numberdesk keys revoke": ("numberdesk keys revoke key_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk wallet top-up": ('numberdesk wallet top-up "First customer" 100 --reference invoice-1',),
    "numberdesk wallet adjust": ('numberdesk wallet adjust "First customer" -2.50 --reference ticket-9',),
    "numberdesk wallet show": ('numberdesk wallet show "First customer"',),
    "numberdesk wallet statement": ('numberdesk wallet statement "First customer" --limit 20',),
    "numberdesk inventory import": (
        "numberdesk inventory import numbers.csv",
        "numberdesk inventory import numbers.csv --skip-bad --json",
    ),
    "numberdesk inventory list": (
        "numberdesk inventory list --state available --limit 100",
        "numberdesk inventory list --after +13612738809",
    ),
    "numberdesk prices set": ("numberdesk prices set --carrier twilio --currency USD --margin-percent 20",),
    "numberdesk prices list": ("numberdesk prices list",),
    "numberdesk prices remove": ("numberdesk prices remove prl_01a207c2c8d17656898a9e9353e1d89c",),
    "numberdesk prices rates set": ("numberdesk prices rates set EUR USD 1.08",),
    "numberdesk prices rates list": ("numberdesk prices rates list",),
    "numberdesk prices rates remove": ("numberdesk prices rates remove EUR USD",),
    "numberdesk orders list": (
        "numberdesk orders list --status failed",
        "numberdesk orders list --parked --json",
    ),
    "numberdesk orders show": ("numberdesk orders show ord_01a207c4009d706daaa304d646a2871d --json",),
    "numberdesk orders adopt": ("numberdesk orders adopt ord_01a207c4009d706daaa304d646a2871d",),
    "numberdesk orders void": ("numberdesk orders void ord_01a207c4009d706daaa304d646a2871d",),
    "numberdesk orders retry": ("numberdesk orders retry ord_01a207c4009d706daaa304d646a2871d",),
    "numberdesk rent run": ("numberdesk rent run --trust-clock",),
    "numberdesk rent list": ("numberdesk rent list rnt_01a207cac2d772d397fc3e8cb126fdae",),
    "numberdesk rent waive": ("numberdesk rent waive rnt_01a207cac2d772d397fc3e8cb126fdae --reason outage",),
    "numberdesk rentals list": ("numberdesk rentals list --past-due --json",),
    "numberdesk rentals reprice": ('numberdesk rentals reprice --account "Voice Agency" --price 1.35',),
    "numberdesk usage import": (
        "numberdesk usage import calls.csv --source switch",
        "numberdesk usage import calls/ --source switch --json",
    ),
    "numberdesk usage source": ("numberdesk usage source +13612738809 switch",),
    "numberdesk usage terms": ("numberdesk usage terms pool --source switch --increments 30/6",),
    "numberdesk usage parked list": ("numberdesk usage parked list --limit 20",),
    "numberdesk usage parked rate": ("numberdesk usage parked rate",),
    "numberdesk usage reconcile": ("numberdesk usage reconcile --days 30 --number +13612738809",),
    "numberdesk carriers add": (
        "numberdesk carriers add telnyx telnyx --secrets telnyx.secret",
        "numberdesk carriers add twilio twilio --set at_once=10",
    ),
    "numberdesk carriers list": ("numberdesk carriers list",),
    "numberdesk carriers show": ("numberdesk carriers show twilio",),
    "numberdesk carriers check": (
        "numberdesk carriers check",
        "numberdesk carriers check twilio --json",
    ),
    "numberdesk carriers enable": ("numberdesk carriers enable twilio",),
    "numberdesk carriers disable": ("numberdesk carriers disable twilio",),
    "numberdesk carriers audit": (
        "numberdesk carriers audit",
        "numberdesk carriers audit twilio --json",
    ),
    "numberdesk carriers findings": (
        "numberdesk carriers findings",
        "numberdesk carriers findings twilio --all",
    ),
    "numberdesk carriers keep": ("numberdesk carriers keep twilio +13612738809",),
    "numberdesk carriers release": ("numberdesk carriers release twilio +13612738810",),
    "numberdesk carriers releases": ("numberdesk carriers releases",),
    "numberdesk carriers kinds": ("numberdesk carriers kinds",),
    "numberdesk carriers new-key": ("numberdesk carriers new-key --file var/credentials-key",),
    "numberdesk carriers rotate": ("numberdesk carriers rotate",),
    "numberdesk carrier-sim": (
        "numberdesk carrier-sim",
        "numberdesk carrier-sim --port 0 --numbers 100000 --lag 5 --delay 2",
    ),
    "numberdesk webhooks create": (
        'numberdesk webhooks create "First customer" https://example.com/events',
        "numberdesk webhooks create Operators https://example.com/all --all-accounts",
    ),
    "numberdesk webhooks list": ('numberdesk webhooks list "First customer" --json',),
    "numberdesk webhooks show": ("numberdesk webhooks show whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks change": ("numberdesk webhooks change whk_01a207c2065f76ab8efa1d4a0b --description x",),
    "numberdesk webhooks enable": ("numberdesk webhooks enable whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks disable": ("numberdesk webhooks disable whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks rotate-secret": ("numberdesk webhooks rotate-secret whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks delete": ("numberdesk webhooks delete whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks test": ("numberdesk webhooks test whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks deliveries": ("numberdesk webhooks deliveries whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk webhooks replay": ("numberdesk webhooks replay whk_01a207c2065f76ab8efa1d4a0bc5fa5b",),
    "numberdesk carriers put-back": ("numberdesk carriers put-back twilio +13612738809",),
    "numberdesk connections add": (
        'numberdesk connections add "Front desk" --preset vogent',
        'numberdesk connections add Office --kind sip --target sip:a.example.com,tls',
    ),
    "numberdesk connections default": (
        "numberdesk connections default con_01a207c2 --carrier twilio",
        'numberdesk connections default --account "First customer"',
    ),
    "numberdesk connections allow": ('numberdesk connections allow "First customer" --object TK0123456789',),
    "numberdesk numbers connect": (
        'numberdesk numbers connect "First customer" +13612738809 con_01a207c2',
    ),
    "numberdesk connections list": ('numberdesk connections list "First customer"',),
    "numberdesk connections show": ("numberdesk connections show con_01a207c2",),
    "numberdesk connections test": ("numberdesk connections test con_01a207c2",),
    "numberdesk connections remove": ("numberdesk connections remove con_01a207c2 --yes",),
    "numberdesk routing export": (
        "numberdesk routing export --format kamailio-htable",
        'numberdesk routing export --format csv --account "First customer"',
    ),
}
