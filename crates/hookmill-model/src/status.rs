//! What runs, action runs, flows and subscriptions can be. The texts are those of the definition language and the API.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// All of them, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text in definitions, in the API and in the store.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|one| one.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
                    format!("\"{}\" is not one of {}", text.chars().take(64).collect::<String>(), known.join(", "))
                })
            }
        }
    )*};
}

statuses! {
    /// The status of a run.
    RunStatus {
        /// Accepted, not begun: it waits for a place under the trigger's concurrency limit.
        Waiting = "Waiting",
        /// Under way.
        Running = "Running",
        /// Ended without a failure, or every failure was handled.
        Succeeded = "Succeeded",
        /// Ended by a failure that no later action handled.
        Failed = "Failed",
        /// Ended by a person or by *Terminate*.
        Cancelled = "Cancelled",
        /// Ended by its time limit.
        TimedOut = "TimedOut",
        /// Not begun: its trigger condition was false, or it was one too many.
        Skipped = "Skipped",
        /// Set aside: its journal and its plan contradict each other, so nothing more is done with it.
        Faulted = "Faulted",
    }
    /// The status of one action in one run.
    ActionStatus {
        /// Its `runAfter` is not decided.
        Pending = "Pending",
        /// Started, not ended.
        Running = "Running",
        /// Waiting for a call-back or for time to pass.
        Waiting = "Waiting",
        /// Ended without an error.
        Succeeded = "Succeeded",
        /// Ended with an error.
        Failed = "Failed",
        /// Not run, since its `runAfter` does not hold.
        Skipped = "Skipped",
        /// Stopped by its time limit.
        TimedOut = "TimedOut",
        /// Stopped by a person, or by *Terminate*.
        Cancelled = "Cancelled",
    }
    /// What a run records.
    RunKind {
        /// A run of the flow's definition.
        Flow = "flow",
        /// The creation of the trigger's webhook at the service.
        CreateWebhook = "create_webhook",
        /// The deletion of the trigger's webhook at the service.
        DeleteWebhook = "delete_webhook",
    }
    /// Whether a flow reacts to its trigger.
    FlowState {
        /// Saved with faults that stop it from running.
        Draft = "draft",
        /// Its trigger starts runs.
        On = "on",
        /// Its trigger starts nothing.
        Off = "off",
    }
    /// The life of one generation of a webhook.
    SubscriptionState {
        /// No request for its creation was sent yet.
        Absent = "absent",
        /// Its creation was asked for, and the answer is not known yet.
        Creating = "creating",
        /// It exists at the service.
        Live = "live",
        /// Its deletion was asked for, and the answer is not known yet.
        Deleting = "deleting",
        /// It does not exist at the service any more.
        Gone = "gone",
        /// The service refused to create it.
        Failed = "failed",
    }
}

impl RunStatus {
    /// Whether nothing more will happen in the run.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

impl ActionStatus {
    /// Whether nothing more will happen in the action.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Waiting)
    }
}
