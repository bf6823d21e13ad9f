"""Who supplies a number is the operator's affair: what adapters say of settings goes to customers, and names nobody."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

from numberdesk.carriers import adapters
from numberdesk.carriers.registry import KINDS

PRODUCTS: Final = ("Trust ?Hub", "TeXML", "LaML", "Call Control", "Elastic SIP", "Zentrunk", "PHLO", "Dashboard API")
_NAMES: Final = re.compile("|".join((*PRODUCTS, *(kind.partition("-")[0] for kind in sorted(KINDS)))), re.IGNORECASE)
_TOLD: Final = ("CannotBeSetError", "NotConnected", "NotSet")


def test_no_word_that_is_told_to_customers_names_a_carrier_or_its_products() -> None:
    told, wrong = 0, list[str]()
    for file in sorted(Path(adapters.__file__).parent.glob("*.py")):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _TOLD:
                texts = [
                    part.value
                    for argument in call.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                ]
                told += len(texts)
                wrong += [f"{file.name}: {text}" for text in texts if _NAMES.search(text)]
    assert told > 20
    assert wrong == []
