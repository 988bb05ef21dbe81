//! JavaScript with limits and without a world: no files, no network, no timers, no modules. A script sees the language,
//! `workflowContext` and nothing else.
//!
//! Each script has a runtime and a thread of its own, so nothing is left from one to the next.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hookmill_engine::{Outcome, Performed};
use hookmill_model::{Object, Value};
use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::promise::MaybePromise;
use rquickjs::{CatchResultExt as _, CaughtError, Context, Ctx, Function, Runtime};
use tokio::sync::{Semaphore, oneshot};

use crate::refusal::Refusal;

/// All memory of a script, `workflowContext` included.
const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What calls within calls may take.
const STACK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The stack of the thread; far above the script's, since the interpreter needs some to notice its limit.
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;
/// How long a script may be over its time before its thread is given up.
const GRACE: Duration = Duration::from_secs(1);
/// What the interpreter calls a script without a name.
const SOURCE_NAME: &str = "eval_script:";

/// The language without clocks of high resolution, weak references and web interfaces.
type Language = (
    intrinsic::Eval,
    intrinsic::Date,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

/// Makes what a script sees unchangeable.
const FREEZE: &str = "(function freeze(value) {
    if (typeof value === 'object' && value !== null) {
        for (const name of Object.getOwnPropertyNames(value)) freeze(value[name]);
        Object.freeze(value);
    }
    return value;
})";

/// Runs scripts, a few at a time.
#[derive(Clone)]
pub(crate) struct Scripts {
    places: Arc<Semaphore>,
}

impl Scripts {
    pub fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places.max(1))) }
    }

    /// Runs `code` as the body of a function; what it returns is the body of the answer.
    pub async fn run(&self, code: &str, context: &Value, timeout: Duration) -> Performed {
        let body = match tokio::time::timeout(timeout, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => {
                let (told, result) = oneshot::channel();
                let (code, context) = (code.to_owned(), context.to_json());
                // A thread outside the pool: a script that cannot be stopped must not keep the server from stopping.
                let started =
                    thread::Builder::new().name("script".to_owned()).stack_size(THREAD_STACK_BYTES).spawn(move || {
                        let ended = evaluate(&code, context, Instant::now() + timeout, timeout);
                        drop(place);
                        // Nobody waits for it any more when its time is long over.
                        let _ = told.send(ended);
                    });
                match started {
                    Ok(_) => tokio::time::timeout(timeout.saturating_add(GRACE), result)
                        .await
                        .map_or_else(|_| Err(timed_out(timeout)), |ended| ended.unwrap_or_else(|_| Err(broken()))),
                    Err(error) => Err(format!("No thread could be started for the script: {error}")),
                }
            }
            _ => Err(format!("No place for the script became free within {} s", timeout.as_secs_f64())),
        };
        match body {
            Ok(body) => Performed {
                outcome: Outcome::Replied { status: 200, headers: Object::new(), body },
                request: Value::Null,
            },
            Err(message) => Refusal::new("InlineScriptFailed", message).performed(),
        }
    }
}

fn timed_out(timeout: Duration) -> String {
    format!("The script did not end within {} s and was stopped", timeout.as_secs_f64())
}

fn broken() -> String {
    "The script ended without a result".to_owned()
}

/// What the script returns; `None` for `undefined`.
fn evaluate(code: &str, context: String, deadline: Instant, timeout: Duration) -> Result<Option<Value>, String> {
    let no_room = |_| too_much_memory();
    let runtime = Runtime::new().map_err(no_room)?;
    runtime.set_memory_limit(MEMORY_BYTES_MAX);
    runtime.set_max_stack_size(STACK_BYTES_MAX);
    let stopped = Rc::new(Cell::new(false));
    let seen = Rc::clone(&stopped);
    runtime.set_interrupt_handler(Some(Box::new(move || {
        seen.set(seen.get() || Instant::now() >= deadline);
        seen.get()
    })));
    let engine = Context::custom::<Language>(&runtime).map_err(no_room)?;
    let json = engine.with(|ctx| {
        let result = call(&ctx, code, context).catch(&ctx);
        result.map_err(|error| if stopped.get() { timed_out(timeout) } else { words(&error) })
    })?;
    match json {
        None => Ok(None),
        Some(json) => Value::from_json(json.as_bytes())
            .map(Some)
            .map_err(|error| format!("What the script returned cannot be kept as JSON: {error}")),
    }
}

fn call(ctx: &Ctx<'_>, code: &str, context: String) -> rquickjs::Result<Option<String>> {
    let freeze: Function<'_> = ctx.eval(FREEZE)?;
    let context: rquickjs::Value<'_> = freeze.call((ctx.json_parse(context)?,))?;
    let define: Function<'_> =
        ctx.eval("(value => Object.defineProperty(globalThis, 'workflowContext', { value, enumerable: true }))")?;
    define.call::<_, ()>((context,))?;
    let mut options = EvalOptions::default();
    // As in the service that the scripts come from.
    options.strict = false;
    // On the first line, so that lines are counted as the maker sees them.
    let result: MaybePromise<'_> = ctx.eval_with_options(format!("(function () {{{code}\n}})()"), options)?;
    let result: rquickjs::Value<'_> = result.finish()?;
    match ctx.json_stringify(result)? {
        Some(json) => json.to_string().map(Some),
        None => Ok(None),
    }
}

fn too_much_memory() -> String {
    format!("The script needs more than {} MiB of memory", MEMORY_BYTES_MAX / 1024 / 1024)
}

/// What went wrong, for people.
fn words(error: &CaughtError<'_>) -> String {
    let (thrown, stack) = match error {
        CaughtError::Error(rquickjs::Error::Allocation) => return too_much_memory(),
        CaughtError::Error(rquickjs::Error::WouldBlock) => {
            return "The script waits for something that never happens".to_owned();
        }
        CaughtError::Error(error) => (error.to_string(), String::new()),
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            if message == "out of memory" {
                return too_much_memory();
            }
            let name: Option<String> = exception.as_object().get("name").ok();
            (
                name.map_or_else(|| message.clone(), |name| format!("{name}: {message}")),
                exception.stack().unwrap_or_default(),
            )
        }
        CaughtError::Value(value) if value.is_null() => return too_much_memory(),
        CaughtError::Value(value) => {
            let json = value.ctx().json_stringify(value.clone()).ok().flatten();
            let text = json.and_then(|json| json.to_string().ok()).unwrap_or_else(|| value.type_name().to_owned());
            (format!("it threw {text}"), String::new())
        }
    };
    let thrown: String = thrown.chars().take(1_000).collect();
    match line(&stack) {
        Some(line) => format!("The script failed in line {line}: {thrown}"),
        None => format!("The script failed: {thrown}"),
    }
}

/// The innermost line of the script in a stack such as `at f (eval_script:3:5)`.
fn line(stack: &str) -> Option<u32> {
    let rest = stack.split(SOURCE_NAME).nth(1)?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests;
