//! The C heap of a worker: what a call frees is kept for the next call, and given back when no work comes.
//!
//! By default glibc maps each array of more than some 100 KiB from the kernel and unmaps it when it is freed, so that
//! every call faults in its temporaries page by page: most of the time of a function on arrays of a megabyte.
//! See docs/decisions/0018.

/// Larger arrays are mapped and unmapped; glibc accepts no more.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MMAP_THRESHOLD: i32 = 32 << 20;
/// The most free memory at the top of the heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const TRIM_THRESHOLD: i32 = 256 << 20;

/// Keeps freed memory from now on; what the user's environment says about the heap goes before.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep() {
    let settings = ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"];
    if settings.iter().any(|name| std::env::var_os(name).is_some()) {
        return;
    }
    // SAFETY: mallopt takes any values; it locks the heap against other threads itself.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_THRESHOLD);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD);
    }
}

/// Gives free memory back to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    // SAFETY: malloc_trim touches free memory alone, and locks the heap itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Nothing to do: other allocators keep memory by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep() {}

/// See `keep`.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}
