//! The Service in front of an app.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use kube::api::ObjectMeta;
use spinkube_api::SpinApp;
use spinkube_api::contract::{HTTP_PORT, HTTP_PORT_NAME, service_selector};

/// A `ClusterIP` Service with one port to the app's pods.
pub(crate) fn service(app: &SpinApp) -> Service {
    let name = app.name_any();
    let port = ServicePort {
        port: HTTP_PORT,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(HTTP_PORT_NAME.to_owned())),
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            annotations: Some(app.spec.service_annotations.clone()).filter(|annotations| !annotations.is_empty()),
            ..super::child_metadata(app, name.clone(), super::controller_of(app))
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            ports: Some(vec![port]),
            selector: Some(service_selector(&name)),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::app;
    use super::*;
    use serde_json::json;

    #[test]
    fn is_upstreams() {
        let service = service(&app(&json!({"serviceAnnotations": {"key": "value"}})));
        insta::assert_json_snapshot!(service);
    }

    #[test]
    fn has_no_empty_annotations() {
        assert_eq!(service(&app(&json!({}))).metadata.annotations, None);
    }
}
