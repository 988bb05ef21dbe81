//! What was measured, from the form of Prometheus to that of OTLP: counters and buckets count from the start of the
//! process on.

use std::collections::BTreeMap;

use hookmill_model::Timestamp;
use serde_json::{Value, json};

use super::{attribute, nanos, scope};

/// Counts from the beginning on, as OTLP numbers it.
const CUMULATIVE: u8 = 2;

type Labels = Vec<(String, String)>;

/// A measure with what each set of labels has.
#[derive(Default)]
struct Measure {
    help: String,
    kind: String,
    numbers: Vec<(Labels, f64)>,
    spreads: BTreeMap<Labels, Spread>,
}

/// A histogram.
#[derive(Default)]
struct Spread {
    /// Upper bounds, with how many were at most so large.
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

/// The body of a request with all that `text` holds.
pub fn request(resource: &Value, text: &str, begun: Timestamp, now: Timestamp) -> Value {
    let times = Times { begun: nanos(begun), now: nanos(now) };
    let metrics: Vec<_> = read(text).iter().filter_map(|(name, measure)| times.written(name, measure)).collect();
    json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"scope": scope(), "metrics": metrics}]}]})
}

/// The measures of a text, by name.
fn read(text: &str) -> BTreeMap<String, Measure> {
    let mut measures: BTreeMap<String, Measure> = BTreeMap::new();
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# ") {
            let mut parts = told.splitn(3, ' ');
            if let (Some(what), Some(name), Some(told)) = (parts.next(), parts.next(), parts.next()) {
                let measure = measures.entry(name.to_owned()).or_default();
                match what {
                    "HELP" => told.clone_into(&mut measure.help),
                    "TYPE" => told.clone_into(&mut measure.kind),
                    _ => {}
                }
            }
        } else if let Some((name, labels, value)) = series(line) {
            take(&mut measures, name, labels, value);
        }
    }
    measures
}

fn take(measures: &mut BTreeMap<String, Measure>, name: &str, mut labels: Labels, value: f64) {
    for part in ["_bucket", "_sum", "_count"] {
        let Some(base) = name.strip_suffix(part) else { continue };
        let Some(measure) = measures.get_mut(base).filter(|measure| measure.kind == "histogram") else { continue };
        let bound = labels.iter().position(|(key, _)| key == "le").map(|at| labels.remove(at).1);
        let spread = measure.spreads.entry(labels).or_default();
        match (part, bound.and_then(|bound| bound.parse::<f64>().ok())) {
            ("_bucket", Some(bound)) if bound.is_finite() => spread.buckets.push((bound, value)),
            ("_sum", _) => spread.sum = value,
            ("_count", _) => spread.count = value,
            _ => {}
        }
        return;
    }
    if let Some(measure) = measures.get_mut(name) {
        measure.numbers.push((labels, value));
    }
}

/// Name, labels and value of a line such as `name{key="value"} 1`.
fn series(line: &str) -> Option<(&str, Labels, f64)> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (key, quoted) = rest.trim_start_matches(',').split_once("=\"")?;
            let (value, left) = unquoted(quoted)?;
            labels.push((key.to_owned(), value));
            rest = left;
        }
        rest = &rest[1..];
    }
    Some((name, labels, rest.trim().parse().ok()?))
}

/// A value up to its closing quote, and what is behind it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// When the process began, and now.
struct Times {
    begun: String,
    now: String,
}

impl Times {
    fn written(&self, name: &str, measure: &Measure) -> Option<Value> {
        let mut written = json!({"name": name, "description": measure.help, "unit": unit(name)});
        match measure.kind.as_str() {
            "counter" if !measure.numbers.is_empty() => {
                written["sum"] = json!({"dataPoints": self.points(measure), "isMonotonic": true,
                    "aggregationTemporality": CUMULATIVE});
            }
            "gauge" if !measure.numbers.is_empty() => written["gauge"] = json!({"dataPoints": self.points(measure)}),
            "histogram" if !measure.spreads.is_empty() => {
                let points: Vec<_> =
                    measure.spreads.iter().map(|(labels, spread)| self.spread(labels, spread)).collect();
                written["histogram"] = json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE});
            }
            _ => return None,
        }
        Some(written)
    }

    fn points(&self, measure: &Measure) -> Vec<Value> {
        let point = |(labels, value): &(Labels, f64)| {
            json!({"attributes": attributes(labels), "startTimeUnixNano": self.begun, "timeUnixNano": self.now,
                "asDouble": value})
        };
        measure.numbers.iter().map(point).collect()
    }

    fn spread(&self, labels: &Labels, spread: &Spread) -> Value {
        let mut before = 0.0;
        let mut own: Vec<String> = Vec::new();
        for up_to in spread.buckets.iter().map(|(_, up_to)| *up_to).chain([spread.count]) {
            own.push(whole(up_to - before));
            before = up_to;
        }
        let bounds: Vec<f64> = spread.buckets.iter().map(|(bound, _)| *bound).collect();
        json!({"attributes": attributes(labels), "startTimeUnixNano": self.begun, "timeUnixNano": self.now,
            "count": whole(spread.count), "sum": spread.sum, "bucketCounts": own, "explicitBounds": bounds})
    }
}

/// A number of things, as OTLP writes it in JSON.
fn whole(number: f64) -> String {
    format!("{:.0}", number.max(0.0))
}

fn attributes(labels: &Labels) -> Vec<Value> {
    labels.iter().map(|(key, value)| attribute(key, value)).collect()
}

/// The unit that the name ends with, as UCUM writes it.
fn unit(name: &str) -> &'static str {
    match name.trim_end_matches("_total").rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn counters_gauges_and_buckets_keep_their_numbers() {
        let text = "# HELP events_total Events, by what became of them.\n# TYPE events_total counter\n\
                    events_total{result=\"a\\\"b,}\",kind=\"x\"} 7\n\n# TYPE disk_bytes gauge\ndisk_bytes 1.5e3\n\n\
                    # TYPE took_seconds histogram\ntook_seconds_bucket{host=\"h\",le=\"0.1\"} 2\n\
                    took_seconds_bucket{host=\"h\",le=\"1\"} 5\ntook_seconds_bucket{host=\"h\",le=\"+Inf\"} 6\n\
                    took_seconds_sum{host=\"h\"} 9.25\ntook_seconds_count{host=\"h\"} 6\n# TYPE none_total counter\n";
        let at = Timestamp::from_micros;
        let body = request(&json!({}), text, at(1), at(2));
        let metrics = body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
        let names: Vec<_> =
            metrics.iter().map(|one| (one["name"].as_str().unwrap(), one["unit"].as_str().unwrap())).collect();
        assert_eq!(names, [("disk_bytes", "By"), ("events_total", "1"), ("took_seconds", "s")]);
        assert_eq!(metrics[0]["gauge"]["dataPoints"][0]["asDouble"], json!(1_500.0));
        let counter = &metrics[1]["sum"];
        assert_eq!(counter["dataPoints"][0]["attributes"][0], attribute("result", "a\"b,}"));
        assert_eq!((&counter["isMonotonic"], &counter["dataPoints"][0]["asDouble"]), (&json!(true), &json!(7.0)));
        let spread = &metrics[2]["histogram"]["dataPoints"][0];
        assert_eq!(spread["bucketCounts"], json!(["2", "3", "1"]));
        assert_eq!((&spread["explicitBounds"], &spread["count"]), (&json!([0.1, 1.0]), &json!("6")));
        assert_eq!((&spread["sum"], &spread["timeUnixNano"]), (&json!(9.25), &json!("2000")));
        assert_eq!(spread["attributes"], json!([attribute("host", "h")]));
    }
}
