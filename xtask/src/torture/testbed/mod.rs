// SPDX-License-Identifier: Apache-2.0
//! The testbed: a server, and the members under torture. This file implements the actions, but does not choose them.

mod ends;
mod events;
mod seen;
mod sessions;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use amp::artifacts::{Artifacts, SHARED_MEMORY};
use amp::folder::{FileName, Folder};
use amp::machine::Machine;
use amp::process::{self, Next, Running};
use amp::role::Role;
use amp_ivshmem_server::{self as server, Faults};
use anyhow::{Context, Result};
use rustix::process::Signal;

use self::seen::{Event, Seen};
use self::sessions::Sessions;
use super::heartbeats::{self, HeartbeatMonitor, Waits};
use super::options::Options;
use super::qmp;
use super::report::Report;

/// The machine that runs the hostile guest.
pub const HOSTILE_GUEST: Machine = Machine::M3;
/// The line that the hostile guest prints after its first burst of writes, and the time limit for this line.
const SCRIBBLING: &str = "scribbling";
const BOOT: Duration = Duration::from_secs(10);
/// Longest interval between two readings of the heartbeats.
const LOOK: Duration = Duration::from_millis(5);

/// A member of the testbed.
#[derive(Clone, Debug)]
pub struct Member {
    pub machine: Machine,
    pub role: Role,
    /// The image that the member boots. Not used for a Linux process.
    pub image: &'static str,
    /// The member's links.
    pub links: std::ops::Range<u8>,
}

/// A server and its members.
pub struct Testbed<'w> {
    artifacts: &'w Artifacts,
    pub members: Vec<Member>,
    seen: Vec<Seen>,
    folder: Folder,
    server: Option<server::Running>,
    /// The heartbeats in the server's memory.
    pub heartbeats: HeartbeatMonitor,
    waits: Waits,
    sessions: Sessions,
    sender: SyncSender<Event>,
    events: Receiver<Event>,
    verbose: bool,
    faults: Option<Faults>,
    /// True while a hostile peer overwrites the memory. Errors in messages and on links do not count during this time.
    forgiving: bool,
    pub report: Report,
}

impl<'w> Testbed<'w> {
    /// Creates a testbed with a server. No member is running yet.
    ///
    /// # Errors
    /// Returns an error if a system call fails.
    pub fn new(artifacts: &'w Artifacts, members: Vec<Member>, report: Report, options: &Options) -> Result<Self> {
        let folder = Folder::new_in(&std::env::temp_dir())?;
        let (sender, events) = mpsc::sync_channel(1024);
        let seen = members.iter().map(|_| Seen::default()).collect();
        let server = Self::server(&folder, options.fault)?;
        let heartbeats = HeartbeatMonitor::new(server.memory()?);
        let sessions = Sessions::new(members.iter().map(|member| member.links.clone()).collect());
        Ok(Self {
            artifacts,
            members,
            seen,
            folder,
            server: Some(server),
            heartbeats,
            waits: Waits::default(),
            sessions,
            sender,
            events,
            verbose: options.verbose,
            faults: options.fault,
            forgiving: false,
            report,
        })
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.socket()
    }

    fn server(folder: &Folder, faults: Option<Faults>) -> Result<server::Running> {
        let options = server::Options { size: SHARED_MEMORY, faults, ..server::Options::new(folder.socket()) };
        Ok(server::Server::start(&options)?)
    }

    /// Stops the server, and starts a new server with new shared memory.
    ///
    /// # Errors
    /// Returns an error if the new server cannot be started.
    pub fn restart_server(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.stop()?;
        }
        let server = Self::server(&self.folder, self.faults)?;
        self.heartbeats = HeartbeatMonitor::new(server.memory()?);
        self.server = Some(server);
        Ok(())
    }

    /// Returns how long each member has waited for a CPU since it started.
    pub fn waited(&self) -> Vec<Option<Duration>> {
        self.seen.iter().map(|seen| heartbeats::waited(seen.running.as_ref()?.id())).collect()
    }

    /// Returns how long each member's process and this process have waited for a CPU, keyed by process id.
    pub fn all_waited(&self) -> BTreeMap<u32, Duration> {
        let running = self.seen.iter().filter_map(|seen| seen.running.as_ref().map(Running::id));
        let all = running.chain([std::process::id()]);
        all.filter_map(|process| Some((process, heartbeats::waited(process)?))).collect()
    }

    fn qmp(&self, index: usize) -> PathBuf {
        self.folder.file(FileName::Qmp(index))
    }

    fn command(&self, index: usize) -> Result<Command> {
        let member = &self.members[index];
        let socket = self.folder.socket();
        if member.machine == Machine::Linux {
            let mut command = process::guarded("/proc/self/exe");
            command.args(["member", "--role", &member.role.to_string(), "--link", &member.links.start.to_string()]);
            command.arg("--socket").arg(&socket);
            return Ok(command);
        }
        let mut command = self.artifacts.boot(member.machine, member.image, &socket)?;
        let path = self.qmp(index);
        let path = path.to_str().context("the socket's path is not UTF-8: set TMPDIR to another folder")?;
        command.args(["-qmp", &format!("unix:{},server=on,wait=off", path.replace(',', ",,"))]);
        Ok(command)
    }

    /// Runs a hostile guest in addition to the members. The guest overwrites the memory until `time` has passed since
    /// its first burst of writes. Returns false and records a finding if the guest did not write anything.
    ///
    /// # Errors
    /// Returns an error if the process cannot be started, or if the user interrupts the run (Ctrl-C).
    pub fn hostile_guest(&mut self, time: Duration) -> Result<bool> {
        let command = self.artifacts.boot(HOSTILE_GUEST, "torture-hostile", &self.folder.socket())?;
        let mut guest = Running::spawn(command)?;
        let (sender, lines) = mpsc::channel();
        guest.read(move |_, line| {
            let _ = sender.send(line);
        });
        let end = Instant::now() + BOOT;
        let (mut said, mut scribbles) = (Vec::new(), false);
        while !scribbles && Instant::now() < end {
            self.listen(LOOK)?;
            said.extend(lines.try_iter().flatten());
            scribbles = said.iter().any(|line| line == SCRIBBLING);
        }
        if scribbles {
            self.listen(time)?;
        } else {
            self.report.hung += 1;
            self.finding(format!("the hostile guest did not scribble within {BOOT:?} of its start: {said:?}"));
        }
        guest.kill();
        Ok(scribbles)
    }

    /// Starts a member.
    ///
    /// # Errors
    /// Returns an error if the process cannot be started.
    pub fn start(&mut self, index: usize) -> Result<()> {
        self.sessions.act(index, Instant::now());
        let mut running = Running::spawn(self.command(index)?)?;
        let sender = self.sender.clone();
        let seen = &mut self.seen[index];
        seen.incarnation += 1;
        let incarnation = seen.incarnation;
        if self.forgiving {
            seen.forgiven = incarnation;
        }
        running.read(move |source, line| {
            let _ = sender.send(Event { member: index, incarnation, source, line, at: Instant::now() });
        });
        (seen.running, seen.first_line, seen.progress) = (Some(running), None, None);
        Ok(())
    }

    /// Adds the counts of a member's previous incarnation to the report.
    fn bank(&mut self, index: usize) {
        let tally = std::mem::take(&mut self.seen[index].tally);
        self.report.messages += u64::from(tally.received);
        self.report.in_flight += u64::from(tally.in_flight);
    }

    /// Kills a member with SIGKILL.
    pub fn kill(&mut self, index: usize) {
        self.look_at_end(index);
        self.sessions.act(index, Instant::now());
        if let Some(mut running) = self.seen[index].running.take() {
            running.kill();
        }
        self.bank(index);
    }

    /// Sends SIGTERM to a member's process, which then announces that it is leaving.
    pub fn ask_to_leave(&mut self, index: usize) {
        self.look_at_end(index);
        self.sessions.act(index, Instant::now());
        if let Some(running) = &mut self.seen[index].running {
            running.signal(Signal::TERM);
        }
    }

    /// Returns whether a member that was asked to leave exited successfully, or `None` if it is still running.
    pub fn has_left(&mut self, index: usize) -> Option<bool> {
        let status = self.seen[index].running.as_mut()?.exit()?;
        self.seen[index].running = None;
        self.bank(index);
        Some(status.success())
    }

    /// Stops a member with SIGSTOP, or continues it with SIGCONT.
    pub fn pause(&mut self, index: usize, stop: bool) {
        self.sessions.act(index, Instant::now());
        if let Some(running) = &mut self.seen[index].running {
            running.signal(if stop { Signal::STOP } else { Signal::CONT });
        }
    }

    /// Resets a member's machine through QEMU.
    ///
    /// # Errors
    /// Returns an error if the member's QEMU does not answer.
    pub fn reset(&mut self, index: usize) -> Result<()> {
        self.sessions.act(index, Instant::now());
        qmp::system_reset(&self.qmp(index))
    }

    /// Handles the members' console lines for `time`.
    ///
    /// # Errors
    /// Returns an error if the user interrupts the run (Ctrl-C).
    pub fn listen(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            process::check_interrupts()?;
            let links = self.members.iter().map(|member| member.links.end).max().unwrap_or_default();
            self.heartbeats.look(0..links);
            self.look_at_sessions(Instant::now());
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match self.events.recv_timeout(left.min(LOOK)) {
                Ok(event) => self.hear(event),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Returns the members at the other ends of a member's links.
    pub fn partners(&self, index: usize) -> Vec<usize> {
        let member = &self.members[index];
        let meets = |other: &Member| {
            other.role != member.role && other.links.start < member.links.end && member.links.start < other.links.end
        };
        (0..self.members.len()).filter(|&other| other != index && meets(&self.members[other])).collect()
    }

    /// Returns a member's partners, each with the link that the two members share.
    pub fn other_ends(&self, index: usize) -> Vec<(usize, u8)> {
        let links = &self.members[index].links;
        let shared = |&other: &usize| links.clone().filter(move |link| self.members[other].links.contains(link));
        self.partners(index).iter().flat_map(|other| shared(other).map(|link| (*other, link))).collect()
    }

    /// Stops all members, and adds their counts to the report.
    pub fn finish(mut self) -> Report {
        for index in 0..self.members.len() {
            self.kill(index);
        }
        while let Next::Item(event) = process::next(&self.events) {
            self.hear(event);
        }
        for down in self.sessions.rest() {
            self.judge(&down);
        }
        self.report
    }
}
