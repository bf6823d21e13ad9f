"""Reading an offer query: what is taken, what is refused by name, tokens, and where a query has to look.

Touches: nothing.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.search import OfferQuery, Position, QueryError, Sort, page_token, read_page_token
from numberdesk.catalog.search_plan import Place, Span, Stretch, beginning, onward, spans, spots_of, stretches
from numberdesk.core.pattern import MatchOn, Pattern
from numberdesk.core.text import folded
from testbed.offer_queries import sent_query

NAMES = (
    *("page_size", "page_token", "sort", "match_on", "region", "locality", "number_type", "area_code"),
    *("starts_with", "ends_with", "contains", "pattern", "excludes", "capabilities", "max_price"),
)
EXPRESSIONS = ("starts_with", "ends_with", "contains", "pattern", "excludes")
AT = {
    Sort.NUMBER: Position(0, "+13612738809"),
    Sort.PRICE: Position(1_150_000, "+13612738809"),
    Sort.MEMORABLE: Position(250, "+13612738809"),
}


def read(**parameters: Any) -> OfferQuery:
    return sent_query("US", "USD", parameters)


def refused(**parameters: Any) -> QueryError:
    with pytest.raises(QueryError) as caught:
        read(**parameters)
    return caught.value


def token_of(content: object) -> str:
    text = content if isinstance(content, str) else json.dumps(content, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_without_parameters_it_is_the_first_ten_numbers_of_the_country() -> None:
    assert sent_query("us", "EUR", {}) == OfferQuery("US", "EUR", page_size=10, sort=Sort.NUMBER)


def test_every_parameter_has_its_place_in_the_query() -> None:
    query = read(
        page_size="100",
        sort="price",
        region="TX",
        locality="Corpus Christi",
        number_type="toll_free",
        area_code="361",
        starts_with="3",
        ends_with="09",
        contains=["27", "STORM"],
        pattern="+1*61",
        excludes=["4"],
        match_on="subscriber",
        capabilities="voice,sms",
        max_price="1.15",
    )
    subscriber = MatchOn.SUBSCRIBER
    assert query == OfferQuery(
        "US",
        "USD",
        page_size=100,
        sort=Sort.PRICE,
        region="TX",
        locality="Corpus Christi",
        number_type="toll_free",
        area_code="361",
        starts_with=Pattern(subscriber, "3%"),
        ends_with=Pattern(subscriber, "%09"),
        contains=(Pattern(subscriber, "%27%"), Pattern(subscriber, "%78676%")),
        pattern=Pattern(MatchOn.E164, "1_61%"),
        excludes=(Pattern(subscriber, "%4%"),),
        capabilities=0b11,
        max_price=1_150_000,
    )


@pytest.mark.parametrize("name", ["page_token", "region", "locality", "area_code", "capabilities"])
def test_an_empty_parameter_is_the_same_as_one_left_out(name: str) -> None:
    assert read(**{name: ""}) == read(**{name: None}) == read(**{name: []}) == read()


@pytest.mark.parametrize("region", ["US", "us", " Us "])
def test_the_country_as_region_means_anywhere_in_it(region: str) -> None:
    assert read(region=region).region is None


@pytest.mark.parametrize("capabilities", ["sms fax", "sms,fax", ["sms", "fax"], "fax, sms,fax"])
def test_capabilities_are_separated_or_repeated(capabilities: Any) -> None:
    assert read(capabilities=capabilities).capabilities == 0b1010


@pytest.mark.parametrize(
    "country", ["", "U", "USA", "XX", "001", "\uff35\uff33", "ß", "u$", "US ", "' OR 1=1 --", "U" * 10_000]
)
def test_an_unknown_country_is_refused(country: str) -> None:
    with pytest.raises(QueryError) as caught:
        sent_query(country, "USD", {})
    assert caught.value.field == "iso_country"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("page_size", value) for value in ("0", "101", "-1", "1.5", "ten", "\u0665", "9" * 10_000)],
        *[("sort", value) for value in ("e164", "PRICE", "price desc", "price; DROP TABLE numbers", "1")],
        *[("match_on", value) for value in ("E", "National", "national, e164")],
        *[("number_type", value) for value in ("Local", "tollfree", "local' OR '1'='1", "%")],
        *[
            ("area_code", value)
            for value in ("36a", "3612738", "+361", "36 1", "\u0663\u0666\u0661", "%", "_", "361'--")
        ],
        *[("capabilities", value) for value in ("Voice", "voice;sms", "video", "voice'--", "1")],
        *[("max_price", value) for value in ("0", "-1", "free", "NaN", "1e400", "1,15", "0.0000001", "1000001")],
        *[("region", value) for value in ("x" * 101, "T\x00X", "T\nX")],
        *[("locality", value) for value in ("x" * 10_000, "\x7f")],
        *[
            (name, value)
            for name in EXPRESSIONS
            for value in ("", "%", "_", "**", "^$", "78é", "\u0663\u0664\u0665", "'", "12;--")
        ],
        *[(name, "7" * 10_000) for name in EXPRESSIONS],
        *[(name, "7") for name in ("contains", "pattern")],
        ("contains", ["77", "8"]),
        ("contains", ["77"] * 9),
        ("excludes", ["7"] * 9),
        *[(name, ["361", "361"]) for name in NAMES if name not in ("contains", "excludes", "capabilities")],
    ],
)
def test_what_is_wrong_is_refused_by_name_and_not_repeated(name: str, value: Any) -> None:
    error = refused(**{name: value})
    assert (error.field, str(error)) == (name, f"{name} {error.reason}")
    assert len(str(error)) < 200
    assert "'" not in str(error)


@given(parameters=st.dictionaries(st.sampled_from(NAMES), st.text() | st.lists(st.text(), max_size=3)))
def test_whatever_is_sent_is_read_or_refused_by_name(parameters: dict[str, Any]) -> None:
    wrong = None
    try:
        read(**parameters)
    except QueryError as error:
        wrong = error
    assert wrong is None or wrong.field in parameters


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("made_for", list(Sort))
def test_a_token_goes_on_where_it_was_made_and_in_that_order_only(sort: Sort, made_for: Sort) -> None:
    token = page_token(read(sort=made_for), AT[made_for])
    if sort is made_for:
        assert read(sort=sort, page_token=token).after == AT[sort]
    else:
        assert refused(sort=sort, page_token=token).field == "page_token"


@given(st.sampled_from(list(Sort)), st.integers(0, 1000), st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_every_token_is_short_safe_in_a_url_and_comes_back(sort: Sort, score: int, e164: str) -> None:
    key = {Sort.NUMBER: 0, Sort.PRICE: 1 + score * 999_999_999, Sort.MEMORABLE: score}[sort]
    token = page_token(read(sort=sort), Position(key, e164))
    assert len(token) <= 100
    assert token.replace("-", "").replace("_", "").isalnum()
    assert read_page_token(token, read(sort=sort)) == Position(key, e164)


@pytest.mark.parametrize(
    "other",
    [
        {"sort": "price"},
        {"region": "TX"},
        {"locality": "TX"},
        {"number_type": "local"},
        {"area_code": "361"},
        {"starts_with": "36"},
        {"ends_with": "36"},
        {"contains": "36"},
        {"pattern": "^36%"},
        {"excludes": "36"},
        {"contains": "36", "match_on": "e164"},
        {"capabilities": "voice"},
        {"max_price": "1"},
    ],
)
def test_a_token_of_one_search_is_refused_by_another(other: dict[str, str]) -> None:
    token = page_token(read(), AT[Sort.NUMBER])
    assert refused(**other, page_token=token).reason == (
        "is not a token of this list" if "sort" in other else "belongs to a search with other filters or another order"
    )
    theirs = page_token(read(**other), AT[read(**other).sort])
    assert read(**other, page_token=theirs).after is not None
    assert refused(page_token=theirs).field == "page_token"


def test_a_token_is_of_one_country_and_currency_and_not_of_one_page_size() -> None:
    token = page_token(read(), AT[Sort.NUMBER])
    assert read(page_size="7", page_token=token).after == AT[Sort.NUMBER]
    for country, currency in (("CA", "USD"), ("US", "EUR")):
        with pytest.raises(QueryError):
            sent_query(country, currency, {"page_token": token})


def _fingerprint() -> str:
    token = page_token(read(), AT[Sort.NUMBER])
    return str(json.loads(base64.urlsafe_b64decode(token + "==="))[0])


@pytest.mark.parametrize(
    "content",
    [
        [_fingerprint(), 0],
        [_fingerprint(), 0, "+13612738809", 0],
        [_fingerprint(), 1, "+13612738809"],
        [_fingerprint(), True, "+13612738809"],
        [_fingerprint(), False, "+13612738809"],
        [_fingerprint(), 0.0, "+13612738809"],
        [_fingerprint(), "0", "+13612738809"],
        [_fingerprint(), 10**30, "+13612738809"],
        [_fingerprint(), 0, "13612738809"],
        [_fingerprint(), 0, "+1361273' OR 1=1"],
        [_fingerprint(), 0, None],
        ["000000000000", 0, "+13612738809"],
        [None, 0, "+13612738809"],
        {"a": 1, "b": 2, "c": 3},
        "abc",
        "null",
        "[" * 70,
        f'["{_fingerprint()}", 0, "+13612738809"]',
        "\x00",
        "é",
    ],
)
def test_a_forged_token_is_refused(content: object) -> None:
    assert refused(page_token=token_of(content)).field == "page_token"


@pytest.mark.parametrize("token", ["!", "A", "=", "====", " ", "é", "a" * 10_000, "AAAA\n", "-1", "' OR 1=1"])
def test_garbage_for_a_token_is_refused(token: str) -> None:
    assert refused(page_token=token).field == "page_token"


def test_a_token_written_in_another_way_is_refused() -> None:
    token = page_token(read(), AT[Sort.NUMBER])
    assert refused(page_token=token + "=").field == "page_token"
    assert refused(page_token=token + "\n").field == "page_token"


def test_a_score_out_of_range_or_a_free_price_is_no_place_in_a_list() -> None:
    for sort, key in ((Sort.MEMORABLE, 1001), (Sort.MEMORABLE, -1), (Sort.PRICE, 0), (Sort.PRICE, 10**13)):
        token = page_token(read(sort=sort), Position(key, "+13612738809"))
        assert refused(sort=sort, page_token=token).reason == "is not a token of this list"


@pytest.mark.parametrize(
    ("one", "other"), [("TX", "tx"), ("Île", "ÎLE"), ("Île", "I\u0302LE"), ("STRASSE", "straße"), (" TX ", "TX")]
)
def test_places_are_compared_without_case(one: str, other: str) -> None:
    assert folded(one) == folded(other)


def place(area_code: str, region: str = "TX", *, currency: str = "USD", locality: str = "") -> Place:
    return Place(currency, "local", region, area_code, locality, "1")


def test_area_codes_next_to_each_other_make_one_stretch() -> None:
    places = [place("210"), place("212", "NY"), place("214"), place("254"), place("281"), place("808", "HI")]
    spots = spots_of(read(region="tx"), places, complete=True)
    assert spots.area_codes == ("210", "214", "254", "281")
    assert spots.stretches == (
        Stretch("+1210", "+121099999999999"),
        Stretch("+1214", "+128199999999999"),
    )


def test_an_area_code_that_begins_another_covers_it() -> None:
    places = [place("20"), place("205", "HI"), place("207"), place("21", "HI")]
    assert spots_of(read(region="TX"), places, complete=True).stretches == (Stretch("+120", "+120999999999999"),)


def test_every_spelling_of_a_place_is_looked_for() -> None:
    places = [place("210", "TX"), place("212", "tx"), place("214", "Tx "), place("808", "HI")]
    assert spots_of(read(region="tX"), places, complete=True).regions == ("TX", "Tx ", "tx")


def test_where_not_all_places_were_read_everywhere_is_looked() -> None:
    spots = spots_of(read(region="TX"), [place("210")], complete=False)
    assert spots.stretches == (Stretch("+", "+999999999999999"),)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, "+"),
        ({"area_code": "361"}, "+1361"),
        ({"starts_with": "3612"}, "+13612"),
        ({"pattern": "^36*2", "area_code": "361"}, "+1361"),
        ({"starts_with": "+1361"}, "+1361"),
        ({"starts_with": "27", "match_on": "subscriber", "area_code": "361"}, "+136127"),
        ({"starts_with": "27", "match_on": "subscriber"}, "+"),
        ({"ends_with": "27", "contains": "3333"}, "+1"),
    ],
)
def test_beginnings_narrow_where_to_look(parameters: dict[str, str], expected: str) -> None:
    (found,) = stretches(read(**parameters), None, "1")
    assert (found.low, found.high) == (expected, expected.ljust(16, "9"))


@pytest.mark.parametrize(
    "parameters",
    [
        {"area_code": "361", "starts_with": "415"},
        {"starts_with": "+44", "area_code": "361"},
        {"starts_with": "36127388091234567"},
    ],
)
def test_beginnings_that_no_number_can_have_lead_nowhere(parameters: dict[str, str]) -> None:
    assert stretches(read(**parameters), None, "1") == ()


def test_an_ending_that_may_reach_into_the_calling_code_is_looked_for_as_far_as_it_surely_does_not() -> None:
    (span,) = spans(read(ends_with="612738809", match_on="e164"), None, "1")
    assert span == Span("reversed", "90883721", "90883721" + "9" * 15)
    (span,) = spans(read(ends_with="612738809"), None, "1")
    assert span == Span("reversed", "908837216", "908837216" + "9" * 15)


IN = (Stretch("+1210", "+121099999999999"), Stretch("+1361", "+136199999999999"))


@pytest.mark.parametrize(
    ("sort", "at", "goes_on"),
    [
        (Sort.NUMBER, "+", "+120999999999999"),
        (Sort.NUMBER, "+12105550100", "+12105550100"),
        (Sort.NUMBER, "+12125550100", "+136099999999999"),
        (Sort.NUMBER, "+13615550100", "+13615550100"),
        (Sort.NUMBER, "+13625550100", None),
        (Sort.PRICE, "+12125550100", "+136099999999999"),
        (Sort.PRICE, "+13625550100", "+999999999999999"),
        (Sort.MEMORABLE, "+13625550100", "+1361999999999990"),
        (Sort.MEMORABLE, "+13615550100", "+13615550100"),
        (Sort.MEMORABLE, "+12125550100", "+1210999999999990"),
        (Sort.MEMORABLE, "+12015550100", "+"),
    ],
)
def test_a_walk_steps_over_the_gaps_between_stretches(sort: Sort, at: str, goes_on: str | None) -> None:
    assert onward(sort, IN, Position(7, at)) == (None if goes_on is None else Position(7, goes_on))


@pytest.mark.parametrize("sort", list(Sort))
def test_without_a_stretch_there_is_nothing_to_walk(sort: Sort) -> None:
    assert onward(sort, (), AT[sort]) is None


@pytest.mark.parametrize("sort", list(Sort))
def test_the_beginning_is_before_every_offer(sort: Sort) -> None:
    first = beginning(sort)
    assert (first > AT[sort]) if sort is Sort.MEMORABLE else (first < AT[sort])
