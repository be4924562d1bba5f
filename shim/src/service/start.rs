//! Start: a container's first process, or an exec, begins to run.

use std::time::Duration;

use containerd_shim::protos::api::{StartRequest, StartResponse};
use containerd_shim::protos::events::task::{TaskExecStarted, TaskStart};

use crate::container::Container;
use crate::error::{Error, Result};
use crate::process::{Phase, Process};

use super::Service;

/// How long an app may take to listen when containerd sets no deadline; kubelet's own is two minutes.
const LONGEST: Duration = Duration::from_mins(10);
/// Left of containerd's deadline for the answer to arrive.
const ANSWER: Duration = Duration::from_secs(2);

/// How long Start may wait for an app, given containerd's deadline (nanoseconds, 0 for none).
pub(super) fn patience(timeout_nano: i64) -> Duration {
    match u64::try_from(timeout_nano) {
        Ok(nanos) if nanos > 0 => Duration::from_nanos(nanos).saturating_sub(ANSWER),
        _ => LONGEST,
    }
}

impl Service {
    pub(super) async fn start_process(&self, request: &StartRequest, patience: Duration) -> Result<StartResponse> {
        let container = self.container(&request.id)?;
        let process = container.process(&request.exec_id)?;
        // Until the event is out, the exit of a short-lived process waits.
        let _starting = process.starting.lock().await;
        if process.phase() != Phase::Created {
            return Err(Error::State(format!("{} cannot be started again", request.id)));
        }
        if request.exec_id.is_empty() {
            self.start_container(&container, &process, patience).await?;
        } else {
            self.start_exec(&container, &process).await?;
        }
        Ok(StartResponse { pid: process.pid(), ..StartResponse::default() })
    }

    async fn start_container(&self, container: &Container, init: &Process, patience: Duration) -> Result<()> {
        container.runc.start(&container.id, init.ended()).await?;
        init.set_phase(Phase::Running);
        if let Some(app) = &container.spin {
            super::spin::await_listening(app, init, patience).await?;
        }
        self.events
            .publish(TaskStart { container_id: container.id.clone(), pid: init.pid(), ..TaskStart::default() })
            .await;
        Ok(())
    }

    async fn start_exec(&self, container: &std::sync::Arc<Container>, process: &std::sync::Arc<Process>) -> Result<()> {
        self.run_exec(container, process).await?;
        process.set_phase(Phase::Running);
        self.events
            .publish(TaskExecStarted {
                container_id: container.id.clone(),
                exec_id: process.exec_id.clone(),
                pid: process.pid(),
                ..TaskExecStarted::default()
            })
            .await;
        self.watch(container.clone(), process.clone());
        Ok(())
    }
}
