//! Pages to read: about errors, which problem documents name as their `type`, and guides to ready-made connectors.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pulldown_cmark::{Parser, html};
use rust_embed::RustEmbed;

use crate::Problem;

#[derive(RustEmbed)]
#[folder = "../../docs/errors"]
struct Errors;

#[derive(RustEmbed)]
#[folder = "../../docs/connectors"]
struct Guides;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}\
    code{background:#8882;padding:0 .2em;border-radius:.2em}\
    @media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}";

/// The heading of such a page is a code.
const ERROR_STYLE: &str = "h1{font:600 1.4rem/1.3 ui-monospace,monospace}";

/// What an error code means, whose move it is, what to try
#[utoipa::path(get, path = "/docs/errors/{code}", tag = "health", responses((status = 200, body = String, content_type = "text/html")), security(()))]
pub async fn error(Path(code): Path<String>) -> Result<Response, Problem> {
    let found = Errors::get(&format!("{code}.md")).ok_or_else(|| Problem::missing("page"))?;
    Ok(page(&code, &found.data, ERROR_STYLE))
}

/// What to do at a service and here, in which order, so that its ready-made connector works
#[utoipa::path(get, path = "/docs/connectors/{name}", tag = "connectors", responses((status = 200, body = String, content_type = "text/html")), security(()))]
pub async fn guide(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = Guides::get(&format!("{name}.md")).ok_or_else(|| Problem::missing("page"))?;
    Ok(page(&name, &found.data, ""))
}

fn page(title: &str, text: &[u8], style: &str) -> Response {
    let text = String::from_utf8_lossy(text);
    let mut body = String::new();
    html::push_html(&mut body, Parser::new(&text));
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} · Hookmill</title><style>{STYLE}{style}</style></head><body>{body}</body></html>"
    );
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ready_made_connector_has_a_guide_and_no_other() {
        let mut named: Vec<String> = Guides::iter().map(|name| name.trim_end_matches(".md").to_owned()).collect();
        named.sort();
        let mut known: Vec<&str> = hookmill_connector::PREBUILT.iter().map(|own| own.id).collect();
        known.sort_unstable();
        assert_eq!(named, known);
        for name in Guides::iter() {
            let text = String::from_utf8(Guides::get(&name).map(|found| found.data.into_owned()).unwrap_or_default());
            let text = text.unwrap_or_default();
            assert!(text.starts_with("# ") && text.contains("## In Hookmill\n\n1. "), "{name}");
        }
    }
}
