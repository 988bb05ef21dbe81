//! Connections of releases that did not note where credentials were given: a start binds them to where their connector
//! leads then, so that a later change of the connector asks for the credentials again.

use hookmill_store::{Change, ConnectionFilter, Lane, List};

use crate::{Error, Runtime};

/// The name of the setting that says that all are bound.
const SETTING: &str = "connections_bound";
/// Connections that are read at a time.
const PAGE: usize = 100;

impl Runtime {
    /// Binds what is unbound. A connection that cannot be opened, or whose connector cannot be used, stays as it is:
    /// nothing can be sent with it.
    pub(crate) async fn bind_connections(&self) -> Result<(), Error> {
        if self.0.store.setting(SETTING).await?.is_some() {
            return Ok(());
        }
        let all = ConnectionFilter { owner: None, connector: None, health: None, q: None };
        let mut after = None;
        loop {
            let page = self.0.store.connections(&all, List { after, limit: PAGE }).await?;
            for connection in page.items {
                let is_unbound = self.unsealed(&connection).is_ok_and(|secrets| secrets.destination.is_none());
                if !is_unbound {
                    continue;
                }
                let destination = match self.destination(connection.connector).await {
                    Ok(destination) => destination,
                    Err(Error::Store(error)) => return Err(error.into()),
                    Err(error) => {
                        tracing::warn!(connection = %connection.id, %error, "a connection cannot be bound");
                        continue;
                    }
                };
                let bind = |_: &mut _, secrets: &mut crate::secrets::Secrets| {
                    secrets.destination.get_or_insert_with(|| destination.clone());
                    Ok(())
                };
                match self.change_connection(connection.owner, connection.id, bind).await {
                    // Somebody deleted it meanwhile.
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        let done = Change::PutSetting(SETTING.to_owned(), bytes::Bytes::from_static(b"yes"));
        self.0.store.commit(done.into(), Lane::Work).await?;
        Ok(())
    }
}
