//! The bounds of definitions and runs, with Microsoft's defaults, and the profile that chooses other defaults.

use std::time::Duration;

/// Which product a definition was written for; it only changes defaults, never the meaning of what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Azure Logic Apps: bare definitions and resources.
    #[default]
    LogicApps,
    /// Power Automate: exported packages and solutions.
    PowerAutomate,
}

impl Profile {
    /// The word in the store and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LogicApps => "la",
            Self::PowerAutomate => "pa",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.eq_ignore_ascii_case("pa") { Self::PowerAutomate } else { Self::LogicApps }
    }
}

/// How often a retry policy may send again.
pub const RETRY_COUNTS: std::ops::RangeInclusive<i64> = 1..=90;
/// How long a retry policy may wait in between.
pub const RETRY_INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_hours(24);

/// Bounds of definitions and runs. A configuration names those that differ from the defaults, which are Microsoft's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a definition as JSON, the values of its parameters included.
    pub definition_bytes_max: usize,
    /// Triggers of a definition.
    pub triggers_max: usize,
    /// Actions of a definition.
    pub actions_max: usize,
    /// How deep containers nest.
    pub nesting_max: usize,
    /// Cases of a Switch.
    pub cases_max: usize,
    /// Variables of a definition.
    pub variables_max: usize,
    /// Parameters of a definition.
    pub parameters_max: usize,
    /// Outputs of a definition.
    pub outputs_max: usize,
    /// Characters of a name.
    pub name_chars_max: usize,
    /// Characters of a description.
    pub description_chars_max: usize,
    /// Items of a Foreach.
    pub foreach_items_max: usize,
    /// Iterations of a Foreach at a time.
    pub foreach_concurrency_max: u32,
    /// Rounds of an Until.
    pub until_count_max: u32,
    /// Elements of a splitOn.
    pub split_items_max: usize,
    /// Elements of a splitOn where the runs of the trigger are limited.
    pub split_items_limited_max: usize,
    /// Elements of Query, Select, Join and Table.
    pub data_items_max: usize,
    /// Bytes that the expressions for all elements of one data operation read and make together. It bounds the time.
    pub data_work_max: usize,
    /// Bytes of one variable as JSON.
    pub variable_bytes_max: usize,
    /// Bytes of the outputs of one action as JSON.
    pub payload_bytes_max: usize,
    /// Bytes of memory that all values of a run may take together.
    pub run_bytes_max: usize,
    /// How long a run may take.
    #[serde(rename = "run_duration_max_s", deserialize_with = "seconds")]
    pub run_duration_max: Duration,
    /// How long one request may take.
    #[serde(rename = "request_duration_max_s", deserialize_with = "seconds")]
    pub request_duration_max: Duration,
    /// Characters of tracked properties as JSON.
    pub tracked_chars_max: usize,
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    <u64 as serde::Deserialize>::deserialize(deserializer).map(Duration::from_secs)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            definition_bytes_max: 5 * 1_024 * 1_024,
            triggers_max: 10,
            actions_max: 500,
            nesting_max: 8,
            cases_max: 25,
            variables_max: 250,
            parameters_max: 50,
            outputs_max: 10,
            name_chars_max: 80,
            description_chars_max: 256,
            foreach_items_max: 100_000,
            foreach_concurrency_max: 50,
            until_count_max: 5_000,
            split_items_max: 100_000,
            split_items_limited_max: 100,
            data_items_max: 100_000,
            data_work_max: 2_000_000_000,
            variable_bytes_max: 104_857_600,
            payload_bytes_max: 104_857_600,
            run_bytes_max: 64 * 1_024 * 1_024,
            run_duration_max: Duration::from_hours(90 * 24),
            request_duration_max: Duration::from_mins(2),
            tracked_chars_max: 16_000,
        }
    }
}
