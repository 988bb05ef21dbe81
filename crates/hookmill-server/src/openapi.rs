//! The table of routes, and `/api/openapi.json`, which is made from the same table.
//!
//! Invariant: no route of the API is made elsewhere, so the document cannot leave one out.

mod statuses;

use axum::Router;
use axum::http::{Method, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::statuses::Form;
use crate::{
    ServerState, about, account, approvals, attention, authoring, backtest, backup, callback, connections, connectors,
    deliveries, digest, expressions, flows, inbox, live, overview, pages, problem, reachability, runs, sessions,
    settings, templates, timetables, webhooks,
};

/// Where the document is served.
const ADDRESS: &str = "/api/openapi.json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Hookmill",
        description = "Webhooks in, flows run, phones buzz. Everything but signing in wants a session's cookie (with `X-CSRF-Token` for changes) or an API token; errors are problem documents (RFC 9457).",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(callback::call, document_address),
    security(("token" = []), ("session" = [], "csrf" = [])),
    tags(
        (name = "account", description = "Set-up, sessions, API tokens"),
        (name = "users", description = "Who may use the server"),
        (name = "connectors", description = "Custom connectors from OpenAPI files"),
        (name = "authoring", description = "Operations and schemas from samples, the catalog of steps"),
        (name = "connections", description = "Credentials for connectors"),
        (name = "flows", description = "Flows, their versions and webhooks"),
        (name = "runs", description = "What happened"),
        (name = "expressions", description = "The expression language"),
        (name = "inbox", description = "Notifications and the devices that get them"),
        (name = "approvals", description = "What flows ask people, and wait for"),
        (name = "settings", description = "The server itself"),
        (name = "callbacks", description = "The door for services"),
        (name = "health", description = "For load balancers and service managers")
    )
)]
struct Head;

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "settings", responses((status = 200, body = Object, content_type = "application/json")), security(()))]
#[expect(dead_code, reason = "the document describes its own address; `page` serves it")]
fn document_address() {}

/// All routes of the API.
pub(crate) fn routes() -> OpenApiRouter<ServerState> {
    let router = OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(about::live))
        .routes(routes!(about::ready))
        .routes(routes!(pages::error))
        .routes(routes!(pages::guide))
        .routes(routes!(about::about))
        .routes(routes!(account::setup_state, account::setup))
        .routes(routes!(account::session, account::sign_in, account::sign_out))
        .routes(routes!(account::tokens, account::make_token))
        .routes(routes!(account::delete_token))
        .routes(routes!(settings::account))
        .routes(routes!(digest::digest, digest::put_digest))
        .routes(routes!(settings::users, settings::create_user))
        .routes(routes!(settings::delete_user))
        .routes(routes!(settings::show, settings::update))
        .routes(routes!(settings::mail_test))
        .routes(routes!(reachability::public_url_check))
        .routes(routes!(backup::backups, backup::make_backup))
        .routes(routes!(backup::backup_file))
        .routes(routes!(overview::overview))
        .routes(routes!(attention::attention))
        .routes(routes!(sessions::sessions))
        .routes(routes!(sessions::end_session))
        .routes(routes!(sessions::end_others))
        .routes(routes!(live::events))
        .routes(routes!(connectors::list, connectors::imports::import))
        .routes(routes!(connectors::imports::check))
        .routes(routes!(connectors::imports::from_url))
        .routes(routes!(connectors::imports::prebuilt_connectors))
        .routes(routes!(connectors::gallery::gallery))
        .routes(routes!(connectors::changes::changes))
        .routes(routes!(connectors::show, connectors::update, connectors::remove))
        .routes(routes!(connectors::files::icon, connectors::files::put_icon, connectors::files::delete_icon))
        .routes(routes!(connectors::files::export))
        .routes(routes!(connectors::policies::policies, connectors::policies::put_policies))
        .routes(routes!(connectors::definition, authoring::put_definition))
        .routes(routes!(connectors::uses))
        .routes(routes!(connectors::connection_fields))
        .routes(routes!(connectors::operation, authoring::put_operation, authoring::delete_operation))
        .routes(routes!(connectors::test))
        .routes(routes!(connectors::dynamic::dynamic_values))
        .routes(routes!(connectors::dynamic::dynamic_tree))
        .routes(routes!(connectors::dynamic::dynamic_schema))
        .routes(routes!(authoring::schema_from_samples))
        .routes(routes!(authoring::dynamic_content))
        .routes(routes!(authoring::request_from_sample))
        .routes(routes!(authoring::catalog))
        .routes(routes!(templates::templates))
        .routes(routes!(timetables::next_times))
        .routes(routes!(timetables::time_zones))
        .routes(routes!(connections::list, connections::create))
        .routes(routes!(connections::show, connections::update, connections::remove))
        .routes(routes!(connections::consent::signed_in))
        .routes(routes!(connections::consent::sign_in))
        .routes(routes!(connections::uses))
        .routes(routes!(connections::test))
        .routes(routes!(flows::list, flows::create))
        .routes(routes!(flows::check))
        .routes(routes!(flows::files::import))
        .routes(routes!(flows::show, flows::update, flows::remove))
        .routes(routes!(flows::versions))
        .routes(routes!(flows::version))
        .routes(routes!(flows::duplicate))
        .routes(routes!(flows::events))
        .routes(routes!(flows::event))
        .routes(routes!(flows::on))
        .routes(routes!(flows::off))
        .routes(routes!(flows::retry_webhook))
        .routes(routes!(flows::renew_address))
        .routes(routes!(webhooks::enter_secret))
        .routes(routes!(webhooks::token))
        .routes(routes!(webhooks::calls))
        .routes(routes!(deliveries::deliveries))
        .routes(routes!(deliveries::replay_deliveries))
        .routes(routes!(deliveries::delivery_lesson))
        .routes(routes!(webhooks::presets))
        .routes(routes!(webhooks::left_behind))
        .routes(routes!(webhooks::delete_left_behind))
        .routes(routes!(webhooks::settle_left_behind))
        .routes(routes!(flows::run))
        .routes(routes!(flows::files::export))
        .routes(routes!(flows::files::export_all))
        .routes(routes!(flows::tags::put_tags))
        .routes(routes!(flows::failure::on_failure, flows::failure::put_on_failure))
        .routes(routes!(backtest::backtest))
        .routes(routes!(runs::list))
        .routes(routes!(runs::causes::causes))
        .routes(routes!(runs::batches::batches, runs::batches::make_batch))
        .routes(routes!(runs::batches::batch))
        .routes(routes!(runs::batches::stop_batch))
        .routes(routes!(runs::show))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::resubmit))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::repetitions))
        .routes(routes!(runs::value))
        .routes(routes!(runs::trigger_outputs))
        .routes(routes!(expressions::evaluate))
        .routes(routes!(expressions::functions))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::respond))
        .routes(routes!(approvals::show_link))
        .routes(routes!(approvals::respond_link))
        .routes(routes!(inbox::list))
        .routes(routes!(inbox::read_all))
        .routes(routes!(inbox::remove))
        .routes(routes!(inbox::read))
        .routes(routes!(inbox::push_key))
        .routes(routes!(inbox::devices, inbox::register))
        .routes(routes!(inbox::forget, inbox::rename))
        .routes(routes!(inbox::test));
    finished(router)
}

/// Adds what is the same for all operations: names, refusals, and how callers prove who they are.
fn finished(mut router: OpenApiRouter<ServerState>) -> OpenApiRouter<ServerState> {
    let document = router.get_openapi_mut();
    let components = document.components.get_or_insert_default();
    let problem = problem::Document::name().into_owned();
    components.schemas.insert(problem.clone(), problem::Document::schema());
    let mut referred = Vec::new();
    problem::Document::schemas(&mut referred);
    components.schemas.extend(referred);
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("hookmill_session")));
    let csrf = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-CSRF-Token")));
    for (name, scheme) in [("token", token), ("session", session), ("csrf", csrf)] {
        components.add_security_scheme(name, scheme);
    }
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::PUT, &mut item.put),
            (Method::POST, &mut item.post),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                complete(&method, path, operation, &problem);
            }
        }
    }
    router
}

fn complete(method: &Method, path: &str, operation: &mut Operation, problem: &str) {
    let refused = |description: &str| {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name(problem))));
        ResponseBuilder::new().description(description).content("application/problem+json", content).build()
    };
    // Functions are named within their file; clients want names that are unique.
    let tag = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    operation.operation_id = operation.operation_id.take().map(|name| format!("{tag}_{name}"));
    let is_public = operation.security.as_deref().is_some_and(|all| all.contains(&SecurityRequirement::default()));
    let form = Form { method, path, is_public, has_body: operation.request_body.is_some() };
    for (status, words) in statuses::refusals(&form) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.as_str().to_owned()).or_insert_with(|| refused(words).into());
    }
    if path.starts_with("/callback/") {
        // The only place where anybody else decides: a flow with a Response may answer with any status.
        let content = Content::new(None::<RefOr<utoipa::openapi::Schema>>);
        let own = ResponseBuilder::new().description("What the flow answers.").content("*/*", content).build();
        operation.responses.responses.insert("default".to_owned(), own.into());
    }
}

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    routes().into_openapi()
}

/// Serves the document.
pub(crate) fn page(document: &OpenApi) -> Router<ServerState> {
    let bytes = Bytes::from(document.to_json().unwrap_or_default());
    let serve = move || {
        let bytes = bytes.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], bytes).into_response() }
    };
    Router::new().route(ADDRESS, get(serve))
}
