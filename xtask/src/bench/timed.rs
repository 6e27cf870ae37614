// SPDX-License-Identifier: Apache-2.0
//! Measures times between two A53 machines: round trips, floods and start-up. Each run uses a new server. All figures
//! are worse on a busy machine, but the ratios change less than the times.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use amp::artifacts::{Artifacts, SHARED_MEMORY};
use amp::folder::Folder;
use amp::machine::Machine;
use amp::process::{self, Next, Running};
use amp_ivshmem_server as server;
use anyhow::{Context as _, Result, bail, ensure};

use super::context::Context;
use super::figure::Figure;
use super::noise;
use crate::checkout::{self, checkout};

/// The metrics. All are measured in the same runs.
pub const KEYS: &[&str] = &[
    "round_trip.over_doorbell",
    "blocking_flood_per_s.a53",
    "flood_mb_per_s.a53",
    "doorbells_per_message.flood",
    "doorbells_per_message.flood_32",
    "wakeups_per_message.flood",
    "round_trip_us.a53",
    "doorbell_us.a53",
    "boot_to_first_message_ms.a53",
];

/// File name of the image.
const IMAGE: &str = "timed";
/// Number of runs.
const RUNS: usize = 5;
/// Time limit for a run.
const LIMIT: Duration = Duration::from_secs(60);

/// The figures that both sides print, keyed by name. Figures with the same name are added up.
type Told = BTreeMap<String, f64>;

/// Runs the pair several times.
///
/// # Errors
/// Returns an error if an image does not build, or if a guest does not start or finish.
pub fn measure(bench: &Context) -> Result<Vec<Figure>> {
    let artifacts = Artifacts::with_images(checkout()?, &[Machine::A53].into(), image)?;
    let watch = noise::Watch::begin()?;
    let runs = (0..RUNS).map(|_| run(&artifacts)).collect::<Result<Vec<_>>>()?;
    let busy = watch.end()?;
    if let Some(busy) = &busy {
        amp::output::show_error(&format!("amp: {busy}: times mean little"));
    }
    if bench.verbose {
        runs.iter().for_each(|told| amp::output::show_error(&format!("amp: run of the pair: {told:?}")));
    }
    let figure = |&key: &&'static str| {
        let mut values = runs.iter().map(|told| value(key, told)).collect::<Result<Vec<_>>>()?;
        values.sort_by(f64::total_cmp);
        let [min, .., max] = *values else { bail!("fewer than two runs") };
        let median = *values.get(values.len() / 2).context("no runs")?;
        let noise: Vec<_> = busy.clone().into_iter().chain(noise::apart(min, max)).collect();
        let noise = (!noise.is_empty()).then(|| noise.join(", "));
        Ok(Figure { key, value: median, range: Some((min, max)), noise })
    };
    KEYS.iter().map(figure).collect()
}

fn image(_: Machine, target: &str) -> Result<[PathBuf; 2]> {
    let files =
        checkout()?.build("the image to time", Some(target), &["--profile", "counted", "-p", "amp-ivshmem-timed"])?;
    let image = checkout::find(&files, IMAGE)?;
    Ok([image.clone(), image])
}

fn value(key: &str, told: &Told) -> Result<f64> {
    let get = |name: &str| told.get(name).copied().with_context(|| format!("the pair did not tell {name}"));
    match key {
        "round_trip.over_doorbell" => Ok(get("message_us")? / get("doorbell_us")?),
        "blocking_flood_per_s.a53" => Ok(get("flood_messages")? * 1e6 / get("flood_us")?),
        "flood_mb_per_s.a53" => Ok(get("flood_long_bytes")? / get("flood_long_us")?),
        "doorbells_per_message.flood" => Ok(get("flood_doorbells")? / get("flood_messages")?),
        "doorbells_per_message.flood_32" => Ok(get("flood_32_doorbells")? / get("flood_messages")?),
        "wakeups_per_message.flood" => Ok(get("flood_wakes")? / get("flood_messages")?),
        "round_trip_us.a53" => get("message_us"),
        "doorbell_us.a53" => get("doorbell_us"),
        _ => get("boot_ms"),
    }
}

/// Runs the pair once.
fn run(artifacts: &Artifacts) -> Result<Told> {
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let socket = folder.socket();
    let server = server::Server::start(&server::Options { size: SHARED_MEMORY, ..server::Options::new(&socket) })?;
    let (sender, lines) = mpsc::sync_channel(64);
    let mut told = Told::new();
    let start = |sender: &SyncSender<_>| -> Result<Running> {
        let mut running = Running::spawn(artifacts.boot(Machine::A53, IMAGE, &socket)?)?;
        let sender = sender.clone();
        running.read(move |_, line| {
            let _ = sender.send(line);
        });
        Ok(running)
    };
    let end = Instant::now() + LIMIT;
    // The first machine gets peer id 0 and measures the times.
    let first = start(&sender)?;
    until(&lines, "ready", 1, end, &mut told)?;
    let begun = Instant::now();
    let second = start(&sender)?;
    // Each side is bound by the first message from the other side.
    until(&lines, "bound", 1, end, &mut told)?;
    told.insert("boot_ms".to_owned(), begun.elapsed().as_secs_f64() * 1e3);
    until(&lines, "over", 2, end, &mut told)?;
    drop((first, second));
    server.stop().context("the server ended")?;
    Ok(told)
}

/// Reads lines from both sides until `count` lines contain `word`.
fn until(lines: &Receiver<Option<String>>, word: &str, count: usize, end: Instant, told: &mut Told) -> Result<()> {
    let mut heard = 0;
    while heard < count {
        process::check_interrupts()?;
        ensure!(Instant::now() < end, "the pair took longer than {} s", LIMIT.as_secs());
        let Next::Item(line) = process::next(lines) else { continue };
        let line = line.context("a machine of the pair ended early")?;
        match *line.split(' ').collect::<Vec<_>>() {
            [said] if said == word => heard += 1,
            ["ready" | "bound" | "over"] => {}
            ["figure", name, value] => *told.entry(name.to_owned()).or_default() += value.parse::<f64>()?,
            _ => bail!("a machine of the pair said: {line}"),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_run() {
        let told = [("message_us", 40.0), ("doorbell_us", 32.0), ("flood_us", 5e5), ("flood_messages", 2e4)];
        let told = [&told[..], &[("flood_long_us", 2e5), ("flood_long_bytes", 1e7)]].concat();
        let told: Told = told.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(value("round_trip.over_doorbell", &told).unwrap(), 1.25);
        assert_eq!(value("blocking_flood_per_s.a53", &told).unwrap(), 4e4);
        assert_eq!(value("flood_mb_per_s.a53", &told).unwrap(), 50.0);
        assert!(value("doorbells_per_message.flood", &told).unwrap_err().to_string().contains("flood_doorbells"));
    }

    #[test]
    fn lines_are_heard_until_the_last_one() {
        let (sender, lines) = mpsc::sync_channel(8);
        for line in ["figure wakes 2", "over", "figure wakes 3", "over"] {
            sender.send(Some(line.to_owned())).unwrap();
        }
        let (mut told, end) = (Told::new(), Instant::now() + Duration::from_secs(5));
        until(&lines, "over", 2, end, &mut told).unwrap();
        assert_eq!(told["wakes"], 5.0);
        sender.send(Some("the link went down".to_owned())).unwrap();
        assert!(until(&lines, "over", 1, end, &mut told).unwrap_err().to_string().contains("link went down"));
    }
}
