"""Malformed input: set aside with its reason and counted, while the rest goes on."""

import gzip
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.filings.companyfacts import BadFileError, read_companyfacts
from ledgerline.filings.fsds import COREGISTRANT, SEGMENTS
from ledgerline.filings.ingest import IngestSettings, ingest
from ledgerline.filings.sources import Reading, Unreadable, read_folder
from ledgerline.filings.store import Store
from tests.filings.files import companyfacts, data_set, ingested


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"val": None}, "val"),
        ({"val": "NaN"}, "not a number"),
        ({"end": "2023-13-31"}, "month"),
        ({"end": "9999-12-31"}, "no year of a filing"),
        ({"start": "0001-01-05"}, "no year of a filing"),
        ({"start": 5}, "fromisoformat"),
        ({"filed": None}, "fromisoformat"),
        ({"accn": None}, "accn"),
        ({"form": 10}, "form"),
        ({"val": True}, "not a number"),
        ({"val": [1]}, "not a number"),
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
        (companyfacts(1).replace(b"1000", b"1e400"), "not JSON"),
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


def test_a_table_without_a_column_is_named(tmp_path: Path) -> None:
    data_set(tmp_path / "2023q4.zip", num="adsh\ttag\nx\ty\n")
    (found,) = read_folder(tmp_path)
    assert isinstance(found, Unreadable)
    data_set(tmp_path / "2023q4.zip", sub="adsh\tcik\nx\t1\n")
    (found,) = read_folder(tmp_path)
    assert isinstance(found, Unreadable)
    assert "column" in found.reason


def damage(path: Path, text: bytes) -> None:
    """Change one letter of `text`, so that the zip's checksum no longer fits."""
    content = path.read_bytes()
    assert content.count(text) == 1
    path.write_bytes(content.replace(text, text[:-1] + b"#"))


def test_a_damaged_data_set_says_so(tmp_path: Path) -> None:
    data_set(tmp_path / "2023q4.zip")
    damage(tmp_path / "2023q4.zip", b"1234567.8900")
    (found,) = read_folder(tmp_path)
    assert isinstance(found, Unreadable)
    assert "Bad CRC-32" in found.reason


@pytest.mark.parametrize(
    ("sub", "why"),
    [
        ("", "sub.txt is empty"),
        ("adsh\tcik\tname\tsic\tfye\tform\tfiled\tprevrpt\na-1\tseven", "submission can't be read"),
        (
            "adsh\tcik\tname\tsic\tfye\tform\tfiled\tprevrpt\na-1\t7\tA\t\t\t10-K\t2024\t0",
            "submission",
        ),
    ],
)
def test_a_data_set_whose_submissions_are_unreadable(tmp_path: Path, sub: str, why: str) -> None:
    data_set(tmp_path / "2023q4.zip", sub=sub)
    (found,) = read_folder(tmp_path)
    assert isinstance(found, Unreadable)
    assert why in found.reason


def test_a_damaged_entry_of_the_bulk_zip_is_set_aside_alone(tmp_path: Path) -> None:
    bulk = tmp_path / "companyfacts.zip"
    with zipfile.ZipFile(bulk, "w") as archive:
        archive.writestr("CIK0000000001.json", companyfacts(1))
        archive.writestr("CIK0000000002.json", companyfacts(2))
        archive.writestr("CIK0000000003.json", b"<html>not found</html>")
    damage(bulk, b"Company 1")
    damaged, read, page = read_folder(tmp_path)
    assert isinstance(damaged, Unreadable)
    assert damaged.origin.endswith("companyfacts.zip:CIK0000000001.json")
    assert isinstance(read, Reading)
    assert isinstance(page, Unreadable)
    assert "HTML" in page.reason


def test_what_only_claims_to_be_compressed(tmp_path: Path) -> None:
    (tmp_path / "CIK1.json.gz").write_bytes(companyfacts(1))
    (tmp_path / "CIK2.zip").write_bytes(companyfacts(2))
    reasons = [found.reason for found in read_folder(tmp_path) if isinstance(found, Unreadable)]
    assert len(reasons) == 2
    assert all("truncated or" in reason for reason in reasons)


def test_a_broken_list_of_tickers_is_named(tmp_path: Path) -> None:
    (tmp_path / "CIK1.json").write_bytes(companyfacts(1))
    (tmp_path / "company_tickers.json").write_text("[]")
    with pytest.raises(LedgerlineError, match=r"company_tickers\.json: not the SEC's list"):
        list(read_folder(tmp_path))
