//! Who we are to a registry: as `spin registry login` and `docker login` have stored it.

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

/// Where credentials come from.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Spin's file, then Docker's with its helpers, else none.
    #[default]
    Stored,
    /// None at all.
    Anonymous,
    /// These.
    Basic {
        /// User name.
        username: String,
        /// Password or token.
        password: String,
    },
}

impl Credentials {
    pub(super) fn resolve(self, registry: &str) -> RegistryAuth {
        match self {
            Self::Anonymous => RegistryAuth::Anonymous,
            Self::Basic { username, password } => RegistryAuth::Basic(username, password),
            Self::Stored => {
                let registry = registry.trim_end_matches('/');
                from_spin(registry).or_else(|| from_docker(registry)).unwrap_or(RegistryAuth::Anonymous)
            }
        }
    }
}

/// `~/.config/fermyon/registry-auth.json`: registry to base64 of `user:password`.
fn from_spin(registry: &str) -> Option<RegistryAuth> {
    #[derive(Deserialize)]
    struct AuthFile {
        auths: BTreeMap<String, String>,
    }
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".config")))?;
    let file = std::fs::read(config.join("fermyon/registry-auth.json")).ok()?;
    basic(serde_json::from_slice::<AuthFile>(&file).ok()?.auths.get(registry)?)
}

/// Docker's configuration; a helper that fails counts as no credentials.
fn from_docker(registry: &str) -> Option<RegistryAuth> {
    match docker_credential::get_credential(registry) {
        Ok(docker_credential::DockerCredential::UsernamePassword(user, password)) => {
            Some(RegistryAuth::Basic(user, password))
        }
        Ok(docker_credential::DockerCredential::IdentityToken(_)) => {
            tracing::warn!(
                registry,
                "Docker's credentials for this registry are an identity token, which can't be used"
            );
            None
        }
        Err(error) => {
            tracing::debug!(registry, %error, "no credentials of Docker");
            None
        }
    }
}

fn basic(encoded: &str) -> Option<RegistryAuth> {
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(RegistryAuth::Basic(user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{RegistryAuth, basic};

    #[test]
    fn spins_form_of_credentials() {
        assert_eq!(basic("dTpwOnE="), Some(RegistryAuth::Basic("u".to_owned(), "p:q".to_owned())));
        assert_eq!(basic("dQ=="), None);
        assert_eq!(basic("?"), None);
    }
}
