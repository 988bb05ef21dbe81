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

/// Bounds of definitions and runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Actions of a definition. Microsoft allows 500.
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
    /// Items of a Foreach.
    pub foreach_items_max: usize,
    /// Rounds of an Until.
    pub until_count_max: u32,
    /// Elements of a splitOn.
    pub split_items_max: usize,
    /// Elements of Query, Select, Join and Table.
    pub data_items_max: usize,
    /// Bytes of one variable as JSON.
    pub variable_bytes_max: usize,
    /// How long a run may take.
    pub run_duration_max: Duration,
    /// How long one request may take.
    pub request_duration_max: Duration,
    /// Characters of tracked properties as JSON.
    pub tracked_chars_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            actions_max: 1_000,
            nesting_max: 8,
            cases_max: 25,
            variables_max: 250,
            parameters_max: 50,
            outputs_max: 10,
            name_chars_max: 80,
            foreach_items_max: 100_000,
            until_count_max: 5_000,
            split_items_max: 100_000,
            data_items_max: 100_000,
            variable_bytes_max: 104_857_600,
            run_duration_max: Duration::from_hours(90 * 24),
            request_duration_max: Duration::from_mins(2),
            tracked_chars_max: 16_000,
        }
    }
}
