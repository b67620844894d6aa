"""Sources: companyfacts, bulk zips and data sets, read whole and exactly."""

import io
import zipfile
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ledgerline.filings.companyfacts import read_companyfacts
from ledgerline.filings.duplicates import LESS_PRECISE, settle
from ledgerline.filings.fsds import PER_SHARE, SEGMENTS
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.sources import Reading, read_folder
from ledgerline.filings.spelling import display_name
from ledgerline.filings.store import Store
from tests.filings.files import companyfacts, data_set, ingested


def test_values_stay_exact_however_long() -> None:
    content = companyfacts(1, val=None).replace(b'"val": null', b'"val": 0.12345678901234567890123')
    _, (fact,), _ = read_companyfacts(content)
    assert fact.value == Decimal("0.12345678901234567890123")
    content = content.replace(b"0.12345678901234567890123", b"123456789012345678901234567890")
    _, (fact,), _ = read_companyfacts(content)
    assert fact.value == Decimal("123456789012345678901234567890")


def test_a_cik_may_be_text_and_labels_null() -> None:
    company, (fact,), bad = read_companyfacts(companyfacts("0000000042"))
    assert (company.cik, fact.cik, bad) == (42, 42, {})
    assert (fact.start, fact.end, fact.filed) == (
        date(2023, 1, 1),
        date(2023, 12, 31),
        date(2024, 2, 1),
    )


def test_a_data_set_row_by_row(tmp_path: Path) -> None:
    data_set(tmp_path / "2023q4.zip")
    readings = [r for r in read_folder(tmp_path) if isinstance(r, Reading)]
    acme, grid = readings
    assert (acme.company.name, acme.company.former_names) == ("Acme Holdings Inc", ("Old Acme",))
    assert (acme.company.sic, acme.company.fiscal_year_end) == ("3711", "1231")
    facts = {fact.tag: fact for fact in acme.facts}
    assert facts["Revenues"].value == Decimal("1234567.89")
    assert (facts["Revenues"].start, facts["Revenues"].end) == (
        date(2023, 1, 1),
        date(2023, 12, 31),
    )
    assert (facts["Assets"].start, facts["Assets"].value) == (None, 100)
    assert facts["EarningsPerShareDiluted"].unit == "USD/shares"
    assert facts["EarningsPerShareDiluted"].start == date(2023, 7, 1)
    assert facts["OurMetric"].taxonomy == "custom"
    # Of a combined filing the group stands under ParentCompany, and it was superseded.
    assert [(f.tag, f.value, f.superseded) for f in grid.facts] == [("Assets", 900, True)]


@pytest.mark.parametrize(
    ("tag", "per_share"),
    [
        ("EarningsPerShareBasic", True),
        ("DividendsPerPreferredShare", True),
        ("IncomeLossPerOutstandingLimitedPartnershipUnit", True),
        ("StockIssuedDuringPeriodValueShareBasedCompensation", False),
        ("PerformanceShares", False),
    ],
)
def test_a_tag_tells_what_is_per_share(tag: str, per_share: bool) -> None:
    assert (PER_SHARE.search(tag) is not None) is per_share


@pytest.mark.parametrize("values", [(0, 5_000_000), (5_000_000, 0)])
def test_no_zero_stands_before_a_value(values: tuple[int, int]) -> None:
    settled = settle(*map(Decimal, values))
    assert (settled.stands, settled.other, settled.why) == (5_000_000, 0, LESS_PRECISE)


def test_notes_data_sets_tell_roundings_and_dimensions(tmp_path: Path) -> None:
    num = (
        "adsh\ttag\tversion\tddate\tqtrs\tuom\tdimh\tiprx\tvalue\tcoreg\tdcml\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t0x00000000\t0\t172000\t\t-9\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t0x00000000\t1\t171797\t\t-6\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t0xabcdef\t0\t5\t\t-6\n"
    )
    data_set(tmp_path / "2023_12_notes.zip", num=num)
    (reading,) = read_folder(tmp_path)
    assert isinstance(reading, Reading)
    assert [fact.value for fact in reading.facts] == [172000, 171797]
    assert reading.rows_aside == {SEGMENTS: 1}


def test_the_bulk_zip_is_read_entry_by_entry(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for cik in range(1, 40):
            archive.writestr(f"CIK{cik:010}.json", companyfacts(cik))
    (tmp_path / "companyfacts.zip").write_bytes(buffer.getvalue())
    stream = read_folder(tmp_path)
    first = next(stream)
    assert isinstance(first, Reading)
    assert first.company.cik == 1
    assert len(list(stream)) == 38


@pytest.mark.parametrize(
    ("kept", "written"),
    [
        ("OWENS ILLINOIS INC /DE/", "Owens Illinois Inc"),
        ("CSX CORP", "CSX Corp"),
        ("PROCTER & GAMBLE CO", "Procter & Gamble Co"),
        ("AT&T INC.", "AT&T Inc."),
        ("3M CO", "3M Co"),
        ("BANK OF AMERICA CORP /DE/", "Bank of America Corp"),
        ("Marvell Technology, Inc.", "Marvell Technology, Inc."),
        ("KIMBERLY-CLARK CORP", "Kimberly-Clark Corp"),
    ],
)
def test_names_are_spelt_as_people_do(kept: str, written: str) -> None:
    assert display_name(kept) == written


def test_real_data_sets_resolve_for_nearly_every_filer(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "quarter"
    folder.mkdir()
    (folder / "2010q1.zip").symlink_to(shared_data / "fsds" / "2010q1.zip")
    ingested(folder, "stop", tmp_path / "facts.sqlite")
    with Store.open(tmp_path / "facts.sqlite", read_only=True) as store:
        search = Search(store)
        tens = set(store.frame(where="filing.form = '10-K'")["cik"].tolist())
        assert len(tens) == 389
        metrics = (
            "revenue", "net_income", "total_assets", "stockholders_equity", "operating_cash_flow"
        )  # fmt: skip
        found = Counter(m for cik in tens for m in metrics if search.series(cik, m))
        assert min(found[m] for m in metrics) >= 0.95 * len(tens), found
        answer = search("Exelon", "total assets", "December 31, 2009")
        assert isinstance(answer, Hit)
        assert answer.figure.text == "$49.2 billion"
