//! What the cluster shows of a rollout, kept current by watches.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Event as Occurrence, Pod},
};
use kube::{ResourceExt, runtime::watcher::Event};

/// One change that a watch received.
#[derive(Debug)]
pub(super) enum Change {
    Deployment(Event<Deployment>),
    ReplicaSet(Event<ReplicaSet>),
    Pod(Event<Pod>),
    Occurrence(Event<Occurrence>),
}

/// Objects by uid.
#[derive(Debug)]
pub(super) struct Kept<K> {
    objects: BTreeMap<String, K>,
    complete: bool,
}

/// The app's objects as last seen.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) deployments: Kept<Deployment>,
    pub(super) replica_sets: Kept<ReplicaSet>,
    pub(super) pods: Kept<Pod>,
    pub(super) occurrences: Kept<Occurrence>,
}

impl Observed {
    pub(super) fn take(&mut self, change: Change) {
        match change {
            Change::Deployment(event) => self.deployments.take(event),
            Change::ReplicaSet(event) => self.replica_sets.take(event),
            Change::Pod(event) => self.pods.take(event),
            Change::Occurrence(event) => self.occurrences.take(event),
        }
    }

    /// Whether each watch has listed what is there.
    pub(super) fn is_complete(&self) -> bool {
        self.deployments.complete && self.replica_sets.complete && self.pods.complete && self.occurrences.complete
    }
}

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), complete: false }
    }
}

impl<K: ResourceExt> Kept<K> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.objects.values()
    }

    pub(super) fn insert(&mut self, object: K) {
        self.objects.insert(object.uid().unwrap_or_else(|| object.name_any()), object);
    }

    fn take(&mut self, event: Event<K>) {
        match event {
            Event::Init => *self = Self::default(),
            Event::InitApply(object) | Event::Apply(object) => self.insert(object),
            Event::InitDone => self.complete = true,
            Event::Delete(object) => {
                self.objects.remove(&object.uid().unwrap_or_else(|| object.name_any()));
            }
        }
    }
}
