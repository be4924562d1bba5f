//! Environment of an app's container, in upstream's order: variables, listen address, telemetry, limits, components.

use k8s_openapi::api::core::v1::EnvVar;
use spinkube_api::contract::{HTTP_PORT, env};
use spinkube_api::executor::{DeploymentConfig, OtelConfig};
use spinkube_api::quantity::Quantity;
use spinkube_api::{SpinApp, SpinVar};

use super::DesiredError;

pub(crate) fn env(app: &SpinApp, config: &DeploymentConfig) -> Result<Vec<EnvVar>, DesiredError> {
    let mut vars: Vec<EnvVar> = app.spec.variables.iter().map(variable).collect();
    vars.push(var(env::LISTEN_ADDR, listen_address()));
    vars.extend(config.otel.iter().flat_map(telemetry));
    if let Some(limit) = app.spec.invocation_limits.get("memory") {
        let bytes = limit.parse::<Quantity>()?.ceil();
        vars.push(var(env::MAX_INSTANCE_MEMORY, bytes.to_string()));
    }
    if let Some(components) = &app.spec.components {
        vars.push(var(env::COMPONENTS_TO_RETAIN, components.join(",")));
    }
    Ok(vars)
}

/// Where an app listens: every address, the one port.
pub(crate) fn listen_address() -> String {
    format!("0.0.0.0:{HTTP_PORT}")
}

fn var(name: &str, value: String) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value), value_from: None }
}

/// Upper-cased and nothing else, as the contract has it.
fn variable(variable: &SpinVar) -> EnvVar {
    EnvVar {
        name: format!("{}{}", env::VARIABLE_PREFIX, variable.name.to_uppercase()),
        value: Some(variable.value.clone()).filter(|value| !value.is_empty()),
        value_from: variable.value_from.clone(),
    }
}

fn telemetry(otel: &OtelConfig) -> impl Iterator<Item = EnvVar> {
    [
        (env::OTLP_ENDPOINT, &otel.exporter_otlp_endpoint),
        (env::OTLP_TRACES_ENDPOINT, &otel.exporter_otlp_traces_endpoint),
        (env::OTLP_METRICS_ENDPOINT, &otel.exporter_otlp_metrics_endpoint),
        (env::OTLP_LOGS_ENDPOINT, &otel.exporter_otlp_logs_endpoint),
    ]
    .into_iter()
    .filter(|(_, endpoint)| !endpoint.is_empty())
    .map(|(name, endpoint)| var(name, endpoint.clone()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixtures::{app, config};
    use super::*;
    use serde_json::{Value, json};

    fn env_of(spec: &Value, settings: &Value) -> Value {
        serde_json::to_value(env(&app(spec), &config(settings)).unwrap()).unwrap()
    }

    #[test]
    fn each_source() {
        let listen = json!({"name": "SPIN_HTTP_LISTEN_ADDR", "value": "0.0.0.0:80"});
        let reference = json!({"configMapKeyRef": {"name": "cfg", "key": "level", "optional": true}});
        for (spec, settings, expected) in [
            (json!({}), json!({}), json!([listen])),
            (
                json!({"variables": [{"name": "greetee", "value": "SpinKube"}, {"name": "foo-bar.baz", "value": "x"}]}),
                json!({}),
                json!([
                    {"name": "SPIN_VARIABLE_GREETEE", "value": "SpinKube"},
                    {"name": "SPIN_VARIABLE_FOO-BAR.BAZ", "value": "x"},
                    listen,
                ]),
            ),
            (
                json!({"variables": [{"name": "level", "valueFrom": reference}]}),
                json!({}),
                json!([{"name": "SPIN_VARIABLE_LEVEL", "valueFrom": reference}, listen]),
            ),
            (
                json!({"invocationLimits": {"memory": "128Mi", "unknown": "1"}}),
                json!({}),
                json!([listen, {"name": "SPIN_MAX_INSTANCE_MEMORY", "value": "134217728"}]),
            ),
            (
                json!({"components": ["a", "b"]}),
                json!({}),
                json!([listen, {"name": "SPIN_COMPONENTS_TO_RETAIN", "value": "a,b"}]),
            ),
            (
                json!({}),
                json!({"otel": {"exporter_otlp_endpoint": "http://o", "exporter_otlp_logs_endpoint": "http://l"}}),
                json!([
                    listen,
                    {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://o"},
                    {"name": "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "value": "http://l"},
                ]),
            ),
        ] {
            assert_eq!(env_of(&spec, &settings), expected, "{spec}");
        }
    }

    #[test]
    fn all_in_order() {
        let vars = env_of(
            &json!({
                "variables": [{"name": "z"}],
                "invocationLimits": {"memory": "40M"},
                "components": ["hello"],
            }),
            &json!({"otel": {"exporter_otlp_traces_endpoint": "t", "exporter_otlp_metrics_endpoint": "m"}}),
        );
        let names: Vec<_> = vars.as_array().unwrap().iter().map(|var| var["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "SPIN_VARIABLE_Z",
                "SPIN_HTTP_LISTEN_ADDR",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
                "SPIN_MAX_INSTANCE_MEMORY",
                "SPIN_COMPONENTS_TO_RETAIN",
            ]
        );
    }

    #[test]
    fn a_limit_that_is_no_quantity_is_named() {
        let app = app(&json!({"invocationLimits": {"memory": "lots"}}));
        let error = env(&app, &DeploymentConfig::default()).unwrap_err();
        assert!(error.to_string().contains("spec.invocationLimits: \"lots\" is not a quantity"), "{error}");
    }
}
