// SPDX-License-Identifier: Apache-2.0
//! Sends a command to QEMU through QEMU's control socket (QMP).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Time limit for each answer from QEMU.
const LIMIT: Duration = Duration::from_secs(20);

/// Resets the QEMU machine whose control socket is at `path`.
///
/// # Errors
/// Returns an error if QEMU does not answer or rejects the command.
pub fn system_reset(path: &Path) -> Result<()> {
    let mut stream = UnixStream::connect(path).context("no QMP socket")?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut lines = BufReader::new(stream.try_clone()?);
    for command in ["qmp_capabilities", "system_reset"] {
        writeln!(stream, "{{\"execute\":\"{command}\"}}")?;
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).context("no answer on the QMP socket")? == 0 {
                bail!("QEMU closed its QMP socket");
            }
            let answer: serde_json::Value = serde_json::from_str(&line).context("no JSON on the QMP socket")?;
            if answer.get("return").is_some() {
                break;
            }
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            // The line is the greeting or an event.
        }
    }
    Ok(())
}
