//! The `AdmissionReview` that the API server sends, and the one it gets back.

use kube::core::Status;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field_error::{FieldError, sentence};

/// What the API server asks about.
#[derive(Debug, Deserialize)]
pub(super) struct Review {
    pub(super) request: Request,
}

/// One create or update.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) uid: String,
    #[serde(default)]
    pub(super) namespace: String,
    #[serde(default)]
    pub(super) object: Value,
    #[serde(default)]
    pub(super) old_object: Value,
}

impl Request {
    /// Whether this is an update that changes nothing but metadata, or of an object on its way out. What was stored
    /// before a rule came must not keep its finalizers for ever.
    pub(super) fn leaves_spec(&self) -> bool {
        let deleting = self.object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
        !self.old_object.is_null() && (deleting || self.object.get("spec") == self.old_object.get("spec"))
    }
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    api_version: &'static str,
    kind: &'static str,
    response: Response,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    uid: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    /// JSON patch in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
}

/// What to do with the object.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Take it as it is.
    Allow,
    /// Take it with this JSON patch.
    Patch(Value),
    /// Refuse it: fields of an object of this kind and name.
    Invalid { kind: &'static str, name: String, errors: Vec<FieldError> },
    /// Refuse it: it can't be read.
    BadRequest(String),
    /// Refuse it: we failed.
    Failed(String),
}

impl Verdict {
    /// HTTP code that stands for the verdict in metrics.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Allow | Self::Patch(_) => 200,
            Self::Invalid { .. } => 422,
            Self::BadRequest(_) => 400,
            Self::Failed(_) => 500,
        }
    }
}

impl Answer {
    pub(super) fn new(uid: String, verdict: Verdict) -> Self {
        use base64::Engine as _;
        let code = verdict.code();
        let refuse = |message: String, reason: &str| (Some(Status::failure(&message, reason).with_code(code)), None);
        let (status, patch) = match verdict {
            Verdict::Allow => (None, None),
            Verdict::Patch(patch) => (None, Some(base64::engine::general_purpose::STANDARD.encode(patch.to_string()))),
            Verdict::Invalid { kind, name, errors } => {
                let status = Status::failure(&sentence(kind, &name, &errors), "Invalid").with_code(code);
                (Some(status.with_details(details(kind, name, &errors))), None)
            }
            Verdict::BadRequest(message) => refuse(message, "BadRequest"),
            Verdict::Failed(message) => refuse(message, "InternalError"),
        };
        let patch_type = patch.as_ref().map(|_| "JSONPatch");
        let response = Response { uid, allowed: status.is_none(), status, patch_type, patch };
        Self { api_version: "admission.k8s.io/v1", kind: "AdmissionReview", response }
    }
}

fn details(kind: &str, name: String, errors: &[FieldError]) -> kube::core::response::StatusDetails {
    let cause = |error: &FieldError| kube::core::response::StatusCause {
        reason: "FieldValueInvalid".to_owned(),
        message: error.body(),
        field: error.field.clone(),
    };
    kube::core::response::StatusDetails {
        name,
        group: spinkube_api::contract::GROUP.to_owned(),
        kind: kind.to_owned(),
        uid: String::new(),
        causes: errors.iter().map(cause).collect(),
        retry_after_seconds: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_is_a_complete_status() {
        let errors = vec![FieldError::invalid("spec.replicas", 0, "replicas must be > 0")];
        let answer = Answer::new("u1".into(), Verdict::Invalid { kind: "SpinApp", name: "a".into(), errors });
        insta::assert_json_snapshot!(answer);
    }

    #[test]
    fn metadata_and_deletion_are_not_judged() {
        let deleting = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        for (object, old, leaves) in [
            (json!({"spec": 1}), Value::Null, false),
            (json!({"spec": 1}), json!({"spec": 2}), false),
            (json!({"spec": 1, "metadata": {"labels": {}}}), json!({"spec": 1}), true),
            (json!({"spec": 1, "metadata": deleting}), json!({"spec": 2}), true),
        ] {
            let request = Request { uid: String::new(), namespace: String::new(), object, old_object: old };
            assert_eq!(request.leaves_spec(), leaves, "{request:?}");
        }
    }

    #[test]
    fn a_patch_is_base64() {
        let answer = Answer::new("u1".into(), Verdict::Patch(json!([])));
        insta::assert_json_snapshot!(answer, @r#"
        {
          "apiVersion": "admission.k8s.io/v1",
          "kind": "AdmissionReview",
          "response": {
            "uid": "u1",
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": "W10="
          }
        }
        "#);
    }
}
