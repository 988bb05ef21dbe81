//! Approvals.

use bytes::Bytes;
use hookmill_model::{RunId, UserId};

use super::Told;
use super::world::{at, flow, id, run, user};
use crate::{
    Approval, ApprovalFilter, ApprovalPerson, ApprovalState, Change, Expect, Lane, List, Retention, Run, Store,
    StoreError, Unit,
};

const DAY: i64 = 24 * 3_600;

fn asked(owner: UserId, seconds: i64) -> Approval {
    Approval {
        id: id(seconds),
        owner,
        flow: flow(owner, "Orders", 0).id,
        run: id::<RunId>(seconds),
        state: ApprovalState::Open,
        etag: 1,
        record: Bytes::from_static(b"{}"),
        created_at: at(seconds),
        ended_at: None,
    }
}

fn awaited(user: UserId) -> ApprovalPerson {
    ApprovalPerson { user, is_awaited: true }
}

fn received(user: UserId, is_awaited: bool) -> ApprovalFilter {
    ApprovalFilter::Received { user, is_awaited }
}

pub(super) async fn approvals_are_asked_and_answered(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let (ada, bob) = (user("ada@example.com"), user("bob@example.com"));
    let all: Vec<_> = (1..5).map(|second| asked(owner, second)).collect();
    for (one, people) in
        all.iter().zip([vec![awaited(ada.id), awaited(bob.id)], vec![awaited(bob.id)], vec![], vec![awaited(ada.id)]])
    {
        store.commit(Change::PutApproval(one.clone(), people).into(), Lane::Work).await?;
    }
    assert_eq!(store.approval(all[0].id).await?.as_ref(), Some(&all[0]));
    assert_eq!(store.approval(id(99)).await?, None);
    let sent = ApprovalFilter::Sent { owner, is_open: false };
    let page = store.approvals(sent, List::first(3)).await?;
    assert_eq!((page.items, page.next), (vec![all[3].clone(), all[2].clone(), all[1].clone()], Some(all[1].id)));
    let page = store.approvals(sent, List::after(3, all[1].id)).await?;
    assert_eq!((page.items, page.next), (vec![all[0].clone()], None));
    let page = store.approvals(ApprovalFilter::Sent { owner: ada.id, is_open: false }, List::first(3)).await?;
    assert_eq!(page.items, []);
    let page = store.approvals(received(ada.id, true), List::first(9)).await?;
    assert_eq!(page.items, [all[3].clone(), all[0].clone()]);
    assert_eq!((store.approvals_awaited(ada.id).await?, store.approvals_awaited(bob.id).await?), (2, 2));

    // One answers, the other is awaited still; two answers at once are one and a conflict.
    let first = Approval { etag: 2, record: Bytes::from_static(b"{\"one\":1}"), ..all[0].clone() };
    let people = vec![ApprovalPerson { user: ada.id, is_awaited: false }, awaited(bob.id)];
    let answer = || {
        let change = Change::PutApproval(first.clone(), people.clone());
        Unit::from(change).expect(Expect::ApprovalEtag(first.id, 1))
    };
    store.commit(answer(), Lane::Work).await?;
    assert!(matches!(store.commit(answer(), Lane::Work).await, Err(StoreError::Conflict { .. })));
    let lost = Unit::from(Change::PutApproval(first.clone(), Vec::new())).expect(Expect::ApprovalEtag(id(99), 1));
    assert!(matches!(store.commit(lost, Lane::Work).await, Err(StoreError::Missing { .. })));
    assert_eq!(store.approval(first.id).await?.as_ref(), Some(&first));
    assert_eq!(store.approvals(received(ada.id, true), List::first(9)).await?.items, [all[3].clone()]);
    assert_eq!(store.approvals(received(ada.id, false), List::first(9)).await?.items, [all[3].clone(), first.clone()]);
    assert_eq!((store.approvals_awaited(ada.id).await?, store.approvals_awaited(bob.id).await?), (1, 2));

    // It is decided, and its run has not heard of it.
    let state = ApprovalState::Decided;
    let decided = Approval { etag: 3, state, ended_at: Some(at(9)), ..first.clone() };
    store.commit(Change::PutApproval(decided.clone(), Vec::new()).into(), Lane::Work).await?;
    assert_eq!(store.approvals_decided(9).await?.first(), Some(&decided));
    assert_eq!(store.approvals_decided(0).await?, []);
    let open = store.approvals(ApprovalFilter::Sent { owner, is_open: true }, List::first(9)).await?.items;
    assert_eq!(open, [all[3].clone(), all[2].clone(), all[1].clone()]);
    let ended = Approval { etag: 4, state: ApprovalState::Ended, ..decided };
    store.commit(Change::PutApproval(ended.clone(), vec![awaited(bob.id)]).into(), Lane::Work).await?;
    assert_eq!(store.approvals_decided(9).await?, []);

    // What has ended is forgotten, and what is open with the run that asked; a user who is gone is asked nothing.
    store.commit(Change::DeleteUser(bob.id).into(), Lane::Work).await?;
    assert_eq!(store.approvals(received(bob.id, false), List::first(9)).await?.items, []);
    let asking = Run { id: all[1].run, ..run(owner, all[1].flow, 2) };
    store.commit(Change::StartRun(asking, Vec::new()).into(), Lane::Work).await?;
    store.purge(Retention { now: at(2 * DAY), before: at(DAY), rows_max: 100 }).await?;
    assert_eq!(store.approval(ended.id).await?, None);
    assert_eq!(store.approval(all[1].id).await?.as_ref(), Some(&all[1]));
    assert_eq!(store.approval(all[2].id).await?, None);
    Ok(())
}
