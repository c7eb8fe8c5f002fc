"""The token: where it is from, how it is rotated, and who never sees it."""

import os
from pathlib import Path

import httpx
import pytest
import structlog

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.credentials import Bearer, FixedToken, TokenFile
from cloudkit.runtime.settings import Secret

URL = "http://provider.example.com/api/v2/"
SETTING = "CLOUDKIT_AAP_TOKEN_FILE"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("first\n")
    return file


def test_a_file_is_read_again_when_it_changes(file: Path) -> None:
    token = TokenFile(file, setting=SETTING)
    assert token.current() == Secret("first")
    file.write_text("another")
    assert token.current() == Secret("another")


def test_a_symlink_that_is_swapped_as_kubernetes_does_leads_to_the_new_token(tmp_path: Path) -> None:
    for name, text in (("..2026_01", "old-1"), ("..2026_02", "new-2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(text)
        os.utime(tmp_path / name / "token", ns=(0, 0))
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "token").symlink_to("..data/token")
    token = TokenFile(tmp_path / "token", setting=SETTING)
    assert token.current() == Secret("old-1")
    (tmp_path / "..data_tmp").symlink_to("..2026_02")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert token.current() == Secret("new-2"), "same size, same time, another file"


def test_a_change_that_the_time_does_not_show_is_seen_once_the_token_is_refused(file: Path) -> None:
    os.utime(file, ns=(0, 0))
    token = TokenFile(file, setting=SETTING)
    file.write_text("other\n")
    os.utime(file, ns=(0, 0))
    assert token.current() == Secret("first")
    assert token.renew()
    assert token.current() == Secret("other")
    assert not token.renew(), "it is the same"


@pytest.mark.parametrize("content", [None, "", "\n", "two words", "two\nlines", "naïve"])
def test_a_file_without_a_token_keeps_the_service_from_starting(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    with pytest.raises(Misconfigured, match=SETTING) as misconfigured:
        TokenFile(file, setting=SETTING)
    assert "words" not in misconfigured.value.message
    assert "lines" not in misconfigured.value.message


@pytest.mark.parametrize("content", [None, "", "two words"])
def test_a_file_that_is_spoiled_later_leaves_the_last_token_and_is_told_once(
    file: Path, content: str | None
) -> None:
    token = TokenFile(file, setting=SETTING)
    with structlog.testing.capture_logs() as logs:
        if content is None:
            file.unlink()
        else:
            file.write_text(content)
        assert [token.current() for _ in range(3)] == [Secret("first")] * 3
        assert not token.renew()
        file.write_text("second")
        assert token.current() == Secret("second")
        assert token.current() == Secret("second")
    assert [line["event"] for line in logs] == [
        "the token file cannot be used, keeping the last token",
        "read a new token",
    ]
    assert "words" not in str(logs)


class Provider:
    """Knows one token. ``headers`` are those of the requests it got."""

    def __init__(self, known: str) -> None:
        self.known = known
        self.seen: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.method, request.headers["Authorization"]))
        return httpx.Response(200 if self.seen[-1][1] == f"Bearer {self.known}" else 401)


def client(provider: Provider, credentials: TokenFile | FixedToken) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=URL, transport=httpx.MockTransport(provider), auth=Bearer(credentials))


class Rotating(TokenFile):
    """A file that gets a new token at the moment when the provider refuses the old one."""

    def renew(self) -> bool:
        self._path.write_text("second")
        return super().renew()


async def test_a_question_refused_for_a_token_that_was_just_rotated_is_asked_once_more(file: Path) -> None:
    provider = Provider("second")
    async with client(provider, Rotating(file, setting=SETTING)) as http:
        assert (await http.get("jobs/")).status_code == 200
    assert provider.seen == [("GET", "Bearer first"), ("GET", "Bearer second")]


async def test_a_launch_is_not_sent_again_but_the_next_one_has_the_new_token(file: Path) -> None:
    provider = Provider("second")
    async with client(provider, Rotating(file, setting=SETTING)) as http:
        assert (await http.post("job_templates/7/launch/")).status_code == 401
        assert (await http.post("job_templates/7/launch/")).status_code == 200
    assert len(provider.seen) == 2


async def test_a_refused_token_that_is_still_the_same_is_not_shown_again(file: Path) -> None:
    for credentials in (TokenFile(file, setting=SETTING), FixedToken(Secret("first"))):
        provider = Provider("second")
        async with client(provider, credentials) as http:
            assert (await http.get("jobs/")).status_code == 401
        assert len(provider.seen) == 1
