//! Where values of variables come from.

use std::collections::{BTreeMap, HashMap};

use spin_app::locked::{LockedMap, Variable};

/// Prefix of environment variables that give values. Contract: Spin's env provider.
const PREFIX: &str = "SPIN_VARIABLE";

/// A source of values.
pub(crate) enum Provider {
    /// Values known from the start, by variable name.
    Fixed(BTreeMap<String, String>),
}

impl Provider {
    /// The `static` provider of the runtime configuration.
    pub(crate) fn fixed(values: BTreeMap<String, String>) -> Self {
        Self::Fixed(values)
    }

    /// The `env` provider: `<PREFIX>_<NAME>`.
    pub(crate) fn environment(environment: &HashMap<String, String>, prefix: Option<&str>) -> Self {
        let prefix = prefix.unwrap_or(PREFIX);
        let values = environment.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix(prefix)?.strip_prefix('_')?;
            Some((name.to_ascii_lowercase(), value.clone()))
        });
        Self::Fixed(values.collect())
    }

    /// The container's environment: `SPIN_VARIABLE_<NAME>`, else `<NAME>` where the application
    /// declares the variable `<name>`. (Upstream's shim lets the second overrule the first; here the
    /// explicit one wins, because names like `PATH` and `HOSTNAME` are set in every container.)
    pub(crate) fn container(declared: &LockedMap<Variable>, environment: &HashMap<String, String>) -> Self {
        let values = declared.keys().filter_map(|name| {
            let upper = name.to_ascii_uppercase();
            let value = environment.get(&format!("{PREFIX}_{upper}")).or_else(|| environment.get(&upper))?;
            Some((name.clone(), value.clone()))
        });
        Self::Fixed(values.collect())
    }

    /// The value, if this provider has one.
    #[allow(clippy::unused_async)] // providers that ask a server are variants like any other
    pub(crate) async fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Fixed(values) => values.get(name).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_prefix_of_its_own() {
        let environment = HashMap::from([("APP_TOKEN".to_owned(), "t".to_owned())]);
        let provider = Provider::environment(&environment, Some("APP"));
        assert_eq!(provider.get("token").await.as_deref(), Some("t"));
        assert_eq!(Provider::environment(&environment, None).get("token").await, None);
    }
}
