//! Leader election: of several replicas one runs the controllers.
//!
//! A Lease names the leader, which renews it; the others look at it now and then and take it once it has run out. Two
//! leaders at once would do no harm for a moment, since both write the same; so clocks need to agree within seconds
//! only. A leader that stops gives the Lease back, and the next takes over at its next look.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

/// Name of the Lease: upstream's operator and ours do not run at the same time.
const LEASE: &str = "90ba2d18.spinkube.dev";
/// Without renewal, the Lease runs out after this many seconds.
const DURATION_SECONDS: i32 = 15;
const DURATION: SignedDuration = SignedDuration::from_secs(DURATION_SECONDS as i64);
/// Time between renewals.
const RENEW: Duration = Duration::from_secs(4);
/// Time between two looks at somebody else's Lease, and between two tries to renew.
const LOOK: Duration = Duration::from_secs(1);
/// A leader that could not renew for this long stops leading.
const GIVE_UP: Duration = Duration::from_secs(10);

/// The Lease went to another replica, or could not be renewed in time.
#[derive(Debug, thiserror::Error)]
#[error("leader election lost: {0}; the process ends so that Kubernetes starts it anew")]
pub(crate) struct LostLead(String);

/// One candidate.
pub(crate) struct Candidate {
    leases: Api<Lease>,
    identity: String,
}

/// What a look at the Lease says.
#[derive(Debug, PartialEq)]
enum Look {
    /// It is ours, was given back, or has run out.
    Take,
    /// Another replica has it.
    Wait,
}

impl Candidate {
    /// A candidate in the operator's namespace. The identity must differ between replicas; a container that starts
    /// again with the same one leads again at once.
    pub(crate) fn new(client: Client, namespace: &str, identity: String) -> Self {
        Self { leases: Api::namespaced(client, namespace), identity }
    }

    /// Waits for the lead, then runs `work` while it lasts. `work` gets a token that ends it.
    pub(crate) async fn lead<W: Future<Output = ()>>(
        &self,
        stop: CancellationToken,
        work: impl FnOnce(CancellationToken) -> W,
    ) -> Result<(), LostLead> {
        let mut lease = tokio::select! {
            lease = self.acquire() => lease,
            () = stop.cancelled() => return Ok(()),
        };
        tracing::info!(identity = self.identity, "leading");
        let work_stop = stop.child_token();
        let result = tokio::select! {
            () = work(work_stop.clone()) => Ok(()),
            lost = self.renew(&mut lease) => Err(lost),
        };
        work_stop.cancel();
        if result.is_ok() {
            self.release(&lease).await;
        }
        result
    }

    async fn acquire(&self) -> Lease {
        loop {
            match self.try_acquire().await {
                Ok(Some(lease)) => return lease,
                Ok(None) => {}
                Err(error) => tracing::warn!("leader election: {error}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn try_acquire(&self) -> kube::Result<Option<Lease>> {
        let now = Timestamp::now();
        let found = self.leases.get_opt(LEASE).await?;
        if found.as_ref().is_some_and(|lease| look(lease, &self.identity, now) == Look::Wait) {
            return Ok(None);
        }
        let lease = taken(found.as_ref(), &self.identity, now);
        let written = match found {
            None => self.leases.create(&PostParams::default(), &lease).await,
            Some(_) => self.leases.replace(LEASE, &PostParams::default(), &lease).await,
        };
        match written {
            Ok(lease) => Ok(Some(lease)),
            // Another replica was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn renew(&self, lease: &mut Lease) -> LostLead {
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(if renewed.elapsed() < RENEW { RENEW } else { LOOK }).await;
            let next = taken(Some(lease), &self.identity, Timestamp::now());
            match tokio::time::timeout(RENEW, self.leases.replace(LEASE, &PostParams::default(), &next)).await {
                Ok(Ok(written)) => {
                    *lease = written;
                    renewed = tokio::time::Instant::now();
                    continue;
                }
                Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => {
                    // Somebody wrote it; that is a loss only if it is no longer ours.
                    match self.try_acquire().await {
                        Ok(Some(taken)) => {
                            *lease = taken;
                            renewed = tokio::time::Instant::now();
                            continue;
                        }
                        Ok(None) => return LostLead("another replica leads".to_owned()),
                        Err(error) => tracing::warn!("leader election: {error}"),
                    }
                }
                Ok(Err(error)) => tracing::warn!("leader election: {error}"),
                Err(_) => tracing::warn!("leader election: no answer from the API server"),
            }
            if renewed.elapsed() > GIVE_UP {
                return LostLead("the Lease could not be renewed".to_owned());
            }
        }
    }

    async fn release(&self, lease: &Lease) {
        let mut free = lease.clone();
        let spec = free.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        if let Err(error) = self.leases.replace(LEASE, &PostParams::default(), &free).await {
            tracing::warn!("leader election: can't give the Lease back: {error}");
        }
    }
}

fn look(lease: &Lease, identity: &str, now: Timestamp) -> Look {
    let spec = lease.spec.clone().unwrap_or_default();
    let holder = spec.holder_identity.unwrap_or_default();
    let renewed = spec.renew_time.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let duration = spec.lease_duration_seconds.map_or(DURATION, |seconds| SignedDuration::from_secs(seconds.into()));
    if holder.is_empty() || holder == identity || now.duration_since(renewed) > duration {
        Look::Take
    } else {
        Look::Wait
    }
}

/// The Lease with `identity` as holder; `found` with its version, so that of two candidates one wins.
fn taken(found: Option<&Lease>, identity: &str, now: Timestamp) -> Lease {
    let old = found.and_then(|lease| lease.spec.clone()).unwrap_or_default();
    let ours = old.holder_identity.as_deref() == Some(identity);
    let transitions = old.lease_transitions.unwrap_or_default();
    Lease {
        metadata: found.map_or_else(
            || ObjectMeta { name: Some(LEASE.to_owned()), ..ObjectMeta::default() },
            |lease| lease.metadata.clone(),
        ),
        spec: Some(LeaseSpec {
            acquire_time: if ours { old.acquire_time } else { Some(MicroTime(now)) },
            holder_identity: Some(identity.to_owned()),
            lease_duration_seconds: Some(DURATION_SECONDS),
            lease_transitions: Some(if ours || found.is_none() { transitions } else { transitions.saturating_add(1) }),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lease_is_taken_when_nobody_has_it() {
        let now = Timestamp::now();
        let held = taken(None, "a", now);
        let mut released = held.clone();
        released.spec.as_mut().unwrap().holder_identity = Some(String::new());
        for (lease, identity, later, expected) in [
            (&held, "a", 1, Look::Take),
            (&held, "b", 1, Look::Wait),
            (&held, "b", 15, Look::Wait),
            (&held, "b", 16, Look::Take),
            (&released, "b", 1, Look::Take),
            (&Lease::default(), "b", 0, Look::Take),
        ] {
            let at = now + SignedDuration::from_secs(later);
            assert_eq!(look(lease, identity, at), expected, "{identity} after {later} s");
        }
    }

    #[test]
    fn a_change_of_holder_counts() {
        let now = Timestamp::now();
        let first = taken(None, "a", now);
        let renewed = taken(Some(&first), "a", now + SignedDuration::from_secs(4));
        let moved = taken(Some(&renewed), "b", now + SignedDuration::from_secs(30));
        let transitions = |lease: &Lease| lease.spec.as_ref().unwrap().lease_transitions;
        let acquired = |lease: &Lease| lease.spec.as_ref().unwrap().acquire_time.clone();
        assert_eq!((transitions(&first), transitions(&renewed), transitions(&moved)), (Some(0), Some(0), Some(1)));
        assert_eq!(acquired(&first), acquired(&renewed));
        assert_ne!(acquired(&first), acquired(&moved));
    }
}
