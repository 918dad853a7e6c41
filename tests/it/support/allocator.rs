//! The allocator of the tests. Per thread, it finds secrets in freed memory, the peak of allocated memory, and the
//! number of allocations.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Watching;

/// A secret that must not be in freed memory.
pub(crate) const WIPED: &[u8] = b"w1ped-when-dropped";

thread_local! {
    /// How many blocks were freed with the secret in them; `None` if this thread does not count them.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

// SAFETY: the system's allocator does the work; a block is read within its layout before it is freed.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add_held(layout.size().cast_signed());
        let _ = BLOCKS.try_with(|blocks| blocks.set(blocks.get() + 1));
        // Zeroed, because every byte is read when the block is freed.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        add_held(-layout.size().cast_signed());
        // A thread that ends also frees its thread-local storage.
        if let Ok(Some(left)) = LEFT.try_with(Cell::get) {
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            if bytes.windows(WIPED.len()).any(|window| window == WIPED) {
                let _ = LEFT.try_with(|cell| cell.set(Some(left + 1)));
            }
        }
        unsafe { System.dealloc(block, layout) }
    }
}

fn add_held(more: isize) {
    let _ = HELD.try_with(|cell| {
        let held = cell.get() + more;
        cell.set(held);
        let _ = MOST.try_with(|most| most.set(most.get().max(held)));
    });
}

/// Returns how many blocks this thread frees with the secret in them during `run`.
pub(crate) fn count_unwiped_blocks(run: impl FnOnce()) -> usize {
    LEFT.set(Some(0));
    run();
    LEFT.take().unwrap()
}

/// Returns how many blocks this thread allocates during `run`.
pub(crate) fn count_allocations(run: impl FnOnce()) -> usize {
    let before = BLOCKS.get();
    run();
    BLOCKS.get() - before
}

/// The peak of this thread's allocated memory, above what it holds at the start.
pub(crate) struct PeakMemory(isize);

impl PeakMemory {
    pub(crate) fn watch() -> Self {
        let now = HELD.get();
        MOST.set(now);
        Self(now)
    }

    pub(crate) fn bytes(&self) -> usize {
        usize::try_from(MOST.get() - self.0).unwrap()
    }
}
