//! How long parsing and evaluation take. `cargo bench -p hookmill-expression`
#![allow(clippy::unwrap_used)] // A benchmark may stop at once.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hookmill_expression::{Limits, Template, case};
use hookmill_model::{Timestamp, Value};

fn payload(padding: usize) -> Value {
    let text = format!(
        r#"{{"triggerOutputs":{{"body":{{"padding":"{}","repository":{{"name":"mill"}},"pusher":{{"name":"ada"}},
        "ref":"refs/heads/main","head_commit":{{"message":"m","timestamp":"2026-03-05T14:07:09Z"}}}}}},
        "variables":{{"a":{:?},"b":{:?},"c":[{}],"d":[{}]}}}}"#,
        "x".repeat(padding),
        (0..1_000).collect::<Vec<i32>>(),
        (500..1_500).collect::<Vec<i32>>(),
        objects(0..1_000),
        objects(500..1_500),
    );
    Value::from_json(text.as_bytes()).unwrap()
}

fn objects(numbers: std::ops::Range<i32>) -> String {
    numbers.map(|n| format!(r#"{{"id":{n},"name":"n{n}","tags":["a","b"]}}"#)).collect::<Vec<_>>().join(",")
}

fn benchmarks(criterion: &mut Criterion) {
    let small = payload(1_000);
    let large = payload(1_000_000);
    let interpolation = "@{triggerBody()?['pusher']?['name']} pushed @{triggerBody()?['head_commit']?['message']} to \
         @{triggerBody()?['repository']?['name']} (@{triggerBody()?['ref']}) at @{triggerBody()?['head_commit']?['timestamp']}";
    criterion.bench_function("parse five tokens", |b| b.iter(|| Template::parse(black_box(interpolation)).unwrap()));
    let mut evaluate = |name: &str, text: &str, context: &Value| {
        let template = Template::parse(text).unwrap();
        let scope = case::Context::new(context, Timestamp::default(), 1, Limits::default());
        criterion.bench_function(name, |b| b.iter(|| black_box(&template).evaluate(&scope).unwrap()));
    };
    let reads = "@triggerBody()?['head_commit']?['message']";
    evaluate("two property reads, 1 KB body", reads, &small);
    evaluate("two property reads, 1 MB body", reads, &large);
    evaluate("interpolation of five tokens", interpolation, &small);
    evaluate(
        "a date conversion",
        "@convertFromUtc(triggerBody()?['head_commit']?['timestamp'], 'W. Europe Standard Time', 'dd.MM.yyyy HH:mm')",
        &small,
    );
    evaluate("union of two 1,000-element arrays", "@union(variables('a'), variables('b'))", &small);
    evaluate("union of two arrays of 1,000 objects", "@union(variables('c'), variables('d'))", &small);
}

criterion_group!(group, benchmarks);
criterion_main!(group);
