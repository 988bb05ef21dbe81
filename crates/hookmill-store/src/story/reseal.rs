//! What was stored before is kept in another form: sealed.

use bytes::Bytes;
use hookmill_model::UserId;

use super::Told;
use super::world::{event, flow, id, run, version};
use crate::{Change, Event, FlowVersion, Lane, Resealed, RunUpdate, Store, StoreError, Unit};

pub(super) async fn the_same_in_another_form(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let (own, one) = (flow(owner, "One", 0), event(id(0), 1));
    let own_run = run(owner, own.id, 2);
    let fact = |text: &str| text.as_bytes().to_vec();
    let append = |from, facts| Change::AppendFacts {
        run: own_run.id,
        epoch: own_run.epoch,
        from,
        facts,
        update: RunUpdate::default(),
    };
    let unit = Unit::new()
        .with(Change::PutFlow(own.clone()))
        .with(Change::PutFlowVersion(version(own.id, 1)))
        .with(Change::AddEvent(one.clone(), None))
        .with(Change::StartRun(run_of(&own_run, 2), vec![fact("a"), fact("b")]))
        .with(append(2, vec![fact("c")]))
        .with(append(3, vec![fact("d")]));
    store.commit(unit, Lane::Work).await?;

    let sealed = FlowVersion { definition: Bytes::from_static(b"sealed"), ..version(own.id, 1) };
    let unit = Unit::new()
        .with(Change::Reseal(Resealed::FlowVersion(FlowVersion { profile: "other".to_owned(), ..sealed.clone() })))
        .with(Change::Reseal(Resealed::Facts(own_run.id, vec![fact("A"), fact("B"), fact("C")])))
        .with(Change::Reseal(Resealed::Event(one.id, Bytes::from_static(b"head"), Bytes::from_static(b"body"))));
    store.commit(unit, Lane::Work).await?;
    assert_eq!(store.flow_version(own.id, 1).await?, Some(sealed), "only the texts are replaced");
    let facts: Vec<Vec<u8>> = store.run_facts(own_run.id, 0).await?.iter().map(|fact| fact.to_vec()).collect();
    assert_eq!(facts, [fact("A"), fact("B"), fact("C"), fact("d")]);
    assert_eq!(store.run_facts(own_run.id, 2).await?, [Bytes::from_static(b"C"), Bytes::from_static(b"d")]);
    let resealed = Event { head: Bytes::from_static(b"head"), body: Bytes::from_static(b"body"), ..one.clone() };
    assert_eq!(store.event(one.id).await?, Some(resealed.clone()));
    assert_eq!(store.pending_events(one.flow, None, 9).await?[0].event, resealed, "it still waits");
    store.commit(append(4, vec![fact("e")]).into(), Lane::Work).await?;
    assert_eq!(store.run_facts(own_run.id, 0).await?.len(), 5);

    let too_many = Change::Reseal(Resealed::Facts(own_run.id, vec![fact("x"); 6]));
    let refused = store.commit(too_many.into(), Lane::Work).await;
    assert!(matches!(refused, Err(StoreError::Conflict { what: "run", .. })), "{refused:?}");
    for missing in [
        Resealed::FlowVersion(version(own.id, 2)),
        Resealed::Facts(id(3), vec![fact("x")]),
        Resealed::Event(id(3), Bytes::new(), Bytes::new()),
    ] {
        let refused = store.commit(Change::Reseal(missing).into(), Lane::Work).await;
        assert!(matches!(refused, Err(StoreError::Missing { .. })), "{refused:?}");
    }
    Ok(())
}

fn run_of(run: &crate::Run, facts: u64) -> crate::Run {
    crate::Run { facts, ..run.clone() }
}
