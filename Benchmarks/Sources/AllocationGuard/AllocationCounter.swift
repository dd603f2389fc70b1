// Rollcall · AllocationGuard

import Glibc
public import LoadGenerator

/// The file in which the preloaded library of a process (`CAllocationCounter`) counts.
///
/// The library maps it.
public final class AllocationCounter {
    private let descriptor: Int32

    /// Makes the file; the process gets its path from ``environment(library:file:)``.
    public init(file: String) throws(LoadError) {
        descriptor = open(file, O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, ftruncate(descriptor, 16) == 0 else { throw LoadError("\(file) cannot be made") }
    }

    deinit {
        close(descriptor)
    }

    /// The environment variables with which a program counts into the file.
    public static func environment(library: String, file: String) -> [String: String] {
        ["LD_PRELOAD": library, "ALLOCATION_COUNTS_FILE": file]
    }

    /// The allocations since the file was made.
    public var total: AllocationCount {
        var counts: [UInt64] = [0, 0]
        _ = pread(descriptor, &counts, 16, 0)
        return AllocationCount(number: Double(counts[0]), bytes: Double(counts[1]))
    }
}
