// Rollcall · LoadGenerator

import Glibc

/// The monotonic clock of the machine, in nanoseconds.
///
/// All processes of the machine share it.
public enum Clock {
    public static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    public static let millisecond: UInt64 = 1_000_000
    public static let second: UInt64 = 1_000_000_000
}
