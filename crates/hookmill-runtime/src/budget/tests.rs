//! Who may grow, and when.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use hookmill_model::Id as _;

use super::*;

const MIB: usize = 1_024 * 1_024;

fn flow(number: u128) -> FlowId {
    FlowId::from_bits(number)
}

/// Whether it has the turn by now.
async fn gets(room: &mut Room) -> bool {
    tokio::time::timeout(Duration::from_millis(20), room.widen()).await.is_ok()
}

#[tokio::test]
async fn one_at_a_time_grows_and_only_beside_what_fits() {
    let budget = Budget::default();
    let (mut one, mut two, mut three) = (budget.room(flow(1)), budget.room(flow(2)), budget.room(flow(3)));
    assert!(gets(&mut one).await);
    assert!(!gets(&mut two).await, "one has it");
    one.hold(40 * MIB);
    one.give_back();
    assert!(!gets(&mut two).await, "what one has grown to leaves no room");
    assert!(gets(&mut one).await, "one itself fits beside all others");
    one.hold(20 * MIB);
    one.give_back();
    assert!(gets(&mut two).await);
    two.hold(60 * MIB);
    two.give_back();
    assert!(!gets(&mut one).await && !gets(&mut three).await);
    assert!(gets(&mut two).await, "the last one can always go on");
    drop(two);
    assert!(gets(&mut three).await);
    drop(three);
    drop(one);
    assert_eq!(locked(&budget.0).held, 0);
    assert!(!budget.is_wanted(), "who went away does not wait");
}

#[tokio::test]
async fn flows_take_turns() {
    let budget = Budget::default();
    let order: Arc<Mutex<Vec<u128>>> = Arc::default();
    let mut first = budget.room(flow(1));
    first.widen().await;
    let mut tasks = Vec::new();
    for number in [1, 1, 1, 2, 2, 3] {
        let (mut room, order) = (budget.room(flow(number)), Arc::clone(&order));
        tasks.push(tokio::spawn(async move {
            room.widen().await;
            locked(&order).push(number);
        }));
        tokio::task::yield_now().await;
    }
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*locked(&order), [2, 3, 1, 2, 1, 1]);
}

#[tokio::test]
async fn those_that_have_not_begun_come_back_when_many_wait() {
    let budget = Budget::default();
    let mut first = budget.room(flow(1));
    first.widen().await;
    let tasks: Vec<_> = (0..WAITING_MAX)
        .map(|_| {
            let mut room = budget.room(flow(2));
            tokio::spawn(async move { room.widen().await })
        })
        .collect();
    while locked(&budget.0).waiting.len() < WAITING_MAX {
        tokio::task::yield_now().await;
    }
    assert!(budget.room(flow(3)).try_widen().await.is_err());
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert!(budget.room(flow(3)).try_widen().await.is_ok());
}
