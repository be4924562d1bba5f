//! What `/readyz` says: each check that has to pass, and why one doesn't.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// A condition of being ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// Webhooks are served and the API server trusts their certificate.
    Webhooks,
    /// The controllers know every app and executor. A replica that is not the leader has no controllers.
    Controllers,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "webhooks",
            Self::Controllers => "controllers",
        }
    }
}

/// State of the checks that this process has.
#[derive(Debug, Default)]
pub(crate) struct Health {
    checks: Mutex<BTreeMap<Check, Result<(), String>>>,
}

impl Health {
    /// The check passes.
    pub(crate) fn pass(&self, check: Check) {
        self.set(check, Ok(()));
    }

    /// The check does not pass, for this reason.
    pub(crate) fn fail(&self, check: Check, reason: impl Into<String>) {
        self.set(check, Err(reason.into()));
    }

    fn set(&self, check: Check, state: Result<(), String>) {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        if checks.get(&check) != Some(&state) {
            tracing::info!(check = check.name(), "{}", state.as_ref().map_or_else(String::as_str, |()| "ok"));
            checks.insert(check, state);
        }
    }

    /// A line for each check; an error if one does not pass.
    pub(crate) fn ready(&self) -> Result<String, String> {
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (check, state) in checks.iter() {
            let _ = match state {
                Ok(()) => writeln!(text, "[+] {}", check.name()),
                Err(reason) => writeln!(text, "[-] {}: {reason}", check.name()),
            };
        }
        if checks.values().all(Result::is_ok) { Ok(text) } else { Err(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_check_passes() {
        let health = Health::default();
        health.fail(Check::Webhooks, "starting");
        health.pass(Check::Controllers);
        assert_eq!(health.ready(), Err("[-] webhooks: starting\n[+] controllers\n".to_owned()));
        health.pass(Check::Webhooks);
        assert_eq!(health.ready(), Ok("[+] webhooks\n[+] controllers\n".to_owned()));
    }
}
