//! The commands for people: the README as printed, tables, folders that are made true, backups, the configuration file.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // Tests may stop at once, and say what they miss.

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{Answer, SETUP_TOKEN, Server, Service, hookmill, text};

/// A service with webhooks that wants the user and token of the README.
fn forge() -> Service {
    Service::start(|call, own| match call.method() {
        _ if call.header("authorization") != Some("Basic YWRhOnRva2VuLTE=") => {
            Answer::new("401 Unauthorized", &json!({"message": "Bad credentials"}))
        }
        "POST" => {
            Answer::new("201 Created", &json!({"id": 7})).with("Location", format!("http://{own}{}/7", call.path()))
        }
        "DELETE" => Answer::new("204 No Content", &Value::Null),
        _ => Answer::new("200 OK", &json!([])),
    })
}

/// The tutorial's file, for a service that runs here.
fn forge_file(folder: &Path, address: &str) {
    let file = support::forge_file(folder);
    let bytes = std::fs::read(file).unwrap();
    let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    let mut document: Value = serde_json::from_slice(bare).unwrap();
    document["host"] = json!(address);
    document["schemes"] = json!(["http"]);
    std::fs::write(folder.join("github.swagger.json"), document.to_string()).unwrap();
}

/// The shell commands below a heading, block by block, without the spaces of their list item.
fn blocks(page: &str, heading: &str) -> Vec<String> {
    let section = page.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let mut found = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "```sh" {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let block: Vec<&str> = lines
            .by_ref()
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        found.push(block.join("\n"));
    }
    found
}

#[test]
fn the_readme_does_as_printed() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let blocks = blocks(&page, "The first flow from a terminal");
    let (filled_in, rest) = blocks.split_first().unwrap();
    assert!(rest.len() >= 7, "{blocks:?}");
    // Whoever reads it fills in the first block; everything else is run as it stands.
    for name in ["HOOKMILL_URL", "HOOKMILL_SETUP_TOKEN", "PASSWORD", "GITHUB_USER", "GITHUB_TOKEN"] {
        assert!(filled_in.contains(name), "{filled_in}");
    }
    let folder = tempfile::tempdir().unwrap();
    let forge = forge();
    forge_file(folder.path(), &forge.address);
    let server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    let binaries = Path::new(support::BINARY).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let script = format!(
        "set -euo pipefail\nPASSWORD='a long password'\nGITHUB_USER=ada\nGITHUB_TOKEN=token-1\n{}",
        rest.join("\n")
    );
    let made = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("HOOKMILL_URL", format!("http://{}", server.address))
        .env("HOOKMILL_SETUP_TOKEN", SETUP_TOKEN)
        .output()
        .unwrap();
    let (shown, said) = (text(&made.stdout), text(&made.stderr));
    assert!(made.status.success(), "{shown}\n{said}\n{}", server.logged());
    assert!(shown.contains("create_webhook") && shown.contains("Succeeded"), "{shown}");
    let lines = forge.lines();
    let count = |method: &str| lines.iter().filter(|line| line.starts_with(method)).count();
    assert_eq!((count("POST"), count("DELETE")), (2, 2), "{lines:?}");
}

#[test]
fn a_folder_is_made_true_once() {
    let folder = tempfile::tempdir().unwrap();
    let forge = forge();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let wanted = folder.path().join("wanted");
    for part in ["connectors/forge", "connections", "flows"] {
        std::fs::create_dir_all(wanted.join(part)).unwrap();
    }
    forge_file(&wanted, &forge.address);
    std::fs::rename(wanted.join("github.swagger.json"), wanted.join("connectors/forge/apiDefinition.swagger.json"))
        .unwrap();
    let write = |path: &str, value: Value| std::fs::write(wanted.join(path), value.to_string()).unwrap();
    write("connectors/forge/settings.json", json!({"authentication": {"type": "basic"}}));
    write("connections/mine.json", json!({"connector": "forge", "username": "ada", "password_env": "FORGE_TOKEN"}));
    let flow = |repo: &str| {
        json!({"definition": {"triggers": support::trigger(repo), "actions": {"Say": {"type": "Compose", "inputs": 1}}},
            "connections": {"shared_forge": "mine"}})
    };
    write("flows/Pushes.json", flow("site"));
    let url = format!("http://{}", server.address);
    let apply = || {
        let environment =
            [("HOOKMILL_URL", url.as_str()), ("HOOKMILL_TOKEN", &server.token), ("FORGE_TOKEN", "token-1")];
        let made = hookmill(&["apply", wanted.to_str().unwrap()], &environment);
        assert!(made.status.success(), "{}{}", text(&made.stdout), text(&made.stderr));
        text(&made.stdout).lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(apply(), ["created", "created", "created"]);
    assert_eq!(apply(), ["unchanged", "unchanged", "unchanged"]);
    write("flows/Pushes.json", flow("docs"));
    assert_eq!(apply(), ["unchanged", "unchanged", "updated"]);
    write("connectors/forge/settings.json", json!({"authentication": {"type": "basic"}, "color": "#123456"}));
    assert_eq!(apply(), ["updated", "unchanged", "unchanged"]);
    assert_eq!(server.get("/api/flows")["items"].as_array().unwrap().len(), 1);
    let posts = forge.lines().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(posts, 2, "{:?}", forge.lines());
    // What cannot be done is said, and nothing is half done.
    write("connections/other.json", json!({"connector": "nobody"}));
    let refused = server.run(&["apply", wanted.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("no connector named \"nobody\""), "{}", text(&refused.stderr));
}

#[test]
fn lists_are_tables_for_people_and_lines_of_json_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let definition = json!({"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {"Say": {"type": "Compose", "inputs": 1}}});
    let flow = server.post("/api/flows", &json!({"name": "Mine", "definition": definition}));
    let id = flow["id"].as_str().unwrap();
    let listed = server.done(&["flow", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].contains("STATE") && lines[1].starts_with(id), "{listed}");
    assert_eq!(lines[0].find("STATE"), lines[1].find("on "), "columns are aligned: {listed}");
    let json: Value = serde_json::from_str(&server.done(&["flow", "list", "--json"])).unwrap();
    assert_eq!(json["id"], flow["id"]);
    let shown = server.done(&["flow", "show", id]);
    assert!(shown.contains("Flow") && shown.contains("callback URL") && !shown.contains('{'), "{shown}");
    let run = server.post(&format!("/api/flows/{id}/run"), &json!({}))["run"].as_str().unwrap().to_owned();
    let shown = support::eventually("the run", || {
        Some(server.done(&["run", "show", &run])).filter(|shown| shown.contains("Say") && shown.contains("Succeeded"))
    });
    assert!(shown.contains("Actions\nACTION"), "{shown}");
    assert_eq!(server.run(&["run", "list", "--status", "Fine"]).status.code(), Some(1));
    assert_eq!(server.run(&["run", "list", "--nonsense"]).status.code(), Some(2));
}

#[test]
fn a_backup_of_a_working_server_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let forge = forge();
    forge_file(folder.path(), &forge.address);
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let connector = server.done(&["connector", "import", &at("github.swagger.json"), "--authentication", "basic"]);
    let file = std::fs::read_to_string(at("github.swagger.json")).unwrap();
    let library = Service::start(move |_, _| Answer::new("200 OK", &serde_json::from_str(&file).unwrap()));
    let url = format!("http://{}/api.json", library.address);
    let fetched = server.done(&["connector", "import", "--from-url", &url, "--name", "Fetched"]);
    assert!(server.done(&["connector", "show", &fetched]).contains("Fetched"));
    let prebuilt = server.done(&["connector", "import", "--prebuilt", "github", "--host", &forge.address]);
    assert!(server.done(&["connector", "show", &prebuilt]).contains("WhenCommitsArePushed"));
    let form = json!({"connector_id": connector, "name": "mine", "username": "ada", "password": "token-1"});
    let connection = server.post("/api/connections", &form)["id"].as_str().unwrap().to_owned();
    let healthy = hookmill(&["doctor", "--data", &at("data")], &[]);
    assert!(healthy.status.success(), "{}", text(&healthy.stdout));
    let made = hookmill(&["backup", "--data", &at("data"), &at("copy")], &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert_eq!(
        hookmill(&["backup", "--data", &at("data"), &at("copy")], &[]).status.code(),
        Some(1),
        "never overwritten"
    );
    let token = server.token.clone();
    server.kill();
    assert_eq!(hookmill(&["restore", &at("copy"), "--data", &at("data")], &[]).status.code(), Some(1), "not empty");
    let back = hookmill(&["restore", &at("copy"), "--data", &at("new")], &[]);
    assert!(back.status.success(), "{}", text(&back.stderr));
    let mut server = Server::start(&folder.path().join("new"), "127.0.0.1:0", &[]);
    server.token.clone_from(&token);
    // The sealed credentials open: the service accepts them.
    let tested = server.post(&format!("/api/connections/{connection}/test"), &json!({}));
    assert_eq!(tested["health"], "ok", "{tested}");
    drop(server);
    // The database alone, as a browser keeps it: the key is put beside it by hand.
    let bare = hookmill(&["restore", &at("copy/hookmill.db"), "--data", &at("bare")], &[]);
    assert!(bare.status.success() && text(&bare.stderr).contains("master.key"), "{}", text(&bare.stderr));
    std::fs::copy(folder.path().join("copy/master.key"), folder.path().join("bare/master.key")).unwrap();
    let mut server = Server::start(&folder.path().join("bare"), "127.0.0.1:0", &[]);
    server.token = token;
    let tested = server.post(&format!("/api/connections/{connection}/test"), &json!({}));
    assert_eq!(tested["health"], "ok", "{tested}");
    drop(server);
    std::fs::write(
        folder.path().join("torn.db"),
        &std::fs::read(folder.path().join("copy/hookmill.db")).unwrap()[..9_000],
    )
    .unwrap();
    let torn = hookmill(&["restore", &at("torn.db"), "--data", &at("torn")], &[]);
    assert_eq!(torn.status.code(), Some(1), "{}", text(&torn.stdout));
    assert!(!folder.path().join("torn/hookmill.db").exists(), "what is not sound does not stay");
    std::fs::write(folder.path().join("new/master.key"), "x").unwrap();
    let sick = hookmill(&["doctor", "--data", &at("new"), "--json"], &[]);
    assert_eq!(sick.status.code(), Some(1));
    let checks: Value = serde_json::from_slice(&sick.stdout).unwrap();
    assert_eq!(
        (&checks["ok"], &checks["checks"][1]["ok"], &checks["checks"][2]["ok"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!(hookmill(&["doctor", "--data", &at("nowhere")], &[]).status.code(), Some(1));
}

#[test]
fn the_file_gives_defaults_and_flags_come_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hookmill.toml");
    std::fs::write(
        &file,
        "public_url = \"https://hooks.example.org\"\nbody_bytes_max = 100\nlisten = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let file = file.display().to_string();
    // `listen` is a flag of every test: it comes before the file, where nobody may listen.
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &["--config", &file]);
    server.set_up();
    assert_eq!(server.get("/api/about")["public_url"], "https://hooks.example.org");
    for (content, said) in [
        ("listn = \"x\"\n", "there is no setting \"listn\""),
        ("listen = [\n", "is not TOML"),
        ("listen = { port = 1 }\n", "is no text, number or list"),
    ] {
        std::fs::write(&file, content).unwrap();
        let refused = hookmill(&["serve", "--config", &file], &[]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(said), "{}", text(&refused.stderr));
    }
    let missing = hookmill(&["serve", "--config", "/nowhere/hookmill.toml"], &[]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn samples_teach_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let (first, second) = (write("1.json", r#"{"a":1,"b":"x"}"#), write("2.json", r#"{"a":2.5,"c":[true]}"#));
    let made = hookmill(&["connector", "schema", &first, &second], &[]);
    let schema: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!((&schema["properties"]["a"]["type"], &schema["required"]), (&json!("number"), &json!(["a"])));
    let curl =
        write("curl.txt", "curl -X POST 'https://forge.test/repos/{owner}/hooks?page=1' -d '{\"name\":\"web\"}'");
    let made = hookmill(&["connector", "sample", "--curl", &curl], &[]);
    let form: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(form["form"]["path"], "/repos/{owner}/hooks");
    assert_eq!(form["form"]["parameters"].as_array().unwrap().len(), 3);
    let wrong = hookmill(&["connector", "sample", "--url", "/a/{b"], &[]);
    assert_eq!(wrong.status.code(), Some(1));
}

#[test]
fn a_server_that_cannot_start_says_why_and_leaves_things_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let first = Server::start(&at("data"), "127.0.0.1:0", &[]);
    let refused = |data: &Path, listen: &str| {
        let made = hookmill(&["serve", "--data", data.to_str().unwrap(), "--listen", listen], &[]);
        let said = text(&made.stderr);
        assert_eq!(made.status.code(), Some(1), "{said}");
        assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
        said
    };
    let said = refused(&at("other"), &first.address);
    assert!(said.contains("cannot listen on") && said.contains("--listen"), "{said}");
    assert!(!at("other").exists(), "nothing is made for a server that does not start");
    let said = refused(&at("data"), "127.0.0.1:0");
    assert!(said.contains("hint: ") && said.contains(at("data").to_str().unwrap()), "{said}");
    std::fs::write(at("file"), "").unwrap();
    let said = refused(&at("file/data"), "127.0.0.1:0");
    assert!(said.contains("data folder"), "{said}");
    std::fs::create_dir(at("sealed")).unwrap();
    let read_only = std::os::unix::fs::PermissionsExt::from_mode(0o555);
    std::fs::set_permissions(at("sealed"), read_only).unwrap();
    if std::fs::write(at("sealed/probe"), "").is_ok() {
        println!("this user may write everywhere: the read-only folder was not tried");
    } else {
        let said = refused(&at("sealed"), "127.0.0.1:0");
        assert!(said.contains("cannot be written"), "{said}");
    }
    // The first server goes on.
    assert_eq!(support::http(&first.address, "GET", "/health/ready", &[], b"").status(), 200);
}

#[test]
fn connections_sign_in_or_prove_themselves() {
    let service = Service::start(|call, _| match call.path() {
        "/token" => Answer::new("200 OK", &json!({"access_token": "token-of-the-client", "expires_in": 3600})),
        _ => Answer::new("404 Not Found", &Value::Null),
    });
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let file = folder.path().join("api.json");
    let document =
        json!({"swagger": "2.0", "info": {"title": "Notes", "version": "1"}, "host": service.address, "paths": {}});
    std::fs::write(&file, document.to_string()).unwrap();
    let connector = |grant: &str| {
        let own = format!("http://{}", service.address);
        let authentication = json!({"type": "oauth2", "grant": grant, "client_id": "client-1",
            "authorization_url": format!("{own}/authorize"), "token_url": format!("{own}/token")});
        let arguments = [
            "connector",
            "import",
            file.to_str().unwrap(),
            "--name",
            grant,
            "--client-secret",
            "canary",
            "--authentication",
        ];
        server.done(&[&arguments[..], &[&authentication.to_string()]].concat()).trim().to_owned()
    };
    let (person, client) = (connector("authorization_code"), connector("client_credentials"));

    let made = server.run(&["connection", "create", "--connector", &person, "--name", "mine"]);
    let (id, told) = (text(&made.stdout).trim().to_owned(), text(&made.stderr));
    assert!(id.starts_with("cnx_") && !id.contains('\n'), "the identifier alone: {id}");
    let begins = format!("http://{}/authorize?response_type=code&client_id=client-1", service.address);
    assert!(told.contains(&begins), "{told}");
    let again = server.done(&["connection", "sign-in", &id]);
    assert!(again.starts_with(&begins) && !told.contains(again.trim()), "a new state each time: {again}");
    assert_eq!(server.get(&format!("/api/connections/{id}"))["needs_sign_in"], json!(true));

    let id = server.done(&["connection", "create", "--connector", &client, "--name", "machine"]);
    assert_eq!(server.get(&format!("/api/connections/{}", id.trim()))["health"], json!("ok"));
    assert!(service.last("POST").header("content-type").unwrap().contains("form"));
    let wrong = server.run(&["connection", "sign-in", id.trim()]);
    assert!(!wrong.status.success() && text(&wrong.stderr).contains("do not sign in"), "{}", text(&wrong.stderr));
}

#[test]
fn a_file_that_an_import_refuses_is_not_fine_to_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd.json");
    let operation = json!({"operationId": "a", "parameters": [{"$ref": "#/nowhere"}], "responses": {}});
    let document =
        json!({"swagger": "2.0", "info": {"title": "X", "version": "1"}, "paths": {"/a": {"get": operation}}});
    std::fs::write(&file, document.to_string()).unwrap();
    let checked = hookmill(&["connector", "check", &file.display().to_string()], &[]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stdout).contains("reference_dangling"), "{}", text(&checked.stdout));
}

#[test]
fn of_a_file_that_is_too_long_for_a_connector_little_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.json");
    std::fs::File::create(&path).unwrap().set_len(4 * 1024 * 1024 * 1024).unwrap();
    let path = path.display().to_string();
    for command in [&["connector", "check", &path][..], &["connector", "request", &path, "--operation", "o"]] {
        let refused = hookmill(command, &[]);
        let said = format!("{}{}", text(&refused.stdout), text(&refused.stderr));
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("has more than 20 MiB"), "{said}");
    }
}
