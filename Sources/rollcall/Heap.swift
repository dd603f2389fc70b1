// Rollcall · rollcall

import CHeap

/// The C library's heap.
enum Heap {
    /// Has the heap keep the memory of a large answer for the next one.
    ///
    /// By default glibc gives buffers of more than 128 KiB back to the system at once, and the next list has its pages
    /// cleared again: about a third of what a list of 10,000 presences costs. About 8 MiB at the end of each thread's heap are kept.
    static func keepLargeBuffers() {
        #if canImport(Glibc)
            mallopt(M_MMAP_THRESHOLD, 4 << 20)
            mallopt(M_TRIM_THRESHOLD, 8 << 20)
        #endif
    }
}
