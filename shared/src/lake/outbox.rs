//! Removing what commits left in the outbox and nobody will ever deliver.

use std::future::Future;

use super::commit::Lake;
use super::lease::{Asked, Lease};
use super::store::{Store, StoreError};
use crate::export::SourceId;

impl<S: Store> Lake<'_, S> {
    /// Removes a file if `is_to_go` while nobody is at work on the export: an attempt that writes it anew meanwhile would
    /// lose it. If somebody is at work, nothing happens. Whether it was removed.
    ///
    /// # Errors
    /// Those of the store; trying again is safe.
    pub(crate) async fn remove_at_rest(
        &self,
        source: &SourceId,
        name: &str,
        is_to_go: impl Future<Output = Result<bool, StoreError>>,
    ) -> Result<bool, StoreError> {
        let asked = Lease::ask(self.store, source, self.clock.now(), self.longest).await?;
        let Asked::Held(mut lease) = asked else { return Ok(false) };
        let removed = async {
            let is_removed = is_to_go.await? && lease.keep(self.clock.now()).await.is_ok();
            if is_removed {
                self.store.remove(name).await?;
            }
            Ok(is_removed)
        };
        let removed = removed.await;
        // Should the lease stay, it runs out.
        let _ = lease.give_up(self.clock.now()).await;
        removed
    }
}
