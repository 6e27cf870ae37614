//! Copying between private and shared memory, by the widest loads and stores that suit the architecture.
//!
//! A peer may write the shared side meanwhile. In Rust's model that would be a data race if the compiler saw the
//! accesses; it does not see into the assembly, so it can neither assume that two reads agree nor invent further ones.

#[cfg_attr(all(target_arch = "x86_64", target_feature = "sse2", not(miri)), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", not(miri)), path = "aarch64.rs")]
// Atomic operations are what a released compiler tells of an Armv7: its `target_feature` names none.
#[cfg_attr(all(target_arch = "arm", target_has_atomic = "32", not(miri)), path = "armv7.rs")]
mod machine;

pub use self::machine::copy;

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn any_length_at_any_alignment_arrives_and_no_byte_beside_it() {
        let from: Vec<u8> = (0..400_u32).map(|i| (i * 7 + 1) as u8).collect();
        for length in 0..200 {
            for (source, target) in [(0, 0), (0, 8), (1, 0), (0, 3), (5, 2), (7, 7)] {
                let mut to = [0_u8; 400];
                let (begin, place) = (from[source..].as_ptr(), to[target + 8..].as_mut_ptr());
                // SAFETY: both have 400 bytes, of which at most 215 are used.
                unsafe { copy(begin, place, length) };
                assert_eq!(to[target + 8..][..length], from[source..][..length], "{length} from {source} to {target}");
                let beside = to[..target + 8].iter().chain(&to[target + 8 + length..]);
                assert!(beside.copied().all(|byte| byte == 0), "{length} from {source} to {target}");
            }
        }
    }
}
