//! Create: the container and its first process exist, nothing of it has run.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use containerd_shim::protos::api::{CreateTaskRequest, CreateTaskResponse};
use containerd_shim::protos::events::task::{TaskCreate, TaskIO};
use rustix::process::Pid;

use crate::bundle::{self, Config};
use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::process::Process;
use crate::runc::{Runc, Spawn, Streams};
use crate::stdio::{ConsoleSocket, Held, Stdio};

use super::Service;

impl Service {
    pub(super) async fn create_task(&self, request: CreateTaskRequest) -> Result<CreateTaskResponse> {
        if self.containers().contains_key(&request.id) {
            return Err(Error::Exists(format!("container {}", request.id)));
        }
        if !request.checkpoint.is_empty() {
            return Err(Error::Unsupported("restoring a checkpoint"));
        }
        let bundle = PathBuf::from(&request.bundle);
        let options = Options::from_any(request.options.as_ref())?;
        options.write(&bundle)?;
        let root = crate::paths::runc_root(&options.root, &self.namespace);
        let runc = Runc::new(options, root, self.children.clone());
        let result = self.make(&request, &bundle, &runc).await;
        if result.is_err() {
            // Whatever part of it exists goes; what cannot be removed is left to the `delete` action.
            if let Err(error) = runc.delete(&request.id).await {
                log::debug!("nothing of {} to delete: {error}", request.id);
            }
            bundle::unmount(&bundle);
        }
        let container = Arc::new(result?);
        let pid = container.init.pid();
        self.containers().insert(request.id.clone(), container.clone());
        self.events
            .publish(TaskCreate {
                container_id: request.id,
                bundle: request.bundle,
                rootfs: request.rootfs,
                io: Some(TaskIO {
                    stdin: request.stdin,
                    stdout: request.stdout,
                    stderr: request.stderr,
                    terminal: request.terminal,
                    ..TaskIO::default()
                })
                .into(),
                pid,
                ..TaskCreate::default()
            })
            .await;
        self.watch(container.clone(), container.init.clone());
        let events = self.events.clone();
        self.watchers.spawn(async move { container.report_oom(&events).await });
        Ok(CreateTaskResponse { pid, ..CreateTaskResponse::default() })
    }

    async fn make(&self, request: &CreateTaskRequest, bundle: &Path, runc: &Runc) -> Result<Container> {
        let mut config = Config::read(bundle)?;
        bundle::mount(bundle, &request.rootfs).await?;
        let stdio = Stdio {
            stdin: request.stdin.clone(),
            stdout: request.stdout.clone(),
            stderr: request.stderr.clone(),
            terminal: request.terminal,
        };
        let (spin, inherit) = self.prepare_spin(&request.id, bundle, &mut config, &stdio).await?;
        let init = Arc::new(Process::new(String::new(), stdio));
        let pid_file = bundle.join("init.pid");
        let make = |spawn| runc.create(&request.id, bundle, spawn);
        let (pid, held) = spawn_process(&init.stdio, &pid_file, inherit, make).await?;
        init.born(pid, held)?;
        let cgroup = Cgroup::of(pid)?;
        let own_pid_namespace = config.has_own_pid_namespace();
        Ok(Container::new(request.id.clone(), bundle.to_owned(), runc.clone(), init, cgroup, own_pid_namespace, spin))
    }

    /// Follows a process to its end, which it reports.
    pub(super) fn watch(&self, container: Arc<Container>, process: Arc<Process>) {
        let (children, events) = (self.children.clone(), self.events.clone());
        self.watchers.spawn(async move { container.see_off(&process, &children, &events).await });
    }
}

/// Opens a process's streams, or a socket for its terminal, and has runc make the process.
pub(super) async fn spawn_process<'a, F, R>(
    stdio: &Stdio,
    pid_file: &'a Path,
    inherit: Vec<OwnedFd>,
    make: F,
) -> Result<(Pid, Held)>
where
    F: FnOnce(Spawn<'a>) -> R,
    R: Future<Output = Result<Pid, crate::runc::Error>>,
{
    if !stdio.terminal {
        let (streams, held) = stdio.open()?;
        let pid = make(Spawn { streams, console: None, pid_file, inherit }).await?;
        return Ok((pid, held));
    }
    let socket = ConsoleSocket::listen()?;
    let path = socket.path().to_owned();
    let spawn = Spawn { streams: Streams::null(), console: Some(path), pid_file, inherit };
    let (pid, master) = tokio::join!(make(spawn), socket.receive());
    Ok((pid?, stdio.attach_terminal(master?)?))
}
