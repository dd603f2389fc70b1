// Rollcall · fuzz

import Foundation

/// Prints the current round if the program crashes or hangs for a minute.
enum Sentinel {
    private static let capacity = 256
    /// How to repeat the round; a signal handler writes it, and must not allocate.
    nonisolated(unsafe) private static let text = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    nonisolated(unsafe) private static var length = 0  // because: one thread runs rounds, and the handlers run on it

    static func watch() {
        for number in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM] {
            signal(number) { number in
                _ = write(STDERR_FILENO, Sentinel.text, Sentinel.length)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    /// Stores how to repeat the round that begins, and restarts the alarm of one minute.
    static func begin(_ subject: Subject, seed: UInt64) {
        length = 0
        for byte in "A crash, or no progress for a minute. \(repetition(subject, seed: seed))\n".utf8.prefix(capacity) {
            text[length] = byte
            length += 1
        }
        alarm(60)
    }

    /// The command that repeats the round.
    static func repetition(_ subject: Subject, seed: UInt64) -> String {
        "Repeat it with: fuzz \(subject.name) --seed \(seed) --count 1"
    }
}
