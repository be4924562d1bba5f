//! How long to wait before a failed reconciliation is repeated.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kube::api::ObjectMeta;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_mins(5);

/// Failures in a row by object. An object that is deleted while it fails leaves a few bytes until the next start.
#[derive(Default)]
pub(super) struct Backoff {
    failures: Mutex<HashMap<Key, u32>>,
}

type Key = (Option<String>, Option<String>);

impl Backoff {
    /// Counts one more failure and returns the delay that follows: doubling, at most five minutes.
    pub(super) fn next(&self, object: &ObjectMeta) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key(object)).or_default();
        let delay = FIRST.saturating_mul(1_u32.checked_shl(*count).unwrap_or(u32::MAX));
        *count = count.saturating_add(1).min(u32::BITS);
        delay.min(LONGEST)
    }

    /// Forgets the failures of an object.
    pub(super) fn reset(&self, object: &ObjectMeta) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&key(object));
    }
}

fn key(object: &ObjectMeta) -> Key {
    (object.namespace.clone(), object.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_limit_and_starts_over() {
        let backoff = Backoff::default();
        let app = ObjectMeta { name: Some("app".into()), ..ObjectMeta::default() };
        let delays: Vec<_> = (0..40).map(|_| backoff.next(&app).as_millis()).collect();
        assert_eq!(delays[..4], [100, 200, 400, 800]);
        assert_eq!(delays[39], 300_000);
        backoff.reset(&app);
        assert_eq!(backoff.next(&app), FIRST);
    }
}
