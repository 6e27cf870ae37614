//! ivshmem
