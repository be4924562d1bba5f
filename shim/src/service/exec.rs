//! Exec: another process in a running container.

use std::path::PathBuf;
use std::sync::Arc;

use containerd_shim::protos::api::ExecProcessRequest;
use containerd_shim::protos::events::task::TaskExecAdded;

use crate::container::Container;
use crate::error::{Error, Result};
use crate::process::{Phase, Process};
use crate::stdio::Stdio;

use super::Service;
use super::create::spawn_process;

impl Service {
    pub(super) async fn add_exec(&self, request: ExecProcessRequest) -> Result<()> {
        let container = self.container(&request.id)?;
        if matches!(container.init.phase(), Phase::Stopped(_)) {
            return Err(Error::State(format!("{} has ended: nothing can be executed in it", request.id)));
        }
        if !is_plain(&request.exec_id) {
            return Err(Error::Invalid(format!("{:?} is no valid exec id", request.exec_id)));
        }
        let stdio =
            Stdio { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, terminal: request.terminal };
        let spec = spec_path(&container, &request.exec_id);
        container.add_exec(Arc::new(Process::new(request.exec_id.clone(), stdio)))?;
        let written = write_private(spec, request.spec.unwrap_or_default().value).await;
        if let Err(error) = written {
            container.remove_exec(&request.exec_id);
            return Err(error);
        }
        self.events
            .publish(TaskExecAdded { container_id: request.id, exec_id: request.exec_id, ..TaskExecAdded::default() })
            .await;
        Ok(())
    }

    pub(super) async fn run_exec(&self, container: &Container, process: &Process) -> Result<()> {
        let spec = spec_path(container, &process.exec_id);
        let pid_file = spec.with_extension("pid");
        let (pid, held) = spawn_process(&process.stdio, &pid_file, Vec::new(), |spawn| {
            container.runc.exec(&container.id, &spec, spawn)
        })
        .await?;
        process.born(pid, held)
    }
}

/// The exec's process description, as containerd sent it (JSON); its log and pid lie beside it.
pub(super) fn spec_path(container: &Container, exec_id: &str) -> PathBuf {
    container.bundle.join(format!("exec-{exec_id}.json"))
}

/// Ids become file names.
fn is_plain(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 128
        && !id.starts_with('.')
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// A process description may hold secrets in its environment.
async fn write_private(path: PathBuf, bytes: Vec<u8>) -> Result<()> {
    use tokio::io::AsyncWriteExt as _;
    let doing = || Error::io(format!("write {}", path.display()));
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .await
        .map_err(doing())?;
    file.write_all(&bytes).await.map_err(doing())?;
    file.flush().await.map_err(doing())
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn ids_that_are_no_file_names_are_refused() {
        assert!(is_plain("0f3a-b.c_d"));
        for id in ["", "..", "../x", "a/b", ".hidden", "a\0b"] {
            assert!(!is_plain(id), "{id:?}");
        }
    }
}
