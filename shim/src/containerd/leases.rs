//! Leases: what is written under one is not collected while it lives.

use std::sync::atomic::{AtomicU64, Ordering};

use containerd_client::services::v1::{CreateRequest, DeleteRequest};

use super::{Containerd, Error};

/// After this time containerd ends a lease whose owner died.
const EXPIRY: std::time::Duration = std::time::Duration::from_hours(1);

/// A lease of ours. It expires by itself if it isn't released.
#[derive(Debug)]
pub(crate) struct Lease {
    /// Unique on the node: two pods that first start at once do not meet.
    pub(crate) id: String,
}

impl Containerd {
    /// Makes a lease whose id no other process takes.
    pub(crate) async fn lease(&self) -> Result<Lease, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let now = jiff::Timestamp::now();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("spinkube-native-{}-{}-{count}", now.as_nanosecond(), std::process::id());
        let expire = (now + EXPIRY).to_string();
        let labels = [("containerd.io/gc.expire".to_owned(), expire)].into();
        let request = self.request(CreateRequest { id: id.clone(), labels }, None);
        self.client.leases().create(request).await.map_err(Error::call("make a lease"))?;
        Ok(Lease { id })
    }

    /// Ends a lease.
    pub(crate) async fn release(&self, lease: Lease) -> Result<(), Error> {
        let request = self.request(DeleteRequest { id: lease.id, sync: false }, None);
        self.client.leases().delete(request).await.map_err(Error::call("release a lease"))?;
        Ok(())
    }
}
