// SPDX-License-Identifier: Apache-2.0
//! The `check` command: checks rules that compilers and linters do not cover.

mod address;
mod cycles;
mod examples;
mod graph;
mod imports;
mod licences;
mod links;
mod modules;
mod packages;
mod python;
mod tree;

use std::process::ExitCode;

use amp::output;
use anyhow::Result;
pub use tree::Tree;

use crate::checkout::checkout;

/// The options of `./amp check`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Check only RULE (default: all rules)
    rule: Option<Rule>,
    /// Add licence lines where they are missing
    #[arg(long)]
    fix: bool,
}

/// A rule for the files in the checkout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Rule {
    /// Each file states its licence near the top
    Licences,
    /// Links, headings and paths in the docs exist
    Links,
    /// The placeholder for the repository's address occurs in only one file
    Address,
    /// Published crates have their metadata, and their packages are small
    Packages,
    /// No two files import each other, directly or indirectly
    Cycles,
    /// Programs printed in the docs match the files that are built
    Examples,
}

/// Prints the violations, one per line.
///
/// # Errors
/// Returns an error if git is missing, if a file cannot be read, or if standard output cannot be written. A violation
/// is not an error, but the exit status reports it.
pub fn run(options: &Options) -> Result<ExitCode> {
    let root = checkout()?.root();
    let all = [Rule::Licences, Rule::Links, Rule::Address, Rule::Packages, Rule::Cycles, Rule::Examples];
    let mut broken = 0;
    for rule in all.into_iter().filter(|rule| options.rule.is_none_or(|only| only == *rule)) {
        let findings = match rule {
            Rule::Licences => licences::check(&Tree::list(root, &licences::without_line(root)?)?, options.fix)?,
            Rule::Links => links::check(&Tree::list(root, &[])?)?,
            Rule::Address => address::check(&Tree::list(root, &[])?)?,
            Rule::Packages => packages::check()?,
            Rule::Cycles => cycles::check(checkout()?)?,
            Rule::Examples => examples::check(&Tree::list(root, &[])?)?,
        };
        findings.iter().try_for_each(|finding| output::line(&finding.to_string()))?;
        broken += findings.len();
    }
    output::line(&format!("{broken} findings"))?;
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
