//! The border that no panic crosses: a bug that one flow, event or run meets must not stop the others, nor come back
//! again and again.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use hookmill_definition::Plan;
use hookmill_engine::{Environment, Fact, Input, RunState, decide};

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("the program met a state that should be impossible: {}", text.unwrap_or("no more is known"))
}

/// What a future gives; the words of its panic where it breaks off.
pub(crate) async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|panic| words(&*panic))
}

/// Asks the engine. After an error the state must be forgotten, and the run be set aside.
pub(crate) fn decided(
    plan: &Plan,
    state: &mut RunState,
    environment: Environment<'_>,
    input: Input,
) -> Result<Vec<Fact>, String> {
    std::panic::catch_unwind(AssertUnwindSafe(|| decide(plan, state, environment, input)))
        .map_err(|panic| words(&*panic))?
        .map_err(|fault| fault.to_string())
}
