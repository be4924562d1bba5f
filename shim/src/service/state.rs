//! What containerd may ask at any time: state, pids, figures, the end.

use containerd_shim::protos::api::{
    CloseIORequest, ConnectRequest, ConnectResponse, PidsRequest, PidsResponse, ProcessInfo, ResizePtyRequest,
    StateRequest, StateResponse, StatsRequest, StatsResponse, Status, WaitRequest, WaitResponse,
};
use containerd_shim::protos::protobuf::well_known_types::any::Any;
use containerd_shim::protos::shim::oci::ProcessDetails;
use containerd_shim::util::convert_to_any;

use crate::error::{Error, Result};
use crate::process::{Exit, Phase};

use super::Service;

impl Service {
    pub(super) fn state_of(&self, request: &StateRequest) -> Result<StateResponse> {
        let container = self.container(&request.id)?;
        let process = container.process(&request.exec_id)?;
        let (status, exit) = match process.phase() {
            Phase::Created => (Status::CREATED, Exit::default()),
            Phase::Running => (Status::RUNNING, Exit::default()),
            Phase::Paused => (Status::PAUSED, Exit::default()),
            Phase::Stopped(exit) => (Status::STOPPED, exit),
        };
        Ok(StateResponse {
            id: container.id.clone(),
            bundle: container.bundle.display().to_string(),
            pid: process.pid(),
            status: status.into(),
            stdin: process.stdio.stdin.clone(),
            stdout: process.stdio.stdout.clone(),
            stderr: process.stdio.stderr.clone(),
            terminal: process.stdio.terminal,
            exit_status: exit.status,
            exited_at: Some(exit.at).into(),
            exec_id: process.exec_id.clone(),
            ..StateResponse::default()
        })
    }

    pub(super) async fn wait_for(&self, request: &WaitRequest) -> Result<WaitResponse> {
        let process = self.container(&request.id)?.process(&request.exec_id)?;
        let exit = process.ended().await;
        Ok(WaitResponse { exit_status: exit.status, exited_at: Some(exit.at).into(), ..WaitResponse::default() })
    }

    pub(super) fn pids_of(&self, request: &PidsRequest) -> Result<PidsResponse> {
        let container = self.container(&request.id)?;
        let path = container.cgroup.processes();
        let list = std::fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
        let processes = list.lines().filter_map(|line| line.parse().ok()).map(|pid| {
            let info = container.exec_with_pid(pid).map(|exec_id| exec_details(&exec_id)).transpose()?;
            Ok(ProcessInfo { pid, info: info.into(), ..ProcessInfo::default() })
        });
        Ok(PidsResponse { processes: processes.collect::<Result<_>>()?, ..PidsResponse::default() })
    }

    pub(super) fn stats_of(&self, request: &StatsRequest) -> Result<StatsResponse> {
        let container = self.container(&request.id)?;
        Ok(StatsResponse {
            stats: Some(crate::metrics::collect(&container.cgroup)?).into(),
            ..StatsResponse::default()
        })
    }

    pub(super) fn connection(&self, request: &ConnectRequest) -> ConnectResponse {
        let task_pid = self.containers().get(&request.id).map_or(0, |container| container.init.pid());
        ConnectResponse {
            shim_pid: std::process::id(),
            task_pid,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..ConnectResponse::default()
        }
    }

    pub(super) fn resize(&self, request: &ResizePtyRequest) -> Result<()> {
        let process = self.container(&request.id)?.process(&request.exec_id)?;
        let size = |cells: u32| {
            u16::try_from(cells).map_err(|_| Error::Invalid(format!("a terminal cannot have {cells} rows or columns")))
        };
        let (columns, rows) = (size(request.width)?, size(request.height)?);
        process.with_streams(|streams| streams.resize(columns, rows)).unwrap_or(Ok(()))
    }

    pub(super) fn close_input(&self, request: &CloseIORequest) -> Result<()> {
        let process = self.container(&request.id)?.process(&request.exec_id)?;
        if request.stdin {
            process.with_streams(crate::stdio::Held::close_input);
        }
        Ok(())
    }
}

fn exec_details(exec_id: &str) -> Result<Any> {
    let details = ProcessDetails { exec_id: exec_id.to_owned(), ..ProcessDetails::default() };
    Ok(convert_to_any(Box::new(details))?)
}
