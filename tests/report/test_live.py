"""The live report answers to this machine, reads alone, and never runs or hides what strangers wrote."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import httpx
import pytest

from chem.errors import ConfigurationError, DatabaseError
from report.live import LiveReport, live_app
from report.serving import LOCAL_NAMES, address_of, is_local, listening_socket

ROOT = Path(__file__).resolve().parents[2]
ATTACK = "</script><script>alert(1)</script>\"'<img src=x onerror=alert(2)>\u202e"


class Client:
    """Asks the application of a database without a server between."""

    def __init__(self, path, **given):
        self.report = LiveReport(str(path), **given)
        self.app = live_app(self.report, hosts=LOCAL_NAMES)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.report.engine.dispose()

    def request(self, method, address, headers=None):
        async def asked():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, address, headers=headers)

        return asyncio.run(asked())

    def get(self, address, headers=None):
        return self.request("GET", address, headers)


@pytest.fixture(scope="module")
def path(tmp_path_factory, store_network):
    return store_network(tmp_path_factory.mktemp("live") / "network.db")


@pytest.fixture(scope="module")
def client(path):
    with Client(path) as opened:
        yield opened


def test_the_page_asks_its_own_server_for_details_and_holds_none(client, read_page):
    answer = client.get("/")
    data, details = read_page(answer.text)
    assert details == []
    assert data["reactions"]["key"] == ["shift", "loss"]
    asked = client.get(f"{data['details']['url']}shift?reverse={bool(data['reactions']['turned'][0])}").json()
    assert asked["detail"]["reactants"] == ["formaldehyde"]
    assert asked["detail"]["barrier_forward_kcal_mol"] == pytest.approx(
        data["reactions"]["barrier_forward_kcal_mol"][0], abs=1e-3
    )
    assert asked["barrier_forward_kcal_mol"] == asked["detail"]["barrier_reverse_kcal_mol"]  # stored the other way


def test_lists_come_in_parts_that_lead_to_the_next(client):
    first = client.get("/api/species?limit=3").json()
    assert len(first["species"]) == 3
    second = client.get(first["next"]).json()
    assert [len(second["species"]), second["next"], second["offset"]] == [1, None, 3]
    keys = [each["key"] for each in first["species"] + second["species"]]
    assert sorted(keys) == ["carbene", "formaldehyde", "hydrogen", "monoxide"]
    part = client.get("/api/reactions?limit=1&verdict=passed&verdict=failed").json()
    assert [each["key"] for each in part["reactions"]] == ["shift"]
    assert client.get("/api/reactions?limit=1").json()["next"] == "/api/reactions?limit=1&offset=1"


def test_reactions_are_filtered_by_species_and_barrier(client):
    def keys(query):
        return [each["key"] for each in client.get(f"/api/reactions?{query}").json()["reactions"]]

    assert keys("species=hydrogen") == ["loss"]
    assert keys("species=%5BCH%5DO") == ["shift"]  # by SMILES
    assert keys("max_barrier_kcal_mol=10") == []
    assert keys("max_barrier_kcal_mol=100") == ["shift"]


def test_a_path_tells_its_height_verdict_and_level(client):
    answer = client.get("/api/paths?to=%5BCH%5DO").json()
    (path,) = answer["paths"]
    assert answer["from_keys"] == ["formaldehyde"]
    assert path["height_above_start_kcal_mol"] == pytest.approx(46.1, abs=0.1)
    assert (path["verdict"], path["level"]) == ("passed", "GFN2-xTB")
    assert [each["key"] for each in path["steps"]] == ["shift"]
    assert client.get("/api/paths").json()["paths"] == [path]
    assert client.get("/api/paths?to=hydrogen").json()["paths"] == []
    assert client.get("/api/paths?verdict=estimated").json()["paths"] == []


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/api/reactions/none", 404, "no reaction 'none'"),
        ("/api/reactions?limit=0", 400, "limit"),
        ("/api/reactions?offset=-1", 400, "offset"),
        ("/api/reactions?verdict=perhaps", 400, "verdict"),
        ("/api/reactions?species=C1CC", 400, "no species 'C1CC'"),
        ("/api/reactions?max_barrier_kcal_mol=nan", 400, "max_barrier_kcal_mol"),
        ("/api/paths?to=nowhere", 400, "no species 'nowhere'"),
        ("/elsewhere", 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_is_an_error_in_json(client, address, status, said):
    answer = client.get(address)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize("address", ["/", "/api/species", "/api/reactions/none", "/elsewhere"])
def test_every_answer_forbids_foreign_origins_and_sets_no_cookie(client, address):
    headers = client.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")
    assert headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch", "options", "head"])
def test_only_get_is_answered(client, method):
    answer = client.request(method.upper(), "/api/species")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]:80"])
def test_a_foreign_name_for_this_machine_is_refused(client, host):
    assert client.get("/api/species", headers={"host": host}).status_code == 400
    for known in ("localhost:5000", "127.0.0.1", "[::1]:80"):
        assert client.get("/api/species", headers={"host": known}).status_code == 200


def test_the_database_is_opened_without_the_right_to_write(path):
    report = LiveReport(f"sqlite:///{path}")
    with report.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=OFF")
        with pytest.raises(Exception, match="readonly database"):
            connection.exec_driver_sql("DELETE FROM species_membership")
    report.engine.dispose()


@pytest.mark.server
def test_a_server_of_postgresql_answers_the_same_and_writes_nothing(client, store_network, postgresql_database):
    with postgresql_database() as url:
        store_network(url)
        with Client(url) as other:
            for address in ("/api/reactions", "/api/species", "/api/paths"):
                assert other.get(address).json().keys() == client.get(address).json().keys()
            mine, theirs = (each.get("/api/reactions/shift").json() for each in (client, other))
            assert mine == theirs
            assert "shift" in other.get("/").text
            with other.report.engine.connect() as connection, pytest.raises(Exception, match="read-only transaction"):
                connection.exec_driver_sql("DELETE FROM species_membership")


def test_texts_of_strangers_stay_texts(tmp_path, store_network, client, read_page):
    n_scripts = client.get("/").text.count("<script>")
    path = store_network(tmp_path / "hostile.db", lambda text: f"{ATTACK}{text}")
    with Client(path) as hostile:
        page = hostile.get("/").text
        assert page.count("<script>") == n_scripts
        data, _ = read_page(page)
        assert all(label.startswith(ATTACK[:-1]) for label in data["species"]["smiles"])
        detail = hostile.get("/api/reactions/loss").json()["detail"]
        assert detail["attempts"][0]["failure"]["message"] == f"{ATTACK[:-1]}⟨U+202E⟩SCF not converged"
        raw = hostile.get("/api/species").json()["species"]
        assert raw[0]["smiles"].startswith(ATTACK)  # data are data
        answer = hostile.get("/api/reactions/loss")
        assert answer.headers["content-type"] == "application/json"


def test_a_name_of_ten_thousand_characters_does_no_harm(tmp_path, store_network, read_page):
    path = store_network(tmp_path / "long.db", lambda text: text + "x" * 10_000)
    with Client(path) as client:
        data, _ = read_page(client.get("/").text)
        assert len(data["species"]["smiles"][0]) > 10_000
        assert data["pictures"] == {}


def damaged(path, *statements):
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE geometry SET positions = x'00'",
        "UPDATE transition_state SET frequencies_cm1 = 'no json'",
        "UPDATE transition_state_check SET evidence = '[1'",
        "PRAGMA ignore_check_constraints = ON",
    ],
)
def test_rows_that_make_no_sense_are_refused_in_words(tmp_path, store_network, statement):
    path = store_network(tmp_path / "network.db")
    extra = ["UPDATE transition_state SET verdict = 'perhaps'"] if "PRAGMA" in statement else []
    damaged(path, statement, *extra)
    from report.source import load_content

    with pytest.raises(DatabaseError, match="holds what Cairn cannot read"):
        load_content(f"sqlite:///{path}", campaign=None, level=None)


def test_a_damaged_file_a_foreign_one_and_one_that_is_no_database_are_refused(tmp_path, store_network):
    whole = store_network(tmp_path / "network.db")
    content = bytearray(whole.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    (tmp_path / "damaged.db").write_bytes(content)
    damaged(tmp_path / "foreign.db", "CREATE TABLE other (id INTEGER)")
    (tmp_path / "text.db").write_text("no database\n" * 100)
    for name in ("damaged.db", "foreign.db", "text.db", "missing.db"):
        with pytest.raises(DatabaseError, match=name):
            LiveReport(f"sqlite:///{tmp_path / name}")


def test_a_campaign_or_level_that_is_not_there_is_named_with_those_that_are(path):
    with pytest.raises(ConfigurationError, match=r"no campaign 'two'; the database holds 'one'"):
        LiveReport(f"sqlite:///{path}", campaign="two")
    with pytest.raises(ConfigurationError, match=r"it holds: gfn2 \(GFN2-xTB\)"):
        LiveReport(f"sqlite:///{path}", level="b3lyp")


def test_a_server_listens_on_this_machine_alone_unless_told_otherwise():
    assert [is_local(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "example.org")] == [
        *[True] * 3,
        *[False] * 3,
    ]
    with listening_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert address_of(listener) == f"http://127.0.0.1:{port}/"
        with pytest.raises(ConfigurationError, match="give another --host or --port"):
            listening_socket("127.0.0.1", port)


@pytest.fixture
def started(path):
    command = [sys.executable, "-m", "cli.main", "serve", "--db", f"sqlite:///{path}", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_the_command_tells_its_address_answers_there_and_ends_within_a_second(started):
    process, told = started
    assert told["address"].startswith("http://127.0.0.1:")
    assert told["process_id"] == process.pid
    with urllib.request.urlopen(f"{told['address']}api/species", timeout=20) as answer:
        assert len(json.load(answer)["species"]) == 4
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    assert time.monotonic() - began < 1.0
    assert process.stderr.read() == ""
