// SPDX-License-Identifier: Apache-2.0
//! The jobs that `./amp test` runs. Each job has a name, work and a time limit.

use std::borrow::Cow;
use std::time::Duration;

use amp::demo::pair::{Pair, Start};
use amp::machine::Machine;

use super::lint::Lint;

/// The work of a job.
#[derive(Clone, Debug)]
pub enum Work {
    /// Runs cargo with these arguments for this machine.
    Cargo(&'static str),
    /// Runs cargo for this target with these arguments.
    Guest(&'static str, &'static str),
    /// Runs the image of `tests/copies` for this target, with this QEMU program, machine and options.
    Copies(&'static str, &'static str, &'static str),
    /// Runs cargo with these arguments and enables loom.
    Loom(&'static str),
    /// Runs the nightly cargo with these arguments under Miri, which tries several thread interleavings.
    Miri(&'static str),
    /// Does the same as `Miri`, but tries only one interleaving, for single-threaded tests.
    MiriOnce(&'static str),
    /// Runs this fuzz target for a few seconds with the nightly toolchain.
    Fuzz(&'static str),
    /// Runs a linter for files other than Rust code.
    Lint(Lint),
    /// Packs the published crates with these arguments of cargo.
    Packages(&'static str),
    /// Runs the cargo of the oldest supported Rust version with these arguments.
    Oldest(&'static str),
    /// Runs the nightly cargo with these arguments and with docs.rs's settings.
    DocsRs(&'static str),
    /// Runs this tool with these arguments.
    Amp(Cow<'static, str>),
    /// Installs the tool with `cargo install`, and tests the installed program.
    Install,
    /// Runs the bare-metal samples on pairs of machines.
    Samples,
    /// Runs Zephyr's Twister on the samples and tests. The number of tests comes from Twister's report.
    Twister,
}

/// The way to count a job's tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The whole job counts as one test, which passes or fails with the job's exit status.
    AsOne,
    /// The number of tests comes from libtest's result lines.
    ByLibtest,
}

/// One job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The job's name. The command line's filter selects jobs by name.
    pub name: String,
    /// The work to do.
    pub work: Work,
    /// The way to count the job's tests.
    pub counted: Counted,
    /// The job's time limit.
    pub limit: Duration,
}

const M3: &str = "thumbv7m-none-eabi";
const A53: &str = "aarch64-unknown-none";

/// Each job's name, work, way of counting, and time limit in minutes.
const JOBS: &[(&str, Work, Counted, u64)] = &[
    ("fmt", Work::Cargo("fmt --all --check"), Counted::AsOne, 2),
    ("check address", Work::Amp(Cow::Borrowed("check address")), Counted::AsOne, 2),
    ("check licences", Work::Amp(Cow::Borrowed("check licences")), Counted::AsOne, 2),
    ("check links", Work::Amp(Cow::Borrowed("check links")), Counted::AsOne, 2),
    ("check examples", Work::Amp(Cow::Borrowed("check examples")), Counted::AsOne, 2),
    ("check packages", Work::Amp(Cow::Borrowed("check packages")), Counted::AsOne, 2),
    ("shellcheck", Work::Lint(Lint::Shellcheck), Counted::AsOne, 2),
    ("clang-format", Work::Lint(Lint::ClangFormat), Counted::AsOne, 2),
    ("ruff", Work::Lint(Lint::Ruff), Counted::AsOne, 2),
    ("ruff format", Work::Lint(Lint::RuffFormat), Counted::AsOne, 2),
    // The first run builds cargo-deny.
    ("deny licences, bans and sources", Work::Lint(Lint::Deny), Counted::AsOne, 2),
    ("deny advisories", Work::Lint(Lint::Advisories), Counted::AsOne, 2),
    ("check cycles", Work::Amp(Cow::Borrowed("check cycles")), Counted::AsOne, 5),
    ("clippy linux", Work::Cargo("clippy --all-targets --all-features -- -D warnings"), Counted::AsOne, 15),
    ("clippy m3 core", Work::Guest(M3, CLIPPY_BARE), Counted::AsOne, 10),
    ("clippy m3 core with all", Work::Guest(M3, CLIPPY_ALL), Counted::AsOne, 10),
    ("clippy m3 images", Work::Guest(M3, GUEST_CLIPPY), Counted::AsOne, 10),
    ("clippy a53 core", Work::Guest(A53, CLIPPY_BARE), Counted::AsOne, 10),
    ("clippy a53 core with all", Work::Guest(A53, CLIPPY_ALL), Counted::AsOne, 10),
    ("clippy a53 images", Work::Guest(A53, GUEST_CLIPPY), Counted::AsOne, 10),
    (
        "clippy fuzz",
        Work::Cargo("clippy -p amp-ivshmem-fuzz --no-default-features --all-targets -- -D warnings"),
        Counted::AsOne,
        10,
    ),
    ("copies m0", Work::Copies("thumbv6m-none-eabi", "qemu-system-arm", "microbit"), Counted::AsOne, 5),
    ("copies m3", Work::Copies(M3, "qemu-system-arm", "lm3s6965evb"), Counted::AsOne, 5),
    // QEMU does not support the Cortex-M23, so this image makes a Cortex-M33 fault on unaligned accesses.
    ("copies m23", Work::Copies("thumbv8m.base-none-eabi", "qemu-system-arm", "mps2-an505"), Counted::AsOne, 5),
    ("copies m33", Work::Copies("thumbv8m.main-none-eabi", "qemu-system-arm", "mps2-an505"), Counted::AsOne, 5),
    (
        "copies a53",
        Work::Copies("aarch64-unknown-none-softfloat", "qemu-system-aarch64", "virt -cpu cortex-a53"),
        Counted::AsOne,
        5,
    ),
    // This job also builds files that tests load but do not link, for example the preload object. The tests therefore
    // use current versions.
    ("build linux", Work::Cargo("build --all-features"), Counted::AsOne, 15),
    ("tests", Work::Cargo("test --all-features --tests --no-fail-fast"), Counted::ByLibtest, 20),
    ("tests of the bare core", Work::Cargo("test -p amp-ivshmem --no-default-features"), Counted::ByLibtest, 10),
    ("tests of the core with io", Work::Cargo("test -p amp-ivshmem --features io --lib"), Counted::ByLibtest, 10),
    ("tests of the core with log", Work::Cargo("test -p amp-ivshmem --features log --lib"), Counted::ByLibtest, 10),
    ("tests of the core with trace", Work::Cargo("test -p amp-ivshmem --features trace --lib"), Counted::ByLibtest, 10),
    ("tests of the core with pci", Work::Cargo("test -p amp-ivshmem --features pci --lib"), Counted::ByLibtest, 10),
    ("tests of the core with fakes", Work::Cargo("test -p amp-ivshmem --features fakes"), Counted::ByLibtest, 10),
    ("doc tests", Work::Cargo("test --all-features --doc --no-fail-fast"), Counted::ByLibtest, 10),
    ("docs", Work::Cargo("doc --no-deps --all-features"), Counted::AsOne, 10),
    ("docs of the bare core", Work::Cargo("doc --no-deps -p amp-ivshmem"), Counted::AsOne, 10),
    ("docs as docs.rs makes them", Work::DocsRs(DOCS_RS), Counted::AsOne, 10),
    ("oldest rust", Work::Oldest(OLDEST), Counted::AsOne, 10),
    ("packages", Work::Packages(PACKAGES), Counted::AsOne, 15),
    (
        "loom",
        Work::Loom("test --release -p amp-ivshmem --features fakes --test loom --test loom_link"),
        Counted::ByLibtest,
        15,
    ),
    (
        "miri",
        Work::Miri("miri test -p amp-ivshmem --features fakes --test threads both_directions"),
        Counted::ByLibtest,
        15,
    ),
    ("miri core", Work::MiriOnce(MIRI_CORE), Counted::ByLibtest, 10),
    // Run the same tests for a 32-bit big-endian target, where the contents of shared memory must still be
    // little-endian.
    ("miri core big-endian", Work::MiriOnce(MIRI_CORE_BIG_ENDIAN), Counted::ByLibtest, 15),
    ("miri C ABI", Work::MiriOnce("miri test -p amp-ivshmem-capi --lib"), Counted::ByLibtest, 10),
    // Any toolchain can run the fuzz targets on their corpora and on random bytes. With the nightly toolchain,
    // cargo-fuzz also runs each target for a short time.
    (
        "fuzz corpora",
        Work::Cargo("test -p amp-ivshmem-fuzz --no-default-features --lib --release"),
        Counted::ByLibtest,
        10,
    ),
    ("fuzz queue", Work::Fuzz("queue"), Counted::AsOne, 15),
    ("fuzz driver", Work::Fuzz("driver"), Counted::AsOne, 10),
    ("fuzz device", Work::Fuzz("device"), Counted::AsOne, 10),
    ("fuzz chain_driver", Work::Fuzz("chain_driver"), Counted::AsOne, 10),
    ("fuzz chain_device", Work::Fuzz("chain_device"), Counted::AsOne, 10),
    ("fuzz link_native", Work::Fuzz("link_native"), Counted::AsOne, 10),
    ("fuzz link_hostile", Work::Fuzz("link_hostile"), Counted::AsOne, 10),
    ("fuzz link_openamp", Work::Fuzz("link_openamp"), Counted::AsOne, 10),
    ("fuzz names", Work::Fuzz("names"), Counted::AsOne, 10),
    ("fuzz resource_table", Work::Fuzz("resource_table"), Counted::AsOne, 10),
    ("fuzz inspect", Work::Fuzz("inspect"), Counted::AsOne, 10),
    ("fuzz server", Work::Fuzz("server"), Counted::AsOne, 10),
    ("fuzz client", Work::Fuzz("client"), Counted::AsOne, 10),
    ("install", Work::Install, Counted::AsOne, 10),
    ("static x86_64", Work::Amp(Cow::Borrowed("static x86_64-unknown-linux-musl")), Counted::AsOne, 15),
    ("static aarch64", Work::Amp(Cow::Borrowed("static aarch64-unknown-linux-musl")), Counted::AsOne, 15),
    ("image sizes", Work::Amp(Cow::Borrowed("bench --no-worse m3.echo_remote")), Counted::AsOne, 10),
    ("instructions a53", Work::Amp(Cow::Borrowed("bench --no-worse instr.a53")), Counted::AsOne, 15),
    ("instructions m3", Work::Amp(Cow::Borrowed("bench --no-worse instr.m3")), Counted::AsOne, 15),
    ("instructions x86_64", Work::Amp(Cow::Borrowed("bench --no-worse instr.x86_64")), Counted::AsOne, 15),
    ("instructions growth", Work::Amp(Cow::Borrowed("bench --no-worse growth")), Counted::AsOne, 15),
    ("zephyr size remote", Work::Amp(Cow::Borrowed("bench --no-worse m3.remote")), Counted::AsOne, 60),
    ("zephyr size host", Work::Amp(Cow::Borrowed("bench --no-worse m3.host")), Counted::AsOne, 60),
];
/// Builds the documentation of the published crates with all features.
const DOCS_RS: &str = "doc --locked --no-deps --all-features -p amp-ivshmem -p amp-ivshmem-host -p amp-ivshmem-server -p amp-ivshmem-workload -p amp-ivshmem-tool";
const OLDEST: &str = "check --locked --all-features -p amp-ivshmem -p amp-ivshmem-host -p amp-ivshmem-server -p amp-ivshmem-workload -p amp-ivshmem-tool";
/// Packages the crates for crates.io, and builds the packages.
const PACKAGES: &str = "package --locked --allow-dirty --quiet --target-dir target/packages -p amp-ivshmem -p amp-ivshmem-host -p amp-ivshmem-server -p amp-ivshmem-workload -p amp-ivshmem-tool";
/// Runs Miri on the tests that access memory and finish within seconds. `words` contains more arguments for cargo.
macro_rules! miri_core {
    ($words:literal) => {
        concat!(
            "miri test ",
            $words,
            "-p amp-ivshmem --features fakes --lib -- mem::buffers rpmsg::endpoints virtqueue:: ivshmem::device \
             other_link in_place flood leaving comes_up_in --skip openamp --skip survives --skip two_queues"
        )
    };
}
const MIRI_CORE: &str = miri_core!("");
const MIRI_CORE_BIG_ENDIAN: &str = miri_core!("--target powerpc-unknown-linux-gnu ");
const CLIPPY_BARE: &str = "clippy -p amp-ivshmem --no-default-features -- -D warnings";
const CLIPPY_ALL: &str = "clippy -p amp-ivshmem --features pci,io,log,trace -- -D warnings";
const GUEST_CLIPPY: &str = "clippy -p amp-ivshmem-bare-metal -p amp-ivshmem-sample-bare-metal -p amp-ivshmem-test-images -p amp-ivshmem-workload -p amp-ivshmem-instructions -p amp-ivshmem-timed -- -D warnings";

/// Short runs of `./amp torture`, in the same format as [`JOBS`]. Long runs are started manually.
const TORTURES: &[(&str, Work, Counted, u64)] = &[
    (
        "torture",
        Work::Amp(Cow::Borrowed("torture --minutes 1 --seed 1 --pair a53,m3 --pair m3,a53 --pair host,m3 --star")),
        Counted::AsOne,
        5,
    ),
    (
        "torture hostile",
        Work::Amp(Cow::Borrowed("torture --minutes 0.5 --seed 1 --hostile --pair a53,m3 --pair m3,host")),
        Counted::AsOne,
        5,
    ),
    ("torture faults", Work::Amp(Cow::Borrowed(FAULTS)), Counted::AsOne, 5),
];

const FAULTS: &str =
    "torture --minutes 0.5 --seed 1 --fault lose=3,double=4,late=10,join=80,drop=2000 --pair a53,m3 --pair host,m3";

/// The pairs that must exchange messages. Each pair runs twice: the host starts first, and then the remote starts
/// first.
const PAIRS: [(Machine, Machine); 5] = [
    (Machine::A53, Machine::M3),
    (Machine::A53, Machine::A53),
    (Machine::M3, Machine::M3),
    (Machine::Linux, Machine::M3),
    (Machine::Linux, Machine::A53),
];

/// More targets for which clippy checks the core, besides the targets of the machines: Armv6-M, Armv8-M Baseline and
/// Mainline, RISC-V, 32-bit x86, and a big-endian target.
const CORE_TARGETS: [&str; 7] = [
    "thumbv6m-none-eabi",
    "thumbv8m.base-none-eabi",
    "thumbv8m.main-none-eabi",
    "riscv32imac-unknown-none-elf",
    "riscv64gc-unknown-none-elf",
    "i686-unknown-linux-gnu",
    "powerpc-unknown-linux-gnu",
];

/// Returns all jobs in the order in which they run. Short jobs come first, so that failures appear early.
pub fn all() -> Vec<Job> {
    let job = |(name, work, counted, minutes): &(&str, Work, Counted, u64)| Job {
        name: (*name).to_owned(),
        work: work.clone(),
        counted: *counted,
        limit: Duration::from_secs(minutes * 60),
    };
    let cores = CORE_TARGETS.iter().flat_map(|&target| {
        [("", CLIPPY_BARE), (" with all", CLIPPY_ALL)].map(|(name, words)| Job {
            name: format!("clippy {target} core{name}"),
            work: Work::Guest(target, words),
            counted: Counted::AsOne,
            limit: Duration::from_secs(600),
        })
    });
    let talks = PAIRS.iter().flat_map(|&(host, remote)| {
        [Start::HostFirst, Start::RemoteFirst].map(|start| {
            let pair = Pair { host, remote };
            let words = format!("demo --bare-metal --pair {pair} --start {} --timeout 90", start.name());
            Job {
                name: format!("pair {pair} {}", start.name()),
                work: Work::Amp(words.into()),
                counted: Counted::AsOne,
                // The time limit includes the build of the images, which happens when the first pair runs.
                limit: Duration::from_secs(300),
            }
        })
    });
    let tortures = TORTURES.iter().map(job);
    let samples = job(&("samples", Work::Samples, Counted::AsOne, 5));
    let zephyr = job(&("zephyr", Work::Twister, Counted::AsOne, 60));
    JOBS.iter().map(job).chain(cores).chain(talks).chain([samples]).chain(tortures).chain([zephyr]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_pairs_start_both_ways() {
        let jobs = all();
        let mut names: Vec<_> = jobs.iter().map(|job| &job.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), jobs.len());
        assert_eq!(jobs.iter().filter(|job| job.name.starts_with("pair ")).count(), 10);
    }
}
