//! The `SpinKube` operator: turns `SpinApp`s into Deployments, Services and Secrets, by the executor that each names.
//!
//! - [`run`]: the tasks and their end; [`args`]: flags
//! - [`controller`]: what is read and written when something changes; [`desired`]: what should be there, as pure
//!   functions; [`status`]: what is said about an app; [`executors`]: which executor an app gets
//! - [`webhook`]: admission, with a certificate of our own; [`leader`]: one of several replicas acts
//! - [`health`], [`metrics`], [`http`]: what kubelet and Prometheus ask
//! - [`crds`]: the CRDs' YAML

mod args;
mod controller;
mod crds;
mod desired;
mod executors;
mod health;
mod http;
mod leader;
#[cfg(test)]
mod manifests;
mod metrics;
mod run;
#[cfg(test)]
mod scenario;
mod status;
mod webhook;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
    // The API client and the webhooks use the same cryptography; a second call would only say that it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = match args.command {
        Some(args::Command::Crds { directory }) => crds::write(&directory),
        None => run::run(args).await.map_err(|error| error.to_string()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
