//! Spin application formats: `spin.toml`, the locked app, the OCI artifact in and out. No wasm engine.
//!
//! An app goes this way: [`manifest`] (text, with the place of every value) -> [`lock`] (everything it names is there) ->
//! [`artifact`] (layers and digests) -> [`registry`] (push) or [`layout`] (a tar or a folder). Back: [`registry`] (inspect,
//! pull) -> [`layout`] (open) -> [`locked`], whose contents are files again. [`build_steps`] says how an app is built and
//! [`download`] fetches sources that are URLs. A shim reads [`locked`] and unpacks [`archive`]s with limits.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//! use spin_app::{artifact::{Artifact, ArtifactOptions}, manifest::Manifest, registry::{Credentials, Registry}};
//!
//! let manifest = Manifest::load(Path::new("demos/hello-rust"))?;      // a folder, or the file itself
//! for step in spin_app::build_steps(&manifest) {
//!     println!("{}: {:?} in {}", step.component, step.commands, step.workdir.display());
//! }
//! let downloads = Path::new("/home/me/.cache/spinkube-dev/wasm");
//! spin_app::download(&manifest, downloads).await?;                    // nothing to do without `source = { url }`
//! let app = spin_app::lock(&manifest, downloads)?;                    // names what is missing and its build command
//! println!("to be given: {:?}", app.required_variables().collect::<Vec<_>>());
//! // Hashes every file: blocking.
//! let artifact = tokio::task::spawn_blocking(move || Artifact::build(&app, &ArtifactOptions::default())).await??;
//! let registry = Registry::new("localhost:5001/hello-rust:latest", Credentials::default(), false)?;
//! let pushed = registry.push(&artifact, &|event| println!("{event:?}")).await?;
//! assert_eq!(pushed.digest, artifact.digest);                          // sha256:...
//! # Ok(())
//! # }
//! ```
//!
//! Equal content has an equal digest: the creation time is left out unless [`artifact::ArtifactOptions::created`] is set.

pub mod archive;
pub mod artifact;
mod build;
mod download;
pub mod layout;
mod lock;
pub mod locked;
pub mod manifest;
pub mod registry;

pub use build::{BuildStep, build_steps};
pub use download::{DownloadError, download};
pub use lock::{LockError, lock};
