"""The check of `api_test.py` that only this API needs: what somebody may reach at all."""

import os

import schemathesis

CALLER = os.environ.get("API_TEST_CALLER", "")
# What everybody may ask.
OPEN = ("/health/live", "/health/ready", "/docs/errors/{code}", "/api/setup", "/api/openapi.json", "/api/session",
        "/api/approval-links/{link}", "/api/approval-links/{link}/response")
# What belongs to one user, and to the owner of the server.
OF_A_USER = ("/api/connectors/{id}", "/api/connections/{id}", "/api/flows/{id}", "/api/runs/{id}")
OF_THE_OWNER = ("/api/users", "/api/settings", "/api/backups")


@schemathesis.check
def hole(ctx, response, case):
    path, status = case.operation.path, response.status_code
    if status >= 400:
        return
    assert CALLER != "nobody" or path in OPEN, f"nobody got {status} from {case.method} {path}"
    if CALLER == "other":
        assert not path.startswith(OF_A_USER), f"another user got {status} from {case.method} {path}"
        assert not path.startswith(OF_THE_OWNER), f"a member got {status} from {case.method} {path}"
