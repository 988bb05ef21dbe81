//! Why a request cannot be planned, in words for the maker of the flow or of the connector.

use hookmill_model::{Pointer, Str};

/// Why a request cannot be planned. All are mended by the maker of the flow or of the connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A required parameter has no value.
    #[error("The parameter '{name}' of the operation '{operation}' is required.")]
    Missing {
        /// The operation.
        operation: Str,
        /// The key in `inputs.parameters`.
        name: String,
    },
    /// A value that cannot go where it must.
    #[error("The parameter '{name}' cannot be {what}.")]
    Unfit {
        /// The key in `inputs.parameters`.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// A text that is not of the declared type.
    #[error("The parameter '{name}' must be {kind}, but its value is \"{value}\".")]
    NotA {
        /// The key in `inputs.parameters`.
        name: String,
        /// `an integer`, `a number`, `true or false`.
        kind: &'static str,
        /// The beginning of the text.
        value: String,
    },
    /// Values that would change which resource a path names.
    #[error(
        "The value of '{name}' cannot be used in the path '{path}': a segment would be '.' or '..', which leads to another resource."
    )]
    Climbs {
        /// The names of the segment's parameters.
        name: String,
        /// The path of the operation.
        path: String,
    },
    /// A body that cannot be written in the content type that the operation takes.
    #[error("The body '{name}' is {what}, which cannot be sent as {content_type}. Give a text, or a content object.")]
    Type {
        /// The body's key.
        name: String,
        /// `object` or `array`.
        what: &'static str,
        /// What the operation takes.
        content_type: String,
    },
    /// A way of writing a parameter that is not supported.
    #[error("The parameter '{name}' is written in the style '{style}', which is not supported.")]
    Style {
        /// The parameter.
        name: String,
        /// The style in the file.
        style: String,
    },
    /// The operation needs something that does not run here, so nothing is sent.
    #[error("The operation '{operation}' cannot be used: {what}.")]
    Unsupported {
        /// The operation.
        operation: Str,
        /// What it needs.
        what: String,
    },
    /// A request by method and path that the connector does not describe, so nothing is sent: nobody could say which of
    /// its policies are for it.
    #[error("The connector '{connector}' has no operation {method} {path}, so nothing is sent.")]
    NoOperation {
        /// The connector.
        connector: Str,
        /// In capitals.
        method: String,
        /// Without its query.
        path: String,
    },
    /// A policy could not do its work.
    #[error("The policy \"{template}\" of the connector failed: {reason}.")]
    Policy {
        /// The template.
        template: String,
        /// What went wrong.
        reason: String,
    },
    /// A value that a policy needs is not there.
    #[error("The policy \"{template}\" of the connector needs a value for {what}, and there is none.")]
    NoValue {
        /// The template.
        template: String,
        /// The expression.
        what: String,
    },
    /// The flow names a host that the connection is not meant for.
    #[error(
        "The flow names the host {host} by {what}. Credentials go there only once the owner of the connection has confirmed this host."
    )]
    Host {
        /// The origin.
        host: String,
        /// The expression.
        what: String,
    },
    /// A webhook is to be created, and there is no place for the callback URL in the request.
    #[error(
        "The trigger '{operation}' has no place for the address that the service shall call, so its webhook would never call. Mark a parameter or a property with \"x-ms-notification-url\" in the connector, or write @listCallbackUrl() into the request."
    )]
    NoCallback {
        /// The operation.
        operation: Str,
    },
    /// A webhook that no request creates.
    #[error(
        "The webhook '{operation}' is not created by a request: enter the callback URL of the flow at the service."
    )]
    ByHand {
        /// The operation.
        operation: Str,
    },
    /// The connector does not say where its service is.
    #[error("The connector has no host; enter it in the connector's general information.")]
    NoHost,
    /// The address is not one.
    #[error("'{0}' is not an address.")]
    BadAddress(String),
}

impl PlanError {
    /// The place in the definition's `inputs`.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        match self {
            Self::Missing { name, .. }
            | Self::Unfit { name, .. }
            | Self::NotA { name, .. }
            | Self::Climbs { name, .. }
            | Self::Type { name, .. }
            | Self::Style { name, .. } => Pointer::root().child("parameters").child(name),
            _ => Pointer::root(),
        }
    }
}
