//! Timetables while they are written. Their beginning lies far ahead, so that the clock of the machine does not matter.

use serde_json::{Value, json};

use crate::world::owned_world;

#[tokio::test(flavor = "multi_thread")]
async fn a_timetable_tells_its_next_times() {
    let (world, owner) = owned_world().await;
    let cases = [
        (
            json!({"frequency": "Month", "interval": 1, "startTime": "2044-03-01T00:00:00", "timeZone": "W. Europe Standard Time",
                "schedule": {"monthDays": [-1], "hours": [9], "minutes": [30]}}),
            // Summer time begins at the end of March.
            vec![
                "2044-03-31T07:30:00Z",
                "2044-04-30T07:30:00Z",
                "2044-05-31T07:30:00Z",
                "2044-06-30T07:30:00Z",
                "2044-07-31T07:30:00Z",
            ],
        ),
        (
            json!({"frequency": "Day", "interval": 2, "startTime": "2044-03-01T08:00:00Z", "count": 2}),
            vec!["2044-03-01T08:00:00Z", "2044-03-03T08:00:00Z"],
        ),
        (json!({"frequency": "Hour", "interval": 1, "endTime": "2001-01-01T00:00:00Z"}), vec![]),
    ];
    for (recurrence, times) in cases {
        let answer = world.post(&owner, "/api/authoring/next-times", json!({ "recurrence": recurrence })).await;
        let told: Vec<String> = answer.expect(200)["times"]
            .as_array()
            .unwrap()
            .iter()
            .map(|time| time.as_str().unwrap().replace(".0000000Z", "Z"))
            .collect();
        assert_eq!(told, times, "{recurrence}");
        assert_eq!(answer.json["diagnostics"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_timetable_is_told_with_its_place() {
    let (world, owner) = owned_world().await;
    let recurrence =
        json!({"frequency": "Week", "interval": 0, "timeZone": "Atlantis", "schedule": {"weekDays": ["Someday"]}});
    let answer = world.post(&owner, "/api/authoring/next-times", json!({ "recurrence": recurrence })).await;
    assert_eq!(answer.expect(200)["times"], json!([]));
    let places: Vec<&str> =
        answer.json["diagnostics"].as_array().unwrap().iter().map(|one| one["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/interval", "/timeZone", "/schedule/weekDays"]);
    for nonsense in [json!({"recurrence": null}), json!({"recurrence": "daily"}), json!({"recurrence": []})] {
        let answer = world.post(&owner, "/api/authoring/next-times", nonsense).await;
        assert_eq!(answer.expect(200)["diagnostics"][0]["code"], "recurrence_invalid");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn time_zones_are_listed_by_the_names_that_definitions_use() {
    let (world, owner) = owned_world().await;
    let answer = world.get(&owner, "/api/authoring/time-zones").await;
    let zones = answer.expect(200)["items"].as_array().unwrap();
    let berlin = zones.iter().find(|zone| zone["iana"] == "Europe/Berlin").unwrap();
    assert_eq!(berlin["id"], "W. Europe Standard Time");
    let known = |id: &Value| json!({"recurrence": {"frequency": "Day", "interval": 1, "startTime": "2044-01-01T00:00:00", "timeZone": id}});
    for zone in zones {
        let answer = world.post(&owner, "/api/authoring/next-times", known(&zone["id"])).await;
        assert_eq!(answer.expect(200)["diagnostics"], json!([]), "{zone}");
    }
}
