//! Programs in running containers.

use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecResults},
};
use futures::StreamExt;

use super::{Docker, DockerError, refused};

/// Bytes of output that an error quotes.
const QUOTED: usize = 600;

impl Docker {
    /// Runs a program in a container to its end and returns its stdout.
    pub async fn exec(&self, container: &str, command: &[&str]) -> Result<String, DockerError> {
        let action = || format!("run `{}` in {container}", command.join(" "));
        let options = CreateExecOptions {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        let created = self.api.create_exec(container, options).await.map_err(refused(action()))?;
        let started = self.api.start_exec(&created.id, None).await.map_err(refused(action()))?;
        let (mut stdout, mut all) = (Vec::new(), Vec::new());
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(chunk) = output.next().await {
                let chunk = chunk.map_err(refused(action()))?;
                if let LogOutput::StdOut { message } = &chunk {
                    stdout.extend_from_slice(message);
                }
                all.extend_from_slice(&chunk.into_bytes());
            }
        }
        let ended = self.api.inspect_exec(&created.id).await.map_err(refused(action()))?;
        match ended.exit_code.unwrap_or_default() {
            0 => Ok(String::from_utf8_lossy(&stdout).into_owned()),
            code => Err(DockerError::Exec {
                container: container.into(),
                command: command.join(" "),
                code,
                output: tail(&all),
            }),
        }
    }
}

fn tail(output: &[u8]) -> String {
    let from = output.len().saturating_sub(QUOTED);
    String::from_utf8_lossy(&output[from..]).trim().to_owned()
}
