//! Prints the document of the API, for the interface's generated client.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = hookmill_server::openapi_document().to_pretty_json()?;
    writeln!(std::io::stdout(), "{document}")?;
    Ok(())
}
