"""Asks the API of a running server everything its document allows, and much that it does not, as three callers.

Called by `cargo xtask test api` with the address of a fresh server, its set-up token and the seconds to spend. Each caller
gets requests that Schemathesis makes from /api/openapi.json. No answer may be a 5xx, have a status, type or body that the
document does not describe, come without the proof of who asks, or show or change what belongs to another user.
"""

import json
import os
import subprocess
import sys
import urllib.request

url, setup_token, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3])
folder = os.path.dirname(os.path.abspath(__file__))


def call(method, path, body=None, token=None):
    request = urllib.request.Request(url + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def account(name, owner=None):
    person = {"name": name, "email": f"{name.lower()}@example.org", "password": "a long password"}
    if owner is None:
        return call("POST", "/api/setup?api_token=true", {**person, "token": setup_token})["token"]
    call("POST", "/api/users", person, owner)
    signed = urllib.request.Request(url + "/api/session", method="POST", data=json.dumps(
        {"email": person["email"], "password": person["password"]}).encode(), headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(signed, timeout=20) as answer:
        cookie = answer.headers.get_all("Set-Cookie")[0].split(";")[0]
        csrf = json.load(answer)["csrf_token"]
    made = urllib.request.Request(url + "/api/tokens", method="POST", data=json.dumps({"name": "test"}).encode(), headers={
        "Content-Type": "application/json", "Cookie": cookie, "X-CSRF-Token": csrf})
    with urllib.request.urlopen(made, timeout=20) as answer:
        return json.load(answer)["token"]


def things(token):
    """One of each thing, by the part of the address that names its kind."""
    document = {"swagger": "2.0", "info": {"title": "Forge", "version": "1"}, "host": "forge.invalid", "paths": {
        "/items/{id}": {"get": {"operationId": "item", "summary": "Get an item", "parameters": [
            {"name": "id", "in": "path", "required": True, "type": "string"}], "responses": {"200": {"description": "it"}}}}}}
    connector = call("POST", "/api/connectors", {"document": document}, token)["id"]
    connection = call("POST", "/api/connections", {"connector_id": connector, "name": "mine"}, token)["id"]
    definition = {"triggers": {"manual": {"type": "Request"}}, "actions": {"Say": {"type": "Compose", "inputs": "@triggerBody()"}}}
    flow = call("POST", "/api/flows", {"name": "Mine", "definition": definition}, token)["id"]
    run = call("POST", f"/api/flows/{flow}/run", {"body": 1}, token)["run"]
    return {"connectors": connector, "connections": connection, "flows": flow, "runs": run}


def ask(who, token, known, budget):
    lines = ["[[operations]]", 'include-path-regex = "{name}"', 'parameters = { "path.name" = "Say", "path.operation" = "item" }']
    for kind, name in known.items():
        lines += ["[[operations]]", f'include-path-regex = "^/api/{kind}/[{{]id[}}]"', f'parameters = {{ "path.id" = "{name}" }}']
    config = os.path.join(os.environ["API_TEST_FOLDER"], f"{who}.toml")
    with open(config, "w") as file:
        file.write("\n".join(lines) + "\n")
    command = [
        os.path.join(os.path.dirname(sys.executable), "st"), "--config-file", config, "run", f"{url}/api/openapi.json", "--url", url,
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,hole",
        "--phases", "coverage,fuzzing", "--max-time", str(budget), "--continue-on-failure", "--request-timeout", "30",
        "--warnings", "off", "--no-color", "--generation-database", ":memory:",
        # Live updates do not end by themselves. The token in use would end with its deletion.
        "--exclude-path", "/api/events", "--exclude-path-regex", "^/api/tokens/",
    ]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "api_test_checks", "PYTHONPATH": folder, "API_TEST_CALLER": who}
    print(f"as {who}, {budget} seconds", flush=True)
    return subprocess.run(command, env=environment, check=False).returncode == 0


owner = account("Ada")
other = account("Eve", owner)
mine = things(owner)
passed = [ask("nobody", None, mine, seconds // 4), ask("other", other, mine, seconds // 4), ask("owner", owner, mine, seconds // 2)]
sys.exit(0 if all(passed) else 1)
