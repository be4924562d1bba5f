//! Settings that need not be typed each time: flags > `SPINKUBE_DEV_*` > `spinkube.toml` (nearest one upward) >
//! `~/.config/spinkube-dev/config.toml` > defaults. Nothing has to be configured.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy as _;
use serde::Deserialize;

use crate::engine::{Error, Result, cluster::DEFAULT_NAME};

const PROJECT_FILE: &str = "spinkube.toml";
const KEYS: [&str; 3] = ["name", "workers", "node_image"];

/// What the files say, the project's before the user's.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Config {
    /// The cluster's name.
    name: Option<String>,
    /// Worker nodes of a new cluster.
    pub(super) workers: Option<usize>,
    /// The image of the nodes.
    pub(super) node_image: Option<String>,
}

impl Config {
    /// Reads the files as they apply to a folder.
    pub(super) fn load(from: &Path) -> Result<Self> {
        let project = from.ancestors().map(|dir| dir.join(PROJECT_FILE)).find(|path| path.is_file());
        let users =
            etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("spinkube-dev/config.toml"));
        let mut merged = Self::default();
        for path in project.into_iter().chain(users) {
            let config = Self::read(&path)?;
            merged.name = merged.name.or(config.name);
            merged.workers = merged.workers.or(config.workers);
            merged.node_image = merged.node_image.or(config.node_image);
        }
        Ok(merged)
    }

    /// The cluster's name, with what the command line says first.
    pub(super) fn name(&self, flag: Option<String>) -> String {
        flag.or_else(|| self.name.clone()).unwrap_or_else(|| DEFAULT_NAME.into())
    }

    fn read(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|reason| usage(path, &reason)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(usage(path, &error.to_string())),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let nearest = KEYS
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)));
            return Err(format!("there is no setting `{unknown}`; the nearest is `{}`", nearest.unwrap_or(&"name")));
        }
        table.try_into().map_err(|error: toml::de::Error| error.to_string())
    }
}

/// The folder that the command runs in.
pub(super) fn cwd() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| usage(Path::new("."), &error.to_string()))
}

fn usage(path: &Path, reason: &str) -> Error {
    Error::Usage {
        message: format!("{} can't be used: {}", path.display(), reason.trim()),
        help: "correct or remove it".into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn unknown_keys_name_the_nearest() {
        let error = Config::parse("node-image = \"x\"").unwrap_err();
        assert_eq!(error, "there is no setting `node-image`; the nearest is `node_image`");
    }

    #[test]
    fn flags_win_over_files_and_files_over_defaults() {
        let config = Config::parse("name = \"mine\"\nworkers = 2").unwrap();
        assert_eq!((config.name(None), config.name(Some("flag".into()))), ("mine".into(), "flag".into()));
        assert_eq!(Config::default().name(None), "spinkube");
    }
}
