//! The pages about errors, which problem documents name as their `type`.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pulldown_cmark::{Parser, html};
use rust_embed::RustEmbed;

use crate::Problem;

#[derive(RustEmbed)]
#[folder = "../../docs/errors"]
struct Pages;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}\
    code{background:#8882;padding:0 .2em;border-radius:.2em}h1{font:600 1.4rem/1.3 ui-monospace,monospace}\
    @media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}";

/// What an error code means, whose move it is, what to try
#[utoipa::path(get, path = "/docs/errors/{code}", tag = "health", responses((status = 200, body = String, content_type = "text/html")), security(()))]
pub async fn error(Path(code): Path<String>) -> Result<Response, Problem> {
    let found = Pages::get(&format!("{code}.md"));
    let found = found.ok_or_else(|| Problem::missing("page"))?;
    let text = String::from_utf8_lossy(&found.data);
    let mut body = String::new();
    html::push_html(&mut body, Parser::new(&text));
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{code} · Hookmill</title><style>{STYLE}</style></head><body>{body}</body></html>"
    );
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response())
}
