//! Application variables: what was given, checked against what the app declares, and which of it is secret.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use spin_app::locked::{LockedMap, Variable};
use spinkube_api::contract::env::VARIABLE_PREFIX;

use super::AppError;

/// Values by the variable's name. Its `Debug` text shows the names alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<String, String>);

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Checked values, by where they go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Into the `SpinApp` itself.
    pub inline: BTreeMap<String, String>,
    /// Into a Secret that the `SpinApp` refers to.
    pub secret: Values,
}

impl Values {
    /// Env files first, each later one over the earlier, then `NAME=VALUE` flags over them.
    pub fn collect(env_files: &[PathBuf], flags: &[String]) -> Result<Self, AppError> {
        let mut values = BTreeMap::new();
        for path in env_files {
            let text = fs::read_to_string(path)
                .map_err(|error| AppError::File { path: path.clone(), reason: error.to_string() })?;
            values.extend(parse_env_file(&text, path)?);
        }
        for flag in flags {
            let (name, value) = flag.split_once('=').filter(|(name, _)| !name.trim().is_empty()).ok_or_else(|| {
                AppError::BadVariable { given: flag.split('=').next().unwrap_or_default().to_owned() }
            })?;
            values.insert(name.trim().to_owned(), value.to_owned());
        }
        Ok(Self(values))
    }

    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks them against what the app declares: no unknown name, none missing that has no default.
    ///
    /// `declared` is `None` where the app could not be read; then all values count as secret.
    pub fn resolve(&self, app: &str, declared: Option<&LockedMap<Variable>>) -> Result<Resolved, AppError> {
        let Some(declared) = declared else {
            return Ok(Resolved { inline: BTreeMap::new(), secret: self.clone() });
        };
        if let Some(name) = self.0.keys().find(|name| !declared.contains_key(*name)) {
            return Err(unknown(app, name, declared));
        }
        let required = declared.iter().filter(|(_, variable)| variable.default.is_none());
        let missing: Vec<String> =
            required.map(|(name, _)| name.clone()).filter(|name| !self.0.contains_key(name)).collect();
        if !missing.is_empty() {
            return Err(AppError::VariableMissing { app: app.into(), names: missing });
        }
        let is_secret = |name: &String| declared.get(name).is_some_and(|variable| variable.secret);
        let (secret, inline) = self.0.clone().into_iter().partition(|(name, _)| is_secret(name));
        Ok(Resolved { inline, secret: Self(secret) })
    }
}

impl FromIterator<(String, String)> for Values {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// `NAME=VALUE` lines; `export`, quotes around a value, comments and empty lines are allowed. A name may be
/// written as in the manifest, in upper case, or as the pod's environment has it (`SPIN_VARIABLE_NAME`).
fn parse_env_file(text: &str, path: &Path) -> Result<BTreeMap<String, String>, AppError> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .filter(|(name, _)| !name.trim().is_empty())
            .ok_or_else(|| AppError::BadEnvFile { path: path.into(), line: index + 1 })?;
        let name = name.trim();
        let name = name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name).to_ascii_lowercase();
        values.insert(name, unquoted(value.trim()).to_owned());
    }
    Ok(values)
}

fn unquoted(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

fn unknown(app: &str, name: &str, declared: &LockedMap<Variable>) -> AppError {
    let distance = |known: &String| strsim::damerau_levenshtein(&name.to_ascii_lowercase(), known);
    let nearest = declared.keys().min_by_key(|known| distance(known));
    let nearest = nearest.filter(|known| distance(known) <= known.len().max(name.len()) / 2);
    let names = declared.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let known = if names.is_empty() {
        "it declares none: add `[variables]` to its spin.toml".to_owned()
    } else {
        format!("it declares {names}")
    };
    AppError::UnknownVariable { app: app.into(), name: name.into(), nearest: nearest.cloned(), known }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn declared() -> LockedMap<Variable> {
        let with = |default: Option<&str>, secret| Variable {
            default: default.map(Into::into),
            secret,
            ..Variable::default()
        };
        [("greeting", with(Some("hi"), false)), ("user", with(None, false)), ("token", with(None, true))]
            .map(|(name, variable)| (name.to_owned(), variable))
            .into()
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn secrets_are_kept_apart() {
        let resolved = values(&[("user", "u"), ("token", "t")]).resolve("app", Some(&declared())).unwrap();
        assert_eq!(resolved.inline, BTreeMap::from([("user".to_owned(), "u".to_owned())]));
        assert_eq!(resolved.secret, values(&[("token", "t")]));
        assert_eq!(format!("{:?}", resolved.secret), r#"{"token"}"#, "values are not shown");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let text = |given: &Values| given.resolve("app", Some(&declared())).unwrap_err().to_string();
        assert_eq!(text(&values(&[])), "app needs the variables token and user");
        assert_eq!(text(&values(&[("user", "")])), "app needs the variable token");
        assert_eq!(text(&values(&[("Usr", "")])), "app has no variable Usr; did you mean user?");
        assert_eq!(text(&values(&[("quite_different", "")])), "app has no variable quite_different");
    }

    #[test]
    fn an_app_that_could_not_be_read_takes_everything_as_secret() {
        let given = values(&[("x", "1")]);
        assert_eq!(given.resolve("app", None).unwrap().secret, given);
    }

    #[test]
    fn flags_win_over_env_files() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "# c\n\nexport A = \"x y\"\nSPIN_VARIABLE_B='='\nc=1=2\n").unwrap();
        let collected = Values::collect(&[path], &["c=flag".into(), "d=".into()]).unwrap();
        assert_eq!(collected, values(&[("a", "x y"), ("b", "="), ("c", "flag"), ("d", "")]));
        let bad = Values::collect(&[], &["nothing".into()]).unwrap_err();
        assert_eq!(bad.to_string(), "the variable `nothing` is not NAME=VALUE");
        assert_eq!(
            parse_env_file("a=1\nb", Path::new("e")).unwrap_err().to_string(),
            "e:2: this line is not NAME=VALUE"
        );
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(text in "[a-zA-Z_=\"'# \n]{0,60}") {
            if let Ok(values) = parse_env_file(&text, Path::new("e")) {
                prop_assert!(values.keys().all(|name| !name.is_empty() && *name == name.to_ascii_lowercase()));
            }
        }

        #[test]
        fn what_is_written_is_read(name in "[a-z][a-z0-9_]{0,10}", value in "[a-zA-Z0-9 =#]{0,20}") {
            let read = parse_env_file(&format!("{name}=\"{value}\""), Path::new("e")).unwrap();
            prop_assert_eq!(read, BTreeMap::from([(name, value)]));
        }
    }
}
