//! The command line, with upstream's flags where they still mean something.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Parser, Subcommand};
use spinkube_api::contract::OPERATOR_NAMESPACE;
use tokio::net::TcpListener;

/// Runs Spin apps on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "spin-operator", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Where /metrics is served; 0 turns it off.
    #[arg(long, default_value = ":8080", value_name = "ADDRESS")]
    pub(crate) metrics_bind_address: BindAddress,

    /// Where /healthz and /readyz are served; 0 turns them off.
    #[arg(long, default_value = ":8082", value_name = "ADDRESS")]
    pub(crate) health_probe_bind_address: BindAddress,

    /// Let one of several replicas run the controllers.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) leader_elect: bool,

    /// Serve the admission webhooks.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) enable_webhooks: bool,

    /// Where the webhooks are served.
    #[arg(long, default_value = ":9443", value_name = "ADDRESS")]
    pub(crate) webhook_bind_address: BindAddress,

    /// Service by which the API server reaches the webhooks.
    #[arg(long, default_value = "spin-operator-webhook-service", value_name = "NAME")]
    pub(crate) webhook_service: String,

    /// The operator's own namespace: of its Lease, its certificate and its Service. Its executors serve every
    /// namespace that has none of the same name.
    #[arg(long, env = "POD_NAMESPACE", default_value = OPERATOR_NAMESPACE, value_name = "NAME")]
    pub(crate) namespace: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the CRDs as YAML files into a directory.
    #[command(hide = true)]
    Crds {
        /// The directory.
        directory: PathBuf,
    },
}

/// An address to listen on: `:8080` for all addresses, `127.0.0.1:8080` for one, `0` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindAddress {
    Off,
    Any(u16),
    One(SocketAddr),
}

impl FromStr for BindAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |error: &dyn std::fmt::Display| format!("{error}; write :8080, 127.0.0.1:8080 or 0");
        match text.strip_prefix(':') {
            _ if text == "0" => Ok(Self::Off),
            Some(port) => port.parse().map(Self::Any).map_err(|error| invalid(&error)),
            None => text.parse().map(Self::One).map_err(|error| invalid(&error)),
        }
    }
}

impl BindAddress {
    /// Listens; `None` if turned off. All addresses means both families where the host has both.
    pub(crate) async fn listen(self) -> Result<Option<TcpListener>, (SocketAddr, std::io::Error)> {
        let bind = |address: SocketAddr| async move {
            TcpListener::bind(address).await.map(Some).map_err(|error| (address, error))
        };
        match self {
            Self::Off => Ok(None),
            Self::One(address) => bind(address).await,
            Self::Any(port) => match bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port)).await {
                Err((_, error)) if error.kind() != std::io::ErrorKind::AddrInUse => {
                    bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)).await
                }
                result => result,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn flags_of_upstreams_installation() {
        let args = Args::try_parse_from([
            "/manager",
            "--health-probe-bind-address=:8081",
            "--metrics-bind-address=127.0.0.1:8443",
            "--leader-elect",
            "--enable-webhooks=true",
        ])
        .unwrap();
        assert!(args.leader_elect && args.enable_webhooks);
        assert_eq!(args.health_probe_bind_address, BindAddress::Any(8081));
        assert_eq!(args.metrics_bind_address, BindAddress::One("127.0.0.1:8443".parse().unwrap()));
        let defaults = Args::try_parse_from(["/manager"]).unwrap();
        assert!(!defaults.leader_elect && !defaults.enable_webhooks);
    }

    #[test]
    fn addresses() {
        assert_eq!("0".parse(), Ok(BindAddress::Off));
        for bad in ["", ":", ":x", ":65536", "localhost", "8080"] {
            assert!(bad.parse::<BindAddress>().is_err(), "{bad}");
        }
    }
}
