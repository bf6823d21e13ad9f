-- Books at revision 0003 with rows in every table. What ran must stay as it ran: this file is never changed.

INSERT INTO accounts (id, name, currency, state, created_at)
VALUES ('acc_1', 'Müller & Söhne', 'USD', 'active', 1750000000000000);
INSERT INTO accounts (id, name, currency, state, created_at)
VALUES ('acc_2', 'Pilar O''Brien', 'USD', 'active', 1750000000000000);
INSERT INTO accounts (id, name, currency, state, created_at)
VALUES ('acc_3', '日本の会社', 'USD', 'suspended', 1750000000000000);
INSERT INTO price_rules (id, carrier, iso_country, number_type, prefix, currency, price, inbound, outbound, setup, margin_percent, margin_fixed, round_to, created_at)
VALUES ('prl_1', 'acme', 'US', '', '1361', 'USD', NULL, NULL, NULL, NULL, 200000, 0, 10000, 1750000000000000);
INSERT INTO price_rules (id, carrier, iso_country, number_type, prefix, currency, price, inbound, outbound, setup, margin_percent, margin_fixed, round_to, created_at)
VALUES ('prl_2', 'pool', '', '', '', 'USD', 2000000, 8500, NULL, NULL, NULL, NULL, 1, 1750000000000000);
INSERT INTO repricings (carrier, after_e164)
VALUES ('acme', '');
INSERT INTO repricings (carrier, after_e164)
VALUES ('pool', '');
INSERT INTO api_keys (id, account_id, name, shown, hash, scopes, created_at, expires_at, revoked_at)
VALUES ('key_1', 'acc_1', 'k', 'nd_live_0000', '609fe01208d1132eb886c5bb8cb1457b2b2946770deb7ebef2e8cc67ce8af8b5', 'numbers:read numbers:buy numbers:manage billing:read keys:manage', 1750000000000000, NULL, NULL);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_1', 'acc_1', 'number.purchased', '{"phone_number":"+13612738801","order_id":"ord_1","id":"rnt_1","price":"1.15","currency":"USD","purchased_at":"2025-06-15T15:06:40Z"}', 1750000000000000);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_2', 'acc_1', 'number.purchased', '{"phone_number":"+13612738802","order_id":"ord_2","id":"rnt_2","price":"1.15","currency":"USD","purchased_at":"2025-06-15T15:06:40Z"}', 1750000000000000);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_3', 'acc_1', 'number.purchased', '{"phone_number":"+13612738803","order_id":"ord_3","id":"rnt_3","price":"1.15","currency":"USD","purchased_at":"2025-06-15T15:06:40Z"}', 1750000000000000);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_4', 'acc_2', 'number.purchased', '{"phone_number":"+13612738804","order_id":"ord_4","id":"rnt_4","price":"1.15","currency":"USD","purchased_at":"2025-06-15T15:06:40Z"}', 1750000000000000);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_5', 'acc_2', 'number.purchased', '{"phone_number":"+13612738805","order_id":"ord_5","id":"rnt_5","price":"1.15","currency":"USD","purchased_at":"2025-06-15T15:06:40Z"}', 1750000000000000);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_rel_2', 'acc_1', 'number.released', '{"phone_number": "+13612738802", "id": "rnt_2", "order_id": "ord_2", "released_at": "2025-06-15T15:06:40Z"}', 1750000000000000);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_1', 'acc_1', '+13612738801', 'pool', 'completed', 'USD', 1150000, 8500, 94500, 500000, 0, NULL, 1750000000000000, 1750000000000000, 1752592000000000);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_2', 'acc_1', '+13612738802', 'pool', 'completed', 'USD', 1150000, 8500, 94500, 0, 0, NULL, 1750000000000000, 1750000000000000, 1752592000000000);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_3', 'acc_1', '+13612738803', 'pool', 'completed', 'USD', 1150000, 8500, 94500, 0, 0, NULL, 1750000000000000, 1750000000000000, 1752592000000000);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_4', 'acc_2', '+13612738804', 'pool', 'completed', 'USD', 1150000, 8500, 94500, 0, 0, NULL, 1750000000000000, 1750000000000000, 1752592000000000);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_5', 'acc_2', '+13612738805', 'pool', 'completed', 'USD', 1150000, 8500, 94500, 0, 0, NULL, 1750000000000000, 1750000000000000, 1752592000000000);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_6', 'acc_1', '+13612738808', 'acme', 'ordering', 'USD', 1150000, 8500, 94500, 0, 0, NULL, 1750000000000000, NULL, NULL);
INSERT INTO orders (id, account_id, e164, carrier, state, currency, price, inbound, outbound, setup, attempts, carrier_reference, created_at, completed_at, renews_at)
VALUES ('ord_f', 'acc_1', '+13612738809', 'acme', 'failed', 'USD', 1150000, NULL, NULL, 0, 1, NULL, 1750000000000000, NULL, NULL);
INSERT INTO wallets (account_id, currency, posted, held, credit_limit, entries)
VALUES ('acc_1', 'USD', 13050000, 1150000, 0, 6);
INSERT INTO wallets (account_id, currency, posted, held, credit_limit, entries)
VALUES ('acc_2', 'USD', -1300000, 0, 5000000, 3);
INSERT INTO wallets (account_id, currency, posted, held, credit_limit, entries)
VALUES ('acc_3', 'USD', 0, 0, 0, 0);
INSERT INTO answers (account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, error_details, created_at)
VALUES ('acc_1', 'k1', '+13612738801', 1150000, NULL, NULL, 'req_ord_1', 'ord_1', NULL, NULL, NULL, 1750000000000000);
INSERT INTO answers (account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, error_details, created_at)
VALUES ('acc_1', 'k6', '+13612738808', 1150000, NULL, NULL, 'req_ord_6', 'ord_6', NULL, NULL, NULL, 1750000000000000);
INSERT INTO answers (account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, error_details, created_at)
VALUES ('acc_1', 'k7', '+13612738803', 1150000, NULL, NULL, 'req_ord_7', 'ord_3', NULL, NULL, NULL, 1750000000000000);
INSERT INTO answers (account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, error_details, created_at)
VALUES ('acc_2', 'k5', '+13612738805', 1150000, NULL, NULL, 'req_ord_5', 'ord_5', NULL, NULL, NULL, 1750000000000000);
INSERT INTO answers (account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, error_details, created_at)
VALUES ('acc_3', 'k8', '+13612738806', 1150000, NULL, NULL, 'req_ord_8', NULL, 'insufficient_balance', 'The balance does not cover this purchase.', '{"needed": ["decimal", "1.15"], "available": ["decimal", "0"], "missing": ["decimal", "1.15"], "currency": "USD"}', 1750000000000000);
INSERT INTO answers (account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, error_details, created_at)
VALUES ('acc_3', 'k9', '+13612738806', 1150001, NULL, NULL, 'req_ord_9', NULL, 'price_changed', 'The price has changed. Confirm the current prices.', '{"price": ["decimal", "1.15"], "per_minute_price_inbound": ["decimal", "0.0085"], "per_minute_price_outbound": ["decimal", "0.0945"], "setup_price": ["decimal", "0"], "currency": "USD"}', 1750000000000000);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_1', 'acc_1', 1650000, 'captured', 1750000000000000, 1750000000000000);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_2', 'acc_1', 1150000, 'captured', 1750000000000000, 1750000000000000);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_3', 'acc_1', 1150000, 'captured', 1750000000000000, 1750000000000000);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_4', 'acc_2', 1150000, 'captured', 1750000000000000, 1750000000000000);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_5', 'acc_2', 1150000, 'captured', 1750000000000000, 1750000000000000);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_6', 'acc_1', 1150000, 'open', 1750000000000000, NULL);
INSERT INTO holds (order_id, account_id, amount, state, opened_at, resolved_at)
VALUES ('ord_f', 'acc_1', 1150000, 'voided', 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738801', 'pool', 'assigned', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738801', '1088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 500000, NULL, NULL, NULL, NULL, NULL, 'acc_1', 'ord_1', NULL, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738802', 'pool', 'quarantined', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738802', '2088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1752592000000000, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738803', 'pool', 'assigned', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738803', '3088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, 'acc_1', 'ord_3', NULL, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738804', 'pool', 'assigned', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738804', '4088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, 'acc_2', 'ord_4', NULL, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738805', 'pool', 'assigned', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738805', '5088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, 'acc_2', 'ord_5', NULL, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738806', 'pool', 'available', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738806', '6088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738808', 'acme', 'claimed', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738808', '8088372163', 3, 0, 'file', 'USD', 1150000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, 'acc_1', 'ord_6', NULL, 1750000000000000, 1750000000000000);
INSERT INTO numbers (e164, carrier, state, iso_country, number_type, region, locality, area_code, national, reversed, capabilities, memorability, price_source, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, account_id, order_id, quarantined_until, created_at, updated_at)
VALUES ('+13612738809', 'pool', 'available', 'US', 'local', 'QC', 'Île d''Orléans', '361', '3612738809', '9088372163', 3, 0, 'file', 'USD', 1250000, 8500, 94500, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1750000000000000, 1750000000000001);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_1_rental', 'rental', 'wallet:acc_1', 'revenue:rental', 1150000, 'USD', 'acc_1', 3, 15850000, 'ord_1', NULL, 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_1_setup', 'setup', 'wallet:acc_1', 'revenue:setup', 500000, 'USD', 'acc_1', 4, 15350000, 'ord_1', NULL, 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_2_rental', 'rental', 'wallet:acc_1', 'revenue:rental', 1150000, 'USD', 'acc_1', 5, 14200000, 'ord_2', NULL, 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_3_rental', 'rental', 'wallet:acc_1', 'revenue:rental', 1150000, 'USD', 'acc_1', 6, 13050000, 'ord_3', NULL, 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_4_rental', 'rental', 'wallet:acc_2', 'revenue:rental', 1150000, 'USD', 'acc_2', 2, -150000, 'ord_4', NULL, 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_5_rental', 'rental', 'wallet:acc_2', 'revenue:rental', 1150000, 'USD', 'acc_2', 3, -1300000, 'ord_5', NULL, 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_acc_1_adjustment', 'adjustment', 'wallet:acc_1', 'funding:manual', 3000000, 'USD', 'acc_1', 2, 17000000, NULL, 'r', 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_acc_1_top_up', 'top_up', 'funding:manual', 'wallet:acc_1', 20000000, 'USD', 'acc_1', 1, 20000000, NULL, 'r', 1750000000000000);
INSERT INTO transfers (id, kind, debit, credit, amount, currency, account_id, entry, balance_after, order_id, reference, created_at)
VALUES ('trf_acc_2_top_up', 'top_up', 'funding:manual', 'wallet:acc_2', 1000000, 'USD', 'acc_2', 1, 1000000, NULL, 'r', 1750000000000000);
INSERT INTO rentals (id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, friendly_name, agent_id, tags, created_at, updated_at, released_at)
VALUES ('rnt_1', 'ord_1', 'acc_1', '+13612738801', 'active', 'USD', 1150000, 8500, 94500, 1750000000000000, 1752592000000000, '', '', '[]', 1750000000000000, 1750000000000000, NULL);
INSERT INTO rentals (id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, friendly_name, agent_id, tags, created_at, updated_at, released_at)
VALUES ('rnt_2', 'ord_2', 'acc_1', '+13612738802', 'released', 'USD', 1150000, 8500, 94500, 1750000000000000, 1752592000000000, '', '', '[]', 1750000000000000, 1750000000000000, 1750000000000000);
INSERT INTO rentals (id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, friendly_name, agent_id, tags, created_at, updated_at, released_at)
VALUES ('rnt_3', 'ord_3', 'acc_1', '+13612738803', 'active', 'USD', 1150000, 8500, 94500, 1750000000000000, 1752592000000000, '', '', '[]', 1750000000000000, 1750000000000000, NULL);
INSERT INTO rentals (id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, friendly_name, agent_id, tags, created_at, updated_at, released_at)
VALUES ('rnt_4', 'ord_4', 'acc_2', '+13612738804', 'active', 'USD', 1150000, 8500, 94500, 1750000000000000, 1752592000000000, '', '', '[]', 1750000000000000, 1750000000000000, NULL);
INSERT INTO rentals (id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, friendly_name, agent_id, tags, created_at, updated_at, released_at)
VALUES ('rnt_5', 'ord_5', 'acc_2', '+13612738805', 'active', 'USD', 1150000, 8500, 94500, 1750000000000000, 1752592000000000, '', '', '[]', 1750000000000000, 1750000000000000, NULL);
INSERT INTO superseded_prices (e164, superseded_at, currency, price, inbound, outbound, setup)
VALUES ('+13612738809', 1750000000000001, 'USD', 1150000, 8500, 94500, 0);
INSERT INTO writers (id, transactions, used_at)
VALUES ('wrt_0123456789abcdef0123456789abcdef', 7, 1750000000000000);
INSERT INTO events (id, account_id, kind, payload, created_at)
VALUES ('evt_fail_f', 'acc_1', 'order.failed', '{"phone_number": "+13612738809", "order_id": "ord_f", "code": "number_taken"}', 1750000000000000);
INSERT INTO carriers (name, kind, state, options, credentials, created_at, updated_at)
VALUES ('acme', 'twilio', 'active', '{"account_sid": "AC0"}', '', 1750000000000000, 1750000000000000);
INSERT INTO carriers (name, kind, state, options, credentials, created_at, updated_at)
VALUES ('beta', 'twilio', 'active', '{}', '', 1750000000000001, 1750000000000002);
INSERT INTO carriers (name, kind, state, options, credentials, created_at, updated_at)
VALUES ('delta', 'telnyx', 'disabled', '{}', '', 1750000000000000, 1750000000000000);
INSERT INTO carriers (name, kind, state, options, credentials, created_at, updated_at)
VALUES ('epsilon', 'telnyx', 'disabled', '{}', '', 1750000000000000, 1750000000000000);
INSERT INTO carriers (name, kind, state, options, credentials, created_at, updated_at)
VALUES ('gamma', 'plivo', 'active', '{}', '', 1750000000000000, 1750000000000000);
INSERT INTO exchange_rates (base, quote, rate, updated_at)
VALUES ('EUR', 'USD', 1100000000, 1750000000000000);
INSERT INTO offers (e164, carrier, terms, iso_country, number_type, region, locality, area_code, national, capabilities, memorability, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, offered_at, expires_at)
VALUES ('+13612738820', 'acme', 'USD 1150000', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738820', 3, 0, 'USD', 1150000, NULL, NULL, 0, 'USD', 1000000, NULL, NULL, NULL, 1750000000000000, 1750086400000000);
INSERT INTO offers (e164, carrier, terms, iso_country, number_type, region, locality, area_code, national, capabilities, memorability, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, offered_at, expires_at)
VALUES ('+13612738811', 'acme', 'USD 1150000 - - 0', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738811', 3, 0, 'USD', 1150000, NULL, NULL, 0, 'USD', 1000000, NULL, NULL, NULL, 1750000000000000, 1750000660000000);
INSERT INTO offers (e164, carrier, terms, iso_country, number_type, region, locality, area_code, national, capabilities, memorability, currency, price, inbound, outbound, setup, cost_currency, cost_monthly, cost_inbound, cost_outbound, cost_setup, offered_at, expires_at)
VALUES ('+13612738811', 'acme', 'USD 1150000 8500 - 500000', 'US', 'local', 'TX', 'Corpus Christi', '361', '3612738811', 3, 0, 'USD', 1150000, 8500, NULL, 500000, 'USD', 1000000, NULL, NULL, NULL, 1750000000000000, 1750000660000000);
INSERT INTO carrier_orders (order_id, account_id, carrier, e164, attempt, attempted_at, wanted_until, looks, absences, absent_since, accepted_at, next_at, said, parked_at, settled_at, error_code, error_message, error_details)
VALUES ('ord_6', 'acc_1', 'acme', '+13612738808', 2, 1750000000000003, 1750000000000004, 5, 3, 1750000000000005, NULL, 1750000000000006, 'absent', NULL, NULL, NULL, NULL, NULL);
INSERT INTO carrier_orders (order_id, account_id, carrier, e164, attempt, attempted_at, wanted_until, looks, absences, absent_since, accepted_at, next_at, said, parked_at, settled_at, error_code, error_message, error_details)
VALUES ('ord_f', 'acc_1', 'acme', '+13612738809', 1, 1750000000000000, 1750000000000001, 2, 0, NULL, 1750000000000007, NULL, 'sold out', NULL, 1750000000000008, 'number_taken', 'This number was just taken.', '{}');
INSERT INTO carrier_releases (id, carrier, e164, carrier_reference, asked_at, tries, next_at, said, confirmed_at)
VALUES ('rel_8', 'acme', '+13612738821', 'PN8', 1750000000000000, 4, 1750000000000009, 'HTTP 500', NULL);
INSERT INTO carrier_releases (id, carrier, e164, carrier_reference, asked_at, tries, next_at, said, confirmed_at)
VALUES ('rel_9', 'acme', '+13612738822', NULL, 1750000000000000, 1, 1750000000000000, 'confirmed', 1750000000000010);
INSERT INTO findings (carrier, e164, kind, state, carrier_reference, order_reference, said, first_seen_at, last_seen_at)
VALUES ('acme', '+13612738821', 'orphan', 'releasing', 'PN8', '', 'on our account at the carrier, and nobody''s in the books', 1750000000000000, 1750000000000000);
INSERT INTO audits (carrier, next_at, began_at, ended_at, owned, found, said)
VALUES ('acme', 1750086400000000, 1750000000000000, 1750000000000011, 5, 1, '');
INSERT INTO audits (carrier, next_at, began_at, ended_at, owned, found, said)
VALUES ('delta', 1750086400000012, 1750000000000000, 1750000000000011, 0, 0, 'left out: it is disabled, and nothing is left to do with it here');
INSERT INTO audits (carrier, next_at, began_at, ended_at, owned, found, said)
VALUES ('epsilon', 1750000000000013, NULL, NULL, 0, 0, '');
INSERT INTO audits (carrier, next_at, began_at, ended_at, owned, found, said)
VALUES ('gamma', 1750003600000000, 1750000000000000, 1749999999999986, 7, 0, 'throttled: wait');
