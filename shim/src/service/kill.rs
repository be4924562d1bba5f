//! Kill: a signal to one process, or to all of a container's.

use containerd_shim::protos::api::KillRequest;

use crate::error::Result;

use super::Service;

impl Service {
    pub(super) async fn kill_process(&self, request: &KillRequest) -> Result<()> {
        let container = self.container(&request.id)?;
        let process = container.process(&request.exec_id)?;
        let is_init = request.exec_id.is_empty();
        // Where the first process is its namespace's first, the kernel ends the others with it.
        let reaches_all = container.own_pid_namespace && request.signal == libc::SIGKILL.unsigned_abs();
        if is_init && request.all && !reaches_all {
            container.runc.kill_all(&container.id, request.signal.cast_signed()).await?;
            return Ok(());
        }
        process.signal(request.signal)
    }
}
