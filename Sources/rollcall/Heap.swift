// Rollcall · rollcall

import CHeap

/// The C library's heap.
enum Heap {
    /// Makes the heap keep the memory of a large answer for the next one.
    ///
    /// By default glibc returns buffers of more than 128 KiB to the system at once, and the kernel clears the pages of
    /// the next list: about a third of the cost of a list of 10,000 presences. About 8 MiB at the end of each thread's
    /// heap are kept.
    static func keepLargeBuffers() {
        #if canImport(Glibc)
            mallopt(M_MMAP_THRESHOLD, 4 << 20)
            mallopt(M_TRIM_THRESHOLD, 8 << 20)
        #endif
    }
}
