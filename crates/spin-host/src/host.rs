//! Load, bind, serve.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use spin_app::locked::{LockedApp, LockedError, SERVICE_CHAINING};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use wasmtime::component::InstancePre;

use crate::app::{self, Component, ComponentError, RetainError, Services, State};
use crate::engine::{self, EngineError, Ticker};
use crate::interface::{self, LinkError};
use crate::key_value::Stores;
use crate::native::{self, ComponentCode, LoadCodeError};
use crate::outbound::{Internal, InternalSlot};
use crate::output::Output;
use crate::runtime_config::{RuntimeConfig, RuntimeConfigError, VariablesProvider};
use crate::settings::{Phase, Settings};
use crate::tasks::Tasks;
use crate::trigger::http::{self, HttpTrigger, HttpTriggerError, server};
use crate::variables::{Provider, VariableError, Variables};

/// Trigger types that this host runs.
const TRIGGER_TYPES: &str = http::TYPE;
/// Caps the linear memory of an instance, in bytes.
const INSTANCE_MEMORY: &str = "SPIN_MAX_INSTANCE_MEMORY";
/// Where relative paths of the runtime configuration count from: the shim finds it in the root.
const RUNTIME_CONFIG_DIR: &str = "/";

/// An application can't run on this host. Each message is one sentence with its cure.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The engine could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread could not be started.
    #[error("can't start a thread: {0}; raise the pids limit of the pod")]
    Thread(io::Error),
    /// The runtime configuration is wrong.
    #[error(transparent)]
    RuntimeConfig(#[from] RuntimeConfigError),
    /// `SPIN_COMPONENTS_TO_RETAIN` is wrong.
    #[error(transparent)]
    Retain(#[from] RetainError),
    /// The app needs a newer host.
    #[error(transparent)]
    Requirement(#[from] LockedError),
    /// The app has nothing to run.
    #[error("the app has no trigger, so nothing would ever run; add a [[trigger.http]] to spin.toml")]
    NoTrigger,
    /// A trigger type without an implementation here.
    #[error(
        "trigger `{id}` is of type `{trigger_type}`, which this host can't run (it runs: {TRIGGER_TYPES}); remove the trigger"
    )]
    TriggerType {
        /// The trigger.
        id: String,
        /// Its type.
        trigger_type: String,
    },
    /// A required variable has no value.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A trigger names a component that the app doesn't have.
    #[error("a trigger starts component `{0}`, which the app doesn't have; push the app again")]
    NoComponent(String),
    /// Code is missing for a component that a trigger starts.
    #[error("component `{0}` has no code in this artifact; push the app again")]
    NoCode(String),
    /// A component's configuration is wrong.
    #[error("component `{component}`: {source}")]
    Component {
        /// The component.
        component: String,
        /// Why.
        source: ComponentError,
    },
    /// Code of a component can't be loaded.
    #[error("component `{component}` can't be loaded: {source}")]
    Code {
        /// The component.
        component: String,
        /// Why.
        source: LoadCodeError,
    },
    /// An import of a component can't be satisfied.
    #[error("component `{component}` can't be linked: {source}")]
    Link {
        /// The component.
        component: String,
        /// Why.
        source: LinkError,
    },
    /// An HTTP trigger is wrong.
    #[error(transparent)]
    Http(#[from] HttpTriggerError),
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
    trigger: Arc<HttpTrigger>,
    tasks: Arc<Tasks>,
}

impl Host {
    /// Loads an application: makes the engine, takes in the code of each component that a trigger
    /// starts (code of others is ignored), resolves variables and permissions, and links every import.
    /// `components` are pairs of component id and code.
    pub async fn load(
        mut app: LockedApp,
        components: impl IntoIterator<Item = (String, ComponentCode)>,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let mut code: HashMap<String, ComponentCode> = components.into_iter().collect();
        let Settings { listen, environment, runtime_config, file_roots, state_dir, memory_limit, stdout, stderr } =
            settings;
        if let Some(list) = environment.get(app::RETAIN) {
            app::retain(&mut app, list)?;
        }
        check_triggers(&app)?;
        let config = match runtime_config {
            Some(text) => RuntimeConfig::parse(&text, Path::new(RUNTIME_CONFIG_DIR))?,
            None => RuntimeConfig::default(),
        };
        // Outbound TLS; whoever installed a provider before us chose one on purpose.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pool = engine::Config::host(&environment, memory_limit)?;
        let engine = engine::new(&pool)?;
        let instances = pool.pool.as_ref().map_or(Semaphore::MAX_PERMITS, |p| p.instances as usize);
        // Unparsable is ignored, as upstream does: an operator's typo must not stop an app.
        let instance_memory = environment
            .get(INSTANCE_MEMORY)
            .and_then(|bytes| bytes.parse().ok())
            .or_else(|| config.max_instance_memory.and_then(|n| usize::try_from(n).ok()));
        let state_dir = config.state_dir.unwrap_or(state_dir);
        let providers = config.variables_providers.into_iter().map(|provider| match provider {
            VariablesProvider::Static { values } => Provider::fixed(values),
            VariablesProvider::Env { prefix } => Provider::environment(&environment, prefix.as_deref()),
        });
        let variables = Variables::new(app.variables.clone(), providers.collect(), &environment);
        variables.check().await?;
        let tasks = Arc::new(Tasks::default());
        let internal = InternalSlot::default();
        let services = Arc::new(Services {
            ticker: Arc::new(Ticker::start(&engine).map_err(LoadError::Thread)?),
            engine,
            stdout: Output::start("stdout", stdout).map_err(LoadError::Thread)?,
            stderr: Output::start("stderr", stderr).map_err(LoadError::Thread)?,
            variables,
            stores: Stores::new(&config.key_value_stores, state_dir.as_deref()),
            internal: Arc::clone(&internal),
            slots: Arc::new(Semaphore::new(instances.min(Semaphore::MAX_PERMITS))),
            instance_memory,
            tasks: Arc::clone(&tasks),
        });
        let mut ready = HashMap::new();
        let linker = interface::linker(&services.engine)
            .map_err(|source| LoadError::Link { component: "*".to_owned(), source })?;
        for id in app.triggers_of(http::TYPE).filter_map(|t| t.component()) {
            if ready.contains_key(id) {
                continue;
            }
            let locked = app.component(id).ok_or_else(|| LoadError::NoComponent(id.to_owned()))?;
            let code = code.remove(id).ok_or_else(|| LoadError::NoCode(id.to_owned()))?;
            let component = Component::resolve(locked, file_roots.get(id).cloned(), &services)
                .await
                .map_err(|source| LoadError::Component { component: id.to_owned(), source })?;
            let pre = link(id, code, &linker).await?;
            ready.insert(id.to_owned(), (Arc::new(component), pre));
        }
        let trigger = Arc::new(HttpTrigger::new(&app, &ready)?);
        let weak = Arc::downgrade(&trigger);
        let answers: std::sync::Weak<dyn Internal> = weak;
        // The slot was made a few lines above, for this.
        let _ = internal.set(answers);
        Ok(Self { listen, trigger, tasks })
    }

    /// Opens the listener. Connections queue from here on; they are answered by [`Bound::serve`].
    pub async fn bind(self) -> Result<Bound, BindError> {
        let unresolved = |source| BindError::Address { address: self.listen.clone(), source };
        let address = tokio::net::lookup_host(&self.listen)
            .await
            .map_err(unresolved)?
            .next()
            .ok_or_else(|| unresolved(io::ErrorKind::NotFound.into()))?;
        let refused = |source| BindError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        self.trigger.set_address(address);
        Ok(Bound { address, listener, trigger: self.trigger, tasks: self.tasks })
    }
}

/// Compiling or mapping code takes its time; the runtime's threads have other things to do.
async fn link(
    id: &str,
    code: ComponentCode,
    linker: &wasmtime::component::Linker<State>,
) -> Result<InstancePre<State>, LoadError> {
    let engine = linker.engine().clone();
    let component = tokio::task::spawn_blocking(move || native::load(&engine, code))
        .await
        .map_err(|error| LoadError::Thread(io::Error::other(error)))?
        .map_err(|source| LoadError::Code { component: id.to_owned(), source })?;
    interface::pre_instantiate(linker, &component)
        .map_err(|source| LoadError::Link { component: id.to_owned(), source })
}

fn check_triggers(app: &LockedApp) -> Result<(), LoadError> {
    if app.triggers.is_empty() {
        return Err(LoadError::NoTrigger);
    }
    if let Some(other) = app.triggers.iter().find(|t| t.trigger_type != http::TYPE) {
        return Err(LoadError::TriggerType { id: other.id.clone(), trigger_type: other.trigger_type.clone() });
    }
    app.check_host_requirements(http::TYPE, &[SERVICE_CHAINING])?;
    Ok(())
}

/// A host that listens.
pub struct Bound {
    address: SocketAddr,
    listener: TcpListener,
    trigger: Arc<HttpTrigger>,
    tasks: Arc<Tasks>,
}

impl Bound {
    /// Where it listens, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The lines that Spin prints when it serves: the address and the routes.
    pub fn banner(&self) -> String {
        self.trigger.banner(self.address)
    }

    /// Answers requests until `phase` says [`Phase::Draining`] (or its sender is dropped) and everything
    /// in flight is done, then returns. Dropping this future ends everything at once.
    pub async fn serve(self, phase: watch::Receiver<Phase>) {
        server::serve(self.listener, self.trigger, self.tasks, phase).await;
    }
}
