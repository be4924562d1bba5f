//! `SPIN_COMPONENTS_TO_RETAIN`: run a part of an application.

use std::collections::BTreeSet;

use spin_app::locked::LockedApp;
use thiserror::Error;

use crate::outbound::AllowedHosts;

/// Environment variable with a comma-separated list of component ids.
pub(crate) const VARIABLE: &str = "SPIN_COMPONENTS_TO_RETAIN";

/// The chosen part of an application can't run.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RetainError {
    /// Not a component.
    #[error(
        "{VARIABLE} names `{name}`, which is no component of this app (it has: {known}); correct the SpinApp's spec.components"
    )]
    Unknown {
        /// As given.
        name: String,
        /// The app's components.
        known: String,
    },
    /// It calls one that is left out.
    #[error(
        "component `{component}` may call `{target}.spin.internal`, which {VARIABLE} leaves out; retain `{target}` too"
    )]
    Chained {
        /// The caller.
        component: String,
        /// What it may call.
        target: String,
    },
    /// It may call any.
    #[error(
        "component `{0}` may call every component (*.spin.internal), so {VARIABLE} can't leave any out; name the components it calls in allowed_outbound_hosts"
    )]
    ChainedToAny(String),
}

/// Drops components and their triggers that the list doesn't name; an empty list keeps everything.
pub(crate) fn retain(app: &mut LockedApp, list: &str) -> Result<(), RetainError> {
    let wanted: BTreeSet<&str> = list.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    if let Some(name) = wanted.iter().find(|name| app.component(name).is_none()) {
        let known: Vec<&str> = app.components.iter().map(|c| c.id.as_str()).collect();
        return Err(RetainError::Unknown { name: (*name).to_owned(), known: known.join(", ") });
    }
    app.components.retain(|c| wanted.contains(c.id.as_str()));
    app.triggers.retain(|t| t.component().is_none_or(|id| wanted.contains(id)));
    for component in &app.components {
        for entry in &component.metadata.allowed_outbound_hosts {
            // Entries with templates are not known yet, and mistakes are reported when they are resolved.
            let Ok(hosts) = AllowedHosts::parse([entry]) else { continue };
            match hosts.components().next() {
                Some(None) => return Err(RetainError::ChainedToAny(component.id.clone())),
                Some(Some(target)) if !wanted.contains(target) => {
                    return Err(RetainError::Chained { component: component.id.clone(), target: target.to_owned() });
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn app() -> LockedApp {
        let component = |id: &str, host: &str| json!({"id": id, "source": {"content_type": "application/wasm"}, "metadata": {"allowed_outbound_hosts": [host]}});
        let trigger = |id: &str| json!({"id": format!("t-{id}"), "trigger_type": "http", "trigger_config": {"component": id, "route": "/"}});
        let app = json!({
            "spin_lock_version": 0,
            "triggers": [trigger("a"), trigger("b"), trigger("c")],
            "components": [component("a", "http://b.spin.internal"), component("b", "https://{{ x }}"), component("c", "http://*.spin.internal")]
        });
        LockedApp::from_json(app.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn keeps_what_is_named() {
        let mut kept = app();
        retain(&mut kept, " a, b,").unwrap();
        assert_eq!(kept.components.len(), 2);
        assert_eq!(kept.triggers.len(), 2);
        let mut all = app();
        retain(&mut all, "").unwrap();
        assert_eq!(all, app());
    }

    #[test]
    fn refuses_unknown_names_and_broken_chains() {
        insta::assert_snapshot!(retain(&mut app(), "x").unwrap_err(), @"SPIN_COMPONENTS_TO_RETAIN names `x`, which is no component of this app (it has: a, b, c); correct the SpinApp's spec.components");
        insta::assert_snapshot!(retain(&mut app(), "a").unwrap_err(), @"component `a` may call `b.spin.internal`, which SPIN_COMPONENTS_TO_RETAIN leaves out; retain `b` too");
        insta::assert_snapshot!(retain(&mut app(), "c").unwrap_err(), @"component `c` may call every component (*.spin.internal), so SPIN_COMPONENTS_TO_RETAIN can't leave any out; name the components it calls in allowed_outbound_hosts");
    }
}
