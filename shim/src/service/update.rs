//! Update, Pause and Resume: changes to a running container.

use containerd_shim::protos::api::{PauseRequest, ResumeRequest, UpdateTaskRequest};
use containerd_shim::protos::events::task::{TaskPaused, TaskResumed};

use crate::error::{Error, Result};
use crate::process::Phase;

use super::Service;

impl Service {
    /// New resource limits (the runtime specification's `LinuxResources` as JSON).
    pub(super) async fn update_task(&self, request: UpdateTaskRequest) -> Result<()> {
        let container = self.container(&request.id)?;
        let Some(resources) = request.resources.into_option() else { return Ok(()) };
        let path = container.bundle.join("resources.json");
        tokio::fs::write(&path, &resources.value).await.map_err(Error::io(format!("write {}", path.display())))?;
        container.runc.update(&container.id, &path).await?;
        Ok(())
    }

    pub(super) async fn freeze(&self, request: &PauseRequest) -> Result<()> {
        let container = self.container(&request.id)?;
        container.runc.pause(&container.id).await?;
        container.init.set_phase(Phase::Paused);
        self.events.publish(TaskPaused { container_id: request.id.clone(), ..TaskPaused::default() }).await;
        Ok(())
    }

    pub(super) async fn thaw(&self, request: &ResumeRequest) -> Result<()> {
        let container = self.container(&request.id)?;
        container.runc.resume(&container.id).await?;
        container.init.set_phase(Phase::Running);
        self.events.publish(TaskResumed { container_id: request.id.clone(), ..TaskResumed::default() }).await;
        Ok(())
    }
}
