//! The Secrets of an app: values of secret variables, and its runtime config.
//!
//! A pod reads them once, at its start. So each carries a revision, which changes when its content does, and which
//! the app puts into its pod template. It is a time and no hash: a hash would tell something about a short secret.

use std::{collections::BTreeMap, fs, path::Path};

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use spinkube_api::contract::RUNTIME_CONFIG_KEY;

use super::{
    AppError,
    desired::{self, CONFIG, MANAGED_BY, MANAGER},
    variables::Values,
};

/// One Secret as it shall be; without content it shall not be.
struct Wanted {
    name: String,
    data: BTreeMap<String, String>,
    revision: String,
}

/// An app's Secrets as they shall be.
pub(crate) struct Secrets {
    api: Api<Secret>,
    app: String,
    wanted: Vec<Wanted>,
}

impl Secrets {
    /// Compares what is wanted with what is there.
    pub(crate) async fn plan(
        client: &Client,
        namespace: &str,
        app: &str,
        variables: &Values,
        runtime_config: Option<&str>,
    ) -> Result<Self, AppError> {
        let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let values = variables.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let config = runtime_config.map(|text| (RUNTIME_CONFIG_KEY.to_owned(), text.to_owned())).into_iter().collect();
        let mut wanted = Vec::new();
        for (name, data) in [(desired::variables_secret(app), values), (desired::runtime_config_secret(app), config)] {
            let there = api.get_opt(&name).await.map_err(AppError::api(format!("read the Secret {name}")))?;
            let revision = revision(there.as_ref(), &data);
            wanted.push(Wanted { name, data, revision });
        }
        Ok(Self { api, app: app.into(), wanted })
    }

    /// The revisions of those that have content, for the pod template.
    pub(crate) fn revisions(&self) -> String {
        self.filled().map(|it| it.revision.as_str()).collect::<Vec<_>>().join("-")
    }

    /// Writes those that have content.
    pub(crate) async fn apply(&self, owner: Option<&OwnerReference>) -> Result<(), AppError> {
        for it in self.filled() {
            let secret = desired::secret(&it.name, &self.app, &it.data, &it.revision, owner.cloned());
            let params = PatchParams::apply(MANAGER).force();
            let applied = self.api.patch(&it.name, &params, &Patch::Apply(secret)).await;
            applied.map_err(AppError::api(format!("write the Secret {}", it.name)))?;
        }
        Ok(())
    }

    /// Removes those of an earlier deploy that have no content any more. Not before its pods are gone: they could
    /// not be restarted without.
    pub(crate) async fn remove_unused(&self) -> Result<(), AppError> {
        for it in self.wanted.iter().filter(|it| it.data.is_empty()) {
            let action = || format!("remove the Secret {}", it.name);
            let there = self.api.get_opt(&it.name).await.map_err(AppError::api(action()))?;
            if there.is_some_and(|it| it.labels().get(MANAGED_BY).is_some_and(|by| by == MANAGER)) {
                match self.api.delete(&it.name, &DeleteParams::default()).await {
                    Ok(_) => {}
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    Err(error) => return Err(AppError::api(action())(error)),
                }
            }
        }
        Ok(())
    }

    fn filled(&self) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().filter(|it| !it.data.is_empty())
    }
}

/// The revision of what is there when its content stays, else a new one.
fn revision(there: Option<&Secret>, data: &BTreeMap<String, String>) -> String {
    let same = there.filter(|secret| {
        let bytes = data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone().into_bytes())));
        secret.data.clone().unwrap_or_default() == bytes.collect()
    });
    let kept = same.and_then(|secret| secret.annotations().get(CONFIG).cloned());
    kept.unwrap_or_else(|| jiff::Timestamp::now().as_millisecond().to_string())
}

/// A runtime config file, which must be TOML.
pub(crate) fn read_runtime_config(path: &Path) -> Result<String, AppError> {
    let refused = |reason: String| AppError::File { path: path.into(), reason };
    let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    text.parse::<toml::Table>().map_err(|error| refused(error.to_string().trim_end().to_owned()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_revision_stays_as_long_as_the_content_does() {
        let data = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let there = desired::secret("s", "app", &data, "7", None);
        assert_eq!(revision(Some(&there), &data), "7");
        let other = BTreeMap::from([("a".to_owned(), "2".to_owned())]);
        assert!(revision(Some(&there), &other).parse::<i64>().unwrap() > 1_700_000_000_000);
        assert_ne!(revision(None, &data), "7");
    }

    #[test]
    fn a_runtime_config_must_be_toml() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rc.toml");
        std::fs::write(&path, "[key_value_store.default]\ntype = \"spin\"\n").unwrap();
        assert!(read_runtime_config(&path).is_ok());
        std::fs::write(&path, "[key_value_store\n").unwrap();
        assert!(read_runtime_config(&path).unwrap_err().to_string().contains("line 1, column"));
        assert!(read_runtime_config(&dir.path().join("gone")).is_err());
    }
}
