//! The connections that read: a few, opened when they are needed, opened anew when they are lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookmill_store::StoreError;
use tokio::sync::Semaphore;
use tokio_postgres::{Client, Row};

use crate::column::Arg;
use crate::error::{is_lost, store_error};
use crate::place::{Place, Use};

/// Who waits longer for a connection is told that the database does not keep up.
const PLACE_WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Readers {
    place: Place,
    idle: Mutex<Vec<Client>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(place: Place, count: usize) -> Self {
        Self { place, idle: Mutex::default(), places: Arc::new(Semaphore::new(count.max(1))) }
    }

    /// The rows of one statement.
    pub(crate) async fn rows(&self, sql: &str, values: &[Arg<'_>]) -> Result<Vec<Row>, StoreError> {
        let place = tokio::time::timeout(PLACE_WAIT, self.places.acquire()).await;
        let _place = match place {
            Ok(place) => place.map_err(|_| StoreError::Closed)?,
            Err(_) => {
                let detail = format!("{}: every connection that reads is busy", self.place.shown);
                return Err(StoreError::Unavailable { detail, unknown: false });
            }
        };
        // A connection that was idle may be gone without anybody having noticed; a new one gets one more try.
        if let Some(client) = self.take() {
            match client.query_typed(sql, values).await {
                Ok(rows) => {
                    self.give_back(client);
                    return Ok(rows);
                }
                Err(problem) if is_lost(&problem) => self.forget(),
                Err(problem) => {
                    self.give_back(client);
                    return Err(store_error(&problem, &self.place.shown));
                }
            }
        }
        let client = self.place.connect(Use::Read).await?;
        #[cfg(test)]
        crate::read::plans::note(&client, sql, values).await?;
        let found = client.query_typed(sql, values).await;
        self.give_back(client);
        found.map_err(|problem| store_error(&problem, &self.place.shown))
    }

    /// One row or none.
    pub(crate) async fn row(&self, sql: &str, values: &[Arg<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    fn take(&self) -> Option<Client> {
        if cfg!(test) {
            // So that the plan of every statement is noted.
            return None;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(client) = idle.pop() {
            if !client.is_closed() {
                return Some(client);
            }
        }
        None
    }

    fn give_back(&self, client: Client) {
        if !client.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        }
    }

    /// The other idle connections were lost with this one, more likely than not.
    fn forget(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
