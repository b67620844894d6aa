"""Sources: what is good is read, what is bad is set aside with its reason."""

import gzip
import io
import json
import zipfile
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.filings.companyfacts import BadFileError, read_companyfacts
from ledgerline.filings.fsds import COREGISTRANT, SEGMENTS
from ledgerline.filings.ingest import Ingested, IngestSettings, ingest
from ledgerline.filings.search import Hit, Search
from ledgerline.filings.sources import Reading, Unreadable, read_folder
from ledgerline.filings.spelling import display_name
from ledgerline.filings.store import Store


def companyfacts(cik: int | str, **changes: object) -> bytes:
    row: dict[str, object] = {
        "start": "2023-01-01",
        "end": "2023-12-31",
        "val": 1000,
        "accn": f"{cik}-24-1",
        "fy": None,
        "fp": None,
        "form": "10-K",
        "filed": "2024-02-01",
    }
    described = {"label": None, "description": None, "units": {"USD": [row | changes]}}
    document = {
        "cik": cik,
        "entityName": f"Company {cik}",
        "facts": {"us-gaap": {"Revenues": described}},
    }
    return json.dumps(document).encode()


def ingested(folder: Path, on_bad_file: str, store: Path) -> Ingested:
    source = {"kind": "files", "folder": folder}
    settings = IngestSettings.model_validate({"sources": [source], "on_bad_file": on_bad_file})
    return ingest(settings, store)


def data_set(path: Path, leave_out: str = "", **tables: str) -> None:
    contents = {
        "sub": "adsh\tcik\tname\tsic\tformer\tfye\tform\tperiod\tfiled\tprevrpt\n"
        "a-1\t7\tACME HOLDINGS INC /DE/\t3711\tOLD ACME\t1231\t10-K\t20231231\t20240201\t0\n"
        "a-2\t8\tGRID CORP\t4911\t\t0930\t10-K\t20230930\t20231110\t1\n",
        "num": "adsh\ttag\tversion\tddate\tqtrs\tuom\tsegments\tcoreg\tvalue\tfootnote\n"
        "a-1\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\t\t\t1234567.8900\t\n"
        "a-1\tRevenues\tus-gaap/2023\t20231231\t4\tUSD\tSegments=East;\t\t5\t\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t\t\t100.0000\t\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t\tParentCompany\t60\t\n"
        "a-1\tEarningsPerShareDiluted\tus-gaap/2023\t20230930\t1\tUSD\t\t\t-0.5000\t\n"
        "a-1\tOurMetric\ta-1\t20231231\t0\tpure\t\t\t0.5\t\n"
        "a-1\tAssets\tus-gaap/2023\t2023\t0\tUSD\t\t\t100\t\n"
        "a-1\tAssets\tus-gaap/2023\t20221231\t0\tUSD\t\t\t\t\n"
        "a-9\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t\t\t1\t\n"
        "a-2\tAssets\tus-gaap/2023\t20230930\t0\tUSD\tLegalEntity=ParentCompany;\tParentCompany\t900\t\n"
        "a-2\tAssets\tus-gaap/2023\t20230930\t0\tUSD\tLegalEntity=SubCo;\tSubCo\t300\t\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (contents | tables).items():
            if name != leave_out:
                archive.writestr(f"{name}.txt", content)


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


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"val": None}, "val"),
        ({"val": "NaN"}, "not a number"),
        ({"end": "2023-13-31"}, "month"),
        ({"start": 5}, "fromisoformat"),
        ({"filed": None}, "fromisoformat"),
    ],
)
def test_a_bad_row_is_set_aside_alone(changes: dict[str, object], reason: str) -> None:
    _, facts, bad = read_companyfacts(companyfacts(1, **changes))
    assert facts == []
    assert list(bad.values()) == [1]
    assert reason in next(iter(bad))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (companyfacts(1)[:-20], "truncated or not JSON"),
        (b"", "truncated or not JSON"),
        (b"\xff\xfe\x00", "truncated or not JSON"),
        (b"<!DOCTYPE html><html>Rate limited</html>", "an HTML page"),
        (b"[1, 2]", "not a companyfacts object"),
        (b'{"cik": "x", "facts": {}}', "not a companyfacts object"),
        (b'{"cik": 1, "facts": []}', "not a companyfacts object"),
        (b'{"cik": 1, "facts": {"us-gaap": {"A": {}}}}', "not a companyfacts object"),
    ],
)
def test_what_is_no_companyfacts_says_why(content: bytes, why: str) -> None:
    with pytest.raises(BadFileError, match=why):
        read_companyfacts(content)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Good and bad files of every kind."""
    folder = tmp_path / "filings"
    folder.mkdir()
    (folder / "CIK1.json").write_bytes(companyfacts(1))
    (folder / "CIK2.json.gz").write_bytes(gzip.compress(companyfacts(2)))
    (folder / "CIK3.json").write_bytes(companyfacts(3)[:50])
    (folder / "CIK4.json.gz").write_bytes(gzip.compress(companyfacts(4))[:30])
    with zipfile.ZipFile(folder / "companyfacts.zip", "w") as archive:
        archive.writestr("CIK0000000005.json", companyfacts(5))
        archive.writestr("CIK0000000006.json", companyfacts(6)[:40])
        archive.writestr("CIK0000000007.json", b"{}")
    data_set(folder / "2023q4.zip")
    data_set(folder / "2024q1.zip", leave_out="num")
    (folder / "half.zip").write_bytes((folder / "2023q4.zip").read_bytes()[:200])
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("cat.jpg", b"cat")
    (folder / "company_tickers.json").write_text('{"0": {"cik_str": 1, "ticker": "ONE"}}')
    (folder / "notes.txt").write_text("not ours")
    return folder


def test_the_good_goes_on_and_the_bad_is_counted(mixed: Path, tmp_path: Path) -> None:
    result = ingested(mixed, "set_aside", tmp_path / "facts.sqlite")
    assert result.companies == Counter(companyfacts=3, fsds=2)
    reasons = {Path(origin).name: why for origin, why in result.files_aside.items()}
    assert set(reasons) == {
        "CIK3.json",
        "CIK4.json.gz",
        "companyfacts.zip:CIK0000000006.json",
        "2024q1.zip",
        "half.zip",
        "photos.zip",
    }
    assert "no num.txt" in reasons["2024q1.zip"]
    assert "neither" in reasons["photos.zip"]
    assert "truncated" in reasons["half.zip"]
    assert result.rows_aside == Counter(
        {SEGMENTS: 1, COREGISTRANT: 2, "no value": 1, "accession not in sub": 1}
        | {"row can't be read (ValueError)": 1}
    )
    with Store.open(tmp_path / "facts.sqlite", read_only=True) as store:
        assert {c.cik: c.ticker for c in store.companies()}[1] == "ONE"


@pytest.mark.parametrize("bad", ["CIK3.json", "CIK4.json.gz", "2024q1.zip", "half.zip"])
def test_told_to_stop_it_names_the_file_and_loses_nothing(
    mixed: Path, tmp_path: Path, bad: str
) -> None:
    for file in mixed.iterdir():
        if file.name not in (bad, "CIK1.json"):
            file.unlink()
    store = tmp_path / "facts.sqlite"
    store.write_bytes(b"what was there")
    with pytest.raises(LedgerlineError, match=f"{bad}.*mend or remove it"):
        ingested(mixed, "stop", store)
    assert store.read_bytes() == b"what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.sqlite", "filings"]


def test_a_folder_with_nothing_in_it(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(LedgerlineError, match="empty: no companyfacts"):
        ingested(empty, "set_aside", tmp_path / "facts.sqlite")
    with pytest.raises(LedgerlineError, match="nowhere: no such folder"):
        ingested(tmp_path / "nowhere", "set_aside", tmp_path / "facts.sqlite")
    (empty / "CIK1.json").write_bytes(b"{")
    with pytest.raises(LedgerlineError, match=r"no company could be read.*CIK1\.json"):
        ingested(empty, "set_aside", tmp_path / "facts.sqlite")
    assert not (tmp_path / "facts.sqlite").exists()


def test_loading_a_file_twice_changes_nothing(mixed: Path, tmp_path: Path) -> None:
    source = {"kind": "files", "folder": mixed}
    settings = IngestSettings.model_validate(
        {"sources": [source, source], "on_bad_file": "set_aside"}
    )
    twice = ingest(settings, tmp_path / "twice.sqlite")
    once = ingested(mixed, "set_aside", tmp_path / "once.sqlite")
    assert (twice.facts, twice.repeated) == (once.facts, once.facts)


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


def test_notes_data_sets_tell_decimals_and_dimensions(tmp_path: Path) -> None:
    num = (
        "adsh\ttag\tversion\tddate\tqtrs\tuom\tdimh\tiprx\tvalue\tcoreg\tdcml\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t0x00000000\t0\t172000\t\t-9\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t0x00000000\t1\t171797\t\t-6\n"
        "a-1\tAssets\tus-gaap/2023\t20231231\t0\tUSD\t0xabcdef\t0\t5\t\t-6\n"
    )
    data_set(tmp_path / "2023_12_notes.zip", num=num)
    (reading,) = read_folder(tmp_path)
    assert isinstance(reading, Reading)
    assert [fact.value for fact in reading.facts] == [171797]
    assert reading.rows_aside == {SEGMENTS: 1}


def test_a_table_without_a_column_is_named(tmp_path: Path) -> None:
    data_set(tmp_path / "2023q4.zip", num="adsh\ttag\nx\ty\n")
    (found,) = read_folder(tmp_path)
    assert isinstance(found, Unreadable)
    data_set(tmp_path / "2023q4.zip", sub="adsh\tcik\nx\t1\n")
    (found,) = read_folder(tmp_path)
    assert isinstance(found, Unreadable)
    assert "column" in found.reason


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
