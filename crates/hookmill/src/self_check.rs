//! `hookmill self-check`: asks a server from outside whether it works, without signing in. For use after an install, in
//! a container's health check and in a supervisor's probe.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use clap::Args as ClapArgs;
use hookmill_http::{AddressPolicy, Client, ClientConfig, Method, Request, Response, header};

use crate::output::{self, Look, Verdict};

/// How long one question may take: less than what supervisors give a probe.
const WAIT: Duration = Duration::from_secs(5);
/// Signatures of services are valid for five minutes; a clock that is further off than this is worth a word.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  hookmill self-check\n  hookmill self-check --public-url https://hookmill.example.org\n\nNobody signs in. Exit code 1 where anything is wrong. The data folder is looked over by: hookmill doctor"
)]
pub struct Args {
    /// The address of the server
    #[arg(long, env = "HOOKMILL_URL", default_value = "http://127.0.0.1:7780", value_name = "URL")]
    url: String,
    /// Where services and browsers reach the server; asked as well where it is given
    #[arg(long, env = "HOOKMILL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Where services reach webhooks and flows; asked as well where it is given
    #[arg(long, env = "HOOKMILL_HOOKS_URL", value_name = "URL")]
    hooks_url: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Verdict> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let looks = tokio.block_on(async {
        // The person at the terminal chose the addresses.
        let policy = AddressPolicy::new(&["0.0.0.0/0", "::/0"], &[], false)?;
        let client = Client::new(ClientConfig { policy, ..ClientConfig::default() })?;
        let live = ask(&client, &args.url, "/health/live").await;
        let mut looks = vec![
            Look {
                what: "server",
                found: live.as_ref().map(|_| format!("{} answers", args.url)).map_err(Clone::clone),
            },
            Look { what: "store", found: store(&client, &args.url).await },
        ];
        if let Ok(answer) = &live {
            looks.push(Look { what: "clock", found: clock(answer, SystemTime::now()) });
        }
        for (what, url) in [("public address", &args.public_url), ("address of webhooks", &args.hooks_url)] {
            if let Some(url) = url {
                looks.push(Look { what, found: outside(&client, url).await });
            }
        }
        anyhow::Ok(looks)
    })?;
    output::looks(&looks, args.json)
}

/// The answer of a health address.
async fn ask(client: &Client, base: &str, path: &str) -> Result<Response, String> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let request = Request::new(Method::GET, url.as_str()).with_timeout(WAIT);
    let answer = client.send(request).await.map_err(|error| format!("{url} does not answer: {error}"))?;
    if answer.status.is_success() { Ok(answer) } else { Err(format!("{url} answers {}", answer.status)) }
}

async fn store(client: &Client, url: &str) -> Result<String, String> {
    ask(client, url, "/health/ready").await.map(|_| "takes what is to be stored".to_owned()).map_err(|fault| {
        format!("{fault}; look at the server's log, and at the data folder with: hookmill doctor --data DIR")
    })
}

/// Whether an address leads to a Hookmill server, as services and browsers reach it.
async fn outside(client: &Client, url: &str) -> Result<String, String> {
    let answer = ask(client, url, "/health/live")
        .await
        .map_err(|fault| format!("{fault}; look at the name, the proxy and the firewall in front of the server"))?;
    if answer.body.as_ref() != b"live" {
        return Err(format!("{url} is answered by something other than a Hookmill server"));
    }
    if url.starts_with("https://") {
        Ok(format!("{url} leads to a server, and its certificate is trusted"))
    } else {
        Ok(format!("{url} leads to a server; without TLS many services refuse such an address"))
    }
}

/// Whether the server's clock, in its `Date` header, agrees with the clock here.
fn clock(answer: &Response, now: SystemTime) -> Result<String, String> {
    let date = answer.headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else {
        return Err("the server's answer has no readable Date header; does a proxy take it away?".to_owned());
    };
    let ours = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let skew = ours.abs_diff(theirs.timestamp().as_second().unsigned_abs());
    if skew > CLOCK_SKEW_MAX.as_secs() {
        return Err(format!("the server's clock is {skew} s off the clock here; synchronise both"));
    }
    Ok("agrees with the clock here".to_owned())
}
