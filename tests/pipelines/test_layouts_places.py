"""Where deliveries come from: folders, zip and gzip within limits, an object store, a web address; several suppliers for one place."""

import gzip
import http.server
import io
import json
import threading
import zipfile
from datetime import UTC, datetime, timedelta

import fsspec
import pytest
from pydantic import ValidationError

from pipelines import intake
from pipelines.intake import arrivals, endpoint, found
from pipelines.intake.found import Found
from pipelines.store import Store
from tests.pipelines.layouts import AMSTERDAM, GOOD, LATE, csv, source
from tests.town import START, STEP, Town

NOON = datetime(2026, 6, 20, 12, tzinfo=UTC)


def zipped(**members):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def packed(**limits):
    return source(files="in/*.zip", packed={"as": "zip", "members": "*.csv"} | limits)


def taken(found_, declared):
    return intake.take_in(found_, declared, k=15, withhold_zero=False, tz=AMSTERDAM, after=None, until=LATE)


def put(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- packed ---------------------------------------------------------------------------------------------------------


def test_each_member_of_a_zip_is_a_delivery_of_its_own(tmp_path):
    put(tmp_path, "in/june.zip", zipped(**{"a/20.csv": csv(*GOOD[:2]), "a/21.csv": csv(*GOOD[2:]), "readme.txt": "x", "a/": ""}))
    files = intake.find(packed(), tmp_path)
    assert [f.name for f in files] == ["in/june.zip!a/20.csv", "in/june.zip!a/21.csv"]
    assert [taken(f, packed()).rows_in for f in files] == [2, 2]
    assert found.content_hash(files[0]) == taken(files[0], packed()).content_hash


def test_folders_below_folders(tmp_path):
    for name in ("2026/06/20.csv", "2026/06/21.csv", "2026/07/01.csv"):
        put(tmp_path, f"in/{name}", csv(*GOOD))
    assert [f.name for f in intake.find(source(files="in/**/*.csv"), tmp_path)] == [
        f"in/2026/{n}" for n in ("06/20.csv", "06/21.csv", "07/01.csv")
    ]


def test_a_gzip_is_read_within_its_limits(tmp_path):
    declared = source(files="in/*.gz", packed={"as": "gzip"})
    put(tmp_path, "in/day.csv.gz", gzip.compress(csv(*GOOD)))
    put(tmp_path, "in/bomb.csv.gz", gzip.compress(b"0" * 50_000_000))
    put(tmp_path, "in/cut.csv.gz", gzip.compress(csv(*GOOD))[:-9])
    put(tmp_path, "in/none.csv.gz", csv(*GOOD))
    reasons = {
        f.name: (t.state, (t.reason or "").split(":")[0]) for f in intake.find(declared, tmp_path) if (t := taken(f, declared))
    }
    assert reasons == {"in/bomb.csv.gz": ("refused", "too_large"), "in/cut.csv.gz": ("refused", "not_gzip"), "in/day.csv.gz": ("accepted", ""),
                       "in/none.csv.gz": ("refused", "not_gzip")}  # fmt: skip


@pytest.mark.parametrize("name", ["../out.csv", "/etc/out.csv", "a/../../out.csv", "C:/out.csv", "..\\out.csv"])
def test_a_member_whose_name_leaves_the_archive_is_refused_and_nothing_is_written(tmp_path, name):
    put(tmp_path, "in/a.zip", zipped(**{name: csv(*GOOD), "good.csv": csv(*GOOD)}))
    states = sorted(
        (t.state, (t.reason or "").split(":")[0]) for f in intake.find(packed(), tmp_path) if (t := taken(f, packed()))
    )
    assert states == [("accepted", ""), ("refused", "path")]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.zip"]


def test_a_member_that_is_too_large_or_grows_too_much_is_refused_before_it_is_opened(tmp_path):
    put(tmp_path, "in/a.zip", zipped(**{"bomb.csv": b"0" * 30_000_000, "good.csv": csv(*GOOD)}))
    assert {taken(f, packed()).reason for f in intake.find(packed(), tmp_path)} >= {None}
    assert taken(intake.find(packed(), tmp_path)[0], packed()).reason.startswith("ratio")
    wide = packed(ratio=5_000, most_mb=10)
    assert taken(intake.find(wide, tmp_path)[0], wide).reason.startswith("too_large")


def test_a_stated_size_that_lies_is_found_out_while_reading(tmp_path):
    content = bytearray(zipped(**{"bomb.csv": b"0" * 5_000_000}))
    at = content.find(b"PK\x01\x02")
    content[at + 24 : at + 28] = (1_000).to_bytes(4, "little")  # the directory says a thousand bytes
    put(tmp_path, "in/a.zip", bytes(content))
    result = taken(intake.find(packed(), tmp_path)[0], packed())
    assert result.state == "refused" and result.reason.split(":")[0] in ("too_large", "not_zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"nothing of the kind", zipped(**{"a.csv": csv(*GOOD)})[:-30]])
def test_what_is_no_zip_is_a_refused_delivery(tmp_path, content):
    put(tmp_path, "in/a.zip", content)
    [file] = intake.find(packed(), tmp_path)
    assert taken(file, packed()).reason.startswith("not_zip")


def test_too_many_members_are_refused_unopened(tmp_path):
    put(tmp_path, "in/a.zip", zipped(**{f"{i}.csv": b"x" for i in range(30)}))
    declared = packed(most_members=20)
    [file] = intake.find(declared, tmp_path)
    assert taken(file, declared).reason.startswith("too_many_members")


def test_an_archive_that_was_taken_in_whole_is_not_opened_again(tmp_path, monkeypatch):
    """Otherwise a tick would slow down with the number of archives of the past."""
    town, store = zipped_town(tmp_path)
    assert [d["rows_accepted"] for d in arrive(town, store, 3)] == [4, 4]
    monkeypatch.setattr(found, "deliveries", lambda *_: pytest.fail("an archive was opened again"))
    assert arrive(town, store, 4) == []


def test_an_archive_that_grew_gives_what_is_new_and_counts_the_rest_once(tmp_path):
    town, store = zipped_town(tmp_path)
    arrive(town, store, 3)
    zip_gates(town, 12)
    assert [(d["name"][-20:], d["rows_accepted"]) for d in arrive(town, store, 4)] == [("g2_20260601T0030.csv", 4)]


def zipped_town(tmp_path):
    town = Town(tmp_path)
    declared = town.config_folder / "sources" / "gates.yaml"
    declared.write_text(
        declared.read_text().replace('files: "gates/*.csv"', 'files: "gates/*.zip"\npacked: {as: zip, members: "*.csv"}')
    )
    zip_gates(town, 8)
    return town, Store(tmp_path / "workspace")


def arrive(town, store, hours):
    config = town.config
    return arrivals.take_in(store, config, config.sources["gates"], START + timedelta(hours=hours), "run", lambda *_: None)


def zip_gates(town, quarters):
    lines = [f"{START + i * STEP:%Y-%m-%dT%H:%M},gate,{30 + i},20" for i in range(quarters)]
    members = {
        f"g{n}_20260601T0030.csv": csv(*lines[n * 4 : n * 4 + 4], header="time,place,in,out") for n in range(quarters // 4)
    }
    put(town.data, "gates/day.zip", zipped(**members))


# --- object store ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket():
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/in/20.csv", csv(*GOOD))
    yield store
    store.rm("/bucket", recursive=True)


def test_an_object_store_is_read_through_fsspec(bucket, tmp_path):
    declared = source(files="memory://bucket/in/*.csv")
    [file] = intake.find(declared, tmp_path)
    assert (file.name, file.size) == ("memory:///bucket/in/20.csv", len(csv(*GOOD))) and taken(file, declared).rows_in == 4
    before = file.mtime_ns
    bucket.pipe("/bucket/in/20.csv", csv(*GOOD[:2]))
    assert intake.find(declared, tmp_path)[0].mtime_ns != before, "a changed object is seen to have changed"


def test_zip_files_in_an_object_store(bucket, tmp_path):
    bucket.pipe("/bucket/in/a.zip", zipped(**{"a.csv": csv(*GOOD[:2]), "b.csv": csv(*GOOD[2:])}))
    declared = source(files="memory://bucket/in/*.zip", packed={"as": "zip"})
    assert [taken(f, declared).rows_in for f in intake.find(declared, tmp_path)] == [2, 2]


def test_a_store_that_does_not_answer_is_a_refused_delivery_not_a_fault(tmp_path):
    for address in ("s3://no-such-bucket/x/*.csv", "unheardof://x/*.csv"):
        [file] = intake.find(source(files=address), tmp_path)
        assert taken(file, source()).reason.startswith("unreachable: the object store does not answer")


class Objects(http.server.BaseHTTPRequestHandler):
    """A store on this machine that speaks WebHDFS, which fsspec reads without a package more; `held`: path → content; `down`: it fails."""

    held: dict[str, bytes] = {}  # noqa: RUF012  (emptied by the fixture)
    down: set[str] = set()  # noqa: RUF012

    def do_GET(self):
        from urllib.parse import parse_qs, urlsplit

        path, asked = urlsplit(self.path).path.removeprefix("/webhdfs/v1"), parse_qs(urlsplit(self.path).query)
        what = asked["op"][0]
        if what in Objects.down:
            self._answer(503, b"")
        elif what == "OPEN":
            self._answer(200, Objects.held[path])
        elif path in Objects.held:
            self._answer(200, json.dumps({"FileStatus": self._status(path, path)}).encode())
        else:
            below = [self._status(name, name.removeprefix(path).strip("/")) for name in Objects.held]
            answer = (
                {"FileStatuses": {"FileStatus": below}}
                if what == "LISTSTATUS"
                else {"FileStatus": {"type": "DIRECTORY", "length": 0}}
            )
            self._answer(200, json.dumps(answer).encode())

    def _status(self, path, name):
        return {"type": "FILE", "length": len(Objects.held[path]), "pathSuffix": name, "modificationTime": 1}

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def store_server():
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Objects)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    Objects.held.clear()
    Objects.down.clear()
    yield f"webhdfs://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


def test_objects_of_a_store_on_this_machine_are_taken_in_and_its_failures_told(store_server, tmp_path):
    declared = source(files=f"{store_server}/in/*.csv")
    Objects.held |= {"/in/20.csv": csv(*GOOD[:2]), "/in/21.csv": csv(*GOOD[2:]), "/in/readme.txt": b"x"}
    files = intake.find(declared, tmp_path)
    assert [f.name.rsplit("/", 1)[-1] for f in files] == ["20.csv", "21.csv"] and [taken(f, declared).rows_in for f in files] == [
        2,
        2,
    ]
    before = [f.mtime_ns for f in files]
    Objects.held["/in/21.csv"] = csv(*GOOD)
    assert [f.mtime_ns != b for f, b in zip(intake.find(declared, tmp_path), before, strict=True)] == [False, True]
    Objects.down.add("OPEN")
    assert [taken(f, declared).reason[:46] for f in files] == ["unreachable: the object store did not give the"] * 2
    Objects.down.add("LISTSTATUS")
    [none] = intake.find(declared, tmp_path)
    assert taken(none, declared).reason.startswith("unreachable: the object store does not answer"), "down is not empty"


def test_an_object_store_without_the_folder_holds_nothing_yet(bucket, tmp_path):
    assert intake.find(source(files="memory://bucket/later/*.csv"), tmp_path) == []
    assert intake.find(source(files="memory://nowhere/*/in/*.csv"), tmp_path) == []


@pytest.mark.parametrize(("files", "told"), [
    ("/etc/*.csv", "leaves the data folder"), ("s3://bucket/../other/*", "leaves the data folder"), ("https://x.example/a.csv", "under `endpoint:`"),
    ("s3://me:secret@bucket/*.csv", "without a user name"),
])  # fmt: skip
def test_a_pattern_stays_where_it_belongs_and_holds_no_secret(files, told):
    with pytest.raises(ValidationError, match=told):
        source(files=files)


# --- web address ----------------------------------------------------------------------------------------------------


class Answers(http.server.BaseHTTPRequestHandler):
    """Pages of records a day; `log` holds what was asked."""

    log: list[tuple[str, str | None]] = []  # noqa: RUF012  (emptied by the fixture)

    def do_GET(self):
        from urllib.parse import parse_qs, urlsplit

        asked = parse_qs(urlsplit(self.path).query)
        Answers.log.append((self.path, self.headers.get("X-Token")))
        kind = urlsplit(self.path).path
        if kind == "/moved":
            self.send_response(302)
            self.send_header("Location", "/counts")
            self.end_headers()
            return
        if kind == "/down":
            self.send_error(503)
            return
        first, day = int(asked.get("start", ["0"])[0]), asked.get("day", ["2026-06-20"])[0]
        rows = [
            {"at": f"{day} 1{i // 4}:{i % 4 * 15:02}", "counter": "B1", "in": 40 + i, "out": 20}
            for i in range(first, min(first + 3, 7))
        ]
        body = b"x" * 3_000_000 if kind == "/huge" else json.dumps(rows).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Answers.log.clear()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


def asking(url, **settings):
    return source(files=None, endpoint={"url": url} | settings, reader={"format": "json", "records": "[]"}, ignore=[],
                  place={"columns": ["counter"], "map": {"B1": "bridge"}})  # fmt: skip


def test_a_web_address_answers_by_page_and_by_local_day(server):
    pages = {"parameter": "start", "step": 3, "size": 3}
    declared = asking(f"{server}/counts", query={"day": "{day}"}, window="1d", pages=pages)
    answers = list(endpoint.ask(declared, AMSTERDAM, datetime(2026, 6, 20, 22, 30, tzinfo=UTC)))
    assert [path.split("?")[1] for path, _ in Answers.log] == [
        f"day=2026-06-{day}&start={start}" for day in (20, 21) for start in (0, 3, 6)
    ], "the 21st has begun in Amsterdam"
    assert [taken(a, declared).rows_in for a in answers] == [3, 3, 1] * 2


def test_the_secret_of_an_address_stands_in_the_environment_and_nowhere_else(server, monkeypatch):
    declared = asking(f"{server}/counts", headers_from={"X-Token": "TRIAL_TOKEN"})
    [answer] = endpoint.ask(declared, AMSTERDAM, NOON)
    assert (
        taken(answer, declared).reason
        == "unreachable: the environment variable TRIAL_TOKEN is not set. Set it where drukte runs."
    )
    monkeypatch.setenv("TRIAL_TOKEN", "s3cret")
    [answer] = endpoint.ask(declared, AMSTERDAM, NOON)
    assert Answers.log[-1][1] == "s3cret" and "s3cret" not in answer.name + repr(taken(answer, declared))


@pytest.mark.parametrize(("path", "settings", "reason"), [
    ("/down", {}, "unreachable: the address answered 503"), ("/moved", {}, "unreachable: the address answered 302"),
    ("/huge", {"most_mb": 1}, "too_large: the answer is over 1 MB"),
])  # fmt: skip
def test_an_answer_that_is_none_is_a_refused_delivery(server, path, settings, reason):
    declared = asking(f"{server}{path}", **settings)
    [answer] = endpoint.ask(declared, AMSTERDAM, NOON)
    assert taken(answer, declared).reason.startswith(reason)


def test_an_address_where_nobody_is_does_not_stop_the_others():
    declared = asking("http://127.0.0.1:9/counts", timeout="2s")
    [answer] = endpoint.ask(declared, AMSTERDAM, NOON)
    assert isinstance(answer, Found) and taken(answer, declared).reason.startswith("unreachable: the address did not answer")


@pytest.mark.parametrize(("settings", "told"), [
    ({"url": "ftp://x.example/a"}, "no web address"), ({"url": "https://me:secret@x.example/"}, "under `headers_from`"),
    ({"url": "https://x.example/{day}"}, "window goes with"), ({"url": "https://x.example/", "window": "1d"}, "window goes with"),
    ({"url": "https://x.example/", "headers_from": {"X": "the secret itself"}}, "name of an environment variable"),
    ({"url": "https://x.example/", "query": {"api_key": "abc"}}, "under `headers_from`"),
])  # fmt: skip
def test_an_endpoint_that_cannot_be_is_told(settings, told):
    with pytest.raises(ValidationError, match=told):
        source(files=None, endpoint=settings)
