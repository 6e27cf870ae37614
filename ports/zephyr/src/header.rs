//! Numbers that the C headers have, read by the compiler, so that they are written once.

/// The number that a header defines as `name`.
#[allow(clippy::panic, clippy::indexing_slicing, reason = "evaluated by the compiler only, which reports it")]
pub const fn number(header: &str, name: &str) -> usize {
    let (header, name) = (header.as_bytes(), name.as_bytes());
    let mut at = 0;
    while !is_at(header, at, name) {
        at += 1;
        assert!(at < header.len(), "the header does not define it");
    }
    at += name.len();
    while header[at] == b' ' {
        at += 1;
    }
    assert!(header[at].is_ascii_digit(), "the header defines no number of that name");
    let mut number = 0;
    while header[at].is_ascii_digit() {
        number = 10 * number + (header[at] - b'0') as usize;
        at += 1;
    }
    number
}

/// Whether `#define`, a space, and `name` end there, and a space follows.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler only, which reports it")]
const fn is_at(header: &[u8], at: usize, name: &[u8]) -> bool {
    const DEFINE: &[u8] = b"#define ";
    if at < DEFINE.len() || at + name.len() >= header.len() || header[at + name.len()] != b' ' {
        return false;
    }
    let mut i = 0;
    while i < DEFINE.len() {
        if header[at - DEFINE.len() + i] != DEFINE[i] {
            return false;
        }
        i += 1;
    }
    i = 0;
    while i < name.len() {
        if header[at + i] != name[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        const HEADER: &str = "/* A 9 */\n#define A_B 1\n#define A     23\nint A[A];\n";
        assert_eq!((number(HEADER, "A"), number(HEADER, "A_B")), (23, 1));
    }

    #[test]
    #[should_panic(expected = "does not define")]
    fn one_that_is_missing_does_not_compile() {
        let _ = number("#define AB 1\n", "A");
    }

    #[test]
    #[should_panic(expected = "no number")]
    fn one_that_is_no_number_does_not_compile() {
        let _ = number("#define A (2 * B)\n", "A");
    }
}
