//! Tests of timetables.

use super::*;

fn next_four(json: &str, enabled: &str) -> Vec<String> {
    let recurrence = Recurrence::new(&Value::from_json(json.as_bytes()).unwrap()).unwrap();
    let first = recurrence.first(enabled.parse().unwrap());
    let mut found = Vec::new();
    let mut at = first;
    while let (Some(first), Some(now)) = (first, at) {
        found.push(now.to_string().replace(".0000000Z", "Z"));
        if found.len() == 4 {
            break;
        }
        at = recurrence.next(first, now);
    }
    found
}

#[test]
fn intervals_without_a_schedule() {
    assert_eq!(
        next_four(r#"{"frequency":"Minute","interval":15}"#, "2026-03-05T14:07:00Z"),
        ["2026-03-05T14:07:00Z", "2026-03-05T14:22:00Z", "2026-03-05T14:37:00Z", "2026-03-05T14:52:00Z"]
    );
    assert_eq!(
        next_four(r#"{"frequency":"Day","interval":2,"startTime":"2026-03-01T09:00:00Z"}"#, "2026-03-05T14:07:00Z")
            [..2],
        ["2026-03-07T09:00:00Z", "2026-03-09T09:00:00Z"]
    );
}

#[test]
fn the_wall_clock_is_kept_over_daylight_saving() {
    let json = r#"{"frequency":"Day","interval":1,"schedule":{"hours":["9"],"minutes":[30]},"timeZone":"W. Europe Standard Time"}"#;
    assert_eq!(
        next_four(json, "2026-03-28T00:00:00Z")[..2],
        ["2026-03-28T08:30:00Z", "2026-03-29T07:30:00Z"],
        "the clocks go forward on 2026-03-29"
    );
    let gap =
        r#"{"frequency":"Day","interval":1,"startTime":"2026-03-28T02:30:00","timeZone":"W. Europe Standard Time"}"#;
    assert_eq!(next_four(gap, "2026-03-28T00:00:00Z")[1], "2026-03-29T01:30:00Z", "02:30 does not exist, 03:30 does");
}

#[test]
fn weeks_and_months() {
    let json = r#"{"frequency":"Week","interval":2,"schedule":{"weekDays":["Monday","Friday"],"hours":[8],"minutes":[0]},"startTime":"2026-03-02T00:00:00Z"}"#;
    assert_eq!(
        next_four(json, "2026-03-03T00:00:00Z"),
        ["2026-03-06T08:00:00Z", "2026-03-16T08:00:00Z", "2026-03-20T08:00:00Z", "2026-03-30T08:00:00Z"]
    );
    let last = r#"{"frequency":"Month","interval":1,"schedule":{"monthDays":[-1],"hours":[0],"minutes":[0]}}"#;
    assert_eq!(next_four(last, "2026-01-15T00:00:00Z")[..2], ["2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"]);
    let thirty_first = r#"{"frequency":"Month","interval":1,"schedule":{"monthDays":[31],"hours":[0],"minutes":[0]}}"#;
    assert_eq!(next_four(thirty_first, "2026-02-01T00:00:00Z")[..2], ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]);
    let nth = r#"{"frequency":"Month","interval":1,"schedule":{"monthlyOccurrences":[{"dayOfWeek":"Friday","occurrence":-1}],"hours":[12],"minutes":[0]}}"#;
    assert_eq!(next_four(nth, "2026-03-05T00:00:00Z")[..2], ["2026-03-27T12:00:00Z", "2026-04-24T12:00:00Z"]);
}

#[test]
fn faults_have_their_place() {
    let faults = Recurrence::new(
        &Value::from_json(br#"{"frequency":"Fortnight","interval":0,"timeZone":"Nowhere","schedule":{"hours":[25]}}"#)
            .unwrap(),
    );
    let places: Vec<String> = faults.unwrap_err().into_iter().map(|(pointer, _)| pointer.to_string()).collect();
    assert_eq!(places, ["/frequency", "/interval", "/timeZone", "/schedule/hours"]);
}
