//! What a registry said, as one sentence with a cure.

use oci_client::errors::{OciDistributionError, OciErrorCode};

/// A push or pull that failed.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {kind}")]
pub struct RegistryError {
    /// As the caller wrote it.
    pub reference: String,
    /// What happened.
    pub kind: RegistryErrorKind,
}

/// What happened, for callers that treat cases differently.
#[derive(Debug, thiserror::Error)]
pub enum RegistryErrorKind {
    /// The text is no reference.
    #[error("it is no image reference ({0}); write it like localhost:5001/hello:v1")]
    Reference(String),
    /// Nothing listens there, or the name does not resolve.
    #[error(
        "the registry can't be reached ({0}); start it (`spinkube-dev up` starts the local one) or check the name and port"
    )]
    Unreachable(String),
    /// It wants other credentials.
    #[error(
        "the registry wants other credentials ({0}); log in with `docker login` or `spin registry login`, as a user who may do this"
    )]
    Unauthorised(String),
    /// There is no such repository, tag or digest.
    #[error("the registry has no such image; push it first, or check the name and tag")]
    NotFound,
    /// A file is no longer what it was when it was hashed.
    #[error("a file changed while it was pushed; push again")]
    Changed,
    /// It speaks TLS badly, or http where https is expected.
    #[error(
        "no secure connection to the registry ({0}); use a registry with a trusted certificate, or push with --insecure"
    )]
    Tls(String),
    /// It answered, and refused.
    #[error("the registry refuses the request ({0}); see its log")]
    Refused(String),
    /// The artifact is no Spin app.
    #[error(transparent)]
    NotAnApp(#[from] crate::artifact::NotAnApp),
    /// The locked app in it can't be used.
    #[error(transparent)]
    Locked(#[from] crate::locked::LockedError),
    /// This machine could not read or write a file.
    #[error("can't read or write {path}: {source}; check permissions and free space")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl RegistryError {
    pub(super) fn new(reference: &str, kind: impl Into<RegistryErrorKind>) -> Self {
        Self { reference: reference.to_owned(), kind: kind.into() }
    }

    pub(super) fn reference(reference: &str, error: &dyn std::error::Error) -> Self {
        Self::new(reference, RegistryErrorKind::Reference(error.to_string()))
    }

    pub(super) fn of(reference: &str, error: &OciDistributionError) -> Self {
        Self::new(reference, kind(error))
    }
}

fn kind(error: &OciDistributionError) -> RegistryErrorKind {
    use OciDistributionError as E;
    use RegistryErrorKind as Kind;
    match error {
        E::UnauthorizedError { .. } => Kind::Unauthorised("401".to_owned()),
        E::AuthenticationFailure(reason) => Kind::Unauthorised(shorten(reason)),
        E::ImageManifestNotFoundError(_) | E::ServerError { code: 404, .. } => Kind::NotFound,
        E::RegistryError { envelope, .. } => {
            let text = envelope.errors.iter().map(|e| e.message.clone()).collect::<Vec<_>>().join(", ");
            match envelope.errors.first().map(|e| &e.code) {
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => Kind::Unauthorised(shorten(&text)),
                Some(OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::BlobUnknown) => {
                    Kind::NotFound
                }
                Some(OciErrorCode::DigestInvalid | OciErrorCode::SizeInvalid) => Kind::Changed,
                _ => Kind::Refused(shorten(&text)),
            }
        }
        E::ServerError { code: 401 | 403, message, .. } => Kind::Unauthorised(shorten(message)),
        E::ServerError { message, .. } if message.contains("DIGEST_INVALID") => Kind::Changed,
        E::ServerError { code, message, .. } => Kind::Refused(format!("{code}: {}", shorten(message))),
        E::RequestError(request) => request_kind(request),
        E::DigestError(_) => Kind::Changed,
        other => Kind::Refused(shorten(&innermost(other))),
    }
}

fn request_kind(error: &reqwest::Error) -> RegistryErrorKind {
    use RegistryErrorKind as Kind;
    // The text of a status error repeats the whole URL.
    let reason = error.status().map_or_else(|| innermost(error), |status| status.to_string());
    match error.status().map(|s| s.as_u16()) {
        Some(401 | 403) => Kind::Unauthorised(reason),
        Some(404) => Kind::NotFound,
        None if reason.contains("certificate") || reason.contains("TLS") || reason.contains("corrupt message") => {
            Kind::Tls(reason)
        }
        None if error.is_connect() || error.is_timeout() => Kind::Unreachable(reason),
        Some(_) | None => Kind::Refused(reason),
    }
}

/// The last cause of an error: what the system or the library below said.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// One line of bounded length: registries answer with whole pages.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
