//! The facts of one generation as its row keeps them, and the life that they fold to.

use hookmill_model::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Fact, IllegalFact, Input, Subscription, decide, fold};

/// A row keeps so many facts; more are put together into a [`Fact::Snapshot`], so a row stays small however often its
/// webhook is asked for, renewed, or turned on and off.
pub const FACTS_MAX: usize = 32;

/// The facts of one generation, without the exchanges, and where they have brought it.
///
/// It is read from, and written as, an array of facts. A fact that does not follow from those before it is an error of
/// reading: the life is never anything but the fold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    facts: Vec<Fact>,
    life: Subscription,
}

impl Journal {
    /// Folds stored facts.
    ///
    /// # Errors
    /// [`IllegalFact`] for the first one that does not follow.
    pub fn fold(facts: Vec<Fact>) -> Result<Self, IllegalFact> {
        let mut life = Subscription::default();
        fold(&mut life, &facts)?;
        Ok(Self { facts, life })
    }

    /// The journal of a generation whose facts were not kept: it begins where the generation stands.
    #[must_use]
    pub fn begun_at(life: Subscription) -> Self {
        Self { facts: vec![Fact::Snapshot(Box::new(life.clone()))], life }
    }

    /// Where the generation stands.
    #[must_use]
    pub const fn life(&self) -> &Subscription {
        &self.life
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// Which facts follow from an input; see [`decide`].
    #[must_use]
    pub fn decide(&self, now: Timestamp, input: Input) -> Vec<Fact> {
        decide(&self.life, now, input)
    }

    /// Adds what has happened.
    ///
    /// # Errors
    /// [`IllegalFact`] for the first one that does not follow; nothing is added then.
    pub fn take(&mut self, facts: &[Fact]) -> Result<(), IllegalFact> {
        let mut life = self.life.clone();
        fold(&mut life, facts)?;
        self.life = life;
        self.facts.extend(facts.iter().cloned().map(Fact::without_exchange));
        if self.facts.len() > FACTS_MAX {
            self.facts = vec![Fact::Snapshot(Box::new(self.life.clone()))];
        }
        Ok(())
    }
}

impl Serialize for Journal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.facts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Journal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::fold(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
