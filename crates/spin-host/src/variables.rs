//! Application variables: who gives them values, and the templates that use them.

mod provider;
mod template;

use std::collections::{BTreeMap, HashMap};

use spin_app::locked::{LockedMap, Variable};
use thiserror::Error;

pub(crate) use provider::Provider;
pub(crate) use template::{Template, TemplateError};

/// The application's variables and the providers that may give them values, first one wins.
pub(crate) struct Variables {
    declared: LockedMap<Variable>,
    providers: Vec<Provider>,
}

/// A variable has no value.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum VariableError {
    /// Required, and nobody gave it.
    #[error("variable `{name}` is required and has no value; set the environment variable SPIN_VARIABLE_{} (a SpinApp's spec.variables, or --variable {name}=... when deploying), or give it a default in spin.toml", .name.to_ascii_uppercase())]
    Missing {
        /// The variable.
        name: String,
    },
    /// The application doesn't declare it.
    #[error("variable `{0}` is not declared; add it to [variables] in spin.toml")]
    Undeclared(String),
}

impl Variables {
    /// `configured` are the providers of the runtime configuration, in its order; the environment
    /// comes last.
    pub(crate) fn new(
        declared: LockedMap<Variable>,
        configured: Vec<Provider>,
        environment: &HashMap<String, String>,
    ) -> Self {
        let mut providers = configured;
        providers.push(Provider::container(&declared, environment));
        Self { declared, providers }
    }

    /// The value of an application variable.
    pub(crate) async fn get(&self, name: &str) -> Result<String, VariableError> {
        let Some(variable) = self.declared.get(name) else {
            return Err(VariableError::Undeclared(name.to_owned()));
        };
        for provider in &self.providers {
            if let Some(value) = provider.get(name).await {
                return Ok(value);
            }
        }
        variable.default.clone().ok_or_else(|| VariableError::Missing { name: name.to_owned() })
    }

    /// Fails when a required variable has no value.
    pub(crate) async fn check(&self) -> Result<(), VariableError> {
        for name in self.declared.keys() {
            self.get(name).await?;
        }
        Ok(())
    }

    /// Fills in a template.
    pub(crate) async fn render(&self, template: &Template) -> Result<String, VariableError> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                template::Part::Text(literal) => text.push_str(literal),
                template::Part::Variable(name) => text.push_str(&self.get(name).await?),
            }
        }
        Ok(text)
    }
}

/// What a component sees: its own names, each a template over the application's variables.
pub(crate) type ComponentVariables = BTreeMap<String, Template>;

/// Whether guests may ask for a variable of this name: lower-case words of letters and digits joined by
/// single underscores, the first beginning with a letter.
pub(crate) fn is_valid_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn variables(configured: Vec<Provider>, environment: &[(&str, &str)]) -> Variables {
        let declared = [("greeting", Some("hi")), ("token", None)]
            .map(|(name, default)| {
                (name.to_owned(), Variable { default: default.map(str::to_owned), ..Variable::default() })
            })
            .into();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Variables::new(declared, configured, &environment)
    }

    #[tokio::test]
    async fn the_first_provider_wins_and_the_default_is_last() {
        let given = Provider::fixed([("token".to_owned(), "fixed".to_owned())].into());
        let v = variables(vec![given], &[("SPIN_VARIABLE_TOKEN", "env")]);
        assert_eq!(v.get("token").await.unwrap(), "fixed");
        assert_eq!(v.get("greeting").await.unwrap(), "hi");
    }

    #[tokio::test]
    async fn the_container_environment_gives_values_under_both_names() {
        let v = variables(vec![], &[("SPIN_VARIABLE_TOKEN", "t"), ("GREETING", "hello"), ("TOKEN", "other")]);
        assert_eq!(v.get("token").await.unwrap(), "t");
        assert_eq!(v.get("greeting").await.unwrap(), "hello");
    }

    #[tokio::test]
    async fn a_missing_variable_says_how_to_give_it() {
        let error = variables(vec![], &[]).check().await.unwrap_err();
        insta::assert_snapshot!(error, @"variable `token` is required and has no value; set the environment variable SPIN_VARIABLE_TOKEN (a SpinApp's spec.variables, or --variable token=... when deploying), or give it a default in spin.toml");
    }

    #[tokio::test]
    async fn templates_are_filled_in() {
        let v = variables(vec![], &[("SPIN_VARIABLE_TOKEN", "t")]);
        let template = Template::parse("{{ greeting }}-{{token}}!").unwrap();
        assert_eq!(v.render(&template).await.unwrap(), "hi-t!");
        let unknown = Template::parse("{{ nobody }}").unwrap();
        assert_eq!(v.render(&unknown).await.unwrap_err(), VariableError::Undeclared("nobody".to_owned()));
    }

    #[test]
    fn names() {
        for good in ["a", "a1", "a_b_c2"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", "_a", "a_", "a__b", "A", "1a", "a-b", "ä"] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }
}
