"""`drukte source try` shows what a file becomes and withholds like the intake; `source guess` drafts, and leaves open what is open."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
import yaml

from pipelines import guess, trial
from schemas import yamlfile
from schemas.problems import Problems
from schemas.settings import Source
from tests.cli.conftest import Drukte, data
from tests.pipelines.layouts import GOOD, csv, parquet

SOURCE = {
    "source": "trial", "title": {"nl": "proef", "en": "trial"}, "supplier": "nobody", "licence": "CC0", "dataset": "passage_counts",
    "contract": 1, "files": "*.csv", "reader": {"format": "csv"}, "interval": "15min", "delay": "5min", "issued_at": "none", "rank": 1,
    "time": {"columns": ["at"], "format": "%Y-%m-%d %H:%M", "clock": "local", "timezone": "Europe/Amsterdam"},
    "place": {"columns": ["counter"], "map": {"B1": "bridge", "G2": "gate"}},
    "measures": {"count_in": {"column": "in"}, "count_out": {"column": "out"}}, "ignore": ["note"],
}  # fmt: skip


@pytest.fixture
def at(tmp_path: Path) -> tuple[Path, Path]:
    """A file and a declaration for it."""
    declaration = tmp_path / "trial.yaml"
    declaration.write_text(yaml.safe_dump(SOURCE))
    return tmp_path / "delivery.csv", declaration


def everything_below(folder: Path) -> dict[str, bytes]:
    return {p.as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_try_shows_rows_times_account_and_reasons_and_writes_nothing(
    drukte: Drukte, at: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at[0].write_bytes(csv(*GOOD, "2026-06-20 20:07,B1,40,20,", "2026-06-20 20:30,X9,40,20,", "2026-06-20 20:30,B1,many,20,"))
    monkeypatch.chdir(tmp_path)
    before = everything_below(tmp_path)
    code, said, _ = drukte("source", "try", *at)
    assert code == 0, "refused rows are reported, not fatal"
    assert "7 rows = 3 accepted + 1 suppressed + 3 refused + 0 duplicate; read 7, filtered 0, held 0" in said
    assert "count_in: 3 measured, 1 withheld" in said, "of the whole file, however few rows are shown"
    assert "bridge  2026-06-20 20:00 +0200" in said and "2026-06-20 18:00" in said and "40" in said
    assert "row 6 at [not_aligned]" in said and "row 8 in [not_a_number]" in said
    assert everything_below(tmp_path) == before


def test_try_never_prints_a_count_under_k(drukte: Drukte, at: tuple[Path, Path]) -> None:
    """Two files that differ only in what is withheld say the same, to the letter; of a broken number under k nothing is quoted."""
    said = []
    for small in (3, 14):
        at[0].write_bytes(csv(f"2026-06-20 20:00,B1,{small},20,", "2026-06-20 20:00,G2,40,20,"))
        said.append(drukte("source", "try", *at)[1])
        as_data = data(drukte("source", "try", *at, "--json")[1])
        assert as_data[0]["rows"][0]["measures"]["count_in"] == {
            "status": "suppressed",
            "value": None,
            "value_low": 0,
            "value_high": 14,
        }
    assert said[0] == said[1] and "<15" in said[0]
    at[0].write_bytes(csv("2026-06-20 20:00,B1,7.5,20,", "2026-06-20 20:00,G2,40,2000.5,", "2026-06-20 20:15,G2,99999,20,"))
    broken = drukte("source", "try", *at)[1]
    assert "7.5" not in broken and "2000.5" in broken and "99999" in broken


def test_try_of_a_file_on_which_the_gate_closes_shows_nothing_of_it(drukte: Drukte, at: tuple[Path, Path]) -> None:
    at[0].write_bytes(csv("2026-06-20 20:00,B1,40,20,02:aa:bb:cc:dd:ee"))
    code, said, errors = drukte("source", "try", *at)
    assert code == 3 and "column 5" in said and "02:aa" not in said + errors
    assert data(drukte("source", "try", *at, "--json")[1])[0]["rows"] == []


def test_try_of_a_delivery_refused_whole_is_no_error(drukte: Drukte, at: tuple[Path, Path]) -> None:
    at[0].write_bytes(b"")
    code, said, _ = drukte("source", "try", *at, "--lang", "nl")
    assert code == 0 and "in haar geheel geweigerd" in said


def test_try_goes_by_the_strictest_k_of_the_municipalities_that_use_the_source(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2] / "config"
    declared = trial.declaration(root, "waterdam-gates")
    by = trial.rules(root, declared, None)
    assert by.k == max(trial.rules(root, declared, slug).k for slug in ("waterdam", "veenhaven")) and by.municipality
    assert trial.rules(tmp_path, declared, None).k == 15, "used by nobody yet"


def test_try_says_which_file_or_source_there_is_not(drukte: Drukte, at: tuple[Path, Path]) -> None:
    assert drukte("source", "try", *at)[0] == 2
    code, _, errors = drukte("source", "try", at[1], "waterdam-gate")
    assert code == 2 and "waterdam-gates" in errors


def test_try_opens_every_member_of_a_zip(drukte: Drukte, at: tuple[Path, Path], tmp_path: Path) -> None:
    at[1].write_text(yaml.safe_dump(SOURCE | {"packed": {"as": "zip", "members": "*.csv"}}))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", csv(*GOOD[:2]))
        archive.writestr("b/b.csv", csv(*GOOD[2:]))
    shown = data(drukte("source", "try", tmp_path / "two.zip", at[1], "--json")[1])
    assert [s["file"].rsplit("!", 1)[1] for s in shown] == ["a.csv", "b/b.csv"] and all(
        s["accounting"]["rows_in"] == 2 for s in shown
    )


# --- guess ----------------------------------------------------------------------------------------------------------


def only_todos(text: str) -> list[str]:
    """The keys that are left open, after checking that the loader objects to nothing else."""
    with pytest.raises(Problems) as caught:
        yamlfile.build(Source, yamlfile.parse(text, "draft.yaml"))
    lines = text.splitlines()
    assert all("TODO" in lines[p.line - 1] for p in caught.value.problems), "\n".join(map(str, caught.value.problems))
    return [p.key for p in caught.value.problems]


def drafted(content: bytes, name: str = "counts.csv", **options: str) -> tuple[dict, list[str]]:
    draft = guess.draft(content, name, **options)
    assert draft.closed is None
    return yaml.safe_load(draft.text), only_todos(draft.text)


def days(*stamps: str, header: str = "datum;tijd;teller;in;uit") -> bytes:
    return csv(*(f"{s};T{n};{40 + i};{20 + i}" for i, s in enumerate(stamps) for n in (1, 2)), header=header)


def test_guess_fills_in_what_the_file_tells_and_leaves_the_rest_open() -> None:
    found, open_keys = drafted(days("20-06-2026;20:00", "20-06-2026;20:15", "20-06-2026;20:30"))
    assert found["reader"] == {"format": "csv", "delimiter": ";", "encoding": "utf-8", "header": True}
    assert found["time"]["columns"] == ["datum", "tijd"] and found["time"]["format"] == "%d-%m-%Y %H:%M"
    assert (found["interval"], found["place"]["columns"], found["place"]["map"]) == (
        "15min",
        ["teller"],
        {"T1": "t1", "T2": "t2"},
    )
    assert found["dataset"] == "passage_counts"
    assert found["measures"] == {"count_in": {"column": "in"}, "count_out": {"column": "uit"}}
    assert open_keys == ["supplier", "licence", "time.stamps", "time.timezone", "absent", "delay"]


def test_guess_does_not_choose_between_day_and_month() -> None:
    text = guess.draft(days("05/06/2026;20:00", "06/06/2026;20:00"), "counts.csv").text
    assert "time.format" in only_todos(text) and "%d/%m/%Y" in text and "%m/%d/%Y" in text
    assert "time.format" not in drafted(days("05/06/2026;20:00", "25/06/2026;20:00"))[1], "the 25th is no month"


def test_guess_does_not_choose_between_two_times_nor_two_kinds_of_dataset() -> None:
    content = csv(
        "2026-06-20 20:00,2026-06-20 20:15,Z1,40", "2026-06-20 20:15,2026-06-20 20:30,Z1,41", header="start,end,zone,count"
    )
    text = guess.draft(content, "counts.csv").text
    assert {"time.columns", "dataset", "measures"} <= set(only_todos(text))
    assert "[start]" in text and "[end]" in text and "zone_counts" in text and "passage_counts" in text


def test_guess_does_not_choose_the_decimal_sign_of_a_thousand() -> None:
    content = csv("2026-06-20 20:00;Z1;1.234", "2026-06-20 20:15;Z1;2.345", header="at;sensor;present")
    assert "reader.decimal" in drafted(content)[1]
    comma = csv("2026-06-20 20:00;Z1;1,07", "2026-06-20 20:15;Z1;2,5", header="at;sensor;walking_speed")
    assert drafted(comma)[0]["reader"]["decimal"] == ","


def test_guess_takes_a_long_id_for_no_time() -> None:
    content = csv("9000002554,2026-06-20 20:00,4", "9000002554,2026-06-20 20:15,5", header="segment_id,at,count")
    found, _ = drafted(content)
    assert found["time"]["columns"] == ["at"] and found["place"]["columns"] == ["segment_id"]


def test_guess_names_the_columns_of_a_file_without_header_and_the_encoding_that_is_not_utf_8() -> None:
    found, _ = drafted(b"2026-06-20 20:00,1,40\n2026-06-20 20:15,1,41\n")
    assert found["reader"]["header"] is False and found["reader"]["columns"] == ["column_1", "column_2", "column_3"]
    latin = "at,teller,naam,aantal\n2026-06-20 20:00,T1,Süd,40\n2026-06-20 20:15,T1,Süd,41\n".encode("latin-1")
    text = guess.draft(latin, "counts.csv").text
    assert "reader.encoding" in only_todos(text) and "latin-1" in text


def test_guess_finds_the_records_of_a_document_and_its_epochs() -> None:
    rows = [
        {"sensor": "a", "time": 1781978400 + 300 * i, "aggregate": [{"id": "n", "count_in": 4, "count_out": 3}]} for i in range(4)
    ]
    found, _ = drafted(json.dumps({"data": rows}).encode(), "counts.json")
    assert found["reader"] == {"format": "json", "records": "data[].aggregate[]"}
    assert (found["time"]["format"], found["time"]["clock"], found["interval"]) == ("epoch_s", "utc", "5min")
    lines = "\n".join(json.dumps({"sensor": "a", "at": f"2026-06-20T18:0{i}:00Z", "count": i}) for i in range(3)).encode()
    found, _ = drafted(lines, "counts.jsonl")
    assert found["reader"] == {"format": "json", "lines": True} and found["interval"] == "1min"
    two = json.dumps(
        {
            "zones": [{"id": 1, "at": "2026-06-20T18:00:00Z", "count": 4}],
            "lines": [{"id": 1, "at": "2026-06-20T18:00:00Z", "count": 4}],
        }
    ).encode()
    assert "reader.records" in drafted(two, "two.json")[1]


def test_guess_sees_hours_as_columns_packed_files_and_parquet() -> None:
    head = ";".join(["ZST", "JJMMTT", *(f"R{r}H{h:02}" for r in (1, 2) for h in range(24))])
    content = csv(*(f"7;26062{d};" + ";".join("100" for _ in range(48)) for d in (1, 2)), header=head)
    found, _ = drafted(content)
    assert found["unpivot"]["pattern"] == "(?P<series>R1H|R2H)(?P<hour>[0-9]{2})" and found["interval"] == "1h"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("x/20260620.csv", days("20-06-2026;20:00", "20-06-2026;20:15"))
    assert drafted(packed.getvalue(), "days.zip")[0]["packed"] == {"as": "zip", "members": "*.csv"}
    assert drafted(gzip.compress(days("20-06-2026;20:00", "20-06-2026;20:15")), "day.csv.gz")[0]["packed"] == {"as": "gzip"}
    columns = {"at": ["2026-06-20T18:00:00Z", "2026-06-20T18:15:00Z"], "sensor": [7, 7], "boarding": [40, 41]}
    found, _ = drafted(parquet(columns), "c.parquet")
    assert (found["dataset"], found["place"]["map"]) == ("stop_counts", {"7": "7"})


def test_guess_of_a_file_with_person_level_content_prints_nothing_of_it(drukte: Drukte, tmp_path: Path) -> None:
    path = tmp_path / "wifi.csv"
    path.write_bytes(csv(*(f"2026-06-20 20:0{i},S1,02:aa:bb:cc:dd:0{i},-70" for i in range(5)), header="at,sensor,mac,rssi"))
    code, said, errors = drukte("source", "guess", path)
    assert (code, said) == (3, "") and "column 3" in errors and "02:aa" not in errors and "mac" not in errors


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"PK\x03\x04broken", b"\x1f\x8bbroken", b"{", b"[1, 2", b"PAR1", b"x"])
def test_guess_of_what_is_no_table_says_so(drukte: Drukte, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    code, _, errors = drukte("source", "guess", path)
    assert code in (0, 2) and "fault" not in errors


def test_guess_takes_the_clock_of_a_municipality(drukte: Drukte, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(days("20-06-2026;20:00", "20-06-2026;20:15"))
    code, said, _ = drukte("source", "guess", path, "--municipality", "waterdam")
    assert code == 0 and yaml.safe_load(said)["time"]["timezone"] == "Europe/Amsterdam"


def test_a_draft_with_its_todos_decided_reads_the_file(drukte: Drukte, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes(days("20-06-2026;20:00", "20-06-2026;20:15"))
    text = guess.draft(path.read_bytes(), "counts.csv", "Europe/Amsterdam").text
    for key, value in {"supplier": "x", "licence": "CC0", "stamps": "start", "absent": "missing", "delay": "15min"}.items():
        text = text.replace(f"{key}: TODO", f"{key}: {value}")
    (tmp_path / "counts.yaml").write_text(text)
    code, said, _ = drukte("source", "try", path, tmp_path / "counts.yaml")
    assert code == 0 and "4 rows = 4 accepted" in said
