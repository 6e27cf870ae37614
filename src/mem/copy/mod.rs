// SPDX-License-Identifier: Apache-2.0
//! Copies between private and shared memory. Normal memory is copied with the widest loads and stores of the
//! architecture, Device memory with aligned accesses.
//!
//! A peer may write the shared bytes during the copy. In Rust's memory model this would be a data race if the compiler
//! saw the accesses. Assembly is opaque to the compiler, so the compiler can neither assume that two reads agree nor
//! invent more reads. The volatile accesses in [`aligned`] go to memory outside any Rust allocation. Rust gives such
//! accesses the semantics of the hardware.

pub mod aligned;

#[cfg_attr(all(target_arch = "x86_64", target_feature = "sse2", not(miri)), path = "x86_64.rs")]
#[cfg_attr(all(target_arch = "aarch64", not(miri)), path = "aarch64.rs")]
// The build script sets `arm_unaligned`, because `target_feature` on stable Rust cannot tell Arm architectures apart.
#[cfg_attr(all(arm_unaligned, not(miri)), path = "armv7.rs")]
mod machine;

pub use self::machine::{copy_in, copy_out};

#[cfg(test)]
mod tests {
    type Copy = unsafe fn(*const u8, *mut u8, usize);

    #[test]
    fn any_length_at_any_alignment_arrives_and_no_byte_beside_it() {
        let from: Vec<u8> = (0..400_u32).map(|i| (i * 7 + 1) as u8).collect();
        let copies: [Copy; 4] = [super::copy_in, super::copy_out, super::aligned::copy_in, super::aligned::copy_out];
        for length in 0..200 {
            for (source, target) in [(0, 0), (0, 8), (1, 0), (0, 3), (5, 2), (7, 7)] {
                for copy in copies {
                    let mut to = [0_u8; 400];
                    let (begin, place) = (from[source..].as_ptr(), to[target + 8..].as_mut_ptr());
                    // SAFETY: both buffers have 400 bytes, and at most 215 of them are accessed.
                    unsafe { copy(begin, place, length) };
                    assert_eq!(
                        to[target + 8..][..length],
                        from[source..][..length],
                        "{length} from {source} to {target}"
                    );
                    let beside = to[..target + 8].iter().chain(&to[target + 8 + length..]);
                    assert!(beside.copied().all(|byte| byte == 0), "{length} from {source} to {target}");
                }
            }
        }
    }
}
