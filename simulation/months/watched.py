"""The write flows whose doings a history of months is told of, by the names that they have there.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from numberdesk.flows.carriers.run_adoption import adopt_batches
from numberdesk.flows.carriers.undo_adoptions import undo_adoptions
from numberdesk.flows.compliance.register_profiles import change_registered, register_profiles
from numberdesk.flows.compliance.tell_expiry import tell_expiry
from numberdesk.flows.connections.assign_connections import assign_connections
from numberdesk.flows.connections.connect_numbers import note_connections
from numberdesk.flows.connections.fill_trunks import note_trunk_looks, note_trunks
from numberdesk.flows.connections.forget_connections import note_removals
from numberdesk.flows.connections.look_for_drift import note_looks
from numberdesk.flows.rentals.announce_prices import announce_prices
from numberdesk.flows.rentals.assign_numbers import assign_numbers
from numberdesk.flows.rentals.resolve_rent import waive_rent
from numberdesk.flows.rentals.restore_rentals import restore_rentals
from numberdesk.flows.rentals.transfer_numbers import transfer_numbers
from numberdesk.flows.settings.apply_settings import note_settings, note_settings_looks
from numberdesk.flows.settings.want_settings import want_settings
from numberdesk.flows.usage.end_sessions import end_sessions
from numberdesk.flows.usage.expire_sessions import expire_sessions
from numberdesk.flows.usage.note_pulls import note_costs, note_pulls
from numberdesk.flows.usage.record_calls import rate_parked, record_calls
from numberdesk.flows.usage.rerate_calls import correct_calls, rerate_calls
from numberdesk.flows.usage.set_usage_terms import appoint_sources, set_missing_rates
from numberdesk.wiring import Services
from simulation.product import Flow


def watched(services: Services) -> Mapping[str, Flow]:
    """The flows of rent, calls and connections, by the names that they have here."""
    return {
        "renew": services.renew_rentals,
        "open sessions": services.open_sessions,
        "extend sessions": services.extend_sessions,
        "record calls": record_calls,
        "rate parked": rate_parked,
        "end sessions": end_sessions,
        "expire sessions": expire_sessions,
        "announce": announce_prices,
        "waive": waive_rent,
        "correct": correct_calls,
        "rerate": rerate_calls,
        "appoint": appoint_sources,
        "set rate": set_missing_rates,
        "note pulls": note_pulls,
        "note costs": note_costs,
        "assign": assign_connections,
        "note connections": note_connections,
        "note removals": note_removals,
        "note looks": note_looks,
        "want settings": want_settings,
        "note settings": note_settings,
        "note settings looks": note_settings_looks,
        "give": assign_numbers,
        "transfer": transfer_numbers,
        "take back": services.take_back,
        "restore": restore_rentals,
        "adopt": adopt_batches,
        "undo adoption": undo_adoptions,
        "register papers": register_profiles,
        "change papers": change_registered,
        "tell expiry": tell_expiry,
        "note trunks": note_trunks,
        "note trunk looks": note_trunk_looks,
    }
