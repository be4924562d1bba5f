//! The Task service (containerd.task.v3), for all containers of one pod; one file a group of calls.

mod create;
mod delete;
mod exec;
mod kill;
mod spin;
mod start;
mod state;
mod update;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use containerd_shim::Task;
use containerd_shim::TtrpcContext;
use containerd_shim::asynchronous::ExitSignal;
use containerd_shim::protos::api;
use containerd_shim::protos::ttrpc;
use tokio_util::task::TaskTracker;

use crate::container::Container;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::reaper::Children;

/// The pod's containers and what serves them.
pub(crate) struct Service {
    namespace: String,
    /// containerd's own socket.
    address: String,
    containers: Mutex<HashMap<String, Arc<Container>>>,
    children: Arc<Children>,
    events: Arc<Events>,
    /// Watchers of processes: each ends with its process.
    watchers: TaskTracker,
    exit: Arc<ExitSignal>,
}

impl Service {
    /// A service without containers, which ends the shim through `exit`.
    pub(crate) fn new(
        namespace: String,
        address: String,
        children: Arc<Children>,
        events: Events,
        exit: Arc<ExitSignal>,
    ) -> Self {
        Self {
            namespace,
            address,
            containers: Mutex::default(),
            children,
            events: Arc::new(events),
            watchers: TaskTracker::new(),
            exit,
        }
    }

    fn container(&self, id: &str) -> Result<Arc<Container>> {
        self.containers().get(id).cloned().ok_or_else(|| Error::NotFound(format!("container {id}")))
    }

    fn containers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Container>>> {
        self.containers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The last container gone, containerd ends the shim; with `now`, whatever there is.
    fn shut_down(&self, request: &api::ShutdownRequest) {
        if request.now || self.containers().is_empty() {
            self.exit.signal();
        }
    }
}

/// Each call, timed out by containerd, not by us; errors travel as ttrpc codes.
#[async_trait]
impl Task for Service {
    async fn create(
        &self,
        _: &TtrpcContext,
        request: api::CreateTaskRequest,
    ) -> ttrpc::Result<api::CreateTaskResponse> {
        Ok(self.create_task(request).await?)
    }

    async fn start(&self, context: &TtrpcContext, request: api::StartRequest) -> ttrpc::Result<api::StartResponse> {
        Ok(self.start_process(&request, start::patience(context.timeout_nano)).await?)
    }

    async fn delete(&self, _: &TtrpcContext, request: api::DeleteRequest) -> ttrpc::Result<api::DeleteResponse> {
        Ok(self.delete_process(&request).await?)
    }

    async fn kill(&self, _: &TtrpcContext, request: api::KillRequest) -> ttrpc::Result<api::Empty> {
        self.kill_process(&request).await?;
        Ok(api::Empty::new())
    }

    async fn exec(&self, _: &TtrpcContext, request: api::ExecProcessRequest) -> ttrpc::Result<api::Empty> {
        self.add_exec(request).await?;
        Ok(api::Empty::new())
    }

    async fn state(&self, _: &TtrpcContext, request: api::StateRequest) -> ttrpc::Result<api::StateResponse> {
        Ok(self.state_of(&request)?)
    }

    async fn wait(&self, _: &TtrpcContext, request: api::WaitRequest) -> ttrpc::Result<api::WaitResponse> {
        Ok(self.wait_for(&request).await?)
    }

    async fn pids(&self, _: &TtrpcContext, request: api::PidsRequest) -> ttrpc::Result<api::PidsResponse> {
        Ok(self.pids_of(&request)?)
    }

    async fn stats(&self, _: &TtrpcContext, request: api::StatsRequest) -> ttrpc::Result<api::StatsResponse> {
        Ok(self.stats_of(&request)?)
    }

    async fn connect(&self, _: &TtrpcContext, request: api::ConnectRequest) -> ttrpc::Result<api::ConnectResponse> {
        Ok(self.connection(&request))
    }

    async fn pause(&self, _: &TtrpcContext, request: api::PauseRequest) -> ttrpc::Result<api::Empty> {
        self.freeze(&request).await?;
        Ok(api::Empty::new())
    }

    async fn resume(&self, _: &TtrpcContext, request: api::ResumeRequest) -> ttrpc::Result<api::Empty> {
        self.thaw(&request).await?;
        Ok(api::Empty::new())
    }

    async fn update(&self, _: &TtrpcContext, request: api::UpdateTaskRequest) -> ttrpc::Result<api::Empty> {
        self.update_task(request).await?;
        Ok(api::Empty::new())
    }

    async fn resize_pty(&self, _: &TtrpcContext, request: api::ResizePtyRequest) -> ttrpc::Result<api::Empty> {
        self.resize(&request)?;
        Ok(api::Empty::new())
    }

    async fn close_io(&self, _: &TtrpcContext, request: api::CloseIORequest) -> ttrpc::Result<api::Empty> {
        self.close_input(&request)?;
        Ok(api::Empty::new())
    }

    async fn checkpoint(&self, _: &TtrpcContext, _: api::CheckpointTaskRequest) -> ttrpc::Result<api::Empty> {
        Err(Error::Unsupported("checkpointing").into())
    }

    async fn shutdown(&self, _: &TtrpcContext, request: api::ShutdownRequest) -> ttrpc::Result<api::Empty> {
        self.shut_down(&request);
        Ok(api::Empty::new())
    }
}
