//! What a locked app says about one HTTP trigger.

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::routes::RouteError;
use super::static_response::{StaticConfig, StaticResponse};

/// A trigger's configuration is wrong.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// Not the JSON that Spin writes.
    #[error("has a configuration that can't be read: {0}; push the app again with a current spin or spinkube-dev")]
    Json(#[from] serde_json::Error),
    /// A route that can't be matched.
    #[error(transparent)]
    Route(RouteError),
    /// `private = false`.
    #[error("has route {{ private = false }}; write a path, or {{ private = true }}")]
    NotPrivate,
    /// Neither or both.
    #[error("must have either a component or a static_response")]
    NoAnswer,
    /// A component that the app doesn't have.
    #[error("names component `{0}`, which the app doesn't have")]
    NoComponent(String),
    /// The CGI executor.
    #[error("uses the wagi executor, which this host doesn't offer yet; build the component for wasi:http")]
    Wagi,
    /// Middleware that was not composed.
    #[error(
        "has middleware that was not composed when the app was pushed, and this host doesn't compose; push the app with `--compose=true` (the default)"
    )]
    Middleware,
    /// A static response that is no HTTP.
    #[error("has a static_response whose {0} is not valid HTTP")]
    Static(&'static str),
}

/// A trigger as this host uses it.
#[derive(Debug)]
pub(super) struct TriggerConfig {
    /// As declared; `None` is private.
    pub(super) route: Option<String>,
    pub(super) answer: Answer,
}

/// What answers.
#[derive(Debug)]
pub(super) enum Answer {
    Component(String),
    Static(StaticResponse),
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    component: Option<String>,
    #[serde(default)]
    route: RawRoute,
    #[serde(default)]
    executor: Option<RawExecutor>,
    #[serde(default)]
    static_response: Option<StaticConfig>,
    #[serde(default)]
    dependencies: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawRoute {
    Path(String),
    Private { private: bool },
}

impl Default for RawRoute {
    fn default() -> Self {
        Self::Path(String::new())
    }
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum RawExecutor {
    #[serde(alias = "spin")]
    Http,
    Wagi,
}

/// Reads `trigger_config`.
pub(super) fn parse(value: &Value) -> Result<TriggerConfig, ConfigError> {
    let raw = Raw::deserialize(value)?;
    let route = match raw.route {
        RawRoute::Path(path) => Some(path),
        RawRoute::Private { private: true } => None,
        RawRoute::Private { private: false } => return Err(ConfigError::NotPrivate),
    };
    if matches!(raw.executor, Some(RawExecutor::Wagi)) {
        return Err(ConfigError::Wagi);
    }
    if raw.dependencies.as_ref().is_some_and(|d| d.as_object().is_none_or(|d| !d.is_empty())) {
        return Err(ConfigError::Middleware);
    }
    let answer = match (raw.component, raw.static_response) {
        (Some(id), None) => Answer::Component(id),
        (None, Some(response)) => Answer::Static(StaticResponse::new(&response).map_err(ConfigError::Static)?),
        _ => return Err(ConfigError::NoAnswer),
    };
    Ok(TriggerConfig { route, answer })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn component(config: TriggerConfig) -> (Option<String>, String) {
        let Answer::Component(id) = config.answer else { panic!("no component") };
        (config.route, id)
    }

    #[test]
    fn routes_may_be_paths_private_or_missing() {
        let read = |value: Value| component(parse(&value).unwrap());
        assert_eq!(read(json!({"component": "a", "route": "/x/..."})), (Some("/x/...".to_owned()), "a".to_owned()));
        assert_eq!(read(json!({"component": "a", "route": {"private": true}})), (None, "a".to_owned()));
        assert_eq!(
            read(json!({"component": "a", "executor": {"type": "spin"}})),
            (Some(String::new()), "a".to_owned())
        );
    }

    #[test]
    fn mistakes_are_named() {
        let error = |value: Value| parse(&value).unwrap_err();
        assert!(matches!(error(json!({"component": "a", "route": {"private": false}})), ConfigError::NotPrivate));
        assert!(matches!(error(json!({"component": "a", "executor": {"type": "wagi"}})), ConfigError::Wagi));
        assert!(matches!(error(json!({"route": "/"})), ConfigError::NoAnswer));
        assert!(matches!(error(json!({"route": "/", "component": "a", "static_response": {}})), ConfigError::NoAnswer));
        assert!(matches!(error(json!({"route": 1})), ConfigError::Json(_)));
    }
}
