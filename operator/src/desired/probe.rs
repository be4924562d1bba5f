//! Health checks of an app's container.

use k8s_openapi::api::core::v1::{HTTPGetAction, HTTPHeader, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use spinkube_api::HealthProbe;
use spinkube_api::contract::HTTP_PORT;

use super::DesiredError;

/// The probe for a check called `name` (`readiness` or `liveness`). A timing of zero means Kubernetes' own default.
pub(super) fn probe(name: &'static str, check: Option<&HealthProbe>) -> Result<Option<Probe>, DesiredError> {
    let Some(check) = check else { return Ok(None) };
    let get = check.http_get.as_ref().ok_or(DesiredError::ProbeWithoutAction(name))?;
    let headers =
        get.http_headers.iter().map(|header| HTTPHeader { name: header.name.clone(), value: header.value.clone() });
    let headers: Vec<HTTPHeader> = headers.collect();
    let nonzero = |value: i32| Some(value).filter(|value| *value != 0);
    Ok(Some(Probe {
        http_get: Some(HTTPGetAction {
            path: Some(get.path.clone()).filter(|path| !path.is_empty()),
            port: IntOrString::Int(HTTP_PORT),
            http_headers: Some(headers).filter(|headers| !headers.is_empty()),
            ..HTTPGetAction::default()
        }),
        initial_delay_seconds: nonzero(check.initial_delay_seconds),
        timeout_seconds: nonzero(check.timeout_seconds),
        period_seconds: nonzero(check.period_seconds),
        success_threshold: nonzero(check.success_threshold),
        failure_threshold: nonzero(check.failure_threshold),
        ..Probe::default()
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn probe_of(check: Value) -> Value {
        let check: HealthProbe = serde_json::from_value(check).unwrap();
        serde_json::to_value(probe("readiness", Some(&check)).unwrap()).unwrap()
    }

    #[test]
    fn absent_stays_absent() {
        assert_eq!(probe("liveness", None), Ok(None));
    }

    #[test]
    fn timings_have_the_defaults_of_the_crd() {
        assert_eq!(
            probe_of(json!({"httpGet": {"path": "/hello"}})),
            json!({
                "httpGet": {"path": "/hello", "port": 80},
                "initialDelaySeconds": 10, "timeoutSeconds": 1, "periodSeconds": 10,
                "successThreshold": 1, "failureThreshold": 3,
            })
        );
    }

    #[test]
    fn everything_is_copied_and_zero_left_out() {
        assert_eq!(
            probe_of(json!({
                "httpGet": {"path": "/h", "httpHeaders": [{"name": "a", "value": "b"}]},
                "initialDelaySeconds": 0, "timeoutSeconds": 2, "periodSeconds": 3,
                "successThreshold": 4, "failureThreshold": 5,
            })),
            json!({
                "httpGet": {"path": "/h", "port": 80, "httpHeaders": [{"name": "a", "value": "b"}]},
                "timeoutSeconds": 2, "periodSeconds": 3, "successThreshold": 4, "failureThreshold": 5,
            })
        );
    }

    #[test]
    fn a_check_without_action_is_refused() {
        let check: HealthProbe = serde_json::from_value(json!({})).unwrap();
        assert_eq!(probe("liveness", Some(&check)), Err(DesiredError::ProbeWithoutAction("liveness")));
    }
}
