//! The shim v2 protocol: `start` and `delete` as containerd runs them, `-info`, and the server between.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use containerd_shim::asynchronous::{ExitSignal, spawn};
use containerd_shim::protos::api::DeleteResponse;
use containerd_shim::protos::protobuf::well_known_types::any::Any;
use containerd_shim::protos::types::introspection::RuntimeInfo;
use containerd_shim::publisher::RemotePublisher;
use containerd_shim::{Config, Error, Flags, Result, StartOpts};

use crate::bundle;
use crate::events::Events;
use crate::options::Options;
use crate::reaper::Children;
use crate::runc::Runc;
use crate::service::Service;

/// The runtime type that handlers name.
const RUNTIME: &str = "io.containerd.spin.v2";

/// Containers with this annotation share the shim of their pod.
const SANDBOX_ID: &str = "io.kubernetes.cri.sandbox-id";

/// The shim's own address, in the bundle that it was started for.
const ADDRESS: &str = "address";

/// Runs whichever part of the protocol the arguments ask for.
///
/// One thread serves a pod: a shim has little to do, and each further thread costs memory in every pod.
pub(crate) fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build();
    let Ok(runtime) = runtime else { return ExitCode::FAILURE };
    // Our own reaper knows which children are spoken for (`reaper`).
    let config = Config { no_reaper: true, default_log_level: "error".to_owned(), ..Config::default() };
    runtime.block_on(containerd_shim::asynchronous::run::<Shim>(RUNTIME, Some(config)));
    // Nothing that is still blocked may keep a finished shim alive.
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

struct Shim {
    id: String,
    namespace: String,
    address: String,
    socket: String,
    exit: Arc<ExitSignal>,
    children: Arc<Children>,
}

#[async_trait]
impl containerd_shim::asynchronous::Shim for Shim {
    type T = Service;

    async fn new(_runtime: &str, flags: &Flags, _config: &mut Config) -> Self {
        Self {
            id: flags.id.clone(),
            namespace: flags.namespace.clone(),
            address: flags.address.clone(),
            socket: flags.socket.clone(),
            exit: Arc::default(),
            children: Arc::default(),
        }
    }

    /// The bundle is the current directory. Containers of one pod get one shim.
    async fn start_shim(&mut self, options: StartOpts) -> Result<String> {
        let config = bundle::Config::read(Path::new(".")).map_err(|e| Error::Other(e.to_string()))?;
        let group = config.annotation(SANDBOX_ID).unwrap_or(&self.id).to_owned();
        let address = spawn(options, &group, Vec::new()).await?;
        // For `delete`, should the shim die before it can remove its socket.
        std::fs::write(ADDRESS, &address)
            .map_err(|e| Error::IoError { context: format!("write {ADDRESS}"), err: e })?;
        Ok(address)
    }

    /// Removes what a shim that died left of a container. The bundle is the current directory.
    async fn delete_shim(&mut self) -> Result<DeleteResponse> {
        let bundle =
            std::env::current_dir().map_err(|e| Error::IoError { context: "find the bundle".to_owned(), err: e })?;
        let options = Options::read(&bundle);
        let root = crate::paths::runc_root(&options.root, &self.namespace);
        if let Err(error) = Runc::new(options, root, self.children.clone()).delete(&self.id).await {
            // Standard error goes to containerd's log.
            log::error!("{error}");
        }
        bundle::unmount(&bundle);
        // Only the bundle that the shim was started for has it.
        if let Ok(address) = std::fs::read_to_string(bundle.join(ADDRESS)) {
            remove_socket(&address).await;
        }
        Ok(DeleteResponse {
            exit_status: 128 + libc::SIGKILL.unsigned_abs(),
            exited_at: Some(containerd_shim::util::timestamp()?).into(),
            ..DeleteResponse::default()
        })
    }

    /// Serves until containerd says Shutdown.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.exit.wait() => {}
            ended = self.children.reap_orphans() => {
                log::error!("orphaned processes are not reaped any more: {ended:?}");
                self.exit.wait().await;
            }
        }
        remove_socket(&self.socket).await;
    }

    async fn create_task_service(&self, publisher: RemotePublisher) -> Service {
        Service::new(
            self.namespace.clone(),
            self.address.clone(),
            self.children.clone(),
            Events::new(publisher, self.namespace.clone()),
            self.exit.clone(),
        )
    }

    fn runtime_info(runtime: &str, options: Option<&Any>) -> Result<RuntimeInfo> {
        crate::info::runtime_info(runtime, options)
    }
}

async fn remove_socket(address: &str) {
    let path = address.strip_prefix("unix://").unwrap_or(address);
    if let Err(error) = tokio::fs::remove_file(path).await {
        log::debug!("{path} is gone already: {error}");
    }
}
