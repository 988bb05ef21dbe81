//! Tables as CSV and HTML.

use hookmill_expression::content;
use hookmill_model::{Str, Value};

/// A table of texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub headers: Vec<Str>,
    pub rows: Vec<Vec<Str>>,
    pub is_automatic: bool,
}

/// One column per property, in order of first appearance; `None` where a row is not an object.
pub(super) fn automatic(rows: &[Value]) -> Option<Columns> {
    let mut headers: Vec<Str> = Vec::new();
    for row in rows {
        for name in row.as_object()?.keys() {
            if !headers.contains(name) {
                headers.push(name.clone());
            }
        }
    }
    let cells =
        |row: &Value| headers.iter().map(|name| row.get(name).map_or_else(|| "".into(), content::to_text)).collect();
    let rows = rows.iter().map(cells).collect();
    Some(Columns { headers, rows, is_automatic: true })
}

/// Lines end with CR LF; a cell is quoted where it must be.
pub(super) fn csv(table: &Columns) -> String {
    let mut out = String::new();
    if table.is_automatic && table.headers.is_empty() {
        return out;
    }
    for line in std::iter::once(&table.headers).chain(&table.rows) {
        for (index, cell) in line.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            if cell.contains(['"', ',', '\r', '\n']) {
                out.push('"');
                out.push_str(&cell.replace('"', "\"\""));
                out.push('"');
            } else {
                out.push_str(cell);
            }
        }
        out.push_str("\r\n");
    }
    out
}

fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{a0}'..='\u{ff}' => out.push_str(&format!("&#{};", u32::from(c))),
            other => out.push(other),
        }
    }
}

/// One line without blanks between the elements.
pub(super) fn html(table: &Columns) -> String {
    let mut out = String::from("<table>");
    if !(table.is_automatic && table.headers.is_empty()) {
        out.push_str("<thead><tr>");
        for header in &table.headers {
            out.push_str("<th>");
            push_escaped(&mut out, header);
            out.push_str("</th>");
        }
        out.push_str("</tr></thead>");
    }
    out.push_str("<tbody>");
    for row in &table.rows {
        out.push_str("<tr>");
        for cell in row {
            out.push_str("<td>");
            push_escaped(&mut out, cell);
            out.push_str("</td>");
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table>");
    out
}
