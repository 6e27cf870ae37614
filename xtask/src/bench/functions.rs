// SPDX-License-Identifier: Apache-2.0
//! Finds the function that contains an instruction. With debug information, this is the innermost function at the
//! instruction's address, which may be an inlined function. Otherwise, it is the last symbol before the address.

use std::collections::BTreeMap;
use std::path::Path;

use addr2line::Context as Inlined;
use addr2line::gimli::{Dwarf, EndianSlice, Error as DwarfError, RunTimeEndian};
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

use super::counts::Section;

/// Source paths of Rust's standard libraries in debug information.
const RUSTS_OWN: [&str; 4] =
    ["/library/core/src/", "/library/alloc/src/", "/library/std/src/", "/library/compiler-builtins/"];

/// Number of instructions per message in a section, for each function.
#[derive(Clone, Debug)]
pub struct Functions {
    /// Function names and the number of instructions per message, in descending order. If a function inlines code from
    /// Rust's standard libraries, the code counts as part of the function.
    pub each: Vec<(String, f64)>,
    /// Number of instructions per message in the benchmark program, identified by source line. Instructions that the
    /// compiler has merged have no source line and are not included.
    pub own: f64,
}

/// Attributes the instructions in each section to functions. The paths of the benchmark program's source files contain
/// `own`.
///
/// # Errors
/// Returns an error if the file is not an ELF file or if its debug information is invalid.
pub fn by_function(sections: &[Section], program: &Path, own: &str) -> Result<Vec<Functions>> {
    let name = program.display();
    let data = std::fs::read(program).with_context(|| format!("{name} cannot be read"))?;
    let elf = object::File::parse(&*data).with_context(|| format!("{name} is no ELF file"))?;
    let endian = if elf.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let part = |part: &str| elf.section_by_name(part).and_then(|part| part.data().ok()).unwrap_or_default();
    let dwarf = Dwarf::load(|id| Ok::<_, DwarfError>(EndianSlice::new(part(id.name()), endian)));
    let inlined =
        dwarf.and_then(Inlined::from_dwarf).with_context(|| format!("{name} has broken debug information"))?;
    let symbols = symbols(&elf);

    let attribute = |section: &Section| {
        let (mut functions, mut owned): (BTreeMap<String, u64>, u64) = (BTreeMap::new(), 0);
        for (&address, &count) in &section.counted.instructions {
            let found =
                innermost(&inlined, address, own).with_context(|| format!("{name} has broken debug information"))?;
            let (name, is_own) = found.map_or((None, false), |(name, is_own)| (Some(name), is_own));
            let name = name.or_else(|| symbols.range(..=address).next_back().map(|(_, name)| name.clone()));
            *functions.entry(name.unwrap_or_else(|| "?".to_owned())).or_default() += count;
            owned += if is_own { count } else { 0 };
        }
        let mut each: Vec<_> = functions.into_iter().map(|(name, count)| (name, section.per_message(count))).collect();
        each.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        Ok(Functions { each, own: section.per_message(owned) })
    };
    sections.iter().map(attribute).collect()
}

/// Returns the functions in the symbol table, keyed by start address.
fn symbols(elf: &object::File<'_>) -> BTreeMap<u64, String> {
    let functions = elf.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
    // Thumb functions have bit 0 set.
    let thumb = u64::from(elf.architecture() == object::Architecture::Arm);
    functions.map(|symbol| (symbol.address() & !thumb, short(symbol.name().unwrap_or("?")))).collect()
}

/// Returns the innermost function at `address` that is not in Rust's standard libraries, and whether its source path
/// contains `own`. If all functions are in Rust's standard libraries, returns the outermost function.
fn innermost(
    inlined: &Inlined<EndianSlice<'_, RunTimeEndian>>,
    address: u64,
    own: &str,
) -> Result<Option<(String, bool)>, DwarfError> {
    let mut frames = inlined.find_frames(address).skip_all_loads()?;
    let mut found = None;
    while let Some(frame) = frames.next()? {
        let Some(function) = &frame.function else { continue };
        let (file, line) = frame.location.map_or((None, None), |location| (location.file, location.line));
        let file = file.unwrap_or_default();
        found = Some((short(&function.raw_name()?), line.is_some() && file.contains(own)));
        if !RUSTS_OWN.iter().any(|folder| file.contains(folder)) {
            break;
        }
    }
    Ok(found)
}

/// Returns a short form of a function's path, for example `rpmsg::Bus::send`. The short form consists of the core's
/// module (or the name of another crate) and the last two path segments, without generics, hash or closures.
fn short(mangled: &str) -> String {
    let whole = format!("{:#}", demangle(mangled));
    let mut path = whole.as_str();
    let mut rest = String::new();
    // In `<Type as Trait>::function` and `<Type>::function`, keep the type.
    while let Some(end) = path.starts_with('<').then(|| closing(path)).flatten() {
        rest.insert_str(0, &path[end + 1..]);
        path = &path[1..end];
        path = top_level(path, " as ").map_or(path, |at| &path[..at]);
    }
    // `module::<impl Type>::function` is an implementation outside the type's module.
    let implementation;
    if let Some((_, behind)) = path.split_once("::<impl ")
        && let Some(end) = closing(&path[path.len() - behind.len() - "<impl ".len()..])
    {
        let inside = &behind[..end - "<impl ".len()];
        let of = top_level(inside, " for ").map_or(inside, |at| &inside[at + " for ".len()..]);
        implementation = format!("{of}{}", &behind[end + 1 - "<impl ".len()..]);
        path = &implementation;
    }
    let plain = without_generics(&format!("{path}{rest}"));
    let words: Vec<_> = plain.split("::").filter(|word| !word.is_empty() && !word.starts_with('{')).collect();
    let words = if words.len() > 2 { words.strip_prefix(&["amp_ivshmem"]).unwrap_or(&words) } else { &words };
    let (first, last) = words.split_at(words.len().saturating_sub(2));
    first.iter().take(1).chain(last).copied().collect::<Vec<_>>().join("::")
}

/// Returns each character's position, the character, and the number of angle brackets that are open after the
/// character. The `>` in `->` is not a bracket.
fn depths(text: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let (mut depth, mut before) = (0_usize, ' ');
    text.char_indices().map(move |(at, character)| {
        match character {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = character;
        (at, character, depth)
    })
}

/// Returns the position of the bracket that closes the first bracket in `text`.
fn closing(text: &str) -> Option<usize> {
    depths(text).find(|&(_, character, depth)| character == '>' && depth == 0).map(|(at, _, _)| at)
}

/// Returns the position of `word` outside of all brackets.
fn top_level(text: &str, word: &str) -> Option<usize> {
    depths(text).find(|&(at, _, depth)| depth == 0 && text[at..].starts_with(word)).map(|(at, _, _)| at)
}

fn without_generics(text: &str) -> String {
    let mut open = 0;
    let outside = depths(text).filter_map(|(_, character, depth)| {
        let inside = open > 0 || depth > 0;
        open = depth;
        (!inside).then_some(character)
    });
    outside.collect()
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::super::counts::Counted;
    use super::*;

    #[test]
    fn names_are_short() {
        for (long, expected) in [
            ("main", "main"),
            ("amp_ivshmem::rpmsg::bus::Bus<M,D,_,_>::send_message", "rpmsg::Bus::send_message"),
            (
                "<amp_ivshmem::rpmsg::bus::Bus<a::Region, fn(u8) -> u8, 16>>::send::<[u8]>::{closure#0}",
                "rpmsg::Bus::send",
            ),
            ("<a::mem::Region as a::mem::SharedMemory<b::C>>::load", "a::Region::load"),
            ("<<a::X<b::Y> as a::Of>::Kind as a::Z>::go", "a::Kind::go"),
            ("a::rpmsg::send::<impl a::rpmsg::bus::Bus<P,D,_>>::send_message", "a::Bus::send_message"),
            ("a::b::<impl a::Link<M> for a::c::Native<M>>::poll::{{closure}}", "a::Native::poll"),
            ("a::read::{{closure}}", "a::read"),
            ("amp_ivshmem::mem::copy::machine::copy", "mem::machine::copy"),
            ("amp_ivshmem::fence", "amp_ivshmem::fence"),
        ] {
            assert_eq!(short(long), expected);
        }
    }

    #[inline(never)]
    fn outer(x: u64) -> u64 {
        inner(x) + 1
    }

    #[inline(always)]
    fn inner(x: u64) -> u64 {
        black_box(black_box(x) * 3).wrapping_mul(5)
    }

    #[test]
    fn instructions_belong_to_the_function_that_was_inlined_there() {
        assert_eq!(black_box(outer as fn(u64) -> u64)(2), 31);
        let program = std::env::current_exe().unwrap();
        let data = std::fs::read(&program).unwrap();
        let elf = object::File::parse(&*data).unwrap();
        let symbol = |wanted: &str| elf.symbols().find(|symbol| short(symbol.name().unwrap()) == wanted).unwrap();
        let outer = symbol("xtask::tests::outer");
        // A counter lists instructions, but here each byte stands for one instruction.
        let mut instructions: BTreeMap<_, _> =
            (outer.address()..outer.address() + outer.size()).map(|at| (at, 2)).collect();
        // The C objects that the linker adds have no debug information.
        instructions.insert(symbol("_start").address(), 4);
        let counted = Counted { instructions, accesses: BTreeMap::new() };
        let sections = [Section { name: String::new(), messages: 2, counted }];
        let [Functions { each, own }] = &*by_function(&sections, &program, "bench/functions.rs").unwrap() else {
            panic!("one section")
        };
        let of = |wanted: &str| each.iter().find(|(name, _)| name == wanted).map(|&(_, count)| count);
        assert_eq!(of("_start"), Some(2.0), "{each:?}");
        let (inner, rest) = (of("xtask::tests::inner").unwrap(), of("xtask::tests::outer").unwrap());
        assert!(inner > 0.0 && rest > 0.0 && inner + rest == outer.size() as f64, "{each:?}");
        assert!(*own > 0.0 && *own <= inner + rest, "{own} of {each:?}");
        assert_eq!(by_function(&sections, &program, "elsewhere/").unwrap()[0].own, 0.0);
    }
}
