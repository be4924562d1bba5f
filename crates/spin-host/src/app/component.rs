//! One component with everything about it resolved.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use spin_app::locked::LockedComponent;
use thiserror::Error;

use super::Services;
use crate::outbound::{AllowedHostError, AllowedHosts};
use crate::variables::{ComponentVariables, Template, TemplateError, VariableError, Variables};

/// A component that instances can be made of.
pub(crate) struct Component {
    pub(crate) id: String,
    pub(crate) services: Arc<Services>,
    pub(crate) environment: Vec<(String, String)>,
    /// Mounted read-only at `/`.
    pub(crate) files: Option<PathBuf>,
    pub(crate) allowed_hosts: Arc<AllowedHosts>,
    pub(crate) variables: ComponentVariables,
    /// Labels of key-value stores it may open.
    pub(crate) key_value_stores: BTreeSet<String>,
}

/// A component's configuration is wrong.
#[derive(Debug, Error)]
pub enum ComponentError {
    /// In one of its variables.
    #[error("variable `{name}`: {source}")]
    Variable {
        /// The component's variable.
        name: String,
        /// Why.
        source: TemplateError,
    },
    /// A template needs a value that nobody gave.
    #[error(transparent)]
    Value(#[from] VariableError),
    /// In `allowed_outbound_hosts`.
    #[error(transparent)]
    AllowedHost(#[from] AllowedHostError),
    /// In a template of `allowed_outbound_hosts`.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The pusher left composing to the host.
    #[error(
        "its dependency `{0}` was not composed into it when it was pushed, and this host doesn't compose; push the app with `--compose=true` (the default)"
    )]
    Dependency(String),
    /// A store that nothing defines.
    #[error(
        "it uses the key-value store `{0}`, which the runtime configuration doesn't define; add [key_value_store.{0}] to it"
    )]
    UnknownStore(String),
}

impl Component {
    /// Resolves templates and checks permissions.
    pub(crate) async fn resolve(
        locked: &LockedComponent,
        files: Option<PathBuf>,
        services: &Arc<Services>,
    ) -> Result<Self, ComponentError> {
        if let Some(import) = locked.dependencies.keys().chain(locked.trigger_dependencies.keys()).next() {
            return Err(ComponentError::Dependency(import.clone()));
        }
        let mut variables = ComponentVariables::new();
        for (name, text) in &locked.config {
            let template =
                Template::parse(text).map_err(|source| ComponentError::Variable { name: name.clone(), source })?;
            // Every template is filled in once now, so that a mistake shows at start and not in a request.
            services.variables.render(&template).await?;
            variables.insert(name.clone(), template);
        }
        if let Some(label) = locked.metadata.key_value_stores.iter().find(|l| !services.stores.has(l)) {
            return Err(ComponentError::UnknownStore(label.clone()));
        }
        Ok(Self {
            id: locked.id.clone(),
            services: Arc::clone(services),
            environment: locked.env.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            files,
            allowed_hosts: Arc::new(allowed_hosts(locked, &services.variables).await?),
            variables,
            key_value_stores: locked.metadata.key_value_stores.iter().cloned().collect(),
        })
    }
}

async fn allowed_hosts(locked: &LockedComponent, variables: &Variables) -> Result<AllowedHosts, ComponentError> {
    let mut entries = Vec::new();
    for entry in &locked.metadata.allowed_outbound_hosts {
        entries.push(variables.render(&Template::parse(entry)?).await?);
    }
    Ok(AllowedHosts::parse(entries)?)
}
