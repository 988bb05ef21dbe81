//! What people should look at and the store does not list: what was found unreadable in it, webhooks that a restore
//! left behind at services, and those that are not renewed.
//!
//! In memory only: whatever is unreadable is found again by whoever needs it, and the rest stands in records.

use std::collections::BTreeMap;
use std::sync::Mutex;

use hookmill_model::{FlowId, UserId};
use hookmill_store::{Damaged, Flow};

use crate::locked;

/// Things that are remembered; there may be more.
const KEPT_MAX: usize = 1_000;

/// Something stored that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Whose it is; `None` for what belongs to the whole server.
    pub owner: Option<UserId>,
    /// The flow that it belongs to.
    pub flow: Option<FlowId>,
    /// What it is, with its identifier, and what is wrong with it.
    pub damaged: Damaged,
}

/// Webhooks at a service that lead to this server and that its data do not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// The flow by whose connector they were found.
    pub flow: FlowId,
    /// Where they are deleted at the service, as far as that is known.
    pub places: Vec<String>,
}

/// The unreadable things that were found.
#[derive(Default)]
pub(crate) struct Damages(
    Mutex<BTreeMap<(Option<FlowId>, String), Damage>>,
    Mutex<BTreeMap<FlowId, (UserId, Vec<String>)>>,
    Mutex<BTreeMap<FlowId, (UserId, String)>>,
);

impl Damages {
    fn note(&self, owner: Option<UserId>, flow: Option<FlowId>, damaged: &Damaged) {
        let mut kept = locked(&self.0);
        let key = (flow, damaged.what.clone());
        if kept.len() >= KEPT_MAX && !kept.contains_key(&key) {
            return;
        }
        let damage = Damage { owner, flow, damaged: damaged.clone() };
        if kept.insert(key, damage).is_none() {
            tracing::error!(flow = ?flow.map(|id| id.to_string()), %damaged, "something stored is damaged; it stands still");
        }
    }

    /// A record of a flow's webhook, or of its trigger.
    pub fn note_of(&self, flow: &Flow, damaged: &Damaged) {
        self.note(Some(flow.owner), Some(flow.id), damaged);
    }

    /// A setting of the server.
    pub fn note_setting(&self, damaged: &Damaged) {
        self.note(None, None, damaged);
    }

    /// What a service has beside the webhook of a flow.
    pub fn note_left_behind(&self, flow: &Flow, places: &[String]) {
        let mut kept = locked(&self.1);
        if places.is_empty() {
            kept.remove(&flow.id);
        } else if kept.len() < KEPT_MAX || kept.contains_key(&flow.id) {
            kept.insert(flow.id, (flow.owner, places.to_vec()));
        }
    }

    /// Why the webhook of a flow is not renewed; `None` where it is.
    pub fn note_renewal(&self, flow: &Flow, trouble: Option<&str>) {
        let mut kept = locked(&self.2);
        match trouble {
            None => drop(kept.remove(&flow.id)),
            Some(why) if kept.len() < KEPT_MAX || kept.contains_key(&flow.id) => {
                kept.insert(flow.id, (flow.owner, why.to_owned()));
            }
            Some(_) => {}
        }
    }

    /// Flows whose webhooks are not renewed, and why.
    pub fn renewals(&self, owner: UserId) -> Vec<(FlowId, String)> {
        let kept = locked(&self.2);
        kept.iter().filter(|(_, (of, _))| *of == owner).map(|(flow, (_, why))| (*flow, why.clone())).collect()
    }

    /// What restores left behind.
    pub fn left_behind(&self, owner: UserId) -> Vec<LeftBehind> {
        let kept = locked(&self.1);
        let own = kept.iter().filter(|(_, (of, _))| *of == owner);
        own.map(|(flow, (_, places))| LeftBehind { flow: *flow, places: places.clone() }).collect()
    }

    /// A flow is looked at anew.
    pub fn forget_of(&self, flow: FlowId) {
        locked(&self.0).retain(|(of, _), _| *of != Some(flow));
    }

    /// The settings could be read, or were written anew.
    pub fn forget_settings(&self) {
        locked(&self.0).retain(|(of, _), _| of.is_some());
    }

    /// What a person should see.
    pub fn of(&self, owner: UserId) -> Vec<Damage> {
        locked(&self.0).values().filter(|damage| damage.owner.is_none_or(|own| own == owner)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use hookmill_model::Id as _;

    use super::*;

    #[test]
    fn each_thing_is_kept_once_and_for_its_owner() {
        let damages = Damages::default();
        let (ada, bob) = (UserId::from_bits(1), UserId::from_bits(2));
        let damaged = |what: &str| Damaged { what: what.to_owned(), detail: "end of input".to_owned() };
        damages.note(Some(ada), Some(FlowId::from_bits(7)), &damaged("the record of webhook 1"));
        damages.note(Some(ada), Some(FlowId::from_bits(7)), &damaged("the record of webhook 1"));
        damages.note_setting(&damaged("the settings"));
        assert_eq!((damages.of(ada).len(), damages.of(bob).len()), (2, 1));
        damages.forget_of(FlowId::from_bits(7));
        assert_eq!(damages.of(ada).len(), 1);
        damages.forget_settings();
        assert_eq!(damages.of(ada), []);
    }
}
