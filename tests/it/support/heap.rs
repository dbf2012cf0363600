//! Counts the heap memory of the thread that runs a test.

#![expect(unsafe_code, reason = "an allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes allocated and not freed; negative if other threads allocated what this one frees.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static HIGHEST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn add(layout: Layout) {
    let live = LIVE.get().saturating_add_unsigned(layout.size());
    LIVE.set(live);
    HIGHEST.set(HIGHEST.get().max(live));
}

fn remove(layout: Layout) {
    LIVE.set(LIVE.get().saturating_sub_unsigned(layout.size()));
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counters are cells without destructors, which do not
// allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout);
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        remove(layout);
        add(Layout::from_size_align(size, layout.align()).unwrap_or(layout));
        // SAFETY: as above.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        remove(layout);
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Calls `work`. Returns its result, the most bytes that were allocated at a time meanwhile, and those that are still allocated
/// after it, both above those before it.
pub(crate) fn measured<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = LIVE.get();
    HIGHEST.set(before);
    let result = work();
    let above = |bytes: isize| usize::try_from(bytes - before).unwrap_or_default();
    (result, above(HIGHEST.get()), above(LIVE.get()))
}
