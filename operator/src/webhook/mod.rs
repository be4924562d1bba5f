//! Admission webhooks: default the executor of an app, refuse what can't work.
//!
//! The API server reaches them by the Service of the installation. Their certificate is the operator's own: made at the
//! first start, kept in a Secret that all replicas share, renewed in time, and announced to the API server by writing
//! its CA into the webhook configurations ([`identity`]).

mod certificate;
mod configurations;
mod defaulting;
mod field_error;
mod handler;
mod identity;
mod review;
mod server;
mod validation;

pub(crate) use configurations::ServiceRef;
pub(crate) use handler::Webhooks;
pub(crate) use identity::Identity;
pub(crate) use server::{serve, tls};

/// Why the webhooks can't be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// Making a certificate failed.
    #[error("can't make the webhook certificate: {0}")]
    Generate(#[from] rcgen::Error),
    /// What was just made is no good: the clock jumped.
    #[error("the new webhook certificate can't be used: {0}; check the clock")]
    Unusable(String),
    /// TLS can't be set up.
    #[error("can't set up TLS for webhooks: {0}")]
    Tls(#[from] rustls::Error),
    /// The API server refused, or can't be reached.
    #[error("Kubernetes API: {0}")]
    Api(#[source] Box<kube::Error>),
}

impl From<kube::Error> for WebhookError {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

/// What validation says of an app with this executor, as texts.
#[cfg(test)]
pub(crate) fn invalid_app(app: &spinkube_api::SpinApp, executor: &spinkube_api::SpinAppExecutor) -> Vec<String> {
    validation::app(&app.spec, Some(executor), None).iter().map(field_error::FieldError::body).collect()
}

/// What validation says of an executor, as texts.
#[cfg(test)]
pub(crate) fn invalid_executor(executor: &spinkube_api::SpinAppExecutor) -> Vec<String> {
    validation::executor(&executor.spec).iter().map(field_error::FieldError::body).collect()
}
