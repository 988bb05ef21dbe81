//! The rows of triggers and actions.

use super::{Branch, Field, FieldKind, Kind, StepType};

/// Methods of HTTP calls.
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"];
/// Units of delays and of `interval` beside a time.
pub(super) const DELAY_UNITS: &[&str] = &["Second", "Minute", "Hour", "Day", "Week", "Month"];
const TIME_UNITS: &[&str] = &["Second", "Minute", "Hour", "Day", "Week", "Month", "Year"];

const fn optional(path: &'static str, kind: FieldKind) -> Field {
    Field { path, kind, required: false, options: &[] }
}

const fn required(path: &'static str, kind: FieldKind) -> Field {
    Field { path, kind, required: true, options: &[] }
}

const fn one_of(path: &'static str, required: bool, options: &'static [&'static str]) -> Field {
    Field { path, kind: FieldKind::Select, required, options }
}

const fn step(name: &'static str, fields: &'static [Field]) -> StepType {
    StepType { name, aliases: &[], fields, branches: &[], options: &[], settings: STEP_SETTINGS, kinds: &[] }
}

/// Settings of every action.
const STEP_SETTINGS: &[&str] = &["secureData", "staticResult"];
const CALL_SETTINGS: &[&str] = &["secureData", "staticResult", "paginationPolicy", "contentTransfer"];
const PAGED_SETTINGS: &[&str] = &["secureData", "staticResult", "paginationPolicy"];
const CALL_OPTIONS: &[&str] = &["DisableAsyncPattern", "SuppressWorkflowHeaders"];

const HTTP: &[Field] = &[
    one_of("inputs/method", true, METHODS),
    required("inputs/uri", FieldKind::Address),
    optional("inputs/headers", FieldKind::Map),
    optional("inputs/queries", FieldKind::Map),
    optional("inputs/body", FieldKind::Value),
    optional("inputs/cookie", FieldKind::Text),
    optional("inputs/authentication", FieldKind::Authentication),
    optional("inputs/retryPolicy", FieldKind::RetryPolicy),
    optional("inputs/requestOptions", FieldKind::Map),
];
const BY_ID: &[Field] = &[
    required("inputs/host", FieldKind::Host),
    optional("inputs/parameters", FieldKind::Map),
    optional("inputs/authentication", FieldKind::Authentication),
    optional("inputs/retryPolicy", FieldKind::RetryPolicy),
    optional("inputs/schema", FieldKind::Schema),
    optional("inputs/headersSchema", FieldKind::Schema),
];
const BY_PATH: &[Field] = &[
    required("inputs/host", FieldKind::Host),
    optional("inputs/method", FieldKind::Text),
    optional("inputs/path", FieldKind::Text),
    optional("inputs/queries", FieldKind::Map),
    optional("inputs/headers", FieldKind::Map),
    optional("inputs/body", FieldKind::Value),
    optional("inputs/parameters", FieldKind::Map),
    optional("inputs/authentication", FieldKind::Authentication),
    optional("inputs/retryPolicy", FieldKind::RetryPolicy),
    optional("inputs/schema", FieldKind::Schema),
    optional("inputs/headersSchema", FieldKind::Schema),
];
const WEBHOOK: &[Field] = &[
    required("inputs/subscribe", FieldKind::Request),
    one_of("inputs/subscribe/method", false, METHODS),
    optional("inputs/subscribe/uri", FieldKind::Address),
    optional("inputs/unsubscribe", FieldKind::Request),
    one_of("inputs/unsubscribe/method", false, METHODS),
    optional("inputs/unsubscribe/uri", FieldKind::Address),
];
const CHANGE: &[Field] =
    &[required("inputs/name", FieldKind::Variable), required("inputs/value", FieldKind::VariableValue)];
const STEP: &[Field] =
    &[required("inputs/name", FieldKind::Variable), optional("inputs/value", FieldKind::VariableValue)];
const BODY: &[Branch] = &[Branch { kind: "body", path: "actions" }];

/// The triggers that the engine runs.
pub const TRIGGERS: &[StepType] = &[
    StepType {
        aliases: &["Manual"],
        options: &[
            "EnableSchemaValidation",
            "IncludeAuthorizationHeadersInOutputs",
            "SuppressWorkflowHeadersOnResponse",
        ],
        settings: TRIGGER_SETTINGS,
        ..step(
            "Request",
            &[
                optional("inputs/schema", FieldKind::Schema),
                one_of("inputs/method", false, METHODS),
                optional("inputs/relativePath", FieldKind::Text),
                optional("inputs/headersSchema", FieldKind::Schema),
                optional("inputs/host", FieldKind::Host),
                optional("inputs/operationId", FieldKind::Text),
                optional("inputs/parameters", FieldKind::Map),
                optional("inputs/triggerAuthenticationType", FieldKind::Text),
            ],
        )
    },
    StepType {
        options: &["SingleInstance"],
        settings: TRIGGER_SETTINGS,
        ..step("Recurrence", &[required("recurrence", FieldKind::Recurrence)])
    },
    StepType {
        options: &["SingleInstance"],
        settings: TRIGGER_SETTINGS,
        ..step(
            "SlidingWindow",
            &[required("recurrence", FieldKind::Recurrence), optional("inputs/delay", FieldKind::Duration)],
        )
    },
    StepType {
        options: &["SingleInstance"],
        settings: TRIGGER_SETTINGS,
        ..step(
            "Http",
            &[
                one_of("inputs/method", true, METHODS),
                required("inputs/uri", FieldKind::Address),
                optional("inputs/headers", FieldKind::Map),
                optional("inputs/queries", FieldKind::Map),
                optional("inputs/body", FieldKind::Value),
                optional("inputs/cookie", FieldKind::Text),
                optional("inputs/authentication", FieldKind::Authentication),
                optional("inputs/retryPolicy", FieldKind::RetryPolicy),
                optional("inputs/requestOptions", FieldKind::Map),
                required("recurrence", FieldKind::Recurrence),
            ],
        )
    },
    StepType { options: &["SingleInstance"], settings: TRIGGER_SETTINGS, ..step("ApiConnection", BY_PATH) },
    StepType { options: &["SingleInstance"], settings: TRIGGER_SETTINGS, ..step("OpenApiConnection", BY_ID) },
    StepType {
        options: &["IncludeAuthorizationHeadersInOutputs"],
        settings: TRIGGER_SETTINGS,
        ..step("HttpWebhook", WEBHOOK)
    },
    StepType { settings: TRIGGER_SETTINGS, ..step("ApiConnectionWebhook", BY_PATH) },
    StepType { settings: TRIGGER_SETTINGS, ..step("OpenApiConnectionWebhook", BY_ID) },
];

const TRIGGER_SETTINGS: &[&str] = &["concurrency", "secureData"];

/// Types of triggers of other products: a flow with one can be kept as a draft.
pub const KEPT_TRIGGERS: &[&str] = &[
    "Batch",
    "ServiceProvider",
    "ApiManagement",
    "ApiConnectionNotification",
    "OpenApiConnectionNotification",
    "Eventgrid",
];

/// The actions that the engine runs, in the order in which a designer offers them.
pub const ACTIONS: &[StepType] = &[
    StepType { options: CALL_OPTIONS, settings: CALL_SETTINGS, ..step("Http", HTTP) },
    StepType { options: CALL_OPTIONS, settings: PAGED_SETTINGS, ..step("OpenApiConnection", BY_ID) },
    StepType { options: CALL_OPTIONS, settings: PAGED_SETTINGS, ..step("ApiConnection", BY_PATH) },
    step("OpenApiConnectionWebhook", BY_ID),
    step("ApiConnectionWebhook", BY_PATH),
    step("HttpWebhook", WEBHOOK),
    StepType {
        options: &["Asynchronous"],
        ..step(
            "Response",
            &[
                optional("inputs/statusCode", FieldKind::Number),
                optional("inputs/headers", FieldKind::Map),
                optional("inputs/body", FieldKind::Value),
                optional("inputs/schema", FieldKind::Schema),
            ],
        )
    },
    step(
        "Workflow",
        &[
            required("inputs/host", FieldKind::Host),
            optional("inputs/headers", FieldKind::Map),
            optional("inputs/body", FieldKind::Value),
            optional("inputs/retryPolicy", FieldKind::RetryPolicy),
        ],
    ),
    StepType {
        branches: &[Branch { kind: "yes", path: "actions" }, Branch { kind: "no", path: "else/actions" }],
        ..step(
            "If",
            &[
                required("expression", FieldKind::Condition),
                optional("actions", FieldKind::Actions),
                optional("else/actions", FieldKind::Actions),
            ],
        )
    },
    StepType {
        branches: &[
            Branch { kind: "cases", path: "cases/*/actions" },
            Branch { kind: "default", path: "default/actions" },
        ],
        ..step(
            "Switch",
            &[
                required("expression", FieldKind::Value),
                optional("cases", FieldKind::Cases),
                optional("default/actions", FieldKind::Actions),
            ],
        )
    },
    StepType {
        branches: BODY,
        options: &["Sequential"],
        settings: &["secureData", "staticResult", "concurrency"],
        ..step("Foreach", &[required("foreach", FieldKind::Array), optional("actions", FieldKind::Actions)])
    },
    StepType {
        branches: BODY,
        options: &["FailWhenLimitsReached"],
        ..step(
            "Until",
            &[
                required("expression", FieldKind::Condition),
                optional("limit/count", FieldKind::Number),
                optional("limit/timeout", FieldKind::Duration),
                optional("actions", FieldKind::Actions),
            ],
        )
    },
    StepType { branches: BODY, ..step("Scope", &[optional("actions", FieldKind::Actions)]) },
    step(
        "Terminate",
        &[
            one_of("inputs/runStatus", false, &["Succeeded", "Failed", "Cancelled"]),
            optional("inputs/runError/code", FieldKind::Text),
            optional("inputs/runError/message", FieldKind::Text),
        ],
    ),
    step("Compose", &[required("inputs", FieldKind::Value)]),
    step("ParseJson", &[required("inputs/content", FieldKind::Value), optional("inputs/schema", FieldKind::Schema)]),
    step("Query", &[required("inputs/from", FieldKind::Array), required("inputs/where", FieldKind::Condition)]),
    step("Select", &[required("inputs/from", FieldKind::Array), required("inputs/select", FieldKind::Value)]),
    step("Join", &[required("inputs/from", FieldKind::Array), required("inputs/joinWith", FieldKind::Text)]),
    step(
        "Table",
        &[
            required("inputs/from", FieldKind::Array),
            one_of("inputs/format", true, &["HTML", "CSV"]),
            optional("inputs/columns", FieldKind::Columns),
        ],
    ),
    step("InitializeVariable", &[required("inputs/variables", FieldKind::Variables)]),
    step("SetVariable", CHANGE),
    step("IncrementVariable", STEP),
    step("DecrementVariable", STEP),
    step("AppendToArrayVariable", CHANGE),
    step("AppendToStringVariable", CHANGE),
    step(
        "Wait",
        &[
            optional("inputs/interval/count", FieldKind::Number),
            one_of("inputs/interval/unit", false, DELAY_UNITS),
            optional("inputs/until/timestamp", FieldKind::Timestamp),
        ],
    ),
    StepType { kinds: EXPRESSIONS, ..step("Expression", &[]) },
    step(
        "JavaScriptCode",
        &[
            required("inputs/code", FieldKind::Code),
            optional("inputs/explicitDependencies/actions", FieldKind::ActionNames),
            optional("inputs/explicitDependencies/includeTrigger", FieldKind::Boolean),
        ],
    ),
];

const BASE_TIME: Field = required("inputs/baseTime", FieldKind::Text);
const INTERVAL: Field = required("inputs/interval", FieldKind::Number);
const TIME_UNIT: Field = one_of("inputs/timeUnit", true, TIME_UNITS);

/// The kinds of `Expression`: functions of the language as actions.
const EXPRESSIONS: &[Kind] = &[
    Kind { name: "CurrentTime", function: "utcNow", arguments: &[] },
    Kind {
        name: "AddToTime",
        function: "addToTime",
        arguments: &[(BASE_TIME, &[]), (INTERVAL, &[]), (TIME_UNIT, &[])],
    },
    Kind {
        name: "SubtractFromTime",
        function: "subtractFromTime",
        arguments: &[(BASE_TIME, &[]), (INTERVAL, &[]), (TIME_UNIT, &[])],
    },
    Kind { name: "GetFutureTime", function: "getFutureTime", arguments: &[(INTERVAL, &[]), (TIME_UNIT, &[])] },
    Kind { name: "GetPastTime", function: "getPastTime", arguments: &[(INTERVAL, &[]), (TIME_UNIT, &[])] },
    Kind {
        name: "ConvertTimeZone",
        function: "convertTimeZone",
        arguments: &[
            (BASE_TIME, &[]),
            (required("inputs/sourceTimeZone", FieldKind::TimeZone), &[]),
            (required("inputs/destinationTimeZone", FieldKind::TimeZone), &[]),
            (optional("inputs/formatString", FieldKind::Text), &[]),
        ],
    },
    Kind {
        name: "FormatNumber",
        function: "formatNumber",
        arguments: &[
            (required("inputs/number", FieldKind::Value), &[]),
            (required("inputs/format", FieldKind::Text), &[]),
            (optional("inputs/locale", FieldKind::Text), &[]),
        ],
    },
    Kind {
        name: "IndexOf",
        function: "indexOf",
        arguments: &[
            (required("inputs/text", FieldKind::Text), &[]),
            (required("inputs/searchText", FieldKind::Text), &[]),
        ],
    },
    Kind {
        name: "Substring",
        function: "substring",
        arguments: &[
            (required("inputs/text", FieldKind::Text), &[]),
            (required("inputs/startIndex", FieldKind::Number), &["startingPosition"]),
            (optional("inputs/length", FieldKind::Number), &[]),
        ],
    },
];

/// Types of actions of other products: they are kept, and fail when they are reached.
pub const KEPT_ACTIONS: &[&str] = &[
    "Function",
    "ApiManagement",
    "SendToBatch",
    "Xslt",
    "XmlValidation",
    "XmlParse",
    "XmlCompose",
    "FlatFileDecoding",
    "FlatFileEncoding",
    "Liquid",
    "IntegrationAccountArtifactLookup",
    "RosettaNetEncode",
    "RosettaNetDecode",
    "RosettaNetWaitForResponse",
    "SwiftMTEncode",
    "SwiftMTDecode",
    "HL7Encode",
    "HL7Decode",
    "AS2Encode",
    "AS2Decode",
    "AS2V2Encode",
    "AS2V2Decode",
    "X12Encode",
    "X12Decode",
    "X12BatchEncode",
    "EdifactEncode",
    "EdifactDecode",
    "EdifactBatchEncode",
    "ServiceProvider",
    "InvokeFunction",
    "Batch",
    "Agent",
    "AgentLoop",
    "McpClientTool",
    "Handoff",
    "InlineCode",
    "CSharpScriptCode",
    "PowerShellCode",
    "ApiConnectionNotification",
    "OpenApiConnectionNotification",
];
