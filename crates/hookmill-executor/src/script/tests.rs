//! What scripts can do, and what stops them.

use super::*;

async fn run(code: &str) -> Result<Option<Value>, String> {
    run_with(code, "{}", Duration::from_millis(500)).await
}

async fn run_with(code: &str, context: &str, timeout: Duration) -> Result<Option<Value>, String> {
    let context = Value::from_json(context.as_bytes()).unwrap();
    match Scripts::new(2).run(code, &context, timeout).await.outcome {
        Outcome::Replied { status: 200, body, .. } => Ok(body),
        Outcome::NoReply { code, message, maybe_sent: false, retryable: false } if &*code == "InlineScriptFailed" => {
            Err(message.to_string())
        }
        other => panic!("{other:?}"),
    }
}

async fn returned(code: &str) -> String {
    run(code).await.unwrap().unwrap().to_json()
}

#[tokio::test]
async fn what_a_script_returns_is_the_body() {
    assert_eq!(returned("return {b: [1, 2.5, 'ü', null, true]}").await, "{\"b\":[1,2.5,\"ü\",null,true]}");
    assert_eq!(returned("return 'x' // and a comment").await, "\"x\"");
    assert_eq!(returned("return [3,1,2].sort().map(n => n ** 2)").await, "[1,4,9]");
    assert_eq!(returned("return 'a1b22'.match(/[0-9]+/g)").await, "[\"1\",\"22\"]");
    assert_eq!(returned("return (async () => { await null; return 7 })()").await, "7");
    assert_eq!(returned("return new Date(0)").await, "\"1970-01-01T00:00:00.000Z\"");
    assert_eq!(returned("x = 1; return x").await, "1");
    assert_eq!(run("let a = 1").await, Ok(None));
    assert_eq!(run("return null").await, Ok(Some(Value::Null)));
}

#[tokio::test]
async fn the_context_is_seen_and_cannot_be_changed() {
    let context = r#"{"trigger":{"outputs":{"body":{"n":[1,{"m":2}]}}},"actions":{"A":{"name":"A"}}}"#;
    let with = async |code: &str| run_with(code, context, Duration::from_millis(500)).await;
    let code = "const n = workflowContext.trigger.outputs.body.n; n[1].m = 3; delete n[1]; workflowContext = 1;
        return {n, name: workflowContext.actions.A.name}";
    assert_eq!(with(code).await.unwrap().unwrap().to_json(), "{\"n\":[1,{\"m\":2}],\"name\":\"A\"}");
    let told = with("'use strict';\nworkflowContext.trigger = 1").await.unwrap_err();
    assert!(told.starts_with("The script failed in line 2: TypeError"), "{told}");
}

#[tokio::test]
async fn there_is_no_world() {
    let code = "return ['require', 'process', 'fetch', 'XMLHttpRequest', 'std', 'os', 'console', 'print', 'load',
        'setTimeout', 'performance', 'Deno', 'navigator', 'WebAssembly'].filter(name => name in globalThis)";
    assert_eq!(returned(code).await, "[]");
    let told = run("return import('fs')").await.unwrap_err();
    assert!(told.starts_with("The script failed"), "{told}");
    let told = run("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)").await.unwrap_err();
    assert!(told.starts_with("The script failed"), "{told}");
}

#[tokio::test]
async fn what_went_wrong_names_the_line() {
    let told = run("let a;\nlet b;\nreturn a.b.c").await.unwrap_err();
    assert!(told.starts_with("The script failed in line 3: TypeError: "), "{told}");
    let told = run("function f() {\n  throw new RangeError('far')\n}\n\nf()").await.unwrap_err();
    assert_eq!(told, "The script failed in line 2: RangeError: far");
    let told = run("let a = 1\nlet b = = 2").await.unwrap_err();
    assert!(told.starts_with("The script failed in line 2: SyntaxError: "), "{told}");
    assert_eq!(run("throw {code: 5}").await.unwrap_err(), "The script failed: it threw {\"code\":5}");
    let told = run("return 10n").await.unwrap_err();
    assert!(told.contains("TypeError"), "{told}");
    let told = run("return new Promise(() => {})").await.unwrap_err();
    assert_eq!(told, "The script waits for something that never happens");
    let told = run("return Promise.reject(new Error('no'))").await.unwrap_err();
    assert!(told.contains("Error: no"), "{told}");
    let told = run("return '\\ud800'").await.unwrap_err();
    assert!(told.contains("cannot be kept as JSON"), "{told}");
}

#[tokio::test]
async fn endless_scripts_are_stopped() {
    for code in [
        "while (true) {}",
        "try { while (true) {} } catch (e) { return 1 } finally { return 2 }",
        "async function f() { for (;;) await null } return f()",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "return {toJSON() { for (;;); }}",
        "const p = new Proxy({}, {get() { for (;;); }}); return p.x",
    ] {
        let started = Instant::now();
        let told = run_with(code, "{}", Duration::from_millis(200)).await.unwrap_err();
        assert_eq!(told, "The script did not end within 0.2 s and was stopped", "{code}");
        assert!(started.elapsed() < Duration::from_secs(2), "{code}");
    }
}

#[tokio::test]
async fn greedy_scripts_are_stopped() {
    for code in [
        "let a = []; while (true) a.push(new Array(1000).fill('x'))",
        "let all = {}; for (let i = 0; ; i++) all['n' + i] = [i]",
        "new ArrayBuffer(1e9)",
        "return 'x'.repeat(64 * 1024 * 1024)",
        "const m = new Map(); for (let i = 0; ; i++) m.set(i, {i})",
    ] {
        let told = run_with(code, "{}", Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(told, "The script needs more than 32 MiB of memory", "{code}");
    }
}

#[tokio::test]
async fn deep_recursion_is_an_error_of_the_script() {
    for code in [
        "function f(n) { return 1 + f(n + 1) }\nreturn f(0)",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a];\nreturn a",
        "return eval('('.repeat(1e5))",
        "return JSON.parse('['.repeat(1e5))",
        "return new RegExp('('.repeat(1e5))",
    ] {
        let told = run_with(code, "{}", Duration::from_secs(10)).await.unwrap_err();
        assert!(told.starts_with("The script failed"), "{code}: {told}");
    }
    assert_eq!(returned("function f(n) { return n ? 1 + f(n - 1) : 0 }\nreturn f(5000)").await, "5000");
}

#[tokio::test]
async fn scripts_share_nothing_and_wait_for_a_place() {
    let scripts = Scripts::new(1);
    let none = Value::object::<&str, Value>([]);
    scripts.run("globalThis.left = 1; Array.prototype.map = null", &none, GRACE).await;
    let seen = scripts.run("return [typeof left, typeof [].map]", &none, GRACE).await;
    let Outcome::Replied { body: Some(body), .. } = seen.outcome else { panic!("{seen:?}") };
    assert_eq!(body.to_json(), "[\"undefined\",\"function\"]");
    let long = scripts.run("for (;;);", &none, Duration::from_millis(400));
    let short = scripts.run("return 1", &none, Duration::from_millis(100));
    let (_, short) = tokio::join!(long, short);
    let Outcome::NoReply { message, .. } = short.outcome else { panic!("{short:?}") };
    assert_eq!(&*message, "No place for the script became free within 0.1 s");
}
