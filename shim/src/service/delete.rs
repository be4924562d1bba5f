//! Delete: a process that has ended is forgotten, and with the first one the container.

use containerd_shim::protos::api::{DeleteRequest, DeleteResponse};
use containerd_shim::protos::events::task::TaskDelete;

use crate::bundle;
use crate::container::Container;
use crate::error::{Error, Result};
use crate::process::{Exit, Phase, Process};

use super::Service;
use super::exec::spec_path;

impl Service {
    pub(super) async fn delete_process(&self, request: &DeleteRequest) -> Result<DeleteResponse> {
        let container = self.container(&request.id)?;
        let process = container.process(&request.exec_id)?;
        let exit = match process.phase() {
            Phase::Stopped(exit) => exit,
            // An exec that never ran leaves nothing behind.
            Phase::Created if process.pid() == 0 => Exit::default(),
            _ => {
                return Err(Error::State(format!("{} still runs: it must be killed before it is deleted", request.id)));
            }
        };
        process.close_streams().await;
        if request.exec_id.is_empty() {
            self.delete_container(&container).await?;
        } else {
            delete_exec(&container, &process).await;
        }
        let pid = process.pid();
        if request.exec_id.is_empty() {
            self.events
                .publish(TaskDelete {
                    container_id: request.id.clone(),
                    pid,
                    exit_status: exit.status,
                    exited_at: Some(exit.at.clone()).into(),
                    ..TaskDelete::default()
                })
                .await;
        }
        Ok(DeleteResponse {
            pid,
            exit_status: exit.status,
            exited_at: Some(exit.at).into(),
            ..DeleteResponse::default()
        })
    }

    async fn delete_container(&self, container: &Container) -> Result<()> {
        container.runc.delete(&container.id).await?;
        bundle::unmount(&container.bundle);
        self.containers().remove(&container.id);
        Ok(())
    }
}

async fn delete_exec(container: &Container, process: &Process) {
    container.remove_exec(&process.exec_id);
    let spec = spec_path(container, &process.exec_id);
    for path in [spec.with_extension("pid"), spec.with_extension("log"), spec] {
        // A file that was never written is no loss; the rest goes with the bundle.
        let _ = tokio::fs::remove_file(path).await;
    }
}
