"""No address sends a visitor on to a host that the request names: its Host header is whatever they like."""

from __future__ import annotations

from pathlib import Path

import pytest
import websites

ELSEWHERE = "evil.example"


def test_no_spelling_of_an_address_leads_to_the_host_that_the_request_names(tmp_path: Path) -> None:
    with websites.world(tmp_path) as world:
        for rule in world.app.url_map.iter_rules():
            path = "".join("x" if is_dynamic else text for is_dynamic, text in rule._trace).partition("|")[2]
            for spelling in (path, path.rstrip("/") or "/", f"{path}/", f"/{path}"):
                as_sent = {"PATH_INFO": spelling}  # the test client would take two slashes for the name of a host
                answer = world.client.get("/", headers={"Host": ELSEWHERE}, environ_overrides=as_sent)
                assert ELSEWHERE not in answer.headers.get("Location", ""), (rule, spelling)
                assert answer.status_code != 308, (rule, spelling)


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
def test_page_of_the_api_is_answered_at_both_spellings(tmp_path: Path, path: str) -> None:
    with websites.world(tmp_path) as world:
        answer = world.client.get(path, headers={"Host": ELSEWHERE})
        assert (answer.status_code, ELSEWHERE in answer.text) == (200, False)
        assert world.client.post(path).content_type == "application/problem+json"
